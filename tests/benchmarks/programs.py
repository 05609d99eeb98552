"""The programs under test, each a process of its own, and how many records each has on its log.

Sealgate runs as it would anywhere: its own command line, a configuration file, a log line for every
delivery. Records are counted past Sealgate, in the database file or by a plain Kafka client.
"""

import asyncio
import secrets
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit

import apsw
from aiokafka import AIOKafkaConsumer, TopicPartition

from ingress.contract import topics
from ingress.eventlog.connect import connect
from tests.benchmarks.generator import Target
from tests.benchmarks.processes import START_S, Cores, Running, Unsound, python
from tests.benchmarks.services import Kafka

PARTITIONS = 6
RINGS = (1, 2, 3)
POLICIES = ("refuse", "always")
"""Of the journal; the third, `journal`, is the default, and so that of every other edge here."""
WORKERS = (1, 2)
DRAIN_S = 60.0
LOOK_S = 0.05
BARE, EVERYBODY = "bare", "everybody"
EMBEDDED, KAFKA = "sealgate-embedded", "sealgate-kafka"
TITLES = {
    BARE: "bare aiohttp `web.Server`, promises nothing",
    EVERYBODY: "`web.Application` + verify + `send_and_wait`, Kafka",
    EMBEDDED: "Sealgate's edge, embedded log",
    KAFKA: "Sealgate's edge, Kafka",
    "refuse": "refuse: 503 while Kafka is away",
    "always": "always: fsynced here first, then sent",
    "workers-1": "`serve --workers 1`",
    "workers-2": "`serve --workers 2`",
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
    admin: str = ""
    workers: Sequence[str] = ()
    """The admin ports of a supervisor's workers, or its own where it has none."""

    def records(self) -> int | None:
        """Count the records it has published, once none of them waits in its journal."""
        if self.place is None:
            return None
        self.settle()
        return self.place.records()

    def settle(self) -> None:
        """Wait until its journal is empty. Raises `Unsound`."""
        until_s = time.monotonic() + DRAIN_S
        while waiting := self.journaled():
            self.running.check()
            if time.monotonic() > until_s:
                raise Unsound(f"{self.name}: {waiting} records stay in the journal")
            time.sleep(LOOK_S)

    def journaled(self) -> int:
        """Return how many records wait in its journal."""
        return sum(_gauge(url, "sealgate_journal_records") for url in self.workers)


@dataclass(frozen=True, slots=True)
class Workshop:
    """Makes and starts the programs of one run: its directory, its core, its secrets, its names."""

    directory: Path
    cores: Cores
    token: str
    secrets: dict[str, str] = field(repr=False)

    @classmethod
    def at(cls, directory: Path, cores: Cores) -> "Workshop":
        """Begin a run: other secrets and other names than any run before."""
        names = ["stripe", "btcpay", *(key for keys in RINGS for key in _ring(keys))]
        made = {name: secrets.token_hex(16) for name in names}
        for name, secret in made.items():
            (directory / name).touch(mode=0o600)
            (directory / name).write_text(secret)
        return cls(directory, cores, secrets.token_hex(4), made)

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

    def sealgate(self, name: str, log_url: str, policy: str = "journal") -> Server:
        """Start Sealgate's edge on a log, with what a configuration has unless it says more."""
        file = self.configure(name, log_url, policy)
        command = python("sealgate", "serve", "--config", str(file))
        return self._serve(name, command, Place(log_url, topics.verified(self.environment)))

    def workers(self, log_url: str, number: int) -> Server:
        """Start an edge of so many workers, on every core that there is for several."""
        name = f"workers-{number}"
        file = self.configure(name, log_url)
        words = ("serve", "--workers", str(number), "--config", str(file))
        place = Place(log_url, topics.verified(self.environment))
        return self._serve(name, python("sealgate", *words), place, self.cores.several)

    def consumer(self, log_url: str, store_url: str) -> Running:
        """Start a worker that applies what this run's edges publish."""
        file = self.configure("consumer", log_url, store_url=store_url)
        command = python("sealgate", "consume", "--config", str(file))
        said = self.directory / "consumer.log"
        running = Running.start(command, said, frozenset({self.cores.server}))
        try:
            await_ready(running, running.started()["admin"])
        except BaseException:
            running.stop()
            raise
        return running

    @property
    def environment(self) -> str:
        """The environment of this run, and so its topics."""
        return f"bench-{self.token}"

    @property
    def embedded_url(self) -> str:
        """The embedded log of this run."""
        return f"embedded://{self.directory / 'log.db'}"

    def configure(
        self, name: str, log_url: str, policy: str = "journal", store_url: str = ""
    ) -> Path:
        """Write a configuration: both providers, and Stripe with one, two and three keys."""
        file = self.directory / f"{name}.toml"
        lines = [
            f'environment = "{self.environment}"',
            'mode = "test"',
            "[log]",
            f'url = "{log_url}"',
            f"partitions = {PARTITIONS}",
            "accepts_unsafe_topics = true",
            "[log.journal]",
            f'policy = "{policy}"',
            # Each has its own: one edge would send what another has journaled.
            f'directory = "journal-{name}"',
            "[store]",
            f'url = "{store_url or f"sqlite://{self.directory}/unused.db"}"',
            "[edge]",
            "port = 0",
            "drain_s = 0.0",
            "[admin]",
            "port = 0",
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

    def _serve(
        self,
        name: str,
        command: list[str],
        place: Place | None,
        cores: frozenset[int] = frozenset(),
    ) -> Server:
        began_s = time.monotonic()
        own = cores or frozenset({self.cores.server})
        running = Running.start(command, self.directory / f"{name}.log", own)
        try:
            said = running.started()
            if "admin" in said:
                await_ready(running, said["admin"])
        except BaseException:
            running.stop()
            raise
        targets = [Target(f"/hooks/{one}", one, self.secrets[one]) for one in ("stripe", "btcpay")]
        port = urlsplit(said["edge"]).port or 0
        admin = said.get("admin", "")
        workers = said.get("workers") or [one for one in (admin,) if one]
        ready_s = time.monotonic() - began_s
        return Server(name, running, port, place, targets, ready_s, admin, workers)


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


def is_whole(admin_url: str) -> bool:
    """Say whether an edge has all that it could do without: its broker, that is."""
    with urllib.request.urlopen(f"{admin_url}/readyz?verbose", timeout=5) as answer:
        return b"[!]" not in answer.read()


def _gauge(admin_url: str, name: str) -> int:
    """Read a metric that has no labels; 0 where it is not."""
    with urllib.request.urlopen(f"{admin_url}/metrics", timeout=10) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(f"{name} "):
                return int(float(line.rpartition(" ")[2]))
    return 0


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
