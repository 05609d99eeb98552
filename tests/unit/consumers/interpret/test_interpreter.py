"""What becomes of an event that states no facts: why, and what a human is told."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.exceptions import Code
from consumers.interpret import interpreter
from consumers.lifecycle import Verdict
from ingress.contract.envelope import Assurance
from tests.support.builders import envelope

INTERPRETERS = interpreter.load()
DATA = {"amount": "10.00", "currency": "USDC"}
PAYMENT = {"id": "a", "value": "1", "currency": "BTC"}


@pytest.mark.parametrize("assurance", [Assurance.D, Assurance.E])
def test_an_event_nobody_signed_is_a_hint(assurance: Assurance) -> None:
    """Whoever has seen one can write another: it may start a fetch, and moves nothing."""
    found = INTERPRETERS.interpret(envelope(DATA, assurance=assurance))
    assert (found.verdict, found.facts) == (Verdict.HINT, frozenset())
    assert [one.code for one in found.findings] == [Code.NEEDS_FETCH]


@pytest.mark.parametrize("assurance", [Assurance.A, Assurance.B, Assurance.C])
def test_an_event_whose_body_is_signed_is_evidence(assurance: Assurance) -> None:
    """The three classes that cover the content."""
    assert INTERPRETERS.interpret(envelope(DATA, assurance=assurance)).facts


def test_a_word_that_is_not_in_the_mapping_is_an_exception_of_its_type() -> None:
    """Never silently ignored: one open item for the word, however often it comes."""
    found = INTERPRETERS.interpret(envelope(DATA, event_type="payment.teleported"))
    assert (found.verdict, found.facts) == (Verdict.UNKNOWN_TYPE, frozenset())
    [finding] = found.findings
    assert (finding.code, finding.subject) == (Code.UNKNOWN_TYPE, "kobbopay/payment.teleported")


def test_what_is_refused_names_every_mapping_that_was_asked() -> None:
    """A version that learns the word later is held against those that did not have it."""
    names = [table.name for table in INTERPRETERS.tables["circle_v1"]]
    assert len(names) > 1
    told = envelope(DATA, provider="circle_v1", event_type="odd", payment_ref="")
    assert INTERPRETERS.interpret(told).mapping == ", ".join(names)
    [own] = [table.name for table in INTERPRETERS.tables["kobbopay"]]
    for changes in ({"payment_ref": ""}, {"body": b"amount=10"}, {"event_type": "odd"}):
        assert INTERPRETERS.interpret(envelope(**{"body": DATA, **changes})).mapping == own
    assert INTERPRETERS.interpret(envelope(DATA, assurance=Assurance.D)).mapping == ""


def test_a_provider_without_a_mapping_has_only_unknown_words() -> None:
    """An edge may verify a provider before anybody has said what its words mean."""
    found = INTERPRETERS.interpret(envelope(DATA, provider="nobody"))
    assert found.verdict is Verdict.UNKNOWN_TYPE


def test_a_verified_body_that_is_no_json_is_drift_and_not_an_unknown_word() -> None:
    """A new word can wait a week; a provider whose bodies nobody can read cannot."""
    found = INTERPRETERS.interpret(envelope(b"{", event_type="unparsed", payment_ref=""))
    assert found.verdict is Verdict.UNPARSEABLE
    assert [finding.code for finding in found.findings] == [Code.SCHEMA_DRIFT]


def test_an_event_about_a_payment_that_names_none_is_unmatched() -> None:
    """The word is known, so the place of the reference is wrong: money may be waiting."""
    found = INTERPRETERS.interpret(envelope(DATA, payment_ref=""))
    assert found.verdict is Verdict.UNMATCHED
    assert [finding.code for finding in found.findings] == [Code.UNKNOWN_PAYMENT]


DRIFT: dict[str, tuple[Any, Code]] = {
    "no json": (b"amount=10", Code.SCHEMA_DRIFT),
    "a repeated key": (b'{"amount": "1", "amount": "2"}', Code.SCHEMA_DRIFT),
    "a price without an asset": ({"amount": "10"}, Code.SCHEMA_DRIFT),
    "an amount too fine": ({"amount": "0.0000001", "currency": "USDC"}, Code.SCHEMA_DRIFT),
    "an amount that is a list": ({"amount": ["10"], "currency": "USDC"}, Code.SCHEMA_DRIFT),
    "an instant that is none": ({**DATA, "expires_at": "tomorrow"}, Code.SCHEMA_DRIFT),
    "an instant without a zone": ({**DATA, "expires_at": "2026-01-01T00:00"}, Code.SCHEMA_DRIFT),
    "an instant of another type": ({**DATA, "expires_at": 1767225600}, Code.SCHEMA_DRIFT),
    "an instant before the epoch": (
        {**DATA, "expires_at": "1969-12-31T23:59:59Z"},
        Code.SCHEMA_DRIFT,
    ),
    "an asset nobody registered": ({"amount": "10", "currency": "WIF"}, Code.UNKNOWN_ASSET),
}


@pytest.mark.parametrize(("body", "code"), DRIFT.values(), ids=DRIFT)
def test_an_event_that_cannot_be_read_whole_states_nothing(body: object, code: Code) -> None:
    """A word that says paid must not pay beside an amount that nobody could read."""
    found = INTERPRETERS.interpret(envelope(body))
    assert (found.verdict, found.facts) == (Verdict.UNPARSEABLE, frozenset())
    assert [finding.code for finding in found.findings] == [code]


def test_an_unknown_asset_is_one_open_item_for_the_asset() -> None:
    """Treasury registers the asset once, whatever the number of payments and words."""
    body = {"amount": "10", "currency": "WIF"}
    [finding] = INTERPRETERS.interpret(envelope(body)).findings
    assert finding.subject == "kobbopay/WIF"


BTCPAY_DRIFT: dict[str, Any] = {
    "no key": {"payment": {"value": "1"}, "paymentMethodId": "BTC-CHAIN"},
    "a key that is a list": {
        "payment": {"id": [7], "value": "1"},
        "paymentMethodId": "BTC-CHAIN",
    },
    "no asset": {"payment": {"id": "a", "value": "1"}},
    "an asset that is a list": {"payment": {"id": "a", "value": "1"}, "paymentMethodId": ["BTC"]},
}


@pytest.mark.parametrize("body", BTCPAY_DRIFT.values(), ids=BTCPAY_DRIFT)
def test_a_transfer_without_a_key_or_asset_is_drift(body: object) -> None:
    """Two transfers under one empty key would be counted as one."""
    sealed = envelope(body, provider="btcpay", event_type="InvoiceReceivedPayment")
    assert INTERPRETERS.interpret(sealed).verdict is Verdict.UNPARSEABLE


@pytest.mark.parametrize("payments", [{}, "none", 0])
def test_payments_that_are_no_list_are_drift(payments: object) -> None:
    """The charge may well be paid; that we cannot see how much of it is the news."""
    body = {"event": {"data": {"payments": payments}}}
    sealed = envelope(body, provider="coinbase_commerce", event_type="charge:pending")
    assert INTERPRETERS.interpret(sealed).verdict is Verdict.UNPARSEABLE


def _keys(*identifiers: tuple[str, str]) -> set[str]:
    payments = [
        {
            "network": network,
            "transaction_id": transaction,
            "value": {"crypto": {"amount": "1", "currency": "USDC"}},
        }
        for network, transaction in identifiers
    ]
    body = {"event": {"data": {"payments": payments}}}
    sealed = envelope(body, provider="coinbase_commerce", event_type="charge:pending")
    found = INTERPRETERS.interpret(sealed)
    return {fact.key for fact in found.facts if fact.key.startswith(("tx:", "sha256:"))}


def test_two_different_transfers_never_share_a_key() -> None:
    """A colon inside a part must not move the border between the parts."""
    assert len(_keys(("a:b", "c"), ("a", "b:c"), ("a%3Ab", "c"))) == 3


def test_a_transfers_key_can_always_be_stored() -> None:
    """NUL ends a batch in PostgreSQL, and a megabyte ends an index: both are digested."""
    assert _keys(("base", "\x00"), ("base", "x" * 1000)) != set()
    assert all(key.startswith("sha256:") for key in _keys(("base", "\x00"), ("base", "x" * 1000)))


def test_a_transfer_cannot_pass_for_a_running_total() -> None:
    """The prefix of a total is ours: a provider's text behind it would merge two payments."""
    body = {"payment": {"id": "agg:btcpay:1", "value": "1"}, "paymentMethodId": "BTC"}
    sealed = envelope(body, provider="btcpay", event_type="InvoiceReceivedPayment")
    [fact] = INTERPRETERS.interpret(sealed).facts
    assert fact.key == "tx:agg%3Abtcpay%3A1"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["event", "data", "object", "payments", "payment", "timeline", "amount"]
            )
            | st.sampled_from(
                ["currency", "value", "crypto", "id", "status", "time", "expires_at"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
WORDS = [
    (name, word)
    for name, tables in INTERPRETERS.tables.items()
    for table in tables
    for word in table.rules
]


@given(st.sampled_from(WORDS), JSON)
def test_no_body_makes_interpretation_fail(word: tuple[str, str], body: object) -> None:
    """Whatever a provider's document turns into one day, the consumer must not stop at it."""
    sealed = envelope(_json(body), provider=word[0], event_type=word[1])
    found = INTERPRETERS.interpret(sealed)
    assert (found.verdict is None) or not found.facts


def _json(body: object) -> bytes:
    return json.dumps(body).encode()


@pytest.mark.parametrize(("transfers", "verdict"), [(900, None), (1001, Verdict.UNPARSEABLE)])
def test_an_event_states_no_more_than_a_payment_can_have(
    transfers: int, verdict: Verdict | None
) -> None:
    """Whatever one event adds, every later event of the payment has to weigh again."""
    value = {"crypto": {"amount": "1", "currency": "USDC"}}
    payments = [
        {"network": "base", "transaction_id": f"0x{number:x}", "value": value}
        for number in range(transfers)
    ]
    body = {"event": {"type": "charge:pending", "data": {"payments": payments}}}
    sealed = envelope(body, provider="coinbase_commerce", event_type="charge:pending")
    assert INTERPRETERS.interpret(sealed).verdict is verdict
