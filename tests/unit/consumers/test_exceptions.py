"""The closed list of exceptions, held to the severities of the domain's document."""

from consumers.exceptions import HANDLING, Code, Owner, subject_of
from consumers.store.port import EventKey

# The document's table, by hand.
SEVERITIES = {
    Code.AMOUNT_UNDER: 3,
    Code.LATE_FUNDS: 3,
    Code.UNKNOWN_PAYMENT: 2,
    Code.UNKNOWN_ASSET: 2,
    Code.UNKNOWN_TYPE: 4,
    Code.SCHEMA_DRIFT: 2,
    Code.ILLEGAL_TRANSITION: 2,
    Code.ENV_MISMATCH: 1,
    Code.KEY_EXPOSURE_UNCORROBORATED: 1,
    Code.CONFLICTING_BODY: 2,
}


def test_every_exception_has_its_severity_and_no_other_exists() -> None:
    """A code without a severity would page nobody; a second list would drift."""
    assert {code: handling.severity for code, handling in HANDLING.items()} == SEVERITIES
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
