"""What people may do to payments and to exceptions: the closed table of actions. Pure.

Every action is one row: what it means, as whom it may be done, for which reasons, whether a second
person has to agree, and between which states it moves a payment. None of them sets a state, because
there is no such action: what people do states facts (`operating`), and the reducer says the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from consumers.exceptions import Code, Owner
from consumers.facts import HoldKind
from consumers.lifecycle import State


class Role(StrEnum):
    """As what somebody acts."""

    SUPPORT = "support"
    OPERATIONS = "operations"
    FINANCE = "finance"
    TREASURY = "treasury"
    COMPLIANCE = "compliance"
    SECURITY = "security"
    ENGINEERING = "engineering"


class Approval(StrEnum):
    """When a second person has to agree."""

    NEVER = "never"
    ABOVE = "above the amount that one person may decide"
    IF_MONEY = "if money came"
    ALWAYS = "always"


class Reason(StrEnum):
    """Why: closed, so that decisions can be counted; the note is for all else."""

    CUSTOMER_ASKED = "customer_asked"
    PRICE_STILL_GOOD = "price_still_good"
    FEE_SHORTFALL = "fee_shortfall"
    ROUNDING = "rounding"
    GOODWILL = "goodwill"
    PROVIDER_CONFIRMED = "provider_confirmed"
    PROVIDER_FAULT = "provider_fault"
    DUPLICATE = "duplicate"
    SUSPECTED_FRAUD = "suspected_fraud"
    COMPLIANCE_CHECK = "compliance_check"
    INCIDENT = "incident"
    CHECK_PASSED = "check_passed"
    CAUSE_MENDED = "cause_mended"
    FALSE_ALARM = "false_alarm"
    UNCOLLECTABLE = "uncollectable"
    IMMATERIAL = "immaterial"
    HANDED_OVER = "handed_over"
    MISTAKE = "mistake"
    BOOKED = "booked"
    ENTRY_REVERSED = "entry_reversed"


class Act(StrEnum):
    """Everything that people may do. A state cannot be set: there is no action for it."""

    ACCEPT_LATE = "accept_late"
    ACCEPT_UNDERPAID = "accept_underpaid"
    RECORD_REFUND = "record_refund"
    MARK_CANCELLED = "mark_cancelled"
    MARK_FAILED = "mark_failed"
    PLACE_HOLD = "place_hold"
    RELEASE_HOLD = "release_hold"
    RECORD_POSTING = "record_posting"
    RECORD_UNPOSTING = "record_unposting"
    REQUEST_REFUND = "request_refund"
    REISSUE_REFERENCE = "reissue_reference"
    WITHDRAW = "withdraw"
    MATCH_DEPOSIT = "match_deposit"
    UNMATCH_DEPOSIT = "unmatch_deposit"
    RETURN_DEPOSIT = "return_deposit"
    HOLD_DEPOSIT = "hold_deposit"
    WRITE_OFF_DEPOSIT = "write_off_deposit"
    ASSIGN = "assign"
    WAIT = "wait"
    NOTE = "note"
    RESOLVE = "resolve"
    WRITE_OFF = "write_off"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table. No `roles` are all, no `reasons` are all.

    `begins` are the states that it can be done to, `ends` those it must lead to; none are all.
    """

    meaning: str
    approval: Approval
    roles: frozenset[Role] = frozenset()
    reasons: frozenset[Reason] = frozenset()
    begins: frozenset[State] = frozenset()
    ends: frozenset[State] = frozenset()


_DECIDED = frozenset(
    {
        Reason.CUSTOMER_ASKED,
        Reason.PRICE_STILL_GOOD,
        Reason.FEE_SHORTFALL,
        Reason.ROUNDING,
        Reason.GOODWILL,
        Reason.PROVIDER_FAULT,
    }
)
_ENDED = frozenset(
    {
        Reason.CUSTOMER_ASKED,
        Reason.PROVIDER_CONFIRMED,
        Reason.DUPLICATE,
        Reason.SUSPECTED_FRAUD,
        Reason.COMPLIANCE_CHECK,
        Reason.INCIDENT,
    }
)
_MENDED = frozenset(
    {
        Reason.PROVIDER_CONFIRMED,
        Reason.PROVIDER_FAULT,
        Reason.CAUSE_MENDED,
        Reason.FALSE_ALARM,
        Reason.DUPLICATE,
        Reason.CHECK_PASSED,
    }
)
_TAKEN_BACK = frozenset(
    {Reason.MISTAKE, Reason.DUPLICATE, Reason.CUSTOMER_ASKED, Reason.SUSPECTED_FRAUD}
)
_LOST = frozenset({Reason.UNCOLLECTABLE, Reason.IMMATERIAL, Reason.GOODWILL, Reason.PROVIDER_FAULT})
_OPERATIONS = frozenset({Role.OPERATIONS})
_FINANCE = frozenset({Role.FINANCE})

RULES: Mapping[Act, Rule] = {
    Act.ACCEPT_LATE: Rule(
        "take money that came after the window for the payment",
        Approval.ABOVE,
        _OPERATIONS,
        _DECIDED,
        begins=frozenset({State.LATE}),
        ends=frozenset({State.PAID, State.CONFIRMED}),
    ),
    Act.ACCEPT_UNDERPAID: Rule(
        "take less than was asked for the payment",
        Approval.ABOVE,
        _OPERATIONS,
        _DECIDED,
        begins=frozenset({State.UNDERPAID}),
        ends=frozenset({State.PAID, State.CONFIRMED, State.LATE}),
    ),
    Act.RECORD_REFUND: Rule(
        "state a refund that was made outside, under its id there",
        Approval.NEVER,
        _FINANCE,
        _DECIDED | _ENDED,
    ),
    Act.MARK_CANCELLED: Rule(
        "state that the payment was called off before any money came",
        Approval.IF_MONEY,
        _OPERATIONS,
        _ENDED,
        ends=frozenset({State.CANCELLED}),
    ),
    Act.MARK_FAILED: Rule(
        "state that the payment cannot succeed",
        Approval.IF_MONEY,
        _OPERATIONS,
        _ENDED,
        ends=frozenset({State.FAILED}),
    ),
    Act.PLACE_HOLD: Rule("let neither goods nor books move", Approval.NEVER),
    Act.RELEASE_HOLD: Rule("let them move again: only who owns the kind of hold", Approval.NEVER),
    Act.RECORD_POSTING: Rule(
        "state what finance booked, under the id of the posting there",
        Approval.NEVER,
        _FINANCE,
        frozenset({Reason.BOOKED}),
    ),
    Act.RECORD_UNPOSTING: Rule(
        "state that finance reversed a posting",
        Approval.NEVER,
        _FINANCE,
        frozenset({Reason.ENTRY_REVERSED, Reason.MISTAKE, Reason.DUPLICATE}),
    ),
    Act.REQUEST_REFUND: Rule(
        "decide that money is to be given back: an item waits until a refund is told",
        Approval.ALWAYS,
        _FINANCE,
        _DECIDED | _ENDED,
    ),
    Act.REISSUE_REFERENCE: Rule(
        "ask for the money again, under a new reference",
        Approval.NEVER,
        _OPERATIONS,
        _DECIDED | _ENDED,
        begins=frozenset({State.PENDING, State.EXPIRED, State.CANCELLED, State.FAILED}),
    ),
    Act.WITHDRAW: Rule(
        "take a command back: only who may give it, and with a second person where it had one",
        Approval.NEVER,
        reasons=_TAKEN_BACK,
    ),
    Act.MATCH_DEPOSIT: Rule(
        "let a transfer that names no payment count for one",
        Approval.ABOVE,
        _OPERATIONS,
        frozenset({Reason.CUSTOMER_ASKED, Reason.PROVIDER_CONFIRMED, Reason.CHECK_PASSED}),
    ),
    Act.UNMATCH_DEPOSIT: Rule(
        "take a match back: the transfer counts for nobody again",
        Approval.ALWAYS,
        _OPERATIONS,
        _TAKEN_BACK,
    ),
    Act.RETURN_DEPOSIT: Rule(
        "state that a transfer was sent back outside", Approval.ALWAYS, _FINANCE, _DECIDED | _ENDED
    ),
    Act.HOLD_DEPOSIT: Rule("keep a transfer as a liability", Approval.NEVER, _FINANCE),
    Act.WRITE_OFF_DEPOSIT: Rule(
        "give up on finding out whose a transfer is", Approval.ALWAYS, _FINANCE, _LOST
    ),
    Act.ASSIGN: Rule("say whose item it is", Approval.NEVER),
    Act.WAIT: Rule("say for whom the item waits, and when to look again", Approval.NEVER),
    Act.NOTE: Rule("write something down", Approval.NEVER),
    Act.RESOLVE: Rule(
        "close an item that no fact closes: only who owns it", Approval.NEVER, reasons=_MENDED
    ),
    Act.WRITE_OFF: Rule(
        "close an item about money that will not come right", Approval.ALWAYS, _FINANCE, _LOST
    ),
}

# What operators type for each: no name of an action means anything to them.
COMMANDS: Mapping[Act, str] = {
    Act.ACCEPT_LATE: "payments accept-late",
    Act.ACCEPT_UNDERPAID: "payments accept-underpaid",
    Act.RECORD_REFUND: "payments refunded",
    Act.MARK_CANCELLED: "payments cancel",
    Act.MARK_FAILED: "payments fail",
    Act.PLACE_HOLD: "payments hold",
    Act.RELEASE_HOLD: "payments release",
    Act.RECORD_POSTING: "payments posted",
    Act.RECORD_UNPOSTING: "payments unposted",
    Act.REQUEST_REFUND: "payments request-refund",
    Act.REISSUE_REFERENCE: "payments reissue-reference",
    Act.WITHDRAW: "payments withdraw",
    Act.MATCH_DEPOSIT: "deposits match",
    Act.UNMATCH_DEPOSIT: "deposits unmatch",
    Act.RETURN_DEPOSIT: "deposits return",
    Act.HOLD_DEPOSIT: "deposits hold",
    Act.WRITE_OFF_DEPOSIT: "deposits write-off",
    Act.ASSIGN: "exceptions assign",
    Act.WAIT: "exceptions wait",
    Act.NOTE: "exceptions note",
    Act.RESOLVE: "exceptions resolve",
    Act.WRITE_OFF: "exceptions write-off",
}
# What can be taken back: what states a fact about one payment that nothing was built upon.
WITHDRAWABLE = frozenset(
    {
        Act.ACCEPT_LATE,
        Act.ACCEPT_UNDERPAID,
        Act.RECORD_REFUND,
        Act.MARK_CANCELLED,
        Act.MARK_FAILED,
        Act.PLACE_HOLD,
        Act.RELEASE_HOLD,
        Act.RECORD_POSTING,
        Act.RECORD_UNPOSTING,
        Act.REQUEST_REFUND,
    }
)
# Whoever places a hold, only its owner lets go.
RELEASES: Mapping[HoldKind, frozenset[Role]] = {
    HoldKind.COMPLIANCE: frozenset({Role.COMPLIANCE}),
    HoldKind.FINANCE: _FINANCE,
    HoldKind.SECURITY: frozenset({Role.SECURITY}),
    HoldKind.OUTAGE: frozenset({Role.OPERATIONS, Role.ENGINEERING}),
    HoldKind.OPERATOR: _OPERATIONS,
    HoldKind.DISPUTE: frozenset({Role.OPERATIONS, Role.FINANCE}),
}
OWNERS: Mapping[Owner, frozenset[Role]] = {
    Owner.PAYMENT_OPERATIONS: _OPERATIONS,
    Owner.OPERATIONS_AND_FINANCE: frozenset({Role.OPERATIONS, Role.FINANCE}),
    Owner.OPERATIONS_AND_ENGINEERING: frozenset({Role.OPERATIONS, Role.ENGINEERING}),
    Owner.ENGINEERING: frozenset({Role.ENGINEERING}),
    Owner.TREASURY: frozenset({Role.TREASURY}),
    Owner.ENGINEERING_AND_TREASURY: frozenset({Role.ENGINEERING, Role.TREASURY}),
    Owner.SECURITY: frozenset({Role.ENGINEERING, Role.SECURITY}),
    Owner.FINANCE: _FINANCE,
    Owner.COMPLIANCE: frozenset({Role.COMPLIANCE}),
}
# What money can be written off for: the others are faults, and end when they are mended.
ABOUT_MONEY = frozenset(
    {
        Code.AMOUNT_UNDER,
        Code.AMOUNT_OVER,
        Code.LATE_FUNDS,
        Code.DUPLICATE_PAYMENT,
        Code.UNMATCHED_DEPOSIT,
        Code.ASSET_MISMATCH,
        Code.NETWORK_MISMATCH,
        Code.FUNDS_REVERSED,
        Code.STUCK_UNDERPAID,
        Code.STUCK_LATE,
        Code.STUCK_FAILED,
        Code.STUCK_REVERSED,
        Code.REFUND_WITHOUT_FUNDS,
    }
)
