"""`docs/events.md`: the event matrix, from the mapping tables of all providers.

For every word a provider may say: under which condition, which facts it states, and what state
those facts lead to when nothing else is known, and when the payment was Confirmed before. The two
states are worked out by the reducer itself, over the amounts and marks that the event may carry.
"""

from collections.abc import Iterator, Sequence
from itertools import product

from consumers.facts import OPEN, TOTAL_PREFIX, Fact, FactKind, simple
from consumers.interpret import mapping
from consumers.interpret.mapping import ProviderMapping, Say
from consumers.interpret.rules import Rule as Compiled
from consumers.lifecycle import State, reduce
from ingress import providers
from sealgate.catalogue.entries import find
from sealgate.catalogue.showing import ASSURANCE
from sealgate.lifecycle_docs.tables import table

_INTRODUCTION = (
    "Generated from the mapping tables in `consumers/interpret/` by `make docs`. Providers' words"
    " collide: *paid* is below confirmed with one and means confirmed with another. So a word"
    " never is a state here. It states facts, and [the rules](lifecycle.md) say what the facts"
    " prove."
)
_COLUMNS = (
    "**Alone** is the state where nothing else is known of the payment; **after Confirmed** is the"
    " state where it was Confirmed before. **Underpaid** alone means that money came and no price"
    " is known yet that it could meet: it is no shortfall, nobody is called for it, and the next"
    " word about the price or the whole moves it on. Where a word leaves several states open, the"
    " amounts or marks in the event decide: our own sums, not the word. A condition names a place"
    " in the event's document and what must stand there; of several lines for one word the first"
    " that fits is followed. A word that is not in these tables states nothing: it is kept, and"
    " raises [UNKNOWN_TYPE](exceptions.md#unknown_type)."
)
# What a rule says, in words.
SAYS = {
    Say.EXPECTED: "what was asked",
    Say.OPEN: "any amount will do",
    Say.TRANSFER_SEEN: "each transfer was seen",
    Say.TRANSFER_FINAL: "each transfer is final",
    Say.TRANSFER_REMOVED: "each transfer was taken back",
    Say.TRANSFER_DROPPED: "each transfer vanished",
    Say.TOTAL_SEEN: "money was seen",
    Say.TOTAL_FINAL: "the money is final",
    Say.TOTAL_REMOVED: "the money was taken back",
    Say.TOTAL_DROPPED: "the money vanished",
    Say.EXPIRED: "the window closed",
    Say.CANCELLED: "called off",
    Say.FAILED: "failed",
    Say.REFUND: "refund",
    Say.SETTLED: "credited to our balance",
    Say.HOLD: "hold",
    Say.RELEASE: "hold released",
    Say.NOTE: "note",
    Say.ACCEPT_LATE: "late money taken, at the provider",
    Say.ACCEPT_UNDER: "lower amount taken, at the provider",
}
# An event that might have come: its figures fill the tables, and nothing else.
_TOTAL = f"{TOTAL_PREFIX}example"
_TRANSFER = "tx:example"
_BLOCK = "block"
_ASSET = "EXAMPLE"
_PRICE = 100
_PART = 60
_SEEN_MS, _SAID_MS, _END_MS = 1, 2, 10


def page() -> str:
    """Write the page."""
    loaded = mapping.load()
    return "\n".join(
        [
            "# What providers' words become",
            "",
            _INTRODUCTION,
            "",
            _COLUMNS,
            "",
            " · ".join(f"[{name}](#{name})" for name in sorted(loaded)),
            "",
            *(line for name in sorted(loaded) for line in _provider(name, loaded[name])),
        ]
    )


def _provider(name: str, tables: Sequence[ProviderMapping]) -> Iterator[str]:
    """Write a provider's tables: of several, as there are products and versions."""
    yield f"## {name}"
    if name in providers.names():
        grade = find(name, {}, None).profile.assurance.value
        yield ""
        yield f"Class {grade}: {ASSURANCE[grade]}."
    for told in sorted(tables, key=lambda one: (one.product, -one.version)):
        yield ""
        yield f"{_title(told)}, in force from {told.effective_from}. Source: {told.source}."
        head = ("word", "condition", "facts", "alone", "after Confirmed")
        yield from table(head, map(_row, told.rule))
        if told.timeline is not None:
            yield "Each event repeats the payment's history, and its entries add facts:"
            yield from table(head, map(_row, told.timeline.rule))


def _title(told: ProviderMapping) -> str:
    """Name a table as transitions do, and say which events it is for."""
    name = "/".join(filter(None, (told.provider, told.product, str(told.version))))
    parts = [f"**{name}**", *([_condition(told.where)] if told.where else [])]
    if told.api is not None:
        since = f"from {told.api.since}" if told.api.since else ""
        until = f"before {told.api.until}" if told.api.until else ""
        parts.append(" ".join(filter(None, ("API", since, until))))
    if told.texts:
        parts.append(f"read inside of the text at {', '.join(f'`{one}`' for one in told.texts)}")
    if told.deposit is not None:
        parts.append("each transfer a [deposit](deposits.md), and the states those of its match")
    return ", ".join(parts)


def _row(rule: mapping.Rule) -> tuple[str, ...]:
    return (
        ", ".join(f"`{word}`" for word in rule.words),
        _conditions(rule),
        _facts(rule),
        _states(rule, is_confirmed=False),
        _states(rule, is_confirmed=True),
    )


def _conditions(rule: mapping.Rule) -> str:
    told = [_condition(rule.where)] if rule.where else []
    return " and ".join([*told, *(f"`{place}` is told" for place in rule.has)])


def _condition(where: dict[str, mapping.Scalar]) -> str:
    return " and ".join(f"`{place}` is `{_scalar(value)}`" for place, value in where.items())


def _scalar(value: mapping.Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _facts(rule: mapping.Rule) -> str:
    """Say in words what the rule states."""
    detail = {
        Say.FAILED: rule.reason,
        Say.REFUND: rule.refund,
        Say.HOLD: rule.hold,
        Say.RELEASE: rule.hold,
        Say.NOTE: ", ".join(rule.note),
    }
    told = [f"{SAYS[say]} ({detail[say]})" if detail.get(say) else SAYS[say] for say in rule.say]
    if rule.whole:
        told.append("the provider calls it the whole")
    if rule.late:
        told.append("late" if rule.late is True else f"late where `{rule.late}` is true")
    if rule.raises:
        told.append(f"raises [{rule.raises}](exceptions.md#{rule.raises.lower()})")
    return "; ".join(told) or "nothing: known, and about no money"


def _states(rule: mapping.Rule, *, is_confirmed: bool) -> str:
    """Name every state that the rule's facts can lead to."""
    if not rule.say and not is_confirmed:
        return "no payment"
    compiled = Compiled.compile(rule)
    marks = [rule.late] if isinstance(rule.late, bool) else [False, True]
    known = _confirmed(compiled) if is_confirmed else []
    found = {
        reduce({*known, *_example(rule, compiled, amount, late=late)})
        for amount, late in product((_PART, _PRICE), marks)
    }
    return " or ".join(state for state in State if state in found)


def _confirmed(rule: Compiled) -> list[Fact]:
    """Make a payment Confirmed by money that the rule can speak of."""
    key = _TOTAL if _is_total(rule) else _TRANSFER
    block = next((one.detail for one in rule.bare if one.kind in _LOSSES), _BLOCK)
    place = simple(FactKind.FINAL, _SEEN_MS, key=key, asset=_ASSET, amount=_PRICE, detail=block)
    return [_asked(), place]


_LOSSES = (FactKind.REMOVED, FactKind.DROPPED)


def _is_total(rule: Compiled) -> bool:
    return bool(rule.totals) or any(one.is_total for one in rule.bare)


def _asked() -> Fact:
    price = simple(FactKind.EXPECTED, 0, asset=_ASSET, amount=_PRICE)
    return price._replace(expires_ms=_END_MS)


def _example(rule: mapping.Rule, compiled: Compiled, amount: int, *, late: bool) -> Iterator[Fact]:
    """State what the rule would, of an event that names this amount."""
    if compiled.asks:
        yield _asked()
    if compiled.is_open:
        yield simple(FactKind.EXPECTED, 0, detail=OPEN)
    for kind in compiled.transfers:
        came = simple(kind, _SAID_MS, key=_TRANSFER, detail=_BLOCK)
        is_lost = kind in _LOSSES
        yield came if is_lost else came._replace(asset=_ASSET, amount=amount, late=late)
    for kind in compiled.totals:
        came = simple(kind, _SAID_MS, key=_TOTAL, asset=_ASSET, amount=amount)
        yield came._replace(whole=rule.whole, late=late, amount=None if rule.whole else amount)
    for one in compiled.bare:
        yield simple(one.kind, _SAID_MS, key=_TOTAL if one.is_total else one.key, detail=one.detail)
    if compiled.refund is not None:
        back = simple(FactKind.REFUND, _SAID_MS, key="refund", asset=_ASSET, amount=amount)
        yield back._replace(detail=str(compiled.refund), whole=rule.whole)
