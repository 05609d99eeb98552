"""Which runbook is opened for an exception or a state, and what is typed first.

The generated pages and `sealgate exceptions show` name a page by this table, and the runbooks' own
index is held to it: whoever is called by a code finds the same page from wherever they begin.
"""

from collections.abc import Mapping
from typing import NamedTuple

from consumers.exceptions import Code
from consumers.lifecycle import State

FOLDER = "runbooks"


class Runbook(NamedTuple):
    """A page of `docs/runbooks` without its ending, and the first command of whoever opens it."""

    page: str
    first: str


_WHY = "sealgate why PAYMENT"
_SHOW = "sealgate payments show PAYMENT"
_TRACE = "sealgate trace PAYMENT"
_ITEM = "sealgate exceptions show EX"

CODES: Mapping[Code, Runbook] = {
    Code.AMOUNT_UNDER: Runbook("underpaid", _WHY),
    Code.AMOUNT_OVER: Runbook("overpaid", _SHOW),
    Code.LATE_FUNDS: Runbook("late-funds", _WHY),
    Code.DUPLICATE_PAYMENT: Runbook("overpaid", _SHOW),
    Code.UNMATCHED_DEPOSIT: Runbook("unmatched-deposit", "sealgate deposits show DEPOSIT"),
    Code.UNKNOWN_PAYMENT: Runbook("unannounced-payments", "sealgate payments list --parked"),
    Code.ASSET_MISMATCH: Runbook("wrong-asset", _WHY),
    Code.NETWORK_MISMATCH: Runbook("wrong-asset", _WHY),
    Code.UNKNOWN_ASSET: Runbook("wrong-asset", _ITEM),
    Code.ENV_MISMATCH: Runbook(
        "environment-leak", "sealgate quarantine list --reason environment_mismatch"
    ),
    Code.ILLEGAL_TRANSITION: Runbook("illegal-transition", _WHY),
    Code.CONTRADICTORY_OUTCOME: Runbook("illegal-transition", _WHY),
    Code.FUNDS_REVERSED: Runbook("reversal", _WHY),
    Code.STATE_DIVERGENCE: Runbook("divergence", "sealgate freeze show"),
    Code.STUCK_PENDING: Runbook("stuck-pending", _WHY),
    Code.STUCK_PAID: Runbook("stuck-paid", _WHY),
    Code.STUCK_UNDERPAID: Runbook("stuck-payments", _SHOW),
    Code.STUCK_LATE: Runbook("stuck-payments", _SHOW),
    Code.STUCK_FAILED: Runbook("stuck-payments", _SHOW),
    Code.STUCK_REVERSED: Runbook("reversal", _WHY),
    Code.POSTING_LAG: Runbook("posting-lag", _SHOW),
    Code.POSTED_BEFORE_CONFIRMED: Runbook("posting-lag", _SHOW),
    Code.POSTED_MISMATCH: Runbook("posting-lag", _SHOW),
    Code.REFUND_WITHOUT_FUNDS: Runbook("stuck-payments", _TRACE),
    Code.REFUND_STUCK: Runbook("stuck-payments", _TRACE),
    Code.REFUND_REQUESTED: Runbook("stuck-payments", _SHOW),
    Code.VERIFICATION_FAILURE_SPIKE: Runbook("verification-failures", "sealgate quarantine list"),
    Code.KEY_EXPOSURE_UNCORROBORATED: Runbook("key-compromise", "sealgate events show EVENT"),
    Code.CONFLICTING_BODY: Runbook("key-compromise", _TRACE),
    Code.UNKNOWN_TYPE: Runbook("unknown-type", _ITEM),
    Code.SCHEMA_DRIFT: Runbook("unknown-type", _ITEM),
    Code.COMPLIANCE_HOLD: Runbook("compliance-hold", _SHOW),
    Code.NEEDS_FETCH: Runbook("provider-outage", _WHY),
    Code.CHAIN_INTEGRITY: Runbook("audit-chain", "sealgate audit verify"),
}
# Of a payment that stays in a state for longer than it should, or should not be in it at all.
STATES: Mapping[State, tuple[str, ...]] = {
    State.PENDING: ("stuck-pending",),
    State.PAID: ("stuck-paid",),
    State.CONFIRMED: ("posting-lag", "overpaid"),
    State.EXPIRED: ("provider-silent", "late-funds"),
    State.UNDERPAID: ("underpaid", "stuck-payments"),
    State.LATE: ("late-funds", "stuck-payments"),
    State.FAILED: ("stuck-payments",),
    State.CANCELLED: ("late-funds",),
    State.REVERSED: ("reversal",),
    State.REFUNDED: ("stuck-payments", "posting-lag"),
}


def link(page: str) -> str:
    """Link to a page from the folder of documents."""
    return f"[{page}]({FOLDER}/{page}.md)"
