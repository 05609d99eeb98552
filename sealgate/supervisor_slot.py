"""One place for a worker: never empty for long, and two workers in it while one follows the other.

A worker that dies is followed by another, the sooner the longer it lived. A worker that is replaced
goes only when its successor is ready, and stops accepting before anything else; the listening
socket is the supervisor's and stays open, so nobody who connects meanwhile is refused.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from string import ascii_lowercase

from ingress import telemetry
from sealgate.supervisor_worker import TICK_S, Sockets, Start, Worker, meaning, spawn

DELAY_S = 0.1
DELAY_MAX_S = 10.0
LIVED_S = 60.0
READY_S = 60.0


@dataclass(slots=True)
class Backoff:
    """How long to wait before a worker is started again."""

    delay_s: float = 0.0

    def after(self, lived_s: float) -> float:
        """Return the wait after a worker that lived so long: double, unless it lived for long."""
        if lived_s >= LIVED_S or not self.delay_s:
            self.delay_s = DELAY_S
        else:
            self.delay_s = min(DELAY_MAX_S, self.delay_s * 2)
        return self.delay_s


@dataclass(frozen=True, slots=True)
class Terms:
    """What the slots of one supervisor have in common."""

    start: Start
    stop_s: float
    """How long a worker may take to drain and end."""
    died: Callable[[Worker], None]
    """Is told of each worker that ended without being asked to."""
    ready_s: float = READY_S


class Slot:
    """Keeps a worker running in one place."""

    def __init__(self, index: int, sockets: Sockets, terms: Terms) -> None:
        self.index = index
        self.current: Worker | None = None
        self.workers: set[Worker] = set()
        self._sockets = sockets
        self._terms = terms
        self._backoff = Backoff()
        self._ending = asyncio.Event()
        self._replaced = asyncio.Event()
        self._log = telemetry.logger("supervisor")

    async def run(self) -> None:
        """Start a worker, and another whenever it is gone, until told to end."""
        while not self._ending.is_set():
            if self.current is None:
                await self._begin()
            worker = self.current
            if worker is None:
                await self._pause(DELAY_MAX_S)
                continue
            await self._gone_or_replaced(worker)
            if worker is self.current:
                self.current = None
                if not self._ending.is_set():
                    await self._follow(worker)

    async def replace(self) -> bool:
        """Put a new worker in place of the one that is there; say whether that was done.

        Where the new one does not get ready, it goes, and the old one stays.
        """
        fresh = await self._spawn()
        if fresh is None:
            return False
        if not await fresh.ready_within(self._terms.ready_s) or self._ending.is_set():
            self._log.error("worker_not_ready", worker=fresh.name, pid=fresh.pid, **_lacks(fresh))
            fresh.end()
            await fresh.ended_within(self._terms.stop_s)
            return False
        old, self.current = self.current, fresh
        # From here on it is the new one that must not be gone: the old one may drain for long.
        self._replaced.set()
        if old is not None:
            old.end()
        fresh.take_admin()
        if old is not None:
            await old.ended_within(self._terms.stop_s)
        return True

    async def end(self) -> None:
        """Let every worker here drain and end; at once, when its time is over."""
        self._ending.set()
        there = list(self.workers)
        for one in there:
            one.end()
        await asyncio.gather(*(one.ended_within(self._terms.stop_s) for one in there))

    def tick(self) -> None:
        """Let a second pass for those that say nothing, and end who hangs."""
        for one in self.workers:
            one.silent_ticks += 1
            if one.is_hung() and not one.is_stopping:
                silent_s = one.silent_ticks * TICK_S
                self._log.error("worker_hung", worker=one.name, pid=one.pid, silent_s=silent_s)
                one.kill()

    async def _begin(self) -> None:
        worker = await self._spawn()
        if worker is None:
            return
        if self._ending.is_set() or self.current is not None:
            worker.end()  # not needed any more: meanwhile a replacement came
            return
        self.current = worker
        worker.take_admin()

    async def _spawn(self) -> Worker | None:
        try:
            worker = await spawn(self._terms.start, self.index, self._name(), self._sockets)
        except OSError as wrong:
            self._log.error("worker_not_started", worker=self.index, reason=str(wrong))
            return None
        self.workers.add(worker)
        worker.on_end(self.workers.discard)
        self._log.info("worker_started", worker=worker.name, pid=worker.pid)
        return worker

    def _name(self) -> str:
        """Return a name that no living worker has: nothing of a worker's own is shared."""
        taken = {one.name for one in self.workers}
        names = [str(self.index), *(f"{self.index}{letter}" for letter in ascii_lowercase)]
        return next(name for name in names if name not in taken)

    async def _follow(self, worker: Worker) -> None:
        """Note that a worker died, and wait until another may be started."""
        delay_s = self._backoff.after(worker.lived_s)
        self._log.error(
            "worker_died",
            worker=worker.name,
            pid=worker.pid,
            how=meaning(worker.code),
            retry_in_s=delay_s,
        )
        self._terms.died(worker)
        await self._pause(delay_s)

    async def _gone_or_replaced(self, worker: Worker) -> None:
        self._replaced.clear()
        waits = [
            asyncio.create_task(worker.gone.wait()),
            asyncio.create_task(self._replaced.wait()),
        ]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()

    async def _pause(self, delay_s: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), delay_s)


def _lacks(worker: Worker) -> dict[str, object]:
    if worker.gone.is_set():
        return {"how": meaning(worker.code)}
    return {"lacks": [] if worker.told is None else list(worker.told.lacks)}
