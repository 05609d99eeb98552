"""What came of a job on a log or a store, and how it is held against what must have come."""

import time
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a job. `wrong` lists what is not as it must be."""

    events: int
    elapsed_s: float
    cpu_s: float
    wrong: tuple[str, ...] = ()

    @property
    def rate_per_s(self) -> float:
        """Events a second."""
        return self.events / self.elapsed_s

    @property
    def cpu_us(self) -> float:
        """What one event cost this process."""
        return self.cpu_s / self.events * 1e6


def differ(what: str, found: object, must: object) -> tuple[str, ...]:
    """Say what is not as it must be; nothing where it is."""
    return () if found == must else (f"{what}: {found}, not {must}",)


@dataclass(frozen=True, slots=True)
class Watch:
    """The time since it was made, by the clock on the wall and by what this process used."""

    began_s: float = field(default_factory=time.perf_counter)
    began_cpu_s: float = field(default_factory=time.process_time)

    def read(self) -> tuple[float, float]:
        """Return both, in seconds."""
        return time.perf_counter() - self.began_s, time.process_time() - self.began_cpu_s
