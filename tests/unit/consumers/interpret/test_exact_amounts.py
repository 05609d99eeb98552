"""Amounts of any size come through a provider's table as they were sent, in whatever unit."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.facts import FactKind
from consumers.interpret import interpreter
from tests.support.builders import envelope

INTERPRETERS = interpreter.load()
DECIMALS = 18
DIGITS_MAX = 78
# Beyond what SQLite, a signed 64-bit integer and a binary fraction can hold.
ATOMIC = st.integers(min_value=1, max_value=10**DIGITS_MAX - 1) | st.just(2**63)


def _major(units: int) -> str:
    """Write atomic units of 18 decimals as a number with a point, by moving the point."""
    digits = str(units).rjust(DECIMALS + 1, "0")
    return f"{digits[:-DECIMALS]}.{digits[-DECIMALS:]}"


def _told(provider: str, word: str, body: str, kind: FactKind = FactKind.SEEN) -> set[int | None]:
    sealed = envelope(body.encode(), provider=provider, event_type=word)
    found = INTERPRETERS.interpret(sealed)
    assert found.verdict is None, found.findings
    return {fact.amount for fact in found.facts if fact.kind is kind}


@given(ATOMIC)
def test_an_amount_in_text_keeps_every_digit_at_cryptomus(units: int) -> None:
    """USDT on bsc has 18 decimals: a price of ten of them is more than 2^63 of its units."""
    came = {"payment_amount": _major(units), "payer_currency": "USDT", "network": "bsc"}
    assert _told("cryptomus", "payment:confirm_check", json.dumps(came)) == {units}


@pytest.mark.parametrize(
    ("provider", "word"),
    [
        ("fireblocks_v2", "transaction.status.updated"),
        ("fireblocks_v1", "TRANSACTION_STATUS_UPDATED"),
    ],
)
@given(units=ATOMIC)
def test_an_amount_in_text_keeps_every_digit_at_fireblocks(
    provider: str, word: str, units: int
) -> None:
    """`amount` beside it is a binary fraction, and -1 where it is unknown: it is never read."""
    deposit = {
        "id": "1",
        "status": "CONFIRMING",
        "assetId": "ETH",
        "amount": -1,
        "amountInfo": {"amount": _major(units)},
        "destination": {"type": "VAULT_ACCOUNT"},
    }
    assert _told(provider, word, json.dumps({"data": deposit})) == {units}


@given(ATOMIC)
def test_an_amount_in_a_json_number_keeps_every_digit_at_bvnk(units: int) -> None:
    """As a binary fraction 0.1 would be read as something else, and 2^63 and one as 2^63."""
    body = (
        '{"data": {"paidCurrency": {"currency": "ETH"},'
        f' "transactions": [{{"hash": "0x1", "amount": {_major(units)}}}]}}}}'
    )
    assert _told("bvnk", "transactionDetected", body) == {units}


@given(ATOMIC)
def test_an_amount_in_minor_units_keeps_every_digit_at_stripe(units: int) -> None:
    """A whole number already: nothing is multiplied."""
    body = f'{{"data": {{"object": {{"amount_received": {units}, "currency": "usd"}}}}}}'
    word = "payment_intent.succeeded"
    assert _told("stripe", word, body, FactKind.FINAL) == {units}


@given(ATOMIC)
def test_an_amount_in_hexadecimal_keeps_every_digit_at_alchemy(units: int) -> None:
    """`value` beside it is what a binary fraction made of it: it is never read."""
    moved = {
        "hash": "0xa",
        "asset": "ETH",
        "value": 0.1,
        "rawContract": {"rawValue": hex(units), "address": None, "decimals": DECIMALS},
    }
    body = json.dumps({"event": {"network": "ETH_MAINNET", "activity": [moved]}})
    assert _told("alchemy", "ADDRESS_ACTIVITY", body) == {units}


@given(st.integers(min_value=1, max_value=10**DIGITS_MAX - 1))
def test_an_amount_in_text_keeps_every_digit_at_circle(units: int) -> None:
    """A dollar there is one of six decimals, and not one of cents."""
    digits = str(units).rjust(7, "0")
    told = {"amount": f"{digits[:-6]}.{digits[-6:]}", "currency": "USD"}
    payment = {"id": "1", "type": "payment", "status": "pending", "amount": told}
    assert _told("circle_v2", "mint.payments", json.dumps({"notification": payment})) == {units}
