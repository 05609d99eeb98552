"""A URL says which log; what it cannot say is refused with what it can."""

from pathlib import Path

import pytest

from ingress.eventlog.connect import connect
from ingress.eventlog.embedded import EmbeddedLog
from ingress.eventlog.kafka import KafkaLog
from ingress.eventlog.kafka_access import Access, Tls


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("embedded:///var/lib/sealgate/log.db", Path("/var/lib/sealgate/log.db")),
        ("embedded:./log.db", Path.cwd() / "log.db"),
        ("embedded:var/log.db", Path.cwd() / "var/log.db"),
        ("embedded:///with%20space/log.db", Path("/with space/log.db")),
    ],
)
async def test_a_file_is_named_by_its_path(url, path):
    """The operator's path is taken as it is written, and nothing is opened yet."""
    assert connect(url)._path == path


async def test_each_scheme_has_its_log(tmp_path):
    """One place knows the implementations; everybody else sees the port."""
    assert isinstance(connect(f"embedded://{tmp_path}/log.db"), EmbeddedLog)
    assert isinstance(connect("kafka://h1:9092,h2:9092?replication_factor=1"), KafkaLog)
    assert isinstance(connect("kafka://[::1]:9092", {"client_id": "edge"}), KafkaLog)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "url",
    [
        "",
        "log.db",
        "/var/lib/log.db",
        "sqlite:///log.db",
        "embedded:",
        "embedded://",
        "embedded://log.db",
        "embedded:///var/lib/",
        "embedded:///log.db?mode=ro",
        "kafka:",
        "kafka://",
        "kafka://h1",
        "kafka://h1:9092/topic",
        "kafka://user:secret@h1:9092",
        "kafka://h1:9092?replication_factor=0",
        "kafka://h1:9092?replication_factor=three",
        "kafka://h1:9092?acks=1",
        "kafka://h1:9092?replication_factor",
    ],
)
async def test_anything_else_is_refused_with_what_is_accepted(url):
    """A setting that is not understood must not be ignored: it was meant."""
    with pytest.raises(ValueError, match="embedded:///absolute/path"):
        connect(url)


async def test_options_are_for_kafka_alone():
    """A TLS setting beside a file would promise what a file does not do."""
    with pytest.raises(ValueError, match="a file, which asks nobody"):
        connect("embedded:./log.db", Access(tls=Tls()))
