"""Instants, as a person types them and as a report shows them."""

from ingress.contract import cloudevents
from sealgate.keys import instants


def read_ms(text: str, flag: str) -> int:
    """Read what a person gave a flag: milliseconds since the epoch. Raises `ValueError`."""
    try:
        moment = instants.read(text)
    except ValueError as wrong:
        raise ValueError(f"{flag}: {wrong}") from None
    return round(moment.timestamp() * 1000)


def show(ms: int | None) -> str | None:
    """Write an instant as a report does. One that no calendar has is left in milliseconds."""
    if ms is None:
        return None
    try:
        return cloudevents.timestamp(ms)
    except OverflowError:
        return f"{ms} ms"
