"""Goods leave once for each generation: a subscriber who knows effect keys alone never errs.

It is as simple as one can be: it ships under each effect key once, and takes goods back when the
payment is Reversed or Refunded. Whatever facts come in whatever order, and whatever events people
make void, it must have sent goods exactly where the payment is Confirmed and nothing holds it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consumers import standing
from consumers.facts import OFF, ON, Fact, FactKind, HoldKind, RefundStatus, simple
from consumers.fulfilment import NONE_YET, Fulfilment
from consumers.lifecycle import State
from consumers.store import fulfilled
from consumers.store.port import Cause, Changes, Event, EventKey, Notice
from consumers.voiding import Rim, correct
from ingress.eventlog.port import Partition, Position
from tests.support.builders import TRACEPARENT
from tests.support.facts_drawn import facts
from tests.support.told_world import NOW_MS, PAYMENT, World, said

_S = State
ASKED = simple(FactKind.EXPECTED, 0, asset="USDT", amount=100)
WINDOW = ASKED._replace(expires_ms=5)
PAID = simple(FactKind.FINAL, 7, key="tx:1", asset="USDT", amount=100, detail="A")
REMOVED = simple(FactKind.REMOVED, 8, key="tx:1", detail="A")
AGAIN = PAID._replace(at_ms=9, detail="B")
TAKEN = simple(FactKind.ACCEPT_LATE, 9)
HELD = simple(FactKind.HOLD, 3, key=HoldKind.COMPLIANCE, detail=ON)
LET_GO = HELD._replace(at_ms=9, detail=OFF)
GIVEN_BACK = simple(
    FactKind.REFUND, 9, key="re:1", asset="USDT", amount=100, detail=RefundStatus.SUCCEEDED
)
RIM = Rim("sandbox", lambda: NOW_MS, lambda: TRACEPARENT)
# An event with its facts, or the number of one that is made void, or given its facts back.
Step = frozenset[Fact] | int


@dataclass
class Shop:
    """Sends goods by effect keys, and knows nothing else of payments."""

    shipped: list[str] = field(default_factory=list)
    is_out: bool = False

    def hear(self, notices: Sequence[Notice]) -> None:
        """Take notices, every one twice: delivery is at least once."""
        for notice in notices:
            self._hear(notice)
            before = len(self.shipped)
            self._hear(notice)
            assert len(self.shipped) == before

    def _hear(self, notice: Notice) -> None:
        told = orjson.loads(notice.value)
        effect = dict(notice.headers).get("ce_effectkey", b"").decode() or None
        assert told["effect_key"] == effect
        if told["after"] in {"Reversed", "Refunded"}:
            self.is_out = False
        if effect is not None and effect not in self.shipped:
            assert not self.is_out, f"{effect}: a second load while the first is out"
            self.shipped.append(effect)
            self.is_out = True
        if told["after"] == "Confirmed" and not told["holds"]:
            assert self.is_out, "paid for, and nothing left"


@dataclass
class Life:
    """One payment, its events, those of them that are void, and the shop that hears of it."""

    world: World = field(default_factory=World)
    shop: Shop = field(default_factory=Shop)
    events: list[frozenset[Fact]] = field(default_factory=list)
    void: set[int] = field(default_factory=set)

    def play(self, steps: Sequence[Step]) -> None:
        """Let everything happen, and look at the books of goods after each step."""
        for step in steps:
            if isinstance(step, frozenset):
                self.events.append(step)
                self.world.batch([said(f"e{len(self.events)}", step)])
                self.shop.hear(self.world.last.notices)
            elif self.events:
                self._judge(step % len(self.events))
            self.check()

    def batch(self, words: Sequence[Collection[Fact]]) -> None:
        """Let several events come in one batch."""
        self.world.batch([said(f"b{at}", frozenset(word)) for at, word in enumerate(words)])
        self.shop.hear(self.world.last.notices)
        self.check()

    def _judge(self, number: int) -> None:
        """Make an event void, or take that back, as `voiding` does."""
        before = self.world.payments[PAYMENT]
        self.void ^= {number}
        stand = [one for at, one in enumerate(self.events) if at not in self.void]
        remaining = before._replace(facts=frozenset().union(*stand))
        if remaining.facts == before.facts:
            return
        changes = Changes()
        correct(changes, before, remaining, _event(number, before.version), Cause.VOID, RIM)
        self.world.payments[PAYMENT] = remaining
        for row in changes.payments:
            self.world.payments[PAYMENT] = row.payment
        self.world.transitions += changes.transitions
        self.shop.hear(changes.notices)

    def check(self) -> None:
        """Hold what a worker carries to the history, and the shop to the state and its holds."""
        payment = self.world.payments[PAYMENT]
        moves = [(*one.payment, one.after.value) for one in self.world.transitions]
        read = fulfilled.told({PAYMENT: payment._replace(fulfilment=NONE_YET)}, moves)
        assert read[PAYMENT].fulfilment == payment.fulfilment
        adjectives = standing.flags(payment.facts, self.world.policy.terms)
        is_held = any(one == "disputed" or one.startswith("hold:") for one in adjectives)
        if payment.state is State.CONFIRMED and not is_held:
            assert self.shop.is_out, "nobody was told that the goods may go"


def _event(number: int, version: int) -> Event:
    key = EventKey("kobbopay", "main", f"void-{number}-{version}")
    place = Position(Partition("t", 0), 0)
    return Event(key, "paid", "shop", PAYMENT.reference, "k", "A", "c", "d", NOW_MS, place)


def step(*told: Fact) -> frozenset[Fact]:
    """Make an event that states facts."""
    return frozenset(told)


def lived(*steps: Step) -> Life:
    """Return a life as it is in the end."""
    life = Life()
    life.play(steps)
    return life


def walked(life: Life) -> list[str]:
    """Name the states that a payment went through."""
    return [move.after.value for move in life.world.transitions]


KEY = "kobbopay/main/pay_1/fulfil/"


def test_what_is_late_and_accepted_ships_once() -> None:
    """The window is told after the money: the goods are at the customer's already."""
    life = lived(step(ASKED, PAID), step(WINDOW), step(TAKEN))
    assert walked(life) == ["Confirmed", "Late", "Confirmed"]
    assert life.shop.shipped == [KEY + "1"]


def test_what_was_gone_and_comes_again_ships_anew() -> None:
    """A chain took the money back, and the goods were called back: the next block pays anew."""
    life = lived(step(ASKED, PAID), step(REMOVED), step(AGAIN))
    assert walked(life) == ["Confirmed", "Reversed", "Confirmed"]
    assert life.shop.shipped == [KEY + "1", KEY + "2"]


def test_one_batch_counts_as_many_do() -> None:
    """All of it in one transaction: nothing can be read of the history in between."""
    life = Life()
    life.batch([{ASKED, PAID}, {REMOVED}, {AGAIN}])
    assert walked(life) == ["Confirmed", "Reversed", "Confirmed"]
    assert life.shop.shipped == [KEY + "1", KEY + "2"]


def test_money_that_is_late_and_given_back_calls_the_goods_back_too() -> None:
    """They left when it was Confirmed; that it was found to be late meanwhile changes nothing."""
    life = lived(step(ASKED, PAID), step(WINDOW), step(GIVEN_BACK), 2, step(TAKEN))
    assert walked(life) == ["Confirmed", "Late", "Refunded", "Late", "Confirmed"]
    assert life.shop.shipped == [KEY + "1", KEY + "2"]


def test_a_loss_before_anything_was_confirmed_calls_nothing_back() -> None:
    """The first goods to leave are those of the first generation."""
    seen = PAID._replace(kind=FactKind.SEEN)
    life = lived(step(ASKED, seen), step(REMOVED), step(AGAIN))
    assert walked(life) == ["Paid", "Reversed", "Confirmed"]
    assert life.shop.shipped == [KEY + "1"]


def test_a_void_that_is_taken_back_ships_nothing() -> None:
    """People look at a payment whose events are void; nobody called its goods back."""
    life = lived(step(ASKED), step(PAID), 1, 1)
    assert walked(life) == ["Pending", "Confirmed", "Pending", "Confirmed"]
    assert life.shop.shipped == [KEY + "1"]


def test_goods_wait_for_a_hold_and_leave_when_it_is_let_go() -> None:
    """A subscriber that looks at keys alone must not ship what compliance holds."""
    life = lived(step(ASKED, HELD), step(PAID))
    assert (walked(life), life.shop.shipped) == (["Pending", "Confirmed"], [])
    life.play([step(LET_GO)])
    assert (walked(life), life.shop.shipped) == (["Pending", "Confirmed"], [KEY + "1"])
    life.play([step(HELD._replace(at_ms=10)), step(LET_GO._replace(at_ms=11))])
    assert life.shop.shipped == [KEY + "1"]


def test_a_void_that_takes_the_money_away_calls_the_goods_back() -> None:
    """The block that still stood was made up: what is Confirmed after that leaves anew."""
    life = lived(step(ASKED, PAID), step(AGAIN), step(REMOVED), 1, 1)
    assert walked(life) == ["Confirmed", "Reversed", "Confirmed"]
    assert life.shop.shipped == [KEY + "1", KEY + "2"]
    assert life.world.payments[PAYMENT].fulfilment == Fulfilment(2, is_due=True)


def test_a_hold_that_is_let_go_sends_the_goods_of_its_own_generation() -> None:
    """Under the first key nothing would leave: those goods were called back."""
    life = lived(step(ASKED, PAID), step(REMOVED), step(HELD), step(AGAIN), step(LET_GO))
    assert walked(life) == ["Confirmed", "Reversed", "Confirmed"]
    assert life.shop.shipped == [KEY + "1", KEY + "2"]


def test_a_hold_whose_event_is_void_lets_the_goods_go() -> None:
    """The hold was forged; nobody says again that it was let go."""
    life = lived(step(ASKED), step(HELD), step(PAID), 1)
    assert life.shop.shipped == [KEY + "1"]


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((), Fulfilment(1, is_due=False)),
        ((_S.PENDING, _S.PAID), Fulfilment(1, is_due=False)),
        ((_S.CONFIRMED,), Fulfilment(1, is_due=True)),
        ((_S.CONFIRMED, _S.LATE, _S.CONFIRMED), Fulfilment(1, is_due=True)),
        ((_S.CONFIRMED, _S.REVERSED), Fulfilment(2, is_due=False)),
        ((_S.CONFIRMED, _S.REVERSED, _S.REFUNDED), Fulfilment(2, is_due=False)),
        ((_S.CONFIRMED, _S.REFUNDED, _S.CONFIRMED, _S.REFUNDED), Fulfilment(3, is_due=False)),
        ((_S.PAID, _S.REVERSED, _S.CONFIRMED), Fulfilment(1, is_due=True)),
    ],
)
def test_generations_are_counted_as_a_person_would(
    states: Sequence[State], expected: Fulfilment
) -> None:
    """Worked out by hand: a generation ends where goods that left are to be called back."""
    found = NONE_YET
    for state in states:
        found = found.then(state)
    assert found == expected


@settings(deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.frozensets(facts(1), min_size=1, max_size=3),
            st.frozensets(facts(1), min_size=1, max_size=3),
            st.sampled_from(
                [
                    step(ASKED, PAID),
                    step(REMOVED),
                    step(AGAIN),
                    step(WINDOW),
                    step(TAKEN),
                    step(GIVEN_BACK),
                    step(HELD),
                    step(LET_GO),
                ]
            ),
            st.integers(0, 9),
        ),
        min_size=1,
        max_size=12,
    )
)
@example(steps=[step(ASKED, PAID), step(REMOVED), 1, step(AGAIN), 1, 1])
@example(steps=[step(ASKED, PAID), step(WINDOW), step(REMOVED), step(AGAIN), step(TAKEN)])
def test_whatever_comes_goods_are_out_exactly_where_they_are_paid_for(steps: list[Step]) -> None:
    """One generation, one key, one load, whatever the order of facts and of people's doubts."""
    lived(step(ASKED), *steps)


def test_a_payment_read_after_one_move_says_what_its_state_says() -> None:
    """Its history is not read at all: it would be one row for nearly every payment."""
    assert fulfilled.moved([(*PAYMENT, "Confirmed", 1, NOW_MS)]) == []
    stored = lived(step(ASKED, PAID)).world.payments[PAYMENT]._replace(fulfilment=NONE_YET)
    assert fulfilled.told({PAYMENT: stored}, [])[PAYMENT].fulfilment == Fulfilment(1, is_due=True)
