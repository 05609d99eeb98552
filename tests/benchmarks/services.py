"""The real services that a run can have: each is there, or its rows are left out with the reason.

`tests.support.services.missing` says so by raising pytest's own "skipped" or, where
``REQUIRE_SERVICES=1``, its "failed": the first is a note above the tables, the second ends the run.
"""

import asyncio
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from deploy.kafka import broker
from deploy.kafka.artefacts import BrokerUnavailable, cache_directory, class_path, java
from tests.benchmarks.processes import on
from tests.support import postgres
from tests.support.services import missing

T = TypeVar("T")


class Demanded(Exception):
    """A service is not to be had, and this run must not do without it."""


@dataclass(frozen=True, slots=True)
class Absent:
    """A service that is not to be had, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Kafka:
    """A cluster by its address."""

    bootstrap: str

    @property
    def url(self) -> str:
        """The cluster as an event log. One replica: the broker that is started here is alone."""
        return f"kafka://{self.bootstrap}?replication_factor=1"


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server by the URL of its administrator."""

    url: str

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database, and drop it afterwards."""
        name = f"sealgate_bench_{secrets.token_hex(6)}"
        self._sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        try:
            yield urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))
        finally:
            self._sql(f"DROP DATABASE {name} WITH (FORCE)")

    def _sql(self, statement: str) -> None:
        async def execute() -> None:
            connection = await asyncpg.connect(self.url)
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(execute())


@contextmanager
def kafka(directory: Path, cores: frozenset[int]) -> Iterator[Kafka | Absent]:
    """Start a broker on these cores, or use the one of ``KAFKA_BOOTSTRAP_SERVERS``."""
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield Kafka(given)
        return
    with on(cores):
        running = _had(lambda: _broker(directory))
    if isinstance(running, Absent):
        yield running
        return
    with running:
        yield Kafka(running.bootstrap)


@dataclass(slots=True)
class Fragile:
    """A broker of our own, to be killed and started again."""

    running: broker.Broker
    cores: frozenset[int]

    @property
    def url(self) -> str:
        """The broker as an event log."""
        return Kafka(self.running.bootstrap).url

    def kill(self) -> None:
        """End it as a crash would."""
        self.running.kill()

    def restart(self) -> None:
        """Start it again on the same port, with the records it had."""
        with on(self.cores):
            self.running = broker.start(self.running.directory, self.running.port)


@contextmanager
def fragile(directory: Path, cores: frozenset[int]) -> Iterator[Fragile | Absent]:
    """Start a broker of our own in any case: nobody else's is killed for a benchmark."""
    with on(cores):
        running = _had(lambda: _broker(directory))
    if isinstance(running, Absent):
        yield running
        return
    made = Fragile(running, cores)
    try:
        yield made
    finally:
        made.running.stop()


@contextmanager
def postgresql(cores: frozenset[int]) -> Iterator[Postgres | Absent]:
    """Start a server on these cores, every commit fsynced, or use the one of ``POSTGRES_URL``.

    It keeps the time of each commit, so that one can be told from outside.
    """
    given = os.environ.get("POSTGRES_URL")
    if given:
        yield Postgres(given)
        return
    server = _had(postgres.new_server)
    if isinstance(server, Absent):
        yield server
        return
    try:
        with on(cores):
            made = _had(server.create) or _had(lambda: server.start(track_commit_timestamp="on"))
        yield made if isinstance(made, Absent) else Postgres(server.url)
    finally:
        server.remove()


def _had(get: Callable[[], T]) -> T | Absent:
    """Get something, or the reason why it is not to be had. Raises `Demanded`."""
    try:
        return get()
    except pytest.skip.Exception as skipped:
        return Absent(str(skipped))
    except pytest.fail.Exception as failed:
        raise Demanded(str(failed)) from None


def kafka_installed() -> Absent | None:
    """Return why no broker can be started; None where one can. Raises `Demanded`."""

    def look() -> None:
        try:
            java()
            class_path(cache_directory())
        except (BrokerUnavailable, subprocess.SubprocessError) as error:
            missing(f"no Kafka: {error}")

    return _had(look)


def _broker(directory: Path) -> broker.Broker:
    try:
        return broker.start(directory, 0)
    except (BrokerUnavailable, subprocess.SubprocessError) as error:
        missing(f"no Kafka: {error}")
