"""The arithmetic of a table: percentiles of one run, spreads and ratios over rounds. Pure."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Spread(NamedTuple):
    """One figure over all rounds."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Latency:
    """One run's latencies, in milliseconds; None where the run was too short to tell."""

    p50_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    max_ms: float | None


def percentile(ordered: Sequence[float], per_mille: int) -> float | None:
    """Return the smallest value that at least `per_mille` of `ordered` do not exceed.

    It is a value that was measured, never one between two (nearest rank). None where the share
    above it is less than one value: the largest of 100 values says nothing about 1 in 1,000.
    """
    count = len(ordered)
    if count * (1000 - per_mille) < 1000:
        return None
    rank = -(-count * per_mille // 1000)
    return ordered[max(rank, 1) - 1]


def latency(seconds: Iterable[float]) -> Latency:
    """Sum up the latencies of one run."""
    ordered = sorted(seconds)
    found = [percentile(ordered, per_mille) for per_mille in (500, 990, 999)]
    p50, p99, p999 = (None if value is None else value * 1000 for value in found)
    return Latency(p50, p99, p999, ordered[-1] * 1000 if ordered else None)


def spread(values: Iterable[float | None]) -> Spread | None:
    """Return median, least and most of what was measured; None where nothing was."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return Spread(statistics.median(known), min(known), max(known))


def ratios(values: Iterable[float], to: Iterable[float]) -> list[float]:
    """Divide round by round: what disturbs a round disturbs both of its sides."""
    return [value / other for value, other in zip(values, to, strict=True)]
