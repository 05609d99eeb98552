"""Numbers as Grafana writes them: a number and the name of a unit flow in, a short text flows out.

The names are Grafana's own, and so are the steps: seconds become milliseconds, minutes or days,
bytes become KiB. Pure.
"""

import math
from collections.abc import Callable, Mapping, Sequence

_BYTES = 1024
_THOUSAND = 1000
_TIMES: Sequence[tuple[float, str]] = (
    (86_400, "day"),
    (3600, "hour"),
    (60, "min"),
    (1, "s"),
    (0.001, "ms"),
    (0.000_001, "µs"),
)
_SHORT = ("", "K", "Mil", "Bil")
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")
NOTHING = "-"


def written(value: float, unit: str) -> str:
    """Write a value in one of Grafana's units; one that is not known here is only a suffix."""
    if not math.isfinite(value):
        return NOTHING
    return _FORMS.get(unit, _suffix(unit))(value)


def digits(value: float) -> str:
    """Write three digits that matter, and no zeros behind the point."""
    if value == 0:
        return "0"
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(places, 4)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _seconds(value: float) -> str:
    for size, name in _TIMES:
        if abs(value) >= size:
            count = digits(value / size)
            return f"{count} {name}{'s' if name in ('day', 'hour') and count != '1' else ''}"
    return "0 s" if value == 0 else f"{digits(value / _TIMES[-1][0])} µs"


def _stepped(value: float, step: int, names: Sequence[str]) -> str:
    power = 0
    while abs(value) >= step and power < len(names) - 1:
        value, power = value / step, power + 1
    return f"{digits(value)} {names[power]}".strip()


def _suffix(unit: str) -> Callable[[float], str]:
    return lambda value: f"{digits(value)} {unit.removeprefix('suffix:')}"


_FORMS: Mapping[str, Callable[[float], str]] = {
    "short": lambda value: _stepped(value, _THOUSAND, _SHORT),
    "locale": lambda value: f"{value:,.2f}".rstrip("0").rstrip("."),
    "percentunit": lambda value: f"{digits(value * 100)} %",
    "s": _seconds,
    "bytes": lambda value: _stepped(value, _BYTES, _SIZES),
    "reqps": lambda value: f"{digits(value)} req/s",
    "ops": lambda value: f"{digits(value)} ops/s",
}
