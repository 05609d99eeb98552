"""A real Apache Kafka for tests.

`kafka_bootstrap` is one broker for the whole session: ``KAFKA_BOOTSTRAP_SERVERS``, or else one that
is started from the locked artefacts. `make_broker` makes brokers that a test may kill and restart.
Every one begins on a copy of one data directory (`start`): to make each ready would take a Java of
its own, and the copies differ in nothing that is tried here. Every one finds its classes read and
linked in a file that one start of a broker has left (`quick`): the wheel's Java brings no such file
even for classes of its own, and some thousands of them are more than half of what a start costs.
"""

import asyncio
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from deploy.kafka import broker
from deploy.kafka.artefacts import BrokerUnavailable, cache_directory, java
from tests.support.services import missing

# Half the start, and half the speed at which nothing here is bound: never for a figure.
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
LEARN_S = 90.0
# Outlives the tests: whatever begins later begins on a copy of it.
_READY = tempfile.TemporaryDirectory(prefix="sealgate-kafka-", ignore_cleanup_errors=True)


def start(
    directory: Path, port: int = 0, *, java_options: tuple[str, ...] = (), advertised_port: int = 0
) -> broker.Broker:
    """Start a broker on a directory, which may be new. Raises `BrokerUnavailable`."""
    data = directory / "data"
    if not data.exists():
        shutil.copytree(_ready(), data)
    return broker.start(directory, port, java_options=java_options, advertised_port=advertised_port)


@cache
def _ready() -> Path:
    """Make a data directory ready, as the first start of any broker does."""
    directory = Path(_READY.name)
    # No settings but its own place stand in what is made from them.
    settings = broker._write_settings(directory, 1, None, 1)
    logging = f"-Dlog4j2.configurationFile={broker.HERE / 'log4j2.properties'}"
    files = broker.class_path(cache_directory())
    command = [str(java()), broker.HEAP, *QUICK, logging, "-cp", files]
    broker._format(command, directory, settings, [])
    return directory / "data"


def quick() -> tuple[str, ...]:
    """Return the options of a broker that starts quickly.

    The first who asks makes the file of classes, for all workers and all later sessions. Whoever
    asks meanwhile starts without: it costs them less than to wait. Java does without it, too, where
    it finds that the file is of other classes or is none.
    """
    kept = _classes()
    if not kept.exists():
        with suppress(BlockingIOError), kept.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _learn(kept)
    return (*QUICK, f"-XX:AOTCache={kept}") if kept.exists() else QUICK


@cache
def _classes() -> Path:
    """Name the file of classes of this Java, these artefacts and these options."""
    directory = cache_directory()
    found = [(java().parents[1] / "release").read_text(), broker.class_path(directory), *QUICK]
    digest = hashlib.sha256("\n".join(found).encode()).hexdigest()
    return directory / f"classes-{digest[:16]}.aot"


def _learn(kept: Path) -> None:
    """Start a broker once, so that it writes its classes down as it ends; perhaps it does not."""
    unfinished = kept.with_suffix(".new")
    with tempfile.TemporaryDirectory(prefix="sealgate-kafka-") as directory:
        told = (*QUICK, f"-XX:AOTCacheOutput={unfinished}")
        with start(Path(directory), java_options=told) as running:
            running.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                running.process.wait(LEARN_S)
    if unfinished.exists():
        unfinished.replace(kept)


class PrivateBroker:
    """A broker of one's own, on one directory and one port through all its restarts."""

    def __init__(self, directory: Path) -> None:
        self._running = start(directory, java_options=quick())
        self.bootstrap = self._running.bootstrap

    @property
    def directory(self) -> Path:
        """Where it keeps its data."""
        return self._running.directory

    def _start(self) -> None:
        before = self._running
        self._running = start(before.directory, before.port, java_options=quick())

    async def kill(self) -> None:
        """End it as a crash would."""
        await asyncio.to_thread(self._running.kill)

    async def restart(self) -> None:
        """Start it again, with the records it had."""
        await asyncio.to_thread(self._start)

    def pause(self) -> None:
        """Make it hang."""
        self._running.pause()

    def resume(self) -> None:
        """Let it go on."""
        self._running.resume()

    def recover(self) -> None:
        """Bring it back after a test that failed half way."""
        self._running.resume()
        if self._running.process.poll() is not None:
            self._start()

    def end(self) -> None:
        """End it for good."""
        self._running.resume()
        self._running.kill()


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a real broker that lives as long as the session."""
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield given
        return
    try:
        running = start(tmp_path_factory.mktemp("kafka"), java_options=quick())
    except (BrokerUnavailable, subprocess.SubprocessError) as error:
        missing(f"no Kafka: {error}")
    with running:
        yield running.bootstrap


@pytest.fixture(scope="session")
def _brokers() -> Iterator[list[PrivateBroker]]:
    made: list[PrivateBroker] = []
    yield made
    for each in made:
        each.end()


@pytest.fixture
def make_broker(
    _brokers: list[PrivateBroker], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], PrivateBroker]:
    """Return what starts a broker that nobody else uses."""

    def make() -> PrivateBroker:
        try:
            _brokers.append(PrivateBroker(tmp_path_factory.mktemp("private-kafka")))
        except (BrokerUnavailable, subprocess.SubprocessError) as error:
            missing(f"no Kafka: {error}")
        return _brokers[-1]

    return make


@pytest.fixture
def private_broker(
    _brokers: list[PrivateBroker], make_broker: Callable[[], PrivateBroker]
) -> Iterator[PrivateBroker]:
    """Return a running broker that this test may kill; it is used again by the next such test."""
    one = _brokers[0] if _brokers else make_broker()
    yield one
    one.recover()
