"""The closed list of exceptions, held to the severities of the domain's document."""

from consumers.exceptions import HANDLING, Code, Owner, subject_of
from consumers.store.port import EventKey

# The document's table, by hand.
SEVERITIES = {
    1: "ENV_MISMATCH CONTRADICTORY_OUTCOME FUNDS_REVERSED POSTED_BEFORE_CONFIRMED POSTED_MISMATCH"
    " VERIFICATION_FAILURE_SPIKE KEY_EXPOSURE_UNCORROBORATED CHAIN_INTEGRITY",
    2: "UNKNOWN_PAYMENT DUPLICATE_PAYMENT ASSET_MISMATCH NETWORK_MISMATCH UNKNOWN_ASSET"
    " ILLEGAL_TRANSITION STATE_DIVERGENCE REFUND_WITHOUT_FUNDS REFUND_STUCK SCHEMA_DRIFT"
    " COMPLIANCE_HOLD CONFLICTING_BODY STUCK_REVERSED",
    3: "AMOUNT_UNDER AMOUNT_OVER LATE_FUNDS UNMATCHED_DEPOSIT STUCK_PENDING STUCK_PAID"
    " STUCK_UNDERPAID STUCK_LATE STUCK_FAILED POSTING_LAG NEEDS_FETCH"
    " REFUND_REQUESTED",
    4: "UNKNOWN_TYPE",
}


def test_every_exception_has_its_severity_and_no_other_exists() -> None:
    """A code without a severity would page nobody; a second list would drift."""
    told = {code: severity for severity, codes in SEVERITIES.items() for code in codes.split()}
    assert {str(code): handling.severity for code, handling in HANDLING.items()} == told
    assert set(HANDLING) == set(Code)


def test_every_exception_says_who_ends_it_and_how() -> None:
    """An item that nobody owns is only a log line."""
    for handling in HANDLING.values():
        assert isinstance(handling.owner, Owner)
        assert handling.resolution
        assert handling.raised_when


def test_a_subject_is_a_text_that_may_travel() -> None:
    """It stands in a log line, a console and an index: 512 printable characters and no more."""
    assert subject_of(EventKey("stripe", "main", "evt_1")) == "stripe/main/evt_1"
    assert subject_of(EventKey("stripe", "main", "x" * 512)).startswith("sha256:")
