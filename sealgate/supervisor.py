"""The supervisor of ``serve --workers N``: holds the ports, and keeps N workers behind them.

It serves no delivery itself. It binds the public port once and every worker accepts on the same
socket, which stays open whatever happens to a worker: a client that connects while one is replaced
waits in the kernel's queue for another, and is not refused. Two sockets on one port (SO_REUSEPORT)
would each have a queue of its own, which is lost with its worker.

Signals flow in: TERM and INT end all, HUP has every worker look at the configuration, USR2 replaces
the workers one after the other. On the admin port stand its own readiness and metrics, and on the
ports after it those of the workers. A worker whose supervisor is gone drains and ends by itself.
"""

import asyncio
import signal
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count

from prometheus_client import CollectorRegistry, Counter, Gauge

from ingress import telemetry
from ingress.listener import bind
from sealgate.admin import Admin, Check
from sealgate.config import Configuration
from sealgate.notifying import NOBODY, Manager
from sealgate.process import EXIT_OK, EXIT_UNAVAILABLE, registry, trouble
from sealgate.supervisor_slot import Slot, Terms
from sealgate.supervisor_worker import TICK_S, Sockets, Start, Worker

EXIT_CONFIGURATION = 78
# Beside the two settings: for the refused to be kept, the publisher, and a loaded machine.
STOP_MARGIN_S = 10.0
HOPELESS = {EXIT_CONFIGURATION, EXIT_UNAVAILABLE}
"""Exit codes of a worker that another start does not mend."""


class Metrics:
    """What a supervisor tells of its workers."""

    def __init__(self, into: CollectorRegistry) -> None:
        self.workers = Gauge(
            "sealgate_workers",
            "Worker processes of this supervisor, by how they are.",
            ("state",),
            registry=into,
        )
        self.wanted = Gauge(
            "sealgate_workers_wanted",
            "How many workers this supervisor is to keep ready.",
            registry=into,
        )
        self.restarts = Counter(
            "sealgate_worker_restarts",
            "Workers followed by another, because they died or were replaced.",
            ("cause",),
            registry=into,
        )
        for cause in ("died", "replaced"):
            self.restarts.labels(cause)


@dataclass(frozen=True, slots=True)
class Supervisor:
    """A configuration, how many workers serve it, how one is started, and who manages all."""

    configuration: Configuration
    workers: int
    start: Start
    manager: Manager = NOBODY

    def main(self) -> int:
        """Run until told to stop; return the exit code."""
        return asyncio.run(self.run())

    async def run(self) -> int:
        """Run until told to stop; return the exit code."""
        async with AsyncExitStack() as stack:
            try:
                crew = await self._listen(stack)
            except OSError as wrong:
                telemetry.logger("supervisor").error("cannot_start", reason=trouble(wrong))
                return EXIT_UNAVAILABLE
            return await crew.run()

    async def _listen(self, stack: AsyncExitStack) -> "Crew":
        """Take every port, and answer at our own. Raises `OSError`."""
        settings = self.configuration.settings
        edge, admin = settings.edge, settings.admin
        public = _held(stack, await bind(edge.host, edge.port))
        private = [
            _held(stack, await bind(admin.host, admin.port and admin.port + 1 + index))
            for index in range(self.workers)
        ]
        into = registry(settings.environment)
        crew = Crew(
            [Sockets(public, one) for one in private],
            self.start,
            edge.drain_s + edge.stop_s + STOP_MARGIN_S,
            into,
            self.manager,
        )
        listening = Admin(admin, into, crew.checks)
        port = await listening.start()
        stack.push_async_callback(listening.stop)
        scheme = "http" if edge.tls is None else "https"
        telemetry.logger("supervisor").info(
            "started",
            environment=settings.environment,
            roles=["supervisor"],
            edge=f"{scheme}://{edge.host}:{public[0].getsockname()[1]}",
            admin=f"http://{admin.host}:{port}",
            workers=[f"http://{admin.host}:{one[0].getsockname()[1]}" for one in private],
        )
        return crew


class Crew:
    """The workers of a supervisor, and what becomes of the signals it gets."""

    def __init__(
        self,
        sockets: Sequence[Sockets],
        start: Start,
        stop_s: float,
        into: CollectorRegistry,
        manager: Manager = NOBODY,
    ) -> None:
        self._manager = manager
        terms = Terms(start, stop_s, self._died)
        self._slots = [Slot(index, one, terms) for index, one in enumerate(sockets)]
        self._metrics = Metrics(into)
        self._metrics.wanted.set(len(self._slots))
        self._metrics.workers.labels("ready").set_function(lambda: len(self._ready()))
        self._metrics.workers.labels("not_ready").set_function(lambda: len(self._not_ready()))
        self._metrics.workers.labels("stopping").set_function(lambda: len(self._stopping()))
        self._log = telemetry.logger("supervisor")
        self._ending = asyncio.Event()
        self._rolls = asyncio.Event()
        self._was_ready = False
        self._code = EXIT_OK

    async def run(self) -> int:
        """Keep the workers until told to end; return the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ending.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        loop.add_signal_handler(signal.SIGUSR2, self._rolls.set)
        running = [asyncio.create_task(slot.run()) for slot in self._slots]
        watching = [asyncio.create_task(self._tick()), asyncio.create_task(self._roll())]
        ended = asyncio.create_task(self._ending.wait())
        # The port is open, and holds whoever comes; a worker may wait for a broker for hours.
        self._manager.started()
        # None of the others ends by itself but with a fault of ours.
        await asyncio.wait([ended, *running, *watching], return_when=asyncio.FIRST_COMPLETED)
        self._manager.stopping()
        self._log.info("stopping")
        for task in (ended, *watching):
            task.cancel()
        await asyncio.gather(*(slot.end() for slot in self._slots))
        results = await asyncio.gather(*running, *watching, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
        self._log.info("stopped")
        return self._code

    def checks(self) -> list[Check]:
        """Answer ``/readyz``: with one worker that is ready, deliveries are accepted."""
        checks = [Check("a worker is ready", any(map(_is_ready, self._slots)))]
        for slot in self._slots:
            worker = slot.current
            checks.append(_aside(f"worker {slot.index} is ready", holds=_is_ready(slot)))
            if worker is not None and worker.told is not None:
                lacks = worker.told.lacks
                checks += [_aside(f"worker {slot.index}: {one}", holds=False) for one in lacks]
        return checks

    def _workers(self) -> list[Worker]:
        return [worker for slot in self._slots for worker in slot.workers]

    def _ready(self) -> list[Worker]:
        return [worker for worker in self._workers() if worker.is_ready()]

    def _stopping(self) -> list[Worker]:
        return [worker for worker in self._workers() if worker.is_stopping]

    def _not_ready(self) -> list[Worker]:
        others = {*self._ready(), *self._stopping()}
        return [worker for worker in self._workers() if worker not in others]

    def _died(self, worker: Worker) -> None:
        self._metrics.restarts.labels("died").inc()
        if worker.code in HOPELESS and not self._was_ready:
            self._code = worker.code
            self._ending.set()

    def _reload(self) -> None:
        for worker in self._workers():
            worker.reload()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._was_ready = self._was_ready or bool(self._ready())
            self._manager.alive()
            for slot in self._slots:
                slot.tick()

    async def _roll(self) -> None:
        """Replace the workers one after the other, whenever that is asked for."""
        for number in count(1):
            await self._rolls.wait()
            self._rolls.clear()
            self._log.info("rolling_restart_begins", number=number, workers=len(self._slots))
            for slot in self._slots:
                if not await slot.replace():
                    self._log.error("rolling_restart_stopped", number=number, worker=slot.index)
                    break
                self._metrics.restarts.labels("replaced").inc()
            else:
                self._log.info("rolling_restart_done", number=number)


def _aside(name: str, *, holds: bool) -> Check:
    """Tell something that makes the whole neither ready nor unready."""
    return Check(name, holds, is_required=False)


def _is_ready(slot: Slot) -> bool:
    return slot.current is not None and slot.current.is_ready()


def _held(stack: AsyncExitStack, sockets: list[socket.socket]) -> list[socket.socket]:
    """Keep sockets open until the end."""
    for one in sockets:
        stack.callback(one.close)
    return sockets
