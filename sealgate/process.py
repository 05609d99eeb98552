"""One process: chosen parts over one log and one store, an admin port, signals, an exit code.

`run` starts the parts, prints nothing itself, tells `started` the addresses, and waits for a signal
or for a part that cannot go on. It stops in the order in which things flow, the edge first, so that
whatever was accepted is carried to its end. A broker or a database that is away ends nothing: the
parts wait for it. What does end a process is what no waiting mends: an address in use, a database
of another environment.
"""

import asyncio
import errno
import gc
import platform
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import uvloop
from prometheus_client import CollectorRegistry, Gauge, disable_created_metrics
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from ingress import app as ingress_app
from ingress import telemetry
from ingress.eventlog.port import EventLog
from sealgate.admin import NO_KEYS, Admin, Check
from sealgate.building import Fresh, build
from sealgate.config import Configuration
from sealgate.journals import journaling
from sealgate.logs import open_log
from sealgate.reload import Means, Reloader, Reread
from sealgate.role import Role
from sealgate.stores import located, open_store
from sealgate.supervisor_link import Link, Told

if TYPE_CHECKING:
    from consumers.app import Parts
    from consumers.store.port import Store

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_UNAVAILABLE = 69
GC_THRESHOLD = 20_000


class App(Protocol):
    """A part of a process; its `task` ends by itself only with a fault that a human must see."""

    task: asyncio.Task[None] | None

    def ready(self) -> Sequence[tuple[str, bool] | tuple[str, bool, bool]]:
        """Answer ``/readyz``: each check by name, whether it holds, and whether it has to."""

    async def stop(self) -> None:
        """End, carrying what was accepted to its end."""


@dataclass(slots=True)
class Started:
    """What is running, for whoever wants to print or use it."""

    edge_url: str = ""
    admin_url: str = ""
    store: "Store | None" = None
    log: EventLog | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    edge: ingress_app.EdgeApp | None = None
    reloader: Reloader | None = None
    reloading: asyncio.Task[None] | None = None

    def hang_up(self) -> None:
        """Take a SIGHUP: look at the whole configuration now."""
        if self.reloader is not None:
            self.reloader.watch.ask()

    async def keys(self, slug: str | None) -> Mapping[str, object]:
        """Tell the edge's verifying keys, for ``/keys``."""
        if self.edge is None:
            return NO_KEYS
        generation, loaded_ms = 1, 0
        if self.reloader is not None:
            generation, loaded_ms = self.reloader.generation, self.reloader.loaded_ms
        sources = await self.edge.keys(slug)
        return {"generation": generation, "loaded_ms": loaded_ms, "sources": sources}

    async def replace(self, before: Fresh, fresh: Fresh) -> None:
        """Put a whole new configuration in place of the one that is served."""
        settings = fresh.configuration.settings
        if self.edge is not None:
            if fresh.tls is not None and fresh.tls is not before.tls:
                self.edge.renew_tls(fresh.tls)
            if fresh.seals != before.seals or (
                settings.quarantine != before.configuration.settings.quarantine
            ):
                self.edge.keep(settings.quarantine, fresh.seals)
            await self.edge.replace(fresh.sources)
        telemetry.set_level(settings.logging.level)


Checkpoint = Callable[[str], None]
OnStarted = Callable[[Started], Awaitable[None]]


def _no_checkpoint(step: str) -> None:
    """Pass a crash point: only a test puts something here."""


async def _nothing(started: Started) -> None:
    """Do nothing more once everything is started."""


@dataclass(frozen=True, slots=True)
class Process:
    """A configuration and the roles this process plays.

    `reread` reads the configuration again when it changed; without, it stays as it is. `link` is
    there where a supervisor started this process and holds its ports; `worker` is a name that no
    other living process of this configuration's edge has, for what is a process's own on the disk.
    """

    configuration: Configuration
    roles: Sequence[Role]
    checkpoint: Checkpoint = _no_checkpoint
    started: OnStarted = _nothing
    reread: Reread | None = None
    link: Link | None = None
    worker: str = "0"

    def main(self) -> int:
        """Run until told to stop; return the exit code."""
        return uvloop.run(self.run())

    async def run(self) -> int:
        """Run until told to stop; return the exit code."""
        settings = self.configuration.settings
        log = telemetry.logger("process")
        running = Started()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, running.stop.set)
        loop.add_signal_handler(signal.SIGHUP, running.hang_up)
        loop.add_signal_handler(signal.SIGUSR2, _not_here)
        apps: list[App] = []
        async with AsyncExitStack() as stack:
            try:
                await self._start(running, apps, stack)
            except OSError as wrong:
                log.error("cannot_start", reason=trouble(wrong))
                return EXIT_UNAVAILABLE
            roles = [role.value for role in self.roles]
            log.info(
                "started",
                environment=settings.environment,
                roles=roles,
                edge=running.edge_url,
                admin=running.admin_url,
            )
            _settle_garbage_collector()
            watch = asyncio.create_task(_first_fault(apps, running.stop))
            extra = asyncio.create_task(_then(self.started, running))
            failed = await watch
            extra.cancel()
            (ended,) = await asyncio.gather(extra, return_exceptions=True)
            if isinstance(ended, Exception):
                log.error("part_failed", kind=type(ended).__name__, exc_info=ended)
                failed = True
            log.info("stopping")
        log.info("stopped")
        return EXIT_FAILED if failed else EXIT_OK

    async def _start(self, running: Started, apps: list[App], stack: AsyncExitStack) -> None:
        """Start every part; what is started is on the stack, to be stopped edge first."""
        settings = self.configuration.settings
        into = registry(settings.environment)
        log_url = located(settings.log.url, self.configuration.base)
        _make_room(log_url)
        event_log = open_log(self.configuration)
        stack.push_async_callback(event_log.close)
        running.log = event_log

        def checks() -> list[Check]:
            found = [Check(*check) for part in apps for check in part.ready()]
            return found if running.reloader is None else found + running.reloader.checks()

        admin = Admin(settings.admin, into, checks, running.keys)
        stack.push_async_callback(admin.stop)
        host = settings.admin.host
        if self.link is None:
            running.admin_url = f"http://{host}:{await admin.start()}"
        if set(self.roles) != {Role.EDGE}:
            _make_room(located(settings.store.url, self.configuration.base))
            store = open_store(self.configuration)
            stack.push_async_callback(store.close)
            running.store = store
            self._consume(running, apps, stack, into)
        await self._serve(running, apps, stack, into)
        if self.link is not None:
            running.admin_url = f"http://{host}:{self.link.admin[0].getsockname()[1]}"
            await self.link.open(lambda: _told(checks()), running.stop.set)
            stack.push_async_callback(self.link.close)
            taking = asyncio.create_task(_take_admin(self.link, admin))
            # The first of all to end: the port is the successor's.
            stack.push_async_callback(admin.stop)
            stack.push_async_callback(_ended, taking)

    async def _serve(
        self,
        running: Started,
        apps: list[App],
        stack: AsyncExitStack,
        into: CollectorRegistry,
    ) -> None:
        """Start the edge, if there is one, and what keeps it as the files say."""
        settings = self.configuration.settings.edge
        is_edge = Role.EDGE in self.roles
        served = build(self.configuration, is_edge=is_edge)
        if is_edge and running.log is not None:
            running.edge = edge = self._edge(served, running.log, into)
            apps.append(edge)
            stack.push_async_callback(edge.stop)
            scheme = "http" if settings.tls is None else "https"
            running.edge_url = f"{scheme}://{settings.host}:{await edge.start()}"
        if self.reread is not None:
            means = Means(self.reread, is_edge=is_edge, apply=running.replace)
            running.reloader = Reloader(means, served, into, telemetry.now_ms)
            running.reloading = asyncio.create_task(running.reloader.run())
            stack.push_async_callback(_ended, running.reloading)

    def _edge(
        self, served: Fresh, event_log: EventLog, into: CollectorRegistry
    ) -> ingress_app.EdgeApp:
        settings = self.configuration.settings
        return ingress_app.EdgeApp(
            ingress_app.Parts(
                environment=settings.environment,
                settings=settings.edge,
                sources=served.sources,
                log=event_log,
                partitions=settings.log.partitions,
                registry=into,
                clock=telemetry.now_ms,
                quarantine=settings.quarantine,
                seals=served.seals,
                state_file=self._state_file(),
                tls=served.tls,
                sockets=() if self.link is None else self.link.edge,
                accepts_unsafe=settings.log.accepts_unsafe_topics,
                journal=journaling(self.configuration, self.worker, self.checkpoint),
            )
        )

    def _state_file(self) -> Path | None:
        """Return where the edge remembers, counted from the configuration's directory."""
        name = self.configuration.settings.edge.state_file
        if name is None:
            return None
        file = self.configuration.base / name
        if self.link is None or not self.link.index:
            return file
        return file.with_stem(f"{file.stem}-{self.link.index}")

    def _consume(
        self, running: Started, apps: list[App], stack: AsyncExitStack, into: CollectorRegistry
    ) -> None:
        """Start the consumers. They are imported here: the edge starts without them."""
        from sealgate import consuming

        log, store = running.log, running.store
        assert log is not None
        assert store is not None
        parts = consuming.parts(self.configuration, log, store, into, self.checkpoint)
        order = (Role.MONITOR, Role.TIMERS, Role.RELAY, Role.WORKER)
        played = (role for role in order if role in self.roles)
        apps.extend(consuming.start(role, parts, stack) for role in played)
        if Role.FETCH in self.roles:
            apps.extend(self._fetch(parts, stack))
        if Role.MONITOR in self.roles:
            apps.extend(consuming.start_checkpoints(self.configuration, parts, stack))
        if Role.TIMERS in self.roles:
            apps.extend(consuming.start_verifying(self.configuration, parts, stack))

    def _fetch(self, parts: "Parts", stack: AsyncExitStack) -> Sequence[App]:
        """Start what asks providers, where any source says how; else nothing is imported for it."""
        if all(source.fetch is None for source in self.configuration.settings.source):
            return ()
        from sealgate.fetching.part import FetchApp

        part = FetchApp.of(self.configuration, parts)
        stack.push_async_callback(part.stop)
        part.start()
        return (part,)


def _make_room(url: str) -> None:
    """Make the directory of a file URL, for us alone. Raises `OSError`."""
    scheme, _, path = url.partition("://")
    if scheme in {"embedded", "sqlite"}:
        Path(path.partition("?")[0]).parent.mkdir(mode=0o700, parents=True, exist_ok=True)


def _told(checks: Sequence[Check]) -> Told:
    """Sum up what a supervisor wants to know."""
    lacks = [check.name for check in checks if not check.holds]
    return Told(all(check.holds for check in checks if check.is_required), lacks)


async def _take_admin(link: Link, admin: Admin) -> None:
    """Answer at the admin port from when no predecessor does."""
    await link.admin_is_ours()
    await admin.start(link.admin)


def _not_here() -> None:
    """Take a SIGUSR2, which would end the process if it were not taken."""
    telemetry.logger("process").warning(
        "signal_ignored",
        reason="SIGUSR2 restarts workers: send it to the supervisor of `serve --workers`",
    )


async def _first_fault(apps: Sequence[App], stop: asyncio.Event) -> bool:
    """Wait for `stop`, or for a part that ended by itself; say whether it was the latter."""
    waiting = asyncio.create_task(stop.wait())
    tasks = [part.task for part in apps if part.task is not None]
    done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    failed = False
    for task in done - {waiting}:
        fault = task.exception()
        if fault is not None:
            failed = True
            telemetry.logger("process").error(
                "part_failed", kind=type(fault).__name__, reason=str(fault)
            )
    return failed


async def _ended(task: asyncio.Task[None]) -> None:
    """End a task that is not to outlive the process."""
    task.cancel()
    await asyncio.wait({task})


async def _then(started: OnStarted, running: Started) -> None:
    """Run what was to happen once everything is started; a fault there ends the process."""
    try:
        await started(running)
    except asyncio.CancelledError:
        raise
    except SystemExit:
        # A printer ends so when nobody reads any more; out of a task it would tear the loop down.
        running.stop.set()
        raise BrokenPipeError("nobody reads the output any more") from None
    except Exception:
        running.stop.set()
        raise


def _settle_garbage_collector() -> None:
    """Leave what a process keeps for ever out of every collection, and collect less often.

    A request makes some hundred short-lived containers and hardly a cycle, so the default of a
    collection every 700 is a tenth of the edge's time spent on finding nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)


def registry(environment: str) -> CollectorRegistry:
    """Make the metrics of a process, with what every process tells of itself."""
    # A series that says when a series began doubles their number and answers no question here.
    disable_created_metrics()
    made = CollectorRegistry()
    ProcessCollector(registry=made)
    GCCollector(registry=made)
    info = Gauge(
        "sealgate_build_info",
        "Always 1; the labels say what is running.",
        ("version", "python", "environment"),
        registry=made,
    )
    info.labels(metadata.version("sealgate"), platform.python_version(), environment).set(1)
    return made


def trouble(wrong: OSError) -> str:
    """Say what could not be had: an address, or a place on the disk."""
    if wrong.errno == errno.EADDRINUSE:
        return f"{wrong.strerror}; choose another port in [edge] or [admin], or free this one"
    if wrong.filename is not None:
        return f"{wrong.filename}: {wrong.strerror}"
    return f"{wrong.strerror or wrong}; is the host in [edge] or [admin] one of this machine's?"
