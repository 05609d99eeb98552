"""What is in the way of a close: each with what to do about it. Pure.

Nothing here can be said away by a flag: a month that is closed over one of these is closed twice.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from consumers.exceptions import Code
from sealgate.exports.making import Made
from sealgate.exports.periods import Closed, Period, following
from sealgate.exports.queue import Item
from sealgate.operations.words import item_name

UNOWNED_MS = 30 * 86_400_000
_SEVERE = 1
_SHOWN_MAX = 20


class Blocker(NamedTuple):
    """One reason why the month stays open. The codes do not change."""

    code: str
    about: str
    text: str


class Health(NamedTuple):
    """What was found out beside the figures: of the chains, and of the freeze."""

    chain_problems: Sequence[str]
    frozen_because: str | None


def blockers(
    made: Made, health: Health, period: Period, closed: Sequence[Closed], at_ms: int
) -> list[Blocker]:
    """List what keeps a month from being closed at an instant."""
    return [
        *_of_chain(made, health),
        *_of_figures(made),
        *_of_queue(made.items, at_ms),
        *_of_order(period, closed),
    ]


def _of_chain(made: Made, health: Health) -> Iterator[Blocker]:
    for text in health.chain_problems[:_SHOWN_MAX]:
        yield Blocker("chain_broken", "audit", f"{text}: sealgate audit verify")
    for text in made.lost[:_SHOWN_MAX]:
        yield Blocker("chain_broken", "audit", f"a fact that was recorded is gone: {text}")
    if health.frozen_because is not None:
        text = f"everything is frozen ({health.frozen_because}): sealgate freeze show"
        yield Blocker("frozen", "freeze", text)


def _of_figures(made: Made) -> Iterator[Blocker]:
    for account in made.differences:
        about = "/".join(account)
        yield Blocker("difference", about, "movements and what is held do not agree: see manifest")
    for payment in made.early[:_SHOWN_MAX]:
        text = "more is in the books than is final: reverse the entry, sealgate payments unposted"
        yield Blocker("posted_before_confirmed", payment, text)


def _of_queue(items: Sequence[Item], at_ms: int) -> Iterator[Blocker]:
    for item in items:
        if item.closed_ms is not None:
            continue
        name = item_name(item.id)
        is_old = at_ms - item.opened_ms > UNOWNED_MS
        if item.severity == _SEVERE:
            text = f"{item.code} of {item.subject} is open: sealgate exceptions show {name}"
            yield Blocker("severity_1_open", name, text)
        elif item.code == Code.UNMATCHED_DEPOSIT and is_old and not item.assignee:
            text = f"{item.subject} is older than 30 days, and nobody's: exceptions assign {name}"
            yield Blocker("unmatched_without_owner", name, text)


def _of_order(period: Period, closed: Sequence[Closed]) -> Iterator[Blocker]:
    """Find a month that was left open between this one and the last that was closed."""
    if closed and period.name != (due := following(closed[-1].period)):
        text = f"{closed[-1].period} was closed last: {due} is next"
        yield Blocker("out_of_order", period.name, text)
