"""Several events of one payment together: what each states must hold beside the others."""

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import pytest

from consumers import standing
from consumers.exceptions import Code
from consumers.facts import Fact, HoldKind
from consumers.interpret import interpreter
from consumers.interpret.interpreter import Interpretation
from consumers.lifecycle import State, reduce
from tests.support import event_samples
from tests.support.builders import NOW_MS, envelope
from tests.support.event_samples import Sample, Samples

INTERPRETERS = interpreter.load()
SAMPLES = event_samples.load()
MINUTE_MS = 60_000


def _sample(samples: Samples, word: str, body_has: str = "") -> Sample:
    """Return the first sample of a word that states something, and whose body holds a text."""
    return next(
        one for one in samples.sample if one.word == word and body_has in one.body and one.facts
    )


def _events(provider: str, *told: tuple[str, str]) -> list[frozenset[Fact]]:
    """Interpret recorded samples as if each had come a minute after the one before."""
    samples = SAMPLES[provider]
    found = []
    for number, (word, body_has) in enumerate(told):
        sealed = samples.sealed(_sample(samples, word, body_has))
        at_ms = sealed.occurred_ms + number * MINUTE_MS
        later = envelope(
            sealed.body,
            provider=provider,
            event_type=word,
            payment_ref=sealed.payment_ref,
            occurred_ms=at_ms,
            received_ms=samples.received_ms + number * MINUTE_MS,
        )
        found.append(INTERPRETERS.interpret(later).facts)
    return found


def _interpret(provider: str, word: str, body: Mapping[str, Any]) -> Interpretation:
    return INTERPRETERS.interpret(envelope(body, provider=provider, event_type=word))


# --- Stripe's disputes

PAID = ("payment_intent.succeeded", '"amount_received": 1099')
OPENED = ("charge.dispute.created", "")
WITHDRAWN = ("charge.dispute.funds_withdrawn", "")
REINSTATED = ("charge.dispute.funds_reinstated", "")
WON = ("charge.dispute.closed", '"won"')
LOST = ("charge.dispute.closed", '"lost"')

DISPUTES = [
    ([PAID, OPENED], State.CONFIRMED, True),
    ([PAID, OPENED, WITHDRAWN], State.REVERSED, True),
    ([PAID, OPENED, WITHDRAWN, LOST], State.REVERSED, False),
    ([PAID, OPENED, WITHDRAWN, WON], State.CONFIRMED, False),
    ([PAID, OPENED, WITHDRAWN, REINSTATED, WON], State.CONFIRMED, False),
    # Whoever had not heard of the withdrawal must not count the money twice.
    ([PAID, REINSTATED], State.CONFIRMED, False),
    ([PAID, LOST], State.REVERSED, False),
]


@pytest.mark.parametrize(("told", "state", "is_disputed"), DISPUTES)
def test_a_dispute_ends_the_same_in_every_order_of_arrival(
    told: list[tuple[str, str]], state: State, *, is_disputed: bool
) -> None:
    """Withdrawn money is gone and reinstated money is back, whichever the gateway heard first."""
    events = _events("stripe", *told)
    for order in permutations(events):
        facts: frozenset[Fact] = frozenset()
        for event in order:
            facts |= event
        assert reduce(facts) is state
        assert (HoldKind.DISPUTE in standing.holds(facts)) is is_disputed
        assert standing.amounts(facts).detected.get("USD", 1099) == 1099


def test_a_refund_is_counted_once_though_stripe_tells_it_in_two_words() -> None:
    """The charge tells the sum, the refund itself its amount: 300 cents, and not 600."""
    told = _events(
        "stripe", PAID, ("refund.updated", "requires_action"), ("refund.created", "succeeded")
    )
    [charge] = _events("stripe", ("charge.refunded", '"refunded": false'))
    facts = frozenset().union(*told, charge)
    assert standing.amounts(facts).refunded == {"USD": 300}
    assert reduce(facts) is State.CONFIRMED
    assert "partially_refunded" in standing.flags(facts)


# --- Circle's intents and their payments


def test_payments_under_an_intent_are_weighed_against_its_price() -> None:
    """The payment's own word is one transfer; that the price is met is told by both together."""
    [asked, came] = _events(
        "circle_v2", ("mint.paymentIntents", '"pending"'), ("mint.payments", '"confirmed"')
    )
    assert (reduce(asked), reduce(came)) == (State.PENDING, State.UNDERPAID)
    assert reduce(asked | came) is State.CONFIRMED


def test_an_intent_and_its_payment_do_not_tell_the_same_money_twice() -> None:
    """250 under the one word and 250 under the other are 250."""
    [complete, came] = _events(
        "circle_v2", ("mint.paymentIntents", '"context": "paid"'), ("mint.payments", '"paid"')
    )
    assert standing.amounts(complete | came).confirmed == {"USDC": 250_000_000}
    assert "overpaid" not in standing.flags(complete | came)


# --- Fireblocks


def test_a_screening_that_ends_well_lets_the_deposit_go() -> None:
    """Every deposit passes it: a hold that nobody lifts by hand would stop all of them."""
    word = "transaction.status.updated"
    [screened, done] = _events(
        "fireblocks_v2", (word, "PENDING_AML_SCREENING"), (word, '"subStatus": "CONFIRMED"')
    )
    assert standing.holds(screened) == {HoldKind.COMPLIANCE}
    assert standing.holds(screened | done) == frozenset()
    assert reduce(screened | done) is State.CONFIRMED


@pytest.mark.parametrize("asset", ["ETH_TEST5", "BTC_TEST", "AMOY_POLYGON_TEST", "USDT_BSC"])
def test_money_of_a_testnet_or_of_a_bridge_is_no_money_of_the_main_network(asset: str) -> None:
    """The id alone tells them apart: cut at the underscore, both would be ETH, BTC or USDT."""
    deposit = {
        "id": "1",
        "status": "COMPLETED",
        "assetId": asset,
        "amountInfo": {"amount": "1"},
        "destination": {"type": "VAULT_ACCOUNT"},
    }
    found = _interpret("fireblocks_v2", "transaction.status.updated", {"data": deposit})
    assert found.facts == frozenset()
    assert [finding.code for finding in found.findings] == [Code.UNKNOWN_ASSET]


# --- Alchemy

USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"


def _moved(contract: str | None, block: str, *, removed: bool = False) -> dict[str, Any]:
    return {
        "hash": "0xa",
        "asset": "USDC",
        "rawContract": {"rawValue": "0xf4240", "address": contract, "decimals": 6},
        "log": {"logIndex": "0x1", "blockHash": block, "removed": removed},
    }


def _activity(moved: Mapping[str, Any], network: str = "ETH_MAINNET") -> Interpretation:
    body = {"event": {"network": network, "activity": [moved]}}
    return _interpret("alchemy", "ADDRESS_ACTIVITY", body)


@pytest.mark.parametrize(
    ("contract", "network"),
    [
        ("0xdeadbeefdeadbeefdeadbeefdeadbeefdeadbeef", "ETH_MAINNET"),
        (USDC, "ARB_MAINNET"),
        (USDC, "ETH_SEPOLIA"),
        (None, "ETH_MAINNET"),
    ],
)
def test_a_token_is_what_its_contract_on_its_network_says(
    contract: str | None, network: str
) -> None:
    """Anybody can write a contract that calls itself USDC, and send a million of it."""
    found = _activity(_moved(contract, "0xb1"), network)
    assert found.facts == frozenset()
    assert [finding.code for finding in found.findings] == [Code.UNKNOWN_ASSET]


def test_a_transfer_that_is_mined_again_after_a_reorganisation_counts_once() -> None:
    """Block 1 was removed, block 2 holds it now; told in any order it is there, and once."""
    events = [
        _activity(_moved(USDC, "0xb1")).facts,
        _activity(_moved(USDC, "0xb1", removed=True)).facts,
        _activity(_moved(USDC, "0xb2")).facts,
    ]
    for order in permutations(events):
        facts = frozenset().union(*order)
        assert standing.amounts(facts).detected == {"USDC@ethereum": 1_000_000}
    assert standing.amounts(events[0] | events[1]).detected == {}


def test_nothing_that_alchemy_says_is_final_by_its_own_word() -> None:
    """Finality is the merchant's policy, and counts confirmations: an inclusion alone is none."""
    for sample in SAMPLES["alchemy"].sample:
        facts = INTERPRETERS.interpret(SAMPLES["alchemy"].sealed(sample)).facts
        assert standing.amounts(facts).confirmed == {}


# --- channels

CHANNEL = "bvnk:payment:channel:transaction-"


@pytest.mark.parametrize(
    ("provider", "told", "asset", "counted"),
    [
        ("bvnk", [CHANNEL + "detected", CHANNEL + "on-hold", CHANNEL + "confirmed"], "USDC", 10**7),
        ("cryptopay", ["ChannelPayment:created", "ChannelPayment:completed"], "BTC", 2_000_000),
        ("circle_v1", ["transfers"], "USDC", 134_780_000),
    ],
)
def test_a_channels_transaction_counts_once_in_every_order(
    provider: str, told: list[str], asset: str, counted: int
) -> None:
    """Detected, kept back and confirmed are three words on one transaction."""
    events = _events(provider, *((word, "") for word in told))
    for order in permutations(events):
        facts = frozenset().union(*order)
        assert standing.amounts(facts).detected == {asset: counted}
    final = standing.amounts(frozenset().union(*events)).confirmed
    assert final == ({} if provider == "circle_v1" else {asset: counted})


@pytest.mark.parametrize("end", ["ChannelPayment:refunded", "ChannelPayment:cancelled"])
def test_money_of_a_channel_that_went_back_is_not_there(end: str) -> None:
    """Sent back to its payer, or never mined: whichever word came first, nobody matches it."""
    events = _events("cryptopay", ("ChannelPayment:created", ""), (end, ""))
    for order in permutations(events):
        assert standing.amounts(frozenset().union(*order)).detected == {}


def test_a_channel_order_without_its_transactions_is_not_read_as_no_money() -> None:
    """A list that moved would make deposits vanish without a word."""
    found = _interpret("coingate", "order.status.paid", {"data": {"id": 1, "transactions": []}})
    assert [finding.code for finding in found.findings] == [Code.SCHEMA_DRIFT]


# --- what goes out


@pytest.mark.parametrize(
    ("provider", "word", "body"),
    [
        ("cryptomus", "payout:paid", {"uuid": "1", "payer_amount": "207"}),
        ("stripe", "payout.paid", {"data": {"object": {"id": "po_1", "amount": 1}}}),
        ("bvnk", "statusChanged", {"data": {"uuid": "1", "type": "OUT", "status": "COMPLETE"}}),
    ],
)
def test_money_that_goes_out_makes_no_payment(
    provider: str, word: str, body: Mapping[str, Any]
) -> None:
    """A payout that is "paid" must not become a payment that somebody could deliver for."""
    found = _interpret(provider, word, body)
    assert (found.facts, found.findings) == (frozenset(), ())
    assert found.verdict is not None


def test_a_bvnk_payment_of_two_parts_is_not_confirmed_by_the_first() -> None:
    """Both are listed in the event that confirms one of them: only the status may call it final."""
    price = {"currency": "USDC", "amount": 2, "actual": 0}

    def state(*parts: Mapping[str, Any]) -> State:
        body = {"data": {"paidCurrency": price, "transactions": parts, "status": "PROCESSING"}}
        return reduce(_interpret("bvnk", "transactionConfirmed", body).facts)

    assert state({"hash": "0x1", "amount": 1}, {"hash": "0x2", "amount": 1}) is State.PAID
    assert state({"hash": "0x1", "amount": 2}) is State.CONFIRMED


def test_a_word_of_an_older_api_keeps_its_older_meaning_at_stripe() -> None:
    """Before 2025-09-30 "processing" was a debit on its way to a bank, whatever it is now."""
    intent = {"amount": 1000, "currency": "usd", "payment_method_types": ["crypto"]}
    states = {
        version: reduce(
            _interpret(
                "stripe",
                "payment_intent.processing",
                {"api_version": version, "created": NOW_MS // 1000, "data": {"object": intent}},
            ).facts
        )
        for version in ("2025-08-27.basil", "2025-09-30.clover", "2026-10-28.endive")
    }
    assert list(states.values()) == [State.PENDING, State.PAID, State.PAID]
