"""What providers' answers state: through the same tables as their events, and nothing on a guess.

The bodies are the simulator's, written from the providers' documents apart from the mappings.
"""

import json
from typing import Any

import pytest

from consumers.facts import FactKind
from consumers.interpret import interpreter, mapping
from consumers.interpret.answers import can_read, show
from consumers.lifecycle import State, reduce
from consumers.store.keys import PaymentKey
from sealgate.simulator.api_styles import STYLES, Payment
from tests.support.builders import NOW_MS

TABLES = interpreter.load()
FULL = "0.00049000"
USD = "49.00"
CASES = [
    # provider, word, price, paid, the exception beside it, what alone it proves
    ("opennode", "unpaid", FULL, "0", "", State.PENDING),
    ("opennode", "processing", FULL, FULL, "", State.PAID),
    ("opennode", "paid", FULL, FULL, "", State.CONFIRMED),
    ("opennode", "underpaid", FULL, "0.00040000", "", State.UNDERPAID),
    ("opennode", "expired", FULL, "0", "", State.EXPIRED),
    ("coingate", "new", FULL, "0", "", State.PENDING),
    ("coingate", "confirming", FULL, FULL, "", State.PAID),
    ("coingate", "paid", FULL, FULL, "", State.CONFIRMED),
    ("coingate", "invalid", FULL, "0", "", State.FAILED),
    ("coingate", "canceled", FULL, "0", "", State.CANCELLED),
    ("bitpay", "new", FULL, "0", "", State.PENDING),
    ("bitpay", "paid", FULL, FULL, "", State.PAID),
    ("bitpay", "confirmed", FULL, FULL, "", State.CONFIRMED),
    ("bitpay", "complete", FULL, FULL, "", State.CONFIRMED),
    ("bitpay", "expired", FULL, "0", "", State.EXPIRED),
    ("bitpay", "invalid", FULL, "0", "", State.FAILED),
    ("btcpay", "New", USD, "0", "", State.PENDING),
    ("btcpay", "New", USD, "0", "PaidPartial", State.UNDERPAID),
    ("btcpay", "Processing", USD, "0", "", State.PAID),
    ("btcpay", "Settled", USD, "0", "", State.CONFIRMED),
    ("btcpay", "Settled", USD, "0", "PaidOver", State.CONFIRMED),
    ("btcpay", "Settled", USD, "0", "Marked", State.CONFIRMED),
    ("btcpay", "Expired", USD, "0", "", State.EXPIRED),
    ("btcpay", "Expired", USD, "0", "PaidPartial", State.UNDERPAID),
    ("btcpay", "Expired", USD, "0", "PaidLate", State.LATE),
    ("btcpay", "Invalid", USD, "0", "", State.FAILED),
    ("kobbopay", "Pending", USD, "0", "", State.PENDING),
    ("kobbopay", "Paid", USD, USD, "", State.PAID),
    ("kobbopay", "Confirmed", USD, USD, "", State.CONFIRMED),
    ("kobbopay", "Late", USD, USD, "", State.LATE),
    ("nowpayments", "waiting", FULL, "0", "", State.PENDING),
    ("nowpayments", "finished", FULL, FULL, "", State.CONFIRMED),
    ("nowpayments", "partially_paid", FULL, "0.00020000", "", State.UNDERPAID),
]
REFERENCE = "4711"


def _asked(provider: str) -> PaymentKey:
    return PaymentKey(provider, "a-store", REFERENCE)


def _body(provider: str, **said: Any) -> bytes:
    payment = Payment(REFERENCE, **{"word": "", "changed_ms": NOW_MS, **said})
    return json.dumps(STYLES[provider].body(payment)).encode()


@pytest.mark.parametrize(("provider", "word", "price", "paid", "also", "state"), CASES)
def test_an_answer_proves_what_its_word_says(
    provider: str, word: str, price: str, paid: str, also: str, state: State
) -> None:
    """By hand from lifecycle 2.2: "paid" is final at OpenNode and a sighting at BitPay."""
    body = _body(provider, word=word, price=price, paid=paid, also=also)
    shown = show(TABLES, _asked(provider), body, NOW_MS)
    assert shown.is_read, shown.findings
    assert shown.word == word
    assert reduce(shown.facts) is state


def test_every_provider_that_can_be_asked_is_played() -> None:
    """A part of a mapping that nothing answers is a guess that nobody has tried."""
    asked = {name for name in mapping.load() if can_read(TABLES, name)}
    assert asked == set(STYLES) == {provider for provider, *_ in CASES}
    told = [one.snapshot for same in mapping.load().values() for one in same if one.snapshot]
    assert all(one.constructed for one in told)  # until somebody records a real one


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>", "SCHEMA_DRIFT"),
        (b'{"data": {"id": "4711", "status": "paid", "price": 1.5}}', "SCHEMA_DRIFT"),
        (b'{"data": {"id": "4712", "status": "paid"}}', "SCHEMA_DRIFT"),
        (b'{"data": {"id": true, "status": "paid"}}', "SCHEMA_DRIFT"),
        (b'{"id": "4711", "status": "paid"}', "SCHEMA_DRIFT"),
        (b'{"data": {"id": "4711", "status": "brand_new"}}', "UNKNOWN_TYPE"),
        (b'{"data": {"id": "4711"}}', "UNKNOWN_TYPE"),
        (b'{"data": {"id": "4711", "id": "4711", "status": "paid"}}', "SCHEMA_DRIFT"),
    ],
)
def test_what_cannot_be_read_states_nothing(body: bytes, why: str) -> None:
    """An answer is read whole or not at all, and about nobody but the payment asked for."""
    shown = show(TABLES, _asked("opennode"), body, NOW_MS)
    assert (shown.is_read, shown.facts) == (False, frozenset())
    assert [str(one.code) for one in shown.findings] == [why]


def test_an_answer_without_a_time_of_its_own_says_so() -> None:
    """When we asked is a bound: it must not make money late that came in time."""
    body = _body("opennode", word="processing", price=FULL, paid=FULL)
    shown = show(TABLES, _asked("opennode"), body, NOW_MS + 5)
    [seen] = [fact for fact in shown.facts if fact.kind is FactKind.SEEN]
    assert (seen.at_ms, seen.untold) == (NOW_MS + 5, True)
    body = _body("opennode", word="paid", price=FULL, paid=FULL)
    shown = show(TABLES, _asked("opennode"), body, NOW_MS + 5)
    [final] = [fact for fact in shown.facts if fact.kind is FactKind.FINAL]
    assert (final.at_ms, final.untold) == (NOW_MS, False)


@pytest.mark.parametrize(
    "path",
    [
        "/x",
        "/a/../{reference}",
        "/{reference}/{reference}",
        "/../{reference}?a=1",
        "{reference}",
        "/a//b",
    ],
)
def test_a_path_that_names_no_payment_once_is_refused(path: str) -> None:
    """A mapping decides where a key is sent: its path is plain, or it is no path."""
    told = {"path": path, "word": ["/status"], "reference": ["/id"]}
    with pytest.raises(ValueError, match="path"):
        mapping.Snapshot.model_validate(told)
