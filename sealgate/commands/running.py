"""Commands that run the gateway, or parts of it."""

import gc
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.commands.context import (
    DEFAULT_CONFIG,
    EXIT_CONFIGURATION,
    ROLES,
    RoleName,
    configured,
    environ,
)

if TYPE_CHECKING:
    from sealgate.config import Configuration
    from sealgate.flags import Config, Port, Workers
    from sealgate.process import Process

EDGE = ("edge",)
PORT_MAX = 65_535
EXIT_CRASHED = 137
CRASH_AT = "SEALGATE_CRASH_AT"


def up(*, config: "Config" = DEFAULT_CONFIG) -> int:
    """Run everything in one process: edge, worker, relay, timers, fetch and monitor."""
    return _run(config, ROLES)


def serve(*, config: "Config" = DEFAULT_CONFIG, workers: "Workers" = None) -> int:
    """Run the edge: accept deliveries, verify them, publish them to the log.

    With several workers, SIGUSR2 replaces them one after the other: no connection is refused.

    Parameters
    ----------
    workers
        How many processes share the port; `edge.workers` of the configuration where it is not said.
    """
    from sealgate.supervisor_link import VARIABLE

    given = environ().get(VARIABLE, "")
    if given:
        return _work(config, given)

    def run(found: "Configuration") -> int:
        number = workers or found.settings.edge.workers
        if number > 1:
            return _supervise(found, number)
        return _process(config, found, EDGE).main()

    return _settled(config, EDGE, run)


def consume(*, config: "Config" = DEFAULT_CONFIG) -> int:
    """Run a worker: apply verified events to payments."""
    return _run(config, ["worker"])


def relay(*, config: "Config" = DEFAULT_CONFIG) -> int:
    """Run the relay: publish notices of transitions. One per database."""
    return _run(config, ["relay"])


def timers(*, config: "Config" = DEFAULT_CONFIG) -> int:
    """Run the timers: let windows close, and raise exceptions about stuck payments."""
    return _run(config, ["timers"])


def fetch(*, config: "Config" = DEFAULT_CONFIG) -> int:
    """Ask providers for payments that their events leave in doubt, or that are overdue."""
    return _run(config, ["fetch"])


def monitor(*, config: "Config" = DEFAULT_CONFIG) -> int:
    """Run the monitor: measure lag, states and exceptions apart from the workers."""
    return _run(config, ["monitor"])


def check(*, role: Sequence[RoleName] = (), config: "Config" = DEFAULT_CONFIG) -> int:
    """Check the configuration, key files included, and list every mistake at once.

    Parameters
    ----------
    role
        Only what this role needs, as where it runs: a worker holds no key of a source. May be
        repeated; all roles where absent.
    """
    from sealgate.check import check as run_check
    from sealgate.role import Role

    roles = tuple(map(Role, role or ROLES))
    return configured(config, roles, lambda found: run_check(found, roles))


def kafka(*, directory: Path = Path("var/kafka"), port: "Port" = 9092) -> int:
    """Run a real Apache Kafka on loopback, without Docker or an installed Java, until Ctrl-C."""
    from sealgate.broker import run

    return run(directory, port)


def demo(
    *,
    stay: bool = False,
    kafka: str = "",
    postgres: str = "",
    port: "Port" = 8080,
    admin_port: "Port" = 9090,
) -> int:
    """Play a gallery of payments, failures included, through the whole gateway.

    Parameters
    ----------
    stay
        Keep the gateway running after the gallery, until Ctrl-C.
    kafka
        Use this Kafka (host:port) instead of the embedded log.
    postgres
        Use this PostgreSQL database (a URL; empty, for this run alone) instead of the embedded
        store.
    port
        The edge's port; 0 takes any free one.
    admin_port
        The admin port; 0 takes any free one.
    """
    from sealgate.demo import Choices
    from sealgate.demo import run as run_demo

    return run_demo(Choices(stay, kafka, postgres, port, admin_port))


def _run(config: Path, roles: Sequence[str]) -> int:
    return _settled(config, roles, lambda found: _process(config, found, roles).main())


def _supervise(found: "Configuration", workers: int) -> int:
    """Keep workers running, each started with the command line of this process."""
    from sealgate.notifying import Manager
    from sealgate.supervisor import Supervisor
    from sealgate.supervisor_worker import Start

    port = found.settings.admin.port
    if port + workers > PORT_MAX:
        print(
            f"admin.port: the workers' ports follow it: choose at most {PORT_MAX - workers}",
            file=sys.stderr,
        )
        return EXIT_CONFIGURATION
    command = (sys.executable, *sys.orig_argv[1:])
    start = Start(command, dict(environ()))
    return Supervisor(found, workers, start, Manager.of(environ())).main()


def _work(config: Path, given: str) -> int:
    """Run the edge behind the sockets that a supervisor holds."""
    from sealgate.supervisor_link import Given, Link

    link = Link(Given.decode(given))

    def run(found: "Configuration") -> int:
        return replace(_process(config, found, EDGE), link=link, worker=link.name).main()

    return _settled(config, EDGE, run, link.name)


def _settled(
    config: Path, roles: Sequence[str], run: "Callable[[Configuration], int]", worker: str = ""
) -> int:
    """Read the configuration, begin to log as it says, and run."""
    from sealgate.process import GC_THRESHOLD

    def begin(configuration: "Configuration") -> int:
        from ingress import telemetry

        logging = configuration.settings.logging
        telemetry.configure(logging.style, logging.level, worker=worker)
        return run(configuration)

    # What is read now stays; to look through it for garbage again and again is half the load.
    gc.set_threshold(GC_THRESHOLD)
    return configured(config, roles, begin)


def _process(config: Path, found: "Configuration", roles: Sequence[str]) -> "Process":
    from sealgate.config import examine
    from sealgate.notifying import Manager
    from sealgate.process import Process, Started
    from sealgate.role import Role
    from sealgate.supervisor_link import VARIABLE

    # A worker's manager is its supervisor, which hears of it over their link.
    manager = Manager.of({} if VARIABLE in environ() else environ())

    async def attend(started: Started) -> None:
        await manager.attend(started.stop)

    return Process(
        found,
        tuple(Role(role) for role in roles),
        checkpoint=_crash_point(),
        started=attend,
        reread=lambda cache: examine(config, environ(), cache),
    )


def _crash_point() -> Callable[[str], None]:
    """Make the hook that ends this process at a named step: for tests of what a crash leaves."""
    armed = environ().get(CRASH_AT, "")

    def pass_by(step: str) -> None:
        if step == armed:
            os._exit(EXIT_CRASHED)

    return pass_by


COMMANDS: tuple[Callable[..., int], ...] = (
    *(up, serve, consume, relay, timers, fetch, monitor),
    *(check, kafka, demo),
)
