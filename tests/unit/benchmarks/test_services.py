"""What a run does without a real service."""

import os
from pathlib import Path

import pytest

from deploy.kafka.artefacts import BrokerUnavailable
from tests.benchmarks import services

CORES = frozenset({min(os.sched_getaffinity(0))})


def _no_broker(*_: object) -> None:
    raise BrokerUnavailable("the broker's files cannot be had")


def _no_server(*_: object) -> None:
    services.missing("PostgreSQL is absent")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no service given from outside, and none to start."""
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "POSTGRES_URL", "REQUIRE_SERVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(services.broker, "start", _no_broker)
    monkeypatch.setattr(services.postgres, "new_server", _no_server)


def test_a_missing_service_leaves_a_reason(tmp_path: Path) -> None:
    """Its rows are left out, and the reader is told why."""
    with services.kafka(tmp_path, CORES) as kafka, services.postgresql(CORES) as postgres:
        assert kafka == services.Absent("no Kafka: the broker's files cannot be had")
        assert postgres == services.Absent("PostgreSQL is absent")


def test_a_service_that_was_demanded_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CI must not grow used to tables without Kafka."""
    monkeypatch.setenv("REQUIRE_SERVICES", "1")
    with (
        pytest.raises(services.Demanded, match="no Kafka"),
        services.kafka(tmp_path, CORES),
    ):
        pass
    with pytest.raises(services.Demanded, match="PostgreSQL"), services.postgresql(CORES):
        pass


def test_a_given_service_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has a cluster measures against that cluster."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "broker.example:9092")
    with services.kafka(tmp_path, CORES) as kafka:
        assert kafka == services.Kafka("broker.example:9092")
