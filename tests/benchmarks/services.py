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
from deploy.kafka.artefacts import BrokerUnavailable
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


@contextmanager
def postgresql(cores: frozenset[int]) -> Iterator[Postgres | Absent]:
    """Start a server on these cores, every commit fsynced, or use the one of ``POSTGRES_URL``."""
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
            made = _had(server.create) or _had(server.start)
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


def _broker(directory: Path) -> broker.Broker:
    try:
        return broker.start(directory, 0)
    except (BrokerUnavailable, subprocess.SubprocessError) as error:
        missing(f"no Kafka: {error}")
