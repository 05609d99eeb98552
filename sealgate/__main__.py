"""The command line: what a person types, and the only place where the environment is read.

Every command imports what it needs when it is called, so that ``sealgate --help`` is quick. Results
go to standard output, messages to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage, 69 a
service or an address is not available, 78 the configuration is wrong, 130 interrupted.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter, validators

if TYPE_CHECKING:
    from sealgate.config import Configuration

EXIT_CONFIGURATION = 78
EXIT_INTERRUPTED = 130
EXIT_CRASHED = 137
ROLES = ("edge", "worker", "relay", "monitor")
CRASH_AT = "SEALGATE_CRASH_AT"

app = App(
    name="sealgate",
    help="A webhook ingress gateway for payments: verify on the raw bytes, publish to Kafka,"
    " apply exactly once.",
    version_flags=["--version"],
)

Config = Annotated[Path, Parameter(name=["--config", "-c"], help="The configuration file.")]
Port = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))]
DEFAULT_CONFIG = Path("sealgate.toml")


@app.command
def up(*, config: Config = DEFAULT_CONFIG) -> int:
    """Run everything in one process: edge, worker, relay and monitor."""
    return _run(config, ROLES)


@app.command
def serve(*, config: Config = DEFAULT_CONFIG) -> int:
    """Run the edge: accept deliveries, verify them, publish them to the log."""
    return _run(config, ["edge"])


@app.command
def consume(*, config: Config = DEFAULT_CONFIG) -> int:
    """Run a worker: apply verified events to payments."""
    return _run(config, ["worker"])


@app.command
def relay(*, config: Config = DEFAULT_CONFIG) -> int:
    """Run the relay: publish notices of transitions. One per database."""
    return _run(config, ["relay"])


@app.command
def monitor(*, config: Config = DEFAULT_CONFIG) -> int:
    """Run the monitor: measure lag, states and exceptions apart from the workers."""
    return _run(config, ["monitor"])


@app.command
def check(*, config: Config = DEFAULT_CONFIG) -> int:
    """Check the configuration, key files included, and list every mistake at once."""
    from sealgate.check import check as run_check

    return _configured(config, ROLES, run_check)


@app.command
def send(
    url: str,
    *,
    provider: str,
    key_file: Path,
    event: str = "",
    reference: str = "",
    body: Path | None = None,
    parameter: Sequence[str] = (),
) -> int:
    """Send one correctly signed test event to a source.

    Parameters
    ----------
    url
        Where to, for example http://127.0.0.1:8080/hooks/btcpay-demo.
    provider
        The profile to sign as; an unknown one lists all.
    key_file
        The file that holds the source's secret.
    event
        Which of the provider's sample events to send, `confirmed` where absent; an unknown one
        lists all.
    reference
        The payment's reference in the sample event; a new one where absent.
    body
        A file with the body to send instead of a sample event.
    parameter
        name=value, for a profile that takes parameters; may be repeated.
    """
    from sealgate.simulator.send import Shipment
    from sealgate.simulator.send import send as run_send

    return run_send(Shipment(url, provider, key_file, event, reference, body, tuple(parameter)))


@app.command
def kafka(*, directory: Path = Path("var/kafka"), port: Port = 9092) -> int:
    """Run a real Apache Kafka on loopback, without Docker or an installed Java, until Ctrl-C."""
    from sealgate.broker import run

    return run(directory, port)


@app.command
def demo(
    *,
    stay: bool = False,
    kafka: str = "",
    postgres: str = "",
    port: Port = 8080,
    admin_port: Port = 9090,
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


@app.command
def vectors(file: Path, *, known_only: bool = False) -> int:
    """Verify a file of signature vectors against the built-in profiles.

    Parameters
    ----------
    file
        A JSON list of vectors.
    known_only
        Leave out vectors of providers that have no profile, instead of counting them as failed.
    """
    from sealgate.vectors import run

    return run(file, known_only=known_only, out=sys.stdout)


def _run(config: Path, roles: Sequence[str]) -> int:
    def run(configuration: "Configuration") -> int:
        from ingress import telemetry
        from sealgate.process import Process, Role

        settings = configuration.settings
        telemetry.configure(settings.logging.style, settings.logging.level)
        chosen = tuple(Role(role) for role in roles)
        return Process(configuration, chosen, checkpoint=_crash_point()).main()

    return _configured(config, roles, run)


def _configured(config: Path, roles: Sequence[str], run: "Callable[[Configuration], int]") -> int:
    """Read the configuration and hand it on, or print every mistake in it."""
    from sealgate.check import faults
    from sealgate.config import examine
    from sealgate.process import Role

    reading = examine(config, os.environ)
    chosen = tuple(Role(role) for role in roles)
    mistakes = [*reading.mistakes, *faults(reading.configuration, chosen)]
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    return EXIT_CONFIGURATION if mistakes else run(reading.configuration)


def _crash_point() -> Callable[[str], None]:
    """Make the hook that ends this process at a named step: for tests of what a crash leaves."""
    armed = os.environ.get(CRASH_AT, "")

    def pass_by(step: str) -> None:
        if step == armed:
            os._exit(EXIT_CRASHED)

    return pass_by


def main() -> None:
    """Run the command line."""
    try:
        sys.exit(app())
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
