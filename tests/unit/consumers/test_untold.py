"""Providers that tell no time: whatever order their events are received in, the end is the same.

The receipt is then the only instant there is, and it is another one in every order. So each story
is told in all of its orders, through the record on the log, the provider's own table and the moves,
and the end of it was worked out by hand.
"""

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import pytest

from consumers.facts import OFF, ON, Fact, FactKind, RefundStatus, simple
from consumers.interpret import interpreter
from consumers.lifecycle import State, reduce
from consumers.standing import holds
from consumers.weighing import Terms
from ingress.contract.envelope import Envelope
from tests.support.builders import NOW_MS, envelope
from tests.support.told_world import World, said

INTERPRETERS = interpreter.load()
MINUTE_MS = 60_000
Body = Mapping[str, Any]
Event = tuple[str, str, Body]
LOCKED = "hold: compliance"
DOUBTED = "hold: operator"


def cryptomus(status: str, paid: str = "100", **more: str) -> Event:
    """Write a callback about an invoice of 100 USDT."""
    money = {"payer_amount": "100", "payment_amount": paid, "payer_currency": "USDT"}
    body = {"status": status, "network": "tron", "txid": "aa", **money, **more}
    return "cryptomus", f"payment:{status}", body


def nowpayments(status: str, paid: float, payment: int = 5, parent: int | None = None) -> Event:
    """Write a notification about a payment of 0.1 BTC, or about a deposit after its first."""
    body: dict[str, Any] = {"payment_id": payment, "payment_status": status}
    body |= {"pay_amount": 0.1, "actually_paid": paid, "pay_currency": "btc"}
    return "nowpayments", status, body if parent is None else {**body, "parent_payment_id": parent}


CHILD = {"payment": 9, "parent": 5}
STORIES: list[tuple[list[Event], State, tuple[str, ...], set[str]]] = [
    # Given back as a whole: not Paid, whenever the money was told of.
    (
        [cryptomus("confirm_check"), cryptomus("cancel"), cryptomus("refund_paid")],
        State.REFUNDED,
        (),
        set(),
    ),
    ([cryptomus("paid"), cryptomus("refund_paid")], State.REFUNDED, (), set()),
    (
        [nowpayments("confirming", 0.1), nowpayments("refunded", 0.1), nowpayments("expired", 0)],
        State.REFUNDED,
        (),
        set(),
    ),
    # A part, given back; and as much again. In which order, nobody told: goods wait for people.
    (
        [
            nowpayments("partially_paid", 0.05),
            nowpayments("refunded", 0.05),
            nowpayments("finished", 0.05, **CHILD),
        ],
        State.CONFIRMED,
        ("partially_refunded", "multiple_transfers", DOUBTED),
        {"CONTRADICTORY_OUTCOME"},
    ),
    # Paid twice, and once given back: the price is here, whichever of the two it was.
    (
        [
            nowpayments("finished", 0.1),
            nowpayments("refunded", 0.1),
            nowpayments("finished", 0.1, **CHILD),
        ],
        State.CONFIRMED,
        ("overpaid", "partially_refunded", "multiple_transfers"),
        set(),
    ),
    # Who says that it closed says that it was not paid: what came is late, and people decide.
    (
        [
            nowpayments("confirming", 0.1),
            nowpayments("finished", 0.1),
            nowpayments("failed", 0),
            nowpayments("expired", 0),
        ],
        State.LATE,
        ("recovered",),
        {"LATE_FUNDS"},
    ),
    (
        [cryptomus("paid"), cryptomus("cancel"), cryptomus("fail")],
        State.LATE,
        ("recovered",),
        {"LATE_FUNDS"},
    ),
    (
        [
            cryptomus("wrong_amount", "50"),
            cryptomus("paid"),
            cryptomus("locked"),
            cryptomus("refund_fail"),
        ],
        State.LATE,
        (LOCKED,),
        {"LATE_FUNDS", "COMPLIANCE_HOLD"},
    ),
    # A refund that succeeded and failed, and nobody told which came last.
    (
        [cryptomus("paid"), cryptomus("refund_paid"), cryptomus("refund_fail")],
        State.CONFIRMED,
        (DOUBTED,),
        {"CONTRADICTORY_OUTCOME"},
    ),
    # The word that it was too little, first or last.
    (
        [cryptomus("wrong_amount_waiting", "50"), cryptomus("paid")],
        State.CONFIRMED,
        (),
        set(),
    ),
]


def names(story: tuple[list[Event], State, tuple[str, ...], set[str]]) -> str:
    """Name a story by its words."""
    return "-".join(f"{word.partition(':')[2] or word}" for _, word, _ in story[0])


@pytest.mark.parametrize(("events", "state", "flags", "open_"), STORIES, ids=map(names, STORIES))
def test_every_order_of_receipt_ends_in_the_same_state_with_the_same_exceptions(
    events: list[Event], state: State, flags: tuple[str, ...], open_: set[str]
) -> None:
    """Retries and queues decide when an event is received: they must not decide about money."""
    for order in permutations(range(len(events))):
        world = World()
        for place, number in enumerate(order):
            found = INTERPRETERS.interpret(received(events[number], place))
            assert found.verdict is None
            codes = [finding.code for finding in found.findings]
            world.batch([said(f"evt_{number}", found.facts, *codes)])
        world.check_history()
        assert world.picture() == (state, flags, frozenset(open_)), order


def received(event: Event, place: int) -> Envelope:
    """Return an event as it is read from the log, received at its place in the order."""
    provider, word, body = event
    at_ms = NOW_MS + place * MINUTE_MS
    sealed = envelope(
        body,
        provider=provider,
        event_type=word,
        occurred_ms=at_ms,
        received_ms=at_ms,
        untold=True,
    )
    _, headers, value = sealed.encode()
    return Envelope.decode(headers, value)


PRICE = simple(FactKind.EXPECTED, 0, asset="USDT", amount=100)
ENDING = PRICE._replace(expires_ms=1000)
CLOSED = simple(FactKind.EXPIRED, 500)
OFF_CALLED = simple(FactKind.CANCELLED, 500)


def money(at_ms: int, *, untold: bool, key: str = "tx:1") -> Fact:
    """See the whole price, final."""
    told = simple(FactKind.FINAL, at_ms, key=key, asset="USDT", amount=100)
    return told._replace(untold=untold)


WINDOWS = [
    ("received inside a window that was told", (ENDING, money(900, untold=True)), False),
    ("received after it", (ENDING, money(1100, untold=True)), True),
    ("received inside its grace", (ENDING, money(1050, untold=True)), False),
    ("told before the word", (PRICE, CLOSED, money(400, untold=False)), False),
    ("told after the word", (PRICE, CLOSED, money(600, untold=False)), True),
    ("received before a told word", (PRICE, CLOSED, money(400, untold=True)), True),
    (
        "told, against a word that was received later",
        (PRICE, CLOSED._replace(untold=True), money(400, untold=False)),
        True,
    ),
    (
        "received, against a word that was received later",
        (PRICE, CLOSED._replace(untold=True), money(400, untold=True)),
        True,
    ),
    (
        "the word that it expired says nothing beside an end that was told",
        (ENDING, CLOSED._replace(untold=True), money(400, untold=True)),
        False,
    ),
    (
        "that it was called off says something beside an end that was told",
        (ENDING, OFF_CALLED._replace(untold=True), money(400, untold=True)),
        True,
    ),
    (
        "one sighting has an instant: that one is in time",
        (PRICE, CLOSED, money(400, untold=False), money(600, untold=True)),
        False,
    ),
]


@pytest.mark.parametrize(
    ("facts", "is_late"), [row[1:] for row in WINDOWS], ids=[row[0] for row in WINDOWS]
)
def test_an_instant_that_nobody_told_is_a_bound_and_no_order(
    facts: tuple[Fact, ...], is_late: bool
) -> None:
    """A receipt proves that something was there by then, and not what came before what."""
    assert reduce(facts, Terms(grace_ms=60)) is (State.LATE if is_late else State.CONFIRMED)


def back(at_ms: int, amount: int = 100, *, untold: bool = False, status: str = "succeeded") -> Fact:
    """Give something back, or fail to."""
    told = simple(FactKind.REFUND, at_ms, key="re", asset="USDT", amount=amount, detail=status)
    return told._replace(untold=untold)


BOUNCED = RefundStatus.FAILED
REFUNDS = [
    ("told, and new money told later", (back(700), money(800, untold=False, key="tx:2")), True),
    ("told, and money received later", (back(700), money(800, untold=True, key="tx:2")), False),
    ("untold, and money told later", (back(700, untold=True), money(800, untold=False)), True),
    ("untold, of everything", (back(700, 200, untold=True), money(800, untold=True)), True),
    ("bounced", (back(700), back(800, status=BOUNCED)), False),
    ("bounced, and tried again", (back(700), back(800, status=BOUNCED), back(900)), True),
    ("failed first", (back(800), back(700, status=BOUNCED)), True),
    ("both at one instant", (back(700), back(700, status=BOUNCED)), False),
    ("bounced, nobody told when", (back(900), back(700, untold=True, status=BOUNCED)), False),
    ("pending last", (back(700), back(800, status=RefundStatus.PENDING)), True),
]


@pytest.mark.parametrize(
    ("told", "is_back"), [row[1:] for row in REFUNDS], ids=[row[0] for row in REFUNDS]
)
def test_of_a_refund_the_last_word_counts_and_it_covers_what_may_have_come_before(
    told: tuple[Fact, ...], is_back: bool
) -> None:
    """A bounced refund is money that we hold; a payment of which all is gone must not look paid."""
    facts = {PRICE, money(400, untold=False), *told}
    assert (reduce(facts) is State.REFUNDED) is is_back


def test_a_refund_that_bounced_and_was_tried_again_is_back_in_every_order() -> None:
    """The second success says what the first said, and is the one that counts: it must be kept."""
    words = [back(700), back(800, status=BOUNCED), back(900)]
    for order in permutations(words):
        world = World()
        world.tell("e0", PRICE, money(400, untold=False))
        for number, word in enumerate(order, 1):
            world.tell(f"e{number}", word)
        assert world.picture() == (State.REFUNDED, (), frozenset()), order


def test_money_that_is_left_of_a_refunded_payment_calls_people() -> None:
    """Nothing moves a refunded payment any more: whoever holds its money must be told."""
    world = World()
    world.tell("e1", PRICE, money(400, untold=False), back(700))
    assert world.picture() == (State.REFUNDED, (), frozenset())
    world.tell("e2", money(900, untold=False, key="tx:2"))
    assert world.open == {"UNMATCHED_DEPOSIT"}
    world.tell("e3", back(1000)._replace(key="re:2"))
    assert "UNMATCHED_DEPOSIT" not in world.open


def test_a_release_that_nobody_dated_lets_nothing_go_and_a_persons_does() -> None:
    """Frozen and let go in one breath, in either order: people look before goods move."""
    frozen = simple(FactKind.HOLD, 500, key="compliance", detail=ON)._replace(untold=True)
    released = simple(FactKind.HOLD, 600, key="compliance", detail=OFF)
    assert holds([frozen, released._replace(untold=True)]) == {"compliance"}
    assert holds([frozen, released]) == set()
