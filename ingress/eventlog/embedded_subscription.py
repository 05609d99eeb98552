"""A member of a group on the embedded log: it reads every partition, alone.

There is one member per group, held by a lock on a small file beside the log, which the kernel lets
go of when the process ends, however it ends; a second member is told so and may try again, so it
stands by. Positions come from the `Positions` callback, at the first fetch, before any record.
"""

import asyncio
import fcntl
import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from ingress.eventlog import embedded_rows as rows
from ingress.eventlog.embedded_bell import bell_of
from ingress.eventlog.embedded_reader import Reader
from ingress.eventlog.embedded_writer import Writer
from ingress.eventlog.port import LogUnavailable, Partition, Position, Positions, Record

# How long a record written by another process may lie unseen; in one process the bell is at once.
POLL_S = 0.05
ADVISE_S = 1.0


class EmbeddedSubscription:
    """The one member of a group on one topic."""

    def __init__(
        self,
        writer: Writer,
        reader: Reader,
        path: Path,
        name: tuple[str, str],
        positions: Positions,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._path = path
        self._topic, self._group = name
        self._positions = positions
        self._bell = bell_of(path)
        self._rung = asyncio.Event()
        self._lock: int | None = None
        self._next: dict[Partition, int] = {}

    async def start(self) -> None:
        """Become the group's member. Raises `LogUnavailable` where there is one, or no file."""
        if self._lock is not None:
            return
        await self._reader.ask(partial(rows.extents, topic=self._topic))
        self._lock = _lock(self._path, self._topic, self._group)
        self._bell.hear(self._rung)

    async def fetch(self, records_max: int, wait_s: float) -> Sequence[Record]:
        """Return the next records of all partitions, each partition's in order."""
        if self._lock is None:
            raise LogUnavailable("the subscription has not been started")
        loop = asyncio.get_running_loop()
        until_s = loop.time() + wait_s
        while True:
            self._rung.clear()
            if records := await self._read(records_max):
                return records
            left_s = until_s - loop.time()
            if left_s <= 0:
                return []
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left_s, POLL_S)):
                    await self._rung.wait()

    async def seek(self, position: Position) -> None:
        """Read on from `position`."""
        if position.partition in self._next:
            self._next[position.partition] = position.offset

    async def advise(self, positions: Sequence[Position]) -> None:
        """Keep the group's positions for whoever asks how far it is."""
        change = partial(rows.advise, group=self._group, positions=tuple(positions))
        with suppress(LogUnavailable, TimeoutError):
            async with asyncio.timeout(ADVISE_S):
                await self._writer.call(change)

    async def stop(self) -> None:
        """Leave the group to its next member."""
        self._bell.leave(self._rung)
        self._next.clear()
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    async def _read(self, records_max: int) -> Sequence[Record]:
        if not self._next:
            self._next = await self._claim()
        question = partial(rows.read, wanted=dict(self._next), most=rows.Most(records_max))
        records = await self._reader.ask(question)
        for record in records:
            partition, offset = record.position
            self._next[partition] = offset + 1
        if records:
            # The partition that was served first is served last the next time.
            first = records[0].position.partition
            self._next[first] = self._next.pop(first)
        return records

    async def _claim(self) -> dict[Partition, int]:
        """Ask where to read on: nothing is handed out before the answer is in."""
        found = await self._reader.ask(partial(rows.extents, topic=self._topic))
        if not found:
            return {}
        begins = {extent.lane.partition: extent.begin for extent in found}
        wanted = await self._positions(frozenset(begins))
        return {partition: wanted.get(partition, begin) for partition, begin in begins.items()}


def is_held(path: Path, topic: str, group: str) -> bool:
    """Say whether a process holds the group's lock. Raises `LogUnavailable`.

    Nothing is made. The lock is shared for an instant where nobody holds it: a member that starts
    in that instant is told that there is one, and tries again.
    """
    try:
        descriptor = os.open(_lock_path(path, topic, group), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise LogUnavailable(f"the lock of the group {group}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _lock_path(path: Path, topic: str, group: str) -> Path:
    name = hashlib.sha256(f"{topic}\0{group}".encode()).hexdigest()[:16]
    return path.with_name(f"{path.name}-member-{name}")


def _lock(path: Path, topic: str, group: str) -> int:
    """Take the group's lock and return the descriptor that holds it."""
    lock = _lock_path(path, topic, group)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise LogUnavailable(
            f"the group {group} has a member on {topic} already: the embedded log takes one;"
            " more than one need Kafka"
        ) from error
    return descriptor
