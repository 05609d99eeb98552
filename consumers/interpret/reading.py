"""Read values out of one event: instants, amounts, transfers. Pure.

Each reader is compiled from the mapping's table once, and called for every event. All of them raise
`Drift` for what is there and cannot be right, and take what is not there for not told.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from consumers.facts import Fact, FactKind
from consumers.interpret import mapping, pointer
from consumers.interpret.assets import Assets, Unit
from consumers.interpret.drift import Drift
from consumers.interpret.mapping import TimeUnit
from consumers.interpret.pointer import Tokens
from ingress.contract import cloudevents

_MS = {TimeUnit.SECONDS: 1000, TimeUnit.MILLISECONDS: 1}
# The last millisecond of the year 9999: no later one can be written as RFC 3339.
INSTANT_MS_MAX = 253_402_300_799_999
_NEVER = -1

Places = tuple[Tokens, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """Reads an instant."""

    places: Places
    unit: TimeUnit

    @classmethod
    def compile(cls, told: mapping.Moment) -> Self:
        """Prepare the reader."""
        return cls(_parse(told.place), told.unit)

    def read(self, document: Any) -> int | None:
        """Return milliseconds since the epoch; None if the event does not tell."""
        told = _first(document, self.places)
        if told is None:
            return None
        instant = self._ms(told)
        if not 0 <= instant <= INSTANT_MS_MAX:
            raise Drift(f"{_name(self.places[0])} is no instant ({self.unit})")
        return instant

    def _ms(self, told: object) -> int:
        if self.unit is TimeUnit.RFC3339:
            try:
                return cloudevents.timestamp_ms(told) if isinstance(told, str) else _NEVER
            except (ValueError, OverflowError):
                return _NEVER
        if isinstance(told, bool) or not isinstance(told, int):
            return _NEVER
        return told * _MS[self.unit]


@dataclass(frozen=True, slots=True)
class Amount:
    """Reads an amount and its asset."""

    amount: Places
    asset: Places
    ends: str
    unit: Unit
    assets: Assets

    @classmethod
    def compile(cls, told: mapping.Amount, assets: Assets) -> Self:
        """Prepare the reader."""
        amount, asset = _parse(told.amount), _parse(told.asset)
        return cls(amount, asset, told.asset_ends_at, told.unit, assets)

    def read(self, document: Any) -> tuple[str, int | None]:
        """Return the asset and its atomic units; no asset and None if the event does not tell."""
        told = _first(document, self.amount)
        if told is None:
            return "", None
        symbol = self.assets.symbol(self._asset(document))
        return symbol, self.assets.atomic(told, symbol, self.unit)

    def _asset(self, document: Any) -> object:
        name = _first(document, self.asset)
        if isinstance(name, str):
            for end in self.ends:
                name = name.partition(end)[0]
        return name


@dataclass(frozen=True, slots=True)
class Transfers:
    """Reads the transfers of an event."""

    each: Tokens | None
    key: Places
    amount: Amount
    seen_at: Moment | None

    @classmethod
    def compile(cls, told: mapping.Transfers, assets: Assets) -> Self:
        """Prepare the reader."""
        each = None if told.each is None else pointer.parse(told.each)
        key = _parse(told.key)
        seen_at = None if told.seen_at is None else Moment.compile(told.seen_at)
        return cls(each, key, Amount.compile(told, assets), seen_at)

    def read(self, document: Any, kind: FactKind, at_ms: int, *, late: bool) -> Iterator[Fact]:
        """State every transfer as `kind`, and when it was seen where the event tells."""
        for element in elements(document, self.each):
            asset, amount = self.amount.read(element)
            key = identify(element, self.key)
            seen_ms = None if self.seen_at is None else self.seen_at.read(element)
            if kind is FactKind.FINAL:
                yield Fact(kind, key, asset, amount, whole=False, late=late, at_ms=at_ms)
            if kind is FactKind.SEEN or seen_ms is not None:
                first_ms = at_ms if seen_ms is None else seen_ms
                seen = FactKind.SEEN
                yield Fact(seen, key, asset, amount, whole=False, late=late, at_ms=first_ms)


def elements(document: Any, each: Tokens | None) -> Sequence[Any]:
    """Return the elements of the list at `each`; the document itself where there is no `each`."""
    if each is None:
        return (document,)
    found = pointer.find(document, each)
    if found is None:
        return ()
    if not isinstance(found, list):
        raise Drift(f"{_name(each)} is no list")
    return found


def identify(document: Any, places: Places) -> str:
    """Return the key of a transfer: the texts at `places`, all of them, fit to be stored."""
    texts = [pointer.find(document, place) for place in places]
    if not all(isinstance(text, str) and text for text in texts):
        raise Drift(f"a transfer has no key at {' and '.join(map(_name, places))}")
    # Escaped, so that two different lists never read the same; behind a prefix of its own, so that
    # no provider's text can pass for a running total.
    escaped = [text.replace("%", "%25").replace(":", "%3A") for text in texts]
    return cloudevents.attribute("tx:" + ":".join(escaped))


def _parse(places: Iterable[str]) -> Places:
    return tuple(pointer.parse(place) for place in places)


def _first(document: Any, places: Places) -> Any:
    """Return what stands at the first place that holds something."""
    for place in places:
        found = pointer.find(document, place)
        if found is not None:
            return found
    return None


def _name(place: Tokens) -> str:
    return "/" + "/".join(place)
