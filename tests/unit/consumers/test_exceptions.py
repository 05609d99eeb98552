"""The closed list of exceptions, held to the severities of the domain's document."""

from consumers.exceptions import HANDLING, Code, Owner

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
