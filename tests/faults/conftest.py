"""What every fault test gets: an environment of its own, and how often to break it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.kafka.artefacts import BrokerUnavailable, cache_directory, class_path, java
from tests.faults.ground import Ground, ground
from tests.support.services import missing


@pytest.fixture(name="kafka_installed", scope="session")
def _kafka_installed() -> None:
    """Skip where no broker can be had."""
    try:
        java()
        class_path(cache_directory())
    except BrokerUnavailable as why:
        missing(f"no Kafka: {why}")


@pytest.fixture(name="place")
async def _place(
    request: pytest.FixtureRequest, tmp_path: Path, fault_seed: int
) -> AsyncIterator[Ground]:
    """Make an environment named after the test, over a SQLite store."""
    store_url = f"sqlite://{tmp_path / 'store.db'}"
    async with ground(request.node.name, tmp_path, fault_seed, store_url=store_url) as made:
        yield made
