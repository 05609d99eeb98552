"""What can be decided about a payment as it is: the commands that would not be refused. Pure.

Whether an action leads anywhere is asked of the reducer, as the desk asks it; amounts and second
persons are seen at the dry run. What is shown are the commands as they are typed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from consumers import books, lifecycle, particulars, standing, weighing
from consumers.actions import COMMANDS, RELEASES, RULES, WITHDRAWABLE, Act, Approval
from consumers.facts import HoldKind
from consumers.lifecycle import State
from consumers.store.port import Payment
from consumers.weighing import Terms
from sealgate.exposure.report import Document

_NONE = particulars.NOTHING_MORE


def of(payment: Payment, terms: Terms) -> Iterator[Document]:
    """Name the commands that fit a payment, in the order of the table of actions."""
    for act, rule in RULES.items():
        if rule.begins and payment.state not in rule.begins:
            continue
        fits = _FITS.get(act)
        if fits is None or not fits(payment, terms):
            continue
        if act is Act.RELEASE_HOLD:
            yield from (_release(kind) for kind in sorted(standing.holds(payment.facts)))
            continue
        yield _choice(COMMANDS[act], act, sorted(rule.roles))


def withdrawals(given: Iterable[str]) -> Iterator[Document]:
    """Say that a command can be withdrawn, where one of those given can be."""
    if any(name in WITHDRAWABLE for name in given):
        yield _choice(COMMANDS[Act.WITHDRAW], Act.WITHDRAW, [])


def _release(kind: HoldKind) -> Document:
    command = f"{COMMANDS[Act.RELEASE_HOLD]} --kind {kind}"
    return _choice(command, Act.RELEASE_HOLD, sorted(RELEASES[kind]))


def _choice(command: str, act: Act, roles: list[str]) -> Document:
    rule = RULES[act]
    second = "" if rule.approval is Approval.NEVER else str(rule.approval)
    return {
        "action": str(act),
        "command": command,
        "meaning": rule.meaning,
        "roles": [str(role) for role in roles],
        "second_person": second,
    }


def _leads(act: Act) -> Callable[[Payment, Terms], bool]:
    """Ask the reducer whether an action would lead where its row says."""

    def fits(payment: Payment, terms: Terms) -> bool:
        told = particulars.facts(act, _NONE, "", max(payment.changed_ms, 0))
        decided = lifecycle.decide(payment.state, payment.facts, told, terms)
        return decided.moves and decided.after in RULES[act].ends

    return fits


def _came(payment: Payment, _: Terms) -> bool:
    has_value = weighing.has_value(weighing.observed(payment.facts))
    return has_value and payment.state is not State.REFUNDED


def _is_due(payment: Payment, terms: Terms) -> bool:
    is_held = any("hold" in flag or flag == "disputed" for flag in _flags(payment, terms))
    return bool(books.due(payment.facts)) and payment.state is State.CONFIRMED and not is_held


def _flags(payment: Payment, terms: Terms) -> tuple[str, ...]:
    return standing.flags(payment.facts, terms)


def _always(_: Payment, __: Terms) -> bool:
    return True


_FITS: Mapping[Act, Callable[[Payment, Terms], bool]] = {
    Act.ACCEPT_LATE: _leads(Act.ACCEPT_LATE),
    Act.ACCEPT_UNDERPAID: _leads(Act.ACCEPT_UNDERPAID),
    Act.RECORD_REFUND: _came,
    Act.MARK_CANCELLED: _leads(Act.MARK_CANCELLED),
    Act.MARK_FAILED: _leads(Act.MARK_FAILED),
    Act.PLACE_HOLD: _always,
    Act.RELEASE_HOLD: _always,
    Act.RECORD_POSTING: _is_due,
    Act.RECORD_UNPOSTING: lambda payment, _: bool(books.posted(payment.facts)),
    Act.REQUEST_REFUND: _came,
    Act.REISSUE_REFERENCE: _always,
}
