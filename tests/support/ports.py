"""Ports to be bound later, by a process that has to be told of one.

The kernel gives the ports of its own range to whoever connects to anything: one of those that was
free a moment ago may be somebody's connection now, and on a busy machine it is. So these lie below.
"""

import random
import socket
from pathlib import Path

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST = 10_000
# Not the generator of the tests, which is set to the same seed in each of their processes.
_DICE = random.SystemRandom()


def free() -> int:
    """Choose a port of loopback that nobody listens at, and that is given to no connection."""
    first = int(RANGE.read_text().split()[0]) if RANGE.exists() else 32_768
    for _ in range(1000):
        port = _DICE.randrange(min(LOWEST, first - 1000), first)
        with socket.socket() as probe:
            # As servers do: what lingers of an old connection is no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"no port below {first} is free")
