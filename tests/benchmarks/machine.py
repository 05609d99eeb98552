"""What the figures were measured on: nobody can read a rate without it."""

import os
import platform
import resource
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from tests.benchmarks.processes import Cores

# With more than this taken by others, even ratios are no longer to be trusted.
FOREIGN_SHARE_MAX = 0.1
PACKAGES = ("aiohttp", "aiokafka", "apsw", "asyncpg", "orjson", "sealgate", "uvloop")


def describe(cores: Cores) -> dict[str, str]:
    """Describe the machine and what runs on it."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": versions,
        "cores used": _shared(cores),
    }


def _shared(cores: Cores) -> str:
    services = " and ".join(map(str, sorted(cores.services)))
    said = f"programs {cores.server}, generator {cores.generator}, broker and database {services}"
    return (
        said if cores.alone else f"{said}: only one core, so the generator slows what it measures"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _busy_s() -> float:
    """Return the time that all cores together were not idle: user, nice, system, interrupts, steal.

    What a hypervisor gave to others counts: it was not ours.
    """
    fields = [int(field) for field in Path("/proc/stat").read_text().split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _own_s() -> float:
    """Return the time of this process and of all its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


@dataclass(frozen=True, slots=True)
class Company:
    """Whoever else used the machine since this was made: a benchmark wants to be alone."""

    began_s: float = field(default_factory=time.monotonic)
    busy_s: float = field(default_factory=_busy_s)
    own_s: float = field(default_factory=_own_s)

    def share(self) -> float:
        """Return how much of the machine others took. Our own processes must have ended."""
        others_s = (_busy_s() - self.busy_s) - (_own_s() - self.own_s)
        return max(0.0, others_s / (time.monotonic() - self.began_s) / (os.cpu_count() or 1))
