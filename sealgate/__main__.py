"""The command line: what a person types, and the only place where the environment is read.

Every command imports what it needs when it is called, and the overview is printed without the
library that reads flags, so that ``sealgate --help`` costs next to nothing. Results go to standard
output, messages to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage, 69 a service or an
address is not available, 78 the configuration is wrong, 130 interrupted.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_type_hints

if TYPE_CHECKING:
    from cyclopts import App

    from sealgate.config import Configuration
    from sealgate.flags import AsRead, Config, Port, RegisteredUrl, WithKeys

EXIT_CONFIGURATION = 78
EXIT_INTERRUPTED = 130
EXIT_CRASHED = 137
ROLES = ("edge", "worker", "relay", "monitor")
CRASH_AT = "SEALGATE_CRASH_AT"

SUMMARY = (
    "A webhook ingress gateway for payments: verify on the raw bytes, publish to Kafka,"
    " apply exactly once."
)
DEFAULT_CONFIG = Path("sealgate.toml")


def up(*, config: "Config" = DEFAULT_CONFIG) -> int:
    """Run everything in one process: edge, worker, relay and monitor."""
    return _run(config, ROLES)


def serve(*, config: "Config" = DEFAULT_CONFIG) -> int:
    """Run the edge: accept deliveries, verify them, publish them to the log."""
    return _run(config, ["edge"])


def consume(*, config: "Config" = DEFAULT_CONFIG) -> int:
    """Run a worker: apply verified events to payments."""
    return _run(config, ["worker"])


def relay(*, config: "Config" = DEFAULT_CONFIG) -> int:
    """Run the relay: publish notices of transitions. One per database."""
    return _run(config, ["relay"])


def monitor(*, config: "Config" = DEFAULT_CONFIG) -> int:
    """Run the monitor: measure lag, states and exceptions apart from the workers."""
    return _run(config, ["monitor"])


def check(*, config: "Config" = DEFAULT_CONFIG) -> int:
    """Check the configuration, key files included, and list every mistake at once."""
    from sealgate.check import check as run_check

    return _configured(config, ROLES, run_check)


def send(
    url: str,
    /,
    *,
    provider: str,
    key_file: Path | None = None,
    kid: str = "",
    event: str = "",
    reference: str = "",
    body: Path | None = None,
    parameter: Sequence[str] = (),
    registered_url: "RegisteredUrl" = "",
    config: "Config | None" = None,
) -> int:
    """Send one correctly signed test event to a source.

    Parameters
    ----------
    url
        Where to, for example http://127.0.0.1:8080/hooks/btcpay-demo.
    provider
        The profile to sign as: its name, or the path of one of your own.
    key_file
        The file with what the provider signs with: the source's secret or token, or the PRIVATE key
        (PEM; of Ed25519 also hex, base64 or whsk_) that belongs to the source's public key.
    kid
        The provider's name of the key, or the URL of its certificate, where deliveries name it.
    event
        Which of the provider's sample events to send, `confirmed` where absent; an unknown one
        lists all. Providers without samples have one, `test`.
    reference
        The payment's reference in the sample event; a new one where absent.
    body
        A file with the body to send instead of a sample event.
    parameter
        name=value, for a profile that takes parameters; may be repeated.
    registered_url
        The URL that is signed, where the provider signs it: the source's `public_url`. Where
        absent, it is the one sent to.
    """
    from sealgate.catalogue.command import own_profiles
    from sealgate.simulator.send import Shipment
    from sealgate.simulator.send import send as run_send

    words, own = tuple(parameter), own_profiles(config)
    return run_send(
        Shipment(url, provider, key_file, event, reference, body, words, kid, registered_url, own)
    )


def new_key(
    provider: str,
    *,
    key_file: Path,
    parameter: Sequence[str] = (),
    config: "Config | None" = None,
) -> int:
    """Make a key to try a provider with: its secret, or the files of a key pair.

    Parameters
    ----------
    provider
        The profile that the key is for: its name, or the path of one of your own.
    key_file
        The file to write, for `sealgate send`; of a pair it holds the private key, and the public
        one, for the gateway, is written beside it with `.pub` behind the name.
    parameter
        name=value, for a profile that takes parameters; may be repeated.
    """
    from sealgate.catalogue.command import own_profiles
    from sealgate.simulator.new_key import run

    return run(provider, key_file, parameter, own_profiles(config))


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


def verify(
    *,
    request: Path,
    source: str = "",
    config: "Config" = DEFAULT_CONFIG,
    provider: str = "",
    keys: "WithKeys" = None,
    reading: "AsRead" = None,
) -> int:
    """Explain step by step why a captured request verifies, or why it does not.

    Parameters
    ----------
    request
        The capture: a raw HTTP/1.1 request, JSON (method, url, headers, body or body_base64), or a
        curl command line; - reads standard input.
    source
        The slug of a configured source: its profile, keys and URL judge.
    provider
        Without --source: a profile's name, or the path of a profile.
    """
    from sealgate.catalogue.command import own_profiles
    from sealgate.explain.asked import Keys, Question, Reading
    from sealgate.explain.command import run

    said = (request, keys or Keys(), reading or Reading(), source, config, provider)
    return run(Question(*said, own_profiles(config)), os.environ, _now_ms(), sys.stdout)


def providers_list(*, config: "Config | None" = None, json: bool = False) -> int:
    """List every provider profile: class, confidence, scheme, answers, and what it needs."""
    from sealgate.catalogue import listing
    from sealgate.catalogue.command import list_all

    columns = shutil.get_terminal_size((listing.WIDTH, 0)).columns
    return list_all(config, as_json=json, out=sys.stdout, columns=columns)


def providers_show(name: str, *, config: "Config | None" = None) -> int:
    """Show all that a merchant needs to set a provider up, with a ready [[source]].

    Parameters
    ----------
    name
        A profile's name, or the path of a profile.
    """
    from sealgate.catalogue.command import show

    return show(name, config, out=sys.stdout)


def providers_test(
    name: str,
    *,
    request: Path | None = None,
    config: "Config | None" = None,
    keys: "WithKeys" = None,
    reading: "AsRead" = None,
) -> int:
    """Check a profile, by name or path, and explain a captured request with it.

    Parameters
    ----------
    name
        A profile's name, or the path of a profile that is being written.
    request
        The capture, as for `sealgate verify`; where absent only the profile is checked.
    """
    from sealgate.catalogue.command import own_profiles, test
    from sealgate.explain.asked import Keys, Question, Reading

    keys, own, asked = keys or Keys(), own_profiles(config), None
    if request is not None:
        asked = Question(request, keys, reading or Reading(), provider=name, own=own)
    return test(name, config, asked, keys, _now_ms())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


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


COMMANDS: tuple[Callable[..., int], ...] = (
    up,
    serve,
    consume,
    relay,
    monitor,
    check,
    send,
    new_key,
    verify,
    vectors,
    kafka,
    demo,
)
PROVIDERS: dict[str, Callable[..., int]] = {
    "list": providers_list,
    "show": providers_show,
    "test": providers_test,
}
PROVIDERS_SUMMARY = "List and show the provider profiles, and test one: list, show, test."


def overview() -> str:
    """Say what there is, from the commands themselves."""
    lines = {
        command.__name__.replace("_", "-"): (command.__doc__ or "").partition("\n")[0]
        for command in COMMANDS
    }
    rows = [f"  {name:<10} {line}" for name, line in sorted((lines | _GROUPS).items())]
    return "\n".join(
        [
            "Usage: sealgate COMMAND",
            "",
            SUMMARY,
            "",
            "Commands:",
            *rows,
            "",
            "  --help     Show this, or of a command its flags: sealgate COMMAND --help",
            "  --version  Show the version.",
        ]
    )


_GROUPS = {"providers": PROVIDERS_SUMMARY}


def application() -> "App":
    """Make what reads the flags."""
    from cyclopts import App

    app = App(name="sealgate", help=SUMMARY, version_flags=["--version"])
    for command in COMMANDS:
        app.command(_typed(command))
    group = App(name="providers", help=PROVIDERS_SUMMARY)
    for name, command in PROVIDERS.items():
        group.command(_typed(command), name=name)
    app.command(group)
    return app


def _typed(command: Callable[..., int]) -> Callable[..., int]:
    """Fill in the types of its flags, which stand in the functions as texts."""
    from sealgate import flags

    command.__annotations__ = get_type_hints(command, localns=vars(flags), include_extras=True)
    return command


def main() -> None:
    """Run the command line."""
    if sys.argv[1:] in ([], ["--help"], ["-h"]):
        print(overview())
        return
    try:
        sys.exit(application()())
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read along has read enough (| head); nothing must be flushed to them at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
