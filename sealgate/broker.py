"""`sealgate kafka`: a real Apache Kafka on loopback, for a laptop, until Ctrl-C.

The launcher belongs to `deploy.kafka`; this module only says what a person needs: where the
broker is, the line to put into the configuration, and why it could not start. A terminal's Ctrl-C
reaches the broker as well as us, a SIGTERM us alone; either way it is stopped in good order.
"""

import signal
import sys
from pathlib import Path
from types import FrameType

from deploy.kafka.artefacts import BrokerUnavailable
from deploy.kafka.broker import Broker, start
from sealgate.plain import plain

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_UNAVAILABLE = 69
# What the broker's process ends with when it was told to: SIGINT and SIGTERM, as Java reports them.
_TOLD_TO = frozenset({0, 128 + signal.SIGINT, 128 + signal.SIGTERM})


class _Stop(Exception):
    """A signal asked us to end."""


def run(directory: Path, port: int) -> int:
    """Start the broker in `directory` and stay until a signal; return the exit code."""
    previous = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in previous:
        signal.signal(number, _raise_stop)
    try:
        return _run(directory, port)
    except _Stop:
        return EXIT_OK
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _run(directory: Path, port: int) -> int:
    print("starting Apache Kafka ...", file=sys.stderr, flush=True)
    try:
        broker = start(directory, port)
    except BrokerUnavailable as why:
        print(plain(f"Kafka cannot be started: {why}"), file=sys.stderr)
        return EXIT_UNAVAILABLE
    with broker:
        _announce(broker)
        status = broker.wait()
    if status in _TOLD_TO:
        return EXIT_OK
    print(f"Kafka ended with status {status}; see {broker.output}", file=sys.stderr)
    return EXIT_FAILED


def _announce(broker: Broker) -> None:
    print(f"Apache Kafka answers at {broker.bootstrap}; its data is in {broker.directory}")
    print("\nIn sealgate.toml:\n")
    print(f'  [log]\n  url = "kafka://{broker.bootstrap}?replication_factor=1"')
    print("  accepts_unsafe_topics = true\n")
    print(f"Or at once:  sealgate demo --kafka {broker.bootstrap}\n")
    print(
        "Ctrl-C stops it; started again on the same directory it has the same records.", flush=True
    )


def _raise_stop(_number: int, _frame: FrameType | None) -> None:
    raise _Stop
