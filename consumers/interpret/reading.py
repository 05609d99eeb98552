"""Read values out of one event: instants, amounts, transfers. Pure.

Each reader is compiled from the mapping's table once, and called for every event. All of them raise
`Drift` for what is there and cannot be right, and take what is not there for not told.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from consumers.exceptions import Code
from consumers.facts import NETWORK_MARK, Fact, FactKind, RefundStatus, simple
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
_COUNT_CHARS_MAX = 9

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
        told = first(document, self.places)
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
class Names:
    """Turns a provider's names of assets and networks into ours."""

    registry: Assets
    assets: Mapping[str, str]
    networks: Mapping[str, str]

    def asset(self, name: object, network: object) -> str:
        """Return the registered asset. Raises `Drift` for one that nobody has registered."""
        if isinstance(name, str) and name in self.assets:
            return self.registry.symbol(self.assets[name])
        if not isinstance(network, str) or not network:
            return self.registry.symbol(name)
        if network not in self.networks:
            raise Drift("the network is not in the mapping", Code.UNKNOWN_ASSET, "network")
        place = self.networks[network]
        whole = f"{name}{NETWORK_MARK}{place}" if place and isinstance(name, str) else name
        return self.registry.symbol(whole)

    def token(self, contract: object, name: object, network: object) -> str:
        """Return the asset of a contract; without one, the asset of that name if it is no token.

        Raises `Drift` for a contract that nobody has registered, whatever the token is called.
        """
        if contract is not None:
            place = self.networks.get(network) if isinstance(network, str) else None
            if place is None or not isinstance(contract, str):
                raise Drift("a contract without a network", Code.UNKNOWN_ASSET, "contract")
            return self.registry.at_contract(place, contract)
        asset = self.asset(name, network)
        if self.registry.is_token(asset):
            told = f"the event calls it {asset}, and names no contract of a token"
            raise Drift(told, Code.UNKNOWN_ASSET, asset)
        return asset


@dataclass(frozen=True, slots=True)
class Amount:
    """Reads an amount and its asset. `always` is the asset where the mapping itself names it."""

    amount: Places
    asset: Places
    always: str
    ends: str
    network: Places
    decimals: Places
    contract: Places
    unit: Unit
    names: Names

    @classmethod
    def compile(cls, told: mapping.Amount, names: Names) -> Self:
        """Prepare the reader."""
        return cls(
            amount=_parse(told.amount),
            asset=_parse(told.asset),
            always=told.asset_is,
            ends=told.asset_ends_at,
            network=_parse(told.network),
            decimals=_parse(told.decimals),
            contract=_parse(told.contract),
            unit=told.unit,
            names=names,
        )

    def read(self, element: Any, document: Any = None) -> tuple[str, int | None]:
        """Return the asset and its atomic units; no asset and None if the event does not tell.

        What `element` does not hold of the asset and the network is looked for in `document`.
        """
        told = first(element, self.amount)
        if told is None or told == "":
            return "", None
        symbol = self._symbol(element, document)
        decimals = first(element, self.decimals) if self.decimals else None
        if decimals is not None:
            self.names.registry.check_decimals(symbol, decimals)
        return symbol, self.names.registry.atomic(told, symbol, self.unit)

    def _symbol(self, element: Any, document: Any) -> str:
        name = self.always or self._cut(_either(element, document, self.asset))
        network = _either(element, document, self.network)
        if self.contract:
            return self.names.token(first(element, self.contract), name, network)
        return self.names.asset(name, network)

    def _cut(self, name: object) -> object:
        if isinstance(name, str):
            for end in self.ends:
                name = name.partition(end)[0]
        return name


@dataclass(frozen=True, slots=True)
class Total:
    """Reads the running total of a payment: what came, or the price less what is missing."""

    amount: Amount
    minus: Places
    plus: Places

    @classmethod
    def compile(cls, told: mapping.Total, names: Names) -> Self:
        """Prepare the reader."""
        return cls(Amount.compile(told, names), _parse(told.minus), _parse(told.plus))

    def read(self, document: Any) -> tuple[str, int | None]:
        """Return the asset and its atomic units; no asset and None if the event does not tell."""
        asset, amount = self.amount.read(document)
        if amount is None:
            return "", None
        came = amount + self._sum(document, self.plus, asset)
        came -= self._sum(document, self.minus, asset)
        if came < 0:
            raise Drift(f"more is missing at {_name(self.minus[0])} than was asked for")
        return asset, came

    def _sum(self, document: Any, places: Places, asset: str) -> int:
        told = [pointer.find(document, place) for place in places]
        registry, unit = self.amount.names.registry, self.amount.unit
        return sum(registry.atomic(one, asset, unit) for one in told if one not in _UNTOLD)


_UNTOLD: tuple[None, str] = (None, "")


@dataclass(frozen=True, slots=True)
class Transfers:
    """Reads the transfers of an event."""

    each: Tokens | None
    key: Places
    index: Places
    amount: Amount
    seen_at: Moment | None
    block: Places
    removed: Tokens | None
    confirmations: Places

    @classmethod
    def compile(cls, told: mapping.Transfers, names: Names) -> Self:
        """Prepare the reader."""
        return cls(
            each=None if told.each is None else pointer.parse(told.each),
            key=_parse(told.key),
            index=_parse(told.index),
            amount=Amount.compile(told, names),
            seen_at=None if told.seen_at is None else Moment.compile(told.seen_at),
            block=_parse(told.block),
            removed=None if told.removed is None else pointer.parse(told.removed),
            confirmations=_parse(told.confirmations),
        )

    def read(self, document: Any, kind: FactKind, at_ms: int, *, late: bool) -> Iterator[Fact]:
        """State every transfer as `kind`, and when it was seen where the event tells."""
        for element in elements(document, self.each):
            key = identify(element, self.key, document, self.index)
            block = self._block(element)
            if self.removed is not None and pointer.find(element, self.removed) is True:
                yield simple(FactKind.REMOVED, at_ms, key=key, detail=block)
            elif kind in _GONE:
                detail = block if kind is FactKind.REMOVED else ""
                yield simple(kind, at_ms, key=key, detail=detail)
            else:
                asset, amount = self.amount.read(element, document)
                seen_ms = None if self.seen_at is None else self.seen_at.read(element)
                came = simple(kind, at_ms, key=key, asset=asset, amount=amount, detail=block)
                yield from _observations(came._replace(late=late), seen_ms)

    def depths(self, document: Any) -> Mapping[str, int]:
        """Return how many confirmations the event names, by transfer; of two words the lower."""
        if not self.confirmations:
            return {}
        found: dict[str, int] = {}
        for element in elements(document, self.each):
            told = first(element, self.confirmations)
            if told is None or (self.removed and pointer.find(element, self.removed) is True):
                continue
            key, count = identify(element, self.key, document, self.index), self._count(told)
            found[key] = min(found.get(key, count), count)
        return found

    def _count(self, told: object) -> int:
        text = str(told) if isinstance(told, int | str) and not isinstance(told, bool) else ""
        if not (text.isascii() and text.isdigit() and len(text) <= _COUNT_CHARS_MAX):
            raise Drift(f"{_name(self.confirmations[0])} is no number of confirmations")
        return int(text)

    def _block(self, element: Any) -> str:
        told = first(element, self.block)
        if told is None:
            return ""
        if not isinstance(told, str):
            raise Drift(f"{_name(self.block[0])} is no text")
        return cloudevents.attribute(told)


_GONE = frozenset({FactKind.REMOVED, FactKind.DROPPED})


def _observations(came: Fact, seen_ms: int | None) -> Iterator[Fact]:
    """State an observation, and before it the first sighting, where the event tells when."""
    if came.kind is FactKind.FINAL:
        yield came
    if came.kind is FactKind.SEEN or seen_ms is not None:
        first_ms = came.at_ms if seen_ms is None else seen_ms
        yield came._replace(kind=FactKind.SEEN, at_ms=first_ms)


@dataclass(frozen=True, slots=True)
class Refunds:
    """Reads the refunds of an event."""

    each: Tokens | None
    key: Places
    amount: Amount | None

    @classmethod
    def compile(cls, told: mapping.Refunds, names: Names) -> Self:
        """Prepare the reader."""
        each = None if told.each is None else pointer.parse(told.each)
        amount = None if told.amount is None else Amount.compile(told.amount, names)
        return cls(each, _parse(told.key), amount)

    def read(
        self, document: Any, total: str, status: RefundStatus, at_ms: int, *, whole: bool
    ) -> Iterator[Fact]:
        """State every refund; `total` names the payment as a whole, for one without a name."""
        for element in elements(document, self.each):
            key = identify(element, self.key, document) if self.key else total
            asset, amount = ("", None)
            if self.amount is not None:
                asset, amount = self.amount.read(element, document)
            told = simple(
                FactKind.REFUND, at_ms, key=key, asset=asset, amount=amount, detail=str(status)
            )
            yield told._replace(whole=whole)


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


def identify(element: Any, places: Places, document: Any = None, index: Places = ()) -> str:
    """Return the key of a transfer: the texts at `places`, all of them, fit to be stored.

    Of the places of its `index` the first that holds something is added.
    """
    texts = [_text(_either(element, document, (place,))) for place in places]
    if not all(texts):
        raise Drift(f"a transfer has no key at {' and '.join(map(_name, places))}")
    where = first(element, index)
    if where is not None:
        texts.append(_text(where) or _refuse(index[0]))
    # Escaped, so that two different lists never read the same; behind a prefix of its own, so that
    # no provider's text can pass for a running total.
    escaped = [text.replace("%", "%25").replace(":", "%3A") for text in texts]
    return cloudevents.attribute("tx:" + ":".join(escaped))


def _refuse(place: Tokens) -> str:
    raise Drift(f"{_name(place)} is no text and no whole number")


def _text(told: object) -> str:
    """Return a text, or a whole number as one; nothing for anything else."""
    if isinstance(told, bool):
        return ""
    return str(told) if isinstance(told, str | int) else ""


def _either(element: Any, document: Any, places: Places) -> Any:
    """Return what stands at the first place that holds something, in the element or around it."""
    found = first(element, places)
    return first(document, places) if found is None and document is not None else found


def _parse(places: Iterable[str]) -> Places:
    return tuple(pointer.parse(place) for place in places)


def first(document: Any, places: Places) -> Any:
    """Return what stands at the first place that holds something."""
    for place in places:
        found = pointer.find(document, place)
        if found is not None:
            return found
    return None


def _name(place: Tokens) -> str:
    return "/" + "/".join(place)
