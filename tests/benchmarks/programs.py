"""The programs under test, each a process of its own, and how many records each has on its log.

Sealgate runs as it would anywhere: its own command line, a configuration file, a log line for every
delivery. Records are counted past Sealgate, in the database file or by a plain Kafka client.
"""

import asyncio
import secrets
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit

import apsw
from aiokafka import AIOKafkaConsumer, TopicPartition

from ingress.contract import topics
from ingress.eventlog.connect import connect
from tests.benchmarks.generator import Target
from tests.benchmarks.processes import START_S, Running, Unsound, python
from tests.benchmarks.services import Kafka

PARTITIONS = 6
RINGS = (1, 2, 3)
BARE, EVERYBODY = "bare", "everybody"
EMBEDDED, KAFKA = "sealgate-embedded", "sealgate-kafka"
TITLES = {
    BARE: "bare aiohttp `web.Server`, promises nothing",
    EVERYBODY: "`web.Application` + verify + `send_and_wait`, Kafka",
    EMBEDDED: "Sealgate's edge, embedded log",
    KAFKA: "Sealgate's edge, Kafka",
}
_COUNT = (
    "SELECT count(*) FROM record JOIN partition ON partition.id = record.partition WHERE topic = ?"
)


@dataclass(frozen=True, slots=True)
class Place:
    """A topic on a log, to be counted."""

    url: str
    topic: str

    def records(self) -> int:
        """Count the records on the topic."""
        if self.url.startswith("embedded:"):
            return _in_file(Path(self.url.removeprefix("embedded://")), self.topic)
        return asyncio.run(_in_kafka(urlsplit(self.url).netloc, self.topic))


@dataclass(frozen=True, slots=True)
class Server:
    """A program that runs and listens. `place` is None where nothing is published."""

    name: str
    running: Running
    port: int
    place: Place | None
    targets: Sequence[Target]
    ready_s: float

    def records(self) -> int | None:
        """Count the records it has published."""
        return None if self.place is None else self.place.records()


@dataclass(frozen=True, slots=True)
class Workshop:
    """Makes and starts the programs of one run: its directory, its core, its secrets, its names."""

    directory: Path
    core: int
    token: str
    secrets: dict[str, str]

    @classmethod
    def at(cls, directory: Path, core: int) -> "Workshop":
        """Begin a run: other secrets and other names than any run before."""
        names = ["stripe", "btcpay", *(key for keys in RINGS for key in _ring(keys))]
        made = {name: secrets.token_hex(16) for name in names}
        for name, secret in made.items():
            (directory / name).touch(mode=0o600)
            (directory / name).write_text(secret)
        return cls(directory, core, secrets.token_hex(4), made)

    def bare(self) -> Server:
        """Start the floor."""
        return self._serve(BARE, python("tests.benchmarks.bare"), None)

    def everybody(self, kafka: Kafka) -> Server:
        """Start what everybody writes, on a topic like Sealgate's."""
        topic = f"bench-{self.token}.everybody"
        asyncio.run(_ensure(kafka.url, topic))
        words = (kafka.bootstrap, topic, str(self.directory))
        command = python("tests.benchmarks.everybody", *words)
        return self._serve(EVERYBODY, command, Place(kafka.url, topic))

    def sealgate(self, name: str, log_url: str) -> Server:
        """Start Sealgate's edge on a log."""
        file = self.configure(name, log_url)
        command = python("sealgate", "serve", "--config", str(file))
        return self._serve(name, command, Place(log_url, topics.verified(self.environment)))

    @property
    def environment(self) -> str:
        """The environment of this run, and so its topics."""
        return f"bench-{self.token}"

    @property
    def embedded_url(self) -> str:
        """The embedded log of this run."""
        return f"embedded://{self.directory / 'log.db'}"

    def configure(self, name: str, log_url: str) -> Path:
        """Write a configuration: both providers, and Stripe with one, two and three keys."""
        file = self.directory / f"{name}.toml"
        lines = [
            f'environment = "{self.environment}"',
            'mode = "test"',
            f'log = {{ url = "{log_url}", partitions = {PARTITIONS} }}',
            "edge = { port = 0, drain_s = 0.0 }",
            "admin = { port = 0 }",
            *_source("stripe", "stripe", ["stripe"]),
            *_source("btcpay", "btcpay", ["btcpay"]),
        ]
        for keys in RINGS:
            lines += _source(f"keys-{keys}", "stripe", _ring(keys))
        file.write_text("\n".join(lines) + "\n")
        return file

    def ring(self, keys: int) -> Target:
        """Return the source that has so many keys; the last of them signs, so all are tried."""
        return Target(f"/hooks/keys-{keys}", "stripe", self.secrets[_ring(keys)[-1]])

    def _serve(self, name: str, command: list[str], place: Place | None) -> Server:
        began_s = time.monotonic()
        running = Running.start(command, self.directory / f"{name}.log", self.core)
        try:
            said = running.started()
            if "admin" in said:
                await_ready(running, said["admin"])
        except BaseException:
            running.stop()
            raise
        targets = [Target(f"/hooks/{one}", one, self.secrets[one]) for one in ("stripe", "btcpay")]
        port = urlsplit(said["edge"]).port or 0
        return Server(name, running, port, place, targets, time.monotonic() - began_s)


def _ring(keys: int) -> list[str]:
    """Name the keys of the source with so many: no two sources may share a secret."""
    return [f"ring-{keys}-{number}" for number in range(keys)]


def _source(slug: str, provider: str, keys: Sequence[str]) -> list[str]:
    ring = ", ".join(f'{{ id = "{key}", file = "{key}" }}' for key in keys)
    return ["[[source]]", f'slug = "{slug}"', f'provider = "{provider}"', f"key = [{ring}]"]


def await_ready(running: Running, admin_url: str) -> None:
    """Wait until an edge takes deliveries. Raises `Unsound`."""
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s:
        running.check()
        try:
            with urllib.request.urlopen(f"{admin_url}/readyz", timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.02)
    raise Unsound(f"Sealgate was not ready within {START_S} s: {running.last_words()}")


def _in_file(path: Path, topic: str) -> int:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        ((found,),) = connection.execute(_COUNT, (topic,)).fetchall()
        return int(str(found))
    finally:
        connection.close()


async def _in_kafka(bootstrap: str, topic: str) -> int:
    """Count by offsets: without transactions and retention they are the records."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        ends = await consumer.end_offsets(partitions)
        return sum(ends.values())
    finally:
        await consumer.stop()


async def _ensure(url: str, topic: str) -> None:
    log = connect(url)
    try:
        await log.ensure_topics({topic: PARTITIONS})
    finally:
        await log.close()
