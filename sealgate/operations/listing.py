"""`sealgate payments list` and `sealgate exceptions list`: a page, and how to ask for the next.

A page ends where the next one begins, at a row and not at a number, so that nothing is told twice
and nothing is left out while workers go on.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from consumers.exceptions import HANDLING, Code, subject_of
from consumers.interpret import assets
from consumers.lifecycle import State
from consumers.operating import WrongWords
from consumers.store.cases import ItemFilter, Line, PaymentFilter, Place, Status, place_of
from consumers.store.kept import Kept
from consumers.store.port import PaymentKey, Store
from ingress import telemetry
from sealgate.config import Configuration
from sealgate.exposure import addresses
from sealgate.exposure.marking import accounts
from sealgate.operations import ages, documents, words
from sealgate.operations.answering import Document, answer, columns, refuse
from sealgate.operations.picked import Picked
from sealgate.policies import policy_of

LIMIT_MAX = 1000
_PLACE = re.compile(r"([0-9]{1,2})\.([0-9]{1,18})\.([0-9]{1,18})")
_LINE = re.compile(r"([0-9]{1,18})/(.+)")


@dataclass(frozen=True, slots=True)
class PaymentsAsked:
    """Which payments a person wants to see."""

    state: str = ""
    provider: str = ""
    account: str = ""
    older_than: str = ""
    after: str = ""
    limit: int = 50
    parked: bool = False


@dataclass(frozen=True, slots=True)
class ItemsAsked:
    """Which exceptions a person wants to see."""

    picked: Picked
    is_closed: bool = False
    after: str = ""
    limit: int = 50


def payments(configuration: Configuration, asked: PaymentsAsked, *, as_json: bool) -> int:
    """Print a page of payments, the latest changed first; return the exit code."""
    try:
        wanted = _payment_filter(asked, telemetry.now_ms())
        after = _line_after(asked.after)
        limit = _limit(asked.limit)
    except WrongWords as wrong:
        return refuse(wrong, as_json=as_json)

    async def ask(store: Store) -> Document:
        decimals, policy = assets.load().decimals, policy_of(configuration)
        page = await store.cases.lines(wanted, after, limit)
        found = [
            documents.line(one, await store.payment(one.key), policy, decimals) for one in page
        ]
        return {"format": "sealgate.payments/1", "payments": found, "next": _next_line(page, limit)}

    return answer(configuration, ask, _payment_lines, as_json=as_json)


def items(configuration: Configuration, asked: ItemsAsked, *, as_json: bool) -> int:
    """Print a page of exceptions, the most severe and the oldest first; return the exit code."""
    now_ms = telemetry.now_ms()
    try:
        wanted = _item_filter(asked, now_ms)
        after = _place_after(asked.after)
        limit = _limit(asked.limit)
    except WrongWords as wrong:
        return refuse(wrong, as_json=as_json)

    async def ask(store: Store) -> Document:
        chosen = wanted
        if asked.picked.payment:
            key = await words.payment_of(store, asked.picked.payment, accounts(configuration))
            chosen = wanted._replace(subject=subject_of(key))
        page = await store.cases.items(chosen, after, limit)
        told = documents.items(page, now_ms, assets.load().decimals)
        place = place_of(page[-1]) if len(page) == limit else None
        following = None if place is None else ".".join(map(str, place))
        return {"format": "sealgate.exceptions/1", "exceptions": told, "next": following}

    return answer(configuration, ask, _item_lines, as_json=as_json)


def _payment_filter(asked: PaymentsAsked, now_ms: int) -> PaymentFilter:
    """Read what was asked. Raises `WrongWords`."""
    state = ""
    if asked.state:
        known = {one.lower(): one for one in State}
        if asked.state.lower() not in known:
            raise WrongWords(f"--state: one of {', '.join(State)}")
        state = str(known[asked.state.lower()])
    if asked.parked:
        if state:
            raise WrongWords("--parked: what is parked has no state; leave --state out")
        state = str(Kept.PARKED)
    before_ms = None
    if asked.older_than:
        before_ms = now_ms - words.span_ms(asked.older_than, "older-than")
    return PaymentFilter(state, asked.provider, asked.account, before_ms)


def _item_filter(asked: ItemsAsked, now_ms: int) -> ItemFilter:
    """Read what was asked. Raises `WrongWords`."""
    picked = asked.picked
    codes = _codes(picked)
    status = None
    if picked.status:
        try:
            status = Status(picked.status.lower().replace("-", "_"))
        except ValueError:
            raise WrongWords(f"--status: one of {', '.join(Status)}") from None
    from_ms, before_ms = None, None
    if picked.age:
        try:
            from_ms, before_ms = ages.window(picked.age, now_ms)
        except ValueError as wrong:
            raise WrongWords(str(wrong)) from None
    is_closed = asked.is_closed or status in {Status.RESOLVED, Status.AUTO_RESOLVED}
    return ItemFilter(
        is_open=not is_closed,
        codes=codes,
        severity=picked.severity or None,
        status=status,
        assignee=picked.assignee,
        provider=picked.provider,
        from_ms=from_ms,
        before_ms=before_ms,
    )


def _codes(picked: Picked) -> frozenset[str]:
    """Return the codes of an owner, or the one that was named. Raises `WrongWords`."""
    if picked.code:
        code = picked.code.upper().replace("-", "_")
        if code not in set(Code):
            raise WrongWords(f"--code: one of {', '.join(Code)}")
        return frozenset({code})
    if not picked.owner:
        return frozenset()
    owned = {one.value for one in Code if picked.owner.lower() in HANDLING[one].owner}
    if not owned:
        owners = sorted({one.owner.value for one in HANDLING.values()})
        raise WrongWords(f"--owner: a part of one of: {'; '.join(owners)}")
    return frozenset(owned)


def _limit(limit: int) -> int:
    if not 1 <= limit <= LIMIT_MAX:
        raise WrongWords(f"--limit: from 1 to {LIMIT_MAX}")
    return limit


def _place_after(text: str) -> Place | None:
    """Read where a list of exceptions goes on. Raises `WrongWords`."""
    if not text:
        return None
    found = _PLACE.fullmatch(text)
    if found is None:
        raise WrongWords("--after: give what the list before this one told as `next`")
    return Place(*map(int, found.groups()))


def _line_after(text: str) -> Line | None:
    """Read where a list of payments goes on. Raises `WrongWords`."""
    if not text:
        return None
    found = _LINE.fullmatch(text)
    key = None if found is None else addresses.read(found[2])
    if found is None or key is None:
        raise WrongWords("--after: give what the list before this one told as `next`")
    return Line(PaymentKey(*key), "", 0, 0, int(found[1]))


def _next_line(page: Sequence[Line], limit: int) -> str | None:
    """Write where a list of payments goes on; None at its end."""
    if len(page) < limit:
        return None
    return f"{page[-1].changed_ms}/{addresses.write(page[-1].key)}"


def _payment_lines(told: Document) -> Iterator[str]:
    if not told["payments"]:
        yield "no payment is so"
        return
    head = ("payment", "state", "version", "since", "asked", "confirmed")
    yield from columns(
        [
            head,
            *(
                (
                    one["payment"],
                    one["label"],
                    one["version"],
                    one["since"],
                    documents.amounts_text(one["amounts"].get("asked", ())) or "-",
                    documents.amounts_text(one["amounts"].get("confirmed", ())) or "-",
                )
                for one in told["payments"]
            ),
        ]
    )
    yield from _further(told)


def _item_lines(told: Document) -> Iterator[str]:
    if not told["exceptions"]:
        yield "no exception is so"
        return
    head = ("id", "sev", "code", "subject", "age", "status", "assignee", "at risk", "owner")
    yield from columns(
        [
            head,
            *(
                (
                    one["exception"],
                    str(one["severity"]),
                    one["code"],
                    one["subject"],
                    one["age"],
                    one["status"],
                    one["assignee"] or "-",
                    documents.amounts_text([one["at_risk"]]) if one["at_risk"] else "-",
                    one["owner"],
                )
                for one in told["exceptions"]
            ),
        ]
    )
    yield from _further(told)


def _further(told: Document) -> Iterator[str]:
    if told["next"]:
        yield f"there are more: --after {told['next']}"
