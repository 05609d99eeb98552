"""Freeze and clear: the switch that keeps books and clocks from moving while sources disagree.

While it is on, no payment expires by our own clock, nothing is posted, and no answer that shows
less than we hold is believed. Verified events are applied all the same: what a provider says and
signs is not in doubt, and money that comes is never turned away. Anybody may freeze, the program
itself too; to clear is finance's, and a second person agrees. Every word is kept for ever.
"""

from typing import NamedTuple

from consumers import colleagues
from consumers.actions import Role
from consumers.exceptions import Code
from consumers.refusals import ApprovalRequired, NotAllowed, WrongWords, check_names
from consumers.stating import OURSELVES, Refused
from consumers.store.cases import ItemFilter, Resolution
from consumers.store.polls import Freeze
from consumers.store.port import Changes, Store
from ingress.contract import cloudevents

CLEARED = "the freeze was cleared"
_ITEMS_MAX = 1000


class Unchanged(Refused):
    """The freeze is as it was asked to be already."""

    code = "unchanged"


class FreezeOrder(NamedTuple):
    """What one person wants: on or off, as whom, why, and with whose consent."""

    is_on: bool
    reason: str
    by: str
    role: Role
    approved_by: str = ""


def is_frozen(last: Freeze | None) -> bool:
    """Say whether the last word was to freeze."""
    return last is not None and last.is_on


def check(order: FreezeOrder, last: Freeze | None) -> None:
    """Refuse what this person may not do, or what changes nothing. Raises `Refused`."""
    for name, text in (("by", order.by), ("reason", order.reason)):
        if not text.strip() or not cloudevents.is_attribute(text):
            raise WrongWords(f"{name}: say it in one line of printable characters; it is kept")
    if order.approved_by and not cloudevents.is_attribute(order.approved_by):
        raise WrongWords("approved_by: name the second person in one line")
    check_names(order.by, order.approved_by)
    if is_frozen(last) == order.is_on:
        raise Unchanged("it is frozen already" if order.is_on else "nothing is frozen")
    if not order.is_on:
        _check_clearing(order)


def _check_clearing(order: FreezeOrder) -> None:
    """Refuse to clear as anybody but finance, or alone."""
    if order.role is not Role.FINANCE:
        raise NotAllowed(f"to clear a freeze is finance's decision, and not for {order.role}")
    if not order.approved_by:
        raise ApprovalRequired("to clear a freeze needs a second person: --approved-by")
    if colleagues.is_same(order.approved_by, order.by):
        raise ApprovalRequired("whoever asks cannot approve: name another person")


async def order(store: Store, wanted: FreezeOrder, at_ms: int) -> Freeze:
    """Write the word down; return it. Raises `Refused`, and `StoreUnavailable`."""
    said = Freeze(
        is_on=wanted.is_on,
        reason=wanted.reason,
        by=wanted.by,
        role=str(wanted.role),
        approved_by=wanted.approved_by,
        at_ms=at_ms,
    )
    resolved = [] if wanted.is_on else await _cleared(store, said)
    async with store.transaction() as tx:
        check(wanted, await tx.freeze.take())
        await tx.save(Changes(freezes=[said], resolved=resolved))
    return said


def tripped(reason: str, at_ms: int) -> Freeze:
    """Return the word of the program itself."""
    return Freeze(is_on=True, reason=reason, by=OURSELVES, role="", approved_by="", at_ms=at_ms)


async def _cleared(store: Store, said: Freeze) -> list[Resolution]:
    """End the exceptions about whole accounts: whoever clears has looked at them."""
    wanted = ItemFilter(codes=frozenset({Code.STATE_DIVERGENCE.value}))
    items = await store.cases.items(wanted, None, _ITEMS_MAX)
    return [
        Resolution(
            item.anomaly.code,
            item.anomaly.subject,
            CLEARED,
            said.at_ms,
            reason=said.reason,
            by=said.by,
            approved_by=said.approved_by,
        )
        for item in items
        if item.anomaly.subject.count("/") == 1
    ]
