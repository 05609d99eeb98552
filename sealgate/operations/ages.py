"""The ages by which a queue is read: closed, so that two reports can be compared. Pure."""

from typing import NamedTuple

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


class Bucket(NamedTuple):
    """Ages from `from_ms` until, not at, `to_ms`; the last one has no end."""

    name: str
    from_ms: int
    to_ms: int | None


BUCKETS = (
    Bucket("<1h", 0, _HOUR_MS),
    Bucket("1-4h", _HOUR_MS, 4 * _HOUR_MS),
    Bucket("4-24h", 4 * _HOUR_MS, _DAY_MS),
    Bucket("1-3d", _DAY_MS, 3 * _DAY_MS),
    Bucket("3-7d", 3 * _DAY_MS, 7 * _DAY_MS),
    Bucket("7-30d", 7 * _DAY_MS, 30 * _DAY_MS),
    Bucket(">30d", 30 * _DAY_MS, None),
)


def bucket(age_ms: int) -> Bucket:
    """Return the bucket of an age; what is from the future is new."""
    return next(one for one in reversed(BUCKETS) if one.from_ms <= max(age_ms, 0))


def window(name: str, now_ms: int) -> tuple[int | None, int | None]:
    """Return when what is of that age began: from, and until, not at. Raises `ValueError`."""
    found = next((one for one in BUCKETS if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in BUCKETS)
        raise ValueError(f"--age: {name!r} is none of {known}")
    from_ms = None if found.to_ms is None else now_ms - found.to_ms + 1
    return from_ms, now_ms - found.from_ms + 1
