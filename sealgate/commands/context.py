"""What commands share: exit codes, the configuration, the clock and the environment.

The environment and the clock are read here and nowhere else; everything below gets them as
arguments.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from sealgate.config import Configuration

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_FOUND = 3
"""A check was made and found something wrong."""
EXIT_UNAVAILABLE = 69
EXIT_CONFIGURATION = 78
EXIT_INTERRUPTED = 130
RoleName = Literal["edge", "worker", "relay", "timers", "fetch", "monitor"]
"""What a process plays, as typed after --role."""
ROLES = get_args(RoleName)
DEFAULT_CONFIG = Path("sealgate.toml")


def now_ms() -> int:
    """Read the wall clock: milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def environ() -> Mapping[str, str]:
    """Return the environment variables."""
    return os.environ


def configured(config: Path, roles: Sequence[str], run: "Callable[[Configuration], int]") -> int:
    """Read the configuration and hand it on, or print every mistake in it."""
    from sealgate.check import faults
    from sealgate.config import examine
    from sealgate.plain import plain
    from sealgate.role import Role

    reading = examine(config, environ())
    chosen = tuple(Role(role) for role in roles)
    mistakes = [*reading.mistakes, *faults(reading.configuration, chosen)]
    for mistake in mistakes:
        print(plain(str(mistake)), file=sys.stderr)
    return EXIT_CONFIGURATION if mistakes else run(reading.configuration)
