"""What a person's order says beside who gives it and why, and the facts that it states. Pure.

An action on a payment is about a hold, a refund, a posting or another payment, or about nothing but
the payment. What of that has to be said is checked here, and becomes the one fact that the action
states of the payment, and the facts that it states of others.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from consumers.actions import RELEASES, Act, Role
from consumers.facts import (
    OFF,
    ON,
    Fact,
    FactKind,
    Failure,
    HoldKind,
    OwnNote,
    RefundStatus,
    simple,
)
from consumers.refusals import NotAllowed, WrongWords
from consumers.store.keys import PaymentKey
from ingress.contract import cloudevents


class Particulars(NamedTuple):
    """What an action on a payment is about: each reads what it needs, and ignores the rest.

    `at_ms` is when it was so outside: when finance booked. `replacement` is a payment that is asked
    for instead, open for `window_ms`; `address` is where money is to be given back to.
    """

    hold: HoldKind | None = None
    refund: str = ""
    asset: str = ""
    amount: int | None = None
    status: RefundStatus = RefundStatus.SUCCEEDED
    posting: str = ""
    at_ms: int | None = None
    address: str = ""
    replacement: PaymentKey | None = None
    window_ms: int | None = None


NOTHING_MORE = Particulars()


def check(act: Act, role: Role, more: Particulars, now_ms: int) -> None:
    """Refuse an action that lacks what it is about. Raises `Refused`."""
    if act is Act.RELEASE_HOLD and more.hold is not None:
        check_release(role, more.hold)
    for name, told in _NEEDED.get(act, {}).items():
        text = getattr(more, name)
        if not text.strip() or not cloudevents.is_attribute(text):
            raise WrongWords(f"{name}: {told}, in one line")
    if act in _OF_MONEY and (more.amount is None or more.amount <= 0 or not more.asset):
        raise WrongWords("amount: say how much, in whole units of the asset, and more than zero")
    if more.at_ms is not None and more.at_ms > now_ms:
        raise WrongWords("at: that has not been yet; say when it was booked, or leave it out")


def check_release(role: Role, hold: HoldKind) -> None:
    """Refuse to let go of a hold that is another's. Raises `NotAllowed`."""
    owners = RELEASES[hold]
    if role not in owners:
        listed = ", ".join(sorted(owners))
        raise NotAllowed(f"a hold of {hold} is released by {listed} alone")


_OF_MONEY = frozenset(
    {Act.RECORD_REFUND, Act.RECORD_POSTING, Act.RECORD_UNPOSTING, Act.REQUEST_REFUND}
)
_BOOKED: Mapping[str, str] = {"posting": "give the id that the posting has in the books"}
_NEEDED: Mapping[Act, Mapping[str, str]] = {
    Act.RECORD_REFUND: {"refund": "give the id that the refund has where it was made"},
    Act.RECORD_POSTING: _BOOKED,
    Act.RECORD_UNPOSTING: _BOOKED,
    Act.REQUEST_REFUND: {"address": "say where it is to be given back to"},
}


def facts(act: Act, more: Particulars, key: str, at_ms: int) -> frozenset[Fact]:
    """Return what an action states of the payment; `key` is the order's."""
    made: Mapping[Act, Callable[[], Fact]] = {
        Act.ACCEPT_LATE: lambda: simple(FactKind.ACCEPT_LATE, at_ms),
        Act.ACCEPT_UNDERPAID: lambda: simple(FactKind.ACCEPT_UNDER, at_ms),
        Act.MARK_CANCELLED: lambda: simple(FactKind.CANCELLED, at_ms),
        Act.MARK_FAILED: lambda: simple(FactKind.FAILED, at_ms, detail=Failure.OPERATOR),
        Act.PLACE_HOLD: lambda: simple(FactKind.HOLD, at_ms, key=str(more.hold), detail=ON),
        Act.RELEASE_HOLD: lambda: simple(FactKind.HOLD, at_ms, key=str(more.hold), detail=OFF),
        Act.RECORD_REFUND: lambda: _money(FactKind.REFUND, more, more.refund, more.status, at_ms),
        Act.RECORD_POSTING: lambda: _money(FactKind.POSTED, more, more.posting, ON, at_ms),
        Act.RECORD_UNPOSTING: lambda: _money(FactKind.POSTED, more, more.posting, OFF, at_ms),
        Act.REQUEST_REFUND: lambda: _money(
            FactKind.NOTE, more, key, OwnNote.REFUND_REQUESTED, at_ms
        ),
        Act.REISSUE_REFERENCE: lambda: _link(OwnNote.REPLACED_BY, more.replacement, at_ms),
    }
    return frozenset({made[act]()})


def of_replacement(payment: PaymentKey, more: Particulars, at_ms: int) -> frozenset[Fact]:
    """Return what is stated of the payment that is asked for instead of `payment`."""
    asked = simple(FactKind.EXPECTED, 0, asset=more.asset, amount=more.amount)
    expires_ms = None if more.window_ms is None else at_ms + more.window_ms
    return frozenset(
        {
            asked._replace(expires_ms=expires_ms),
            _link(OwnNote.REPLACES, payment, at_ms),
        }
    )


def _money(kind: FactKind, more: Particulars, key: str, detail: str, at_ms: int) -> Fact:
    when_ms = at_ms if more.at_ms is None else more.at_ms
    return simple(kind, when_ms, key=key, asset=more.asset, amount=more.amount, detail=detail)


def _link(note: OwnNote, other: PaymentKey | None, at_ms: int) -> Fact:
    return simple(FactKind.NOTE, at_ms, key="/".join(other or ()), detail=note)


def told(act: Act, more: Particulars) -> dict[str, str]:
    """Write particulars as they are kept with the action."""
    return {name: text for name, text in _TOLD.get(act, _nothing)(more).items() if text}


def _nothing(_: Particulars) -> dict[str, str]:
    return {}


def _hold_told(more: Particulars) -> dict[str, str]:
    return {"hold": str(more.hold)}


def _money_told(more: Particulars) -> dict[str, str]:
    return {
        "refund": more.refund,
        "posting": more.posting,
        "asset": more.asset,
        "atomic": str(more.amount),
        "status": str(more.status) if more.refund else "",
        "address": more.address,
        "at_ms": "" if more.at_ms is None else str(more.at_ms),
    }


def _reissue_told(more: Particulars) -> dict[str, str]:
    return {
        "replacement": "/".join(more.replacement or ()),
        "asset": more.asset,
        "atomic": str(more.amount),
        "window_ms": "" if more.window_ms is None else str(more.window_ms),
    }


_TOLD: Mapping[Act, Callable[[Particulars], dict[str, str]]] = {
    Act.PLACE_HOLD: _hold_told,
    Act.RELEASE_HOLD: _hold_told,
    Act.RECORD_REFUND: _money_told,
    Act.RECORD_POSTING: _money_told,
    Act.RECORD_UNPOSTING: _money_told,
    Act.REQUEST_REFUND: _money_told,
    Act.REISSUE_REFERENCE: _reissue_told,
}
