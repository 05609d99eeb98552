"""Instants and durations, as people write and read them. Pure.

Instants are milliseconds since the epoch, and UTC where they are shown. One that is written must
say its zone: a window that opens an hour early or late is a rotation that fails.
"""

from datetime import UTC, datetime, timedelta

_STEPS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def read(text: str) -> datetime:
    """Read an instant in ISO 8601. Raises `ValueError`."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            # At either end of the calendar its zone may lead out of it.
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{text!r} is no instant: write it with its zone, 2026-12-01T00:00:00Z")


def ms(moment: datetime | None) -> int | None:
    """Return the milliseconds since the epoch; None for no moment."""
    return None if moment is None else round(moment.timestamp() * 1000)


def after(now_ms: int, seconds: int) -> datetime:
    """Return the whole second that is at least so many seconds after now."""
    return datetime.fromtimestamp(-(-now_ms // 1000), UTC) + timedelta(seconds=seconds)


def iso(moment: datetime) -> str:
    """Write an instant as TOML, JSON and people read it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def iso_ms(at_ms: int) -> str:
    """Write an instant to the second."""
    return iso(datetime.fromtimestamp(at_ms // 1000, UTC))


def span(seconds: float) -> str:
    """Say how long that is, in its largest unit, or two of them: ``7 days``, ``1 hour 1 minute``.

    What is less than the second unit is left out.
    """
    left = round(abs(seconds))
    for number, (size, unit) in enumerate(_STEPS[:-1]):
        if left >= size:
            count, rest = divmod(left, size)
            lesser, name = _STEPS[number + 1]
            tail = f" {_count(rest // lesser, name)}" if rest // lesser else ""
            return _count(count, unit) + tail
    return _count(left, "second")


def ago(at_ms: int, now_ms: int) -> str:
    """Say how long ago an instant was, or how far ahead it is."""
    length = span((now_ms - at_ms) / 1000)
    return f"{length} ago" if at_ms <= now_ms else f"in {length}"


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
