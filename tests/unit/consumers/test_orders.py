"""Whatever order, repetition and batching a payment's events come in, everything ends the same.

Not only the state: its flags, its open exceptions and the gapless versions of its notices too. An
exception that is open or not by the order in which a provider's retries arrived is work that
somebody does twice, or nobody does.
"""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from consumers.facts import Fact, FactKind, Note, simple
from consumers.lifecycle import TRANSITIONS, Verdict
from consumers.moving import Said
from consumers.policy import Policy
from consumers.weighing import Terms, Tolerance
from tests.support import naive, naive_items
from tests.support.facts_drawn import UNITS, facts, merchants
from tests.support.told_world import PAYMENT, World, said

# What the order of events may decide is written here: nothing.
ORDERS = 3
UNDERPAID = simple(FactKind.NOTE, 5, detail=Note.UNDERPAID)


def policy_of(merchant: naive.Merchant) -> Policy:
    """Say the same to the product."""
    told = {asset: Tolerance(*both) for asset, both in merchant.tolerances.items()}
    return Policy("1", Terms(merchant.grace_ms, told))


def check(world: World, merchant: naive.Merchant) -> None:
    """Compare a world with what its facts prove to somebody else."""
    world.check_history()
    assert Verdict.ILLEGAL not in world.verdicts
    for move in world.transitions:
        assert move.before is None or move.after in TRANSITIONS[move.before]
    known = world.payments[PAYMENT].facts
    assert world.state == naive.state(known, merchant)
    assert world.open == naive_items.items(known, merchant)


class Payments(RuleBasedStateMachine):
    """A payment whose provider sends what it likes, when it likes, as often as it likes."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Said] = []
        self.merchant = naive.STRICT
        self.unit = 1
        self.world = World()

    @initialize(merchant=merchants(), unit=st.sampled_from(UNITS))
    def begin(self, merchant: naive.Merchant, unit: int) -> None:
        """Choose the merchant's policy and how large amounts are."""
        self.merchant, self.unit = merchant, unit
        self.world = World(policy_of(merchant))

    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        """Send an event that states up to three facts."""
        told = data.draw(st.frozensets(facts(self.unit), max_size=3))
        self.sent.append(said(f"evt_{len(self.sent)}", told))
        self.world.batch(self.sent[-1:])

    @rule(data=st.data())
    @precondition(lambda self: self.sent)
    def send_again(self, data: st.DataObject) -> None:
        """Deliver an event again: nothing may change."""
        before = self.world.picture(), len(self.world.transitions)
        self.world.batch([data.draw(st.sampled_from(self.sent))])
        assert (self.world.picture(), len(self.world.transitions)) == before

    @rule(data=st.data())
    @precondition(lambda self: self.sent)
    def restate(self, data: st.DataObject) -> None:
        """Say in another event what one event said, as a poll does: nothing may change."""
        before = self.world.picture(), len(self.world.transitions)
        told = data.draw(st.sampled_from(self.sent)).facts
        self.world.batch([said(f"poll_{len(self.world.claimed)}", told)])
        assert (self.world.picture(), len(self.world.transitions)) == before

    @invariant()
    @precondition(lambda self: self.sent)
    def the_facts_alone_decide(self) -> None:
        """Compare with the naive reducer."""
        check(self.world, self.merchant)

    def teardown(self) -> None:
        """Tell all of it again, in other orders, batches and repetitions."""
        random = Random(len(self.sent))
        for _ in range(ORDERS if self.sent else 0):
            other = World(self.world.policy)
            order = [*self.sent, *random.choices(self.sent, k=2)]
            random.shuffle(order)
            while order:
                size = random.randint(1, 3)
                other.batch(order[:size])
                order = order[size:]
            check(other, self.merchant)
            assert other.picture() == self.world.picture()


TestPayments = Payments.TestCase
TestPayments.settings = settings(max_examples=40, stateful_step_count=10, deadline=None)


@settings(max_examples=100, deadline=None)
@given(st.data(), st.lists(st.booleans(), min_size=2, max_size=4), merchants())
def test_a_word_that_money_is_missing_counts_the_same_first_and_last(
    data: st.DataObject, short: list[bool], merchant: naive.Merchant
) -> None:
    """Without a price the word alone is the reason, and money that comes ends it."""
    words = [frozenset({UNDERPAID} if one else ()) for one in short]
    told = [data.draw(st.frozensets(facts(1), max_size=2)) | word for word in words]
    events = [said(f"evt_{n}", facts_) for n, facts_ in enumerate(told)]
    first, last = World(policy_of(merchant)), World(policy_of(merchant))
    first.batch(events)
    last.batch(events[::-1])
    known = first.payments[PAYMENT].facts
    assert first.picture() == last.picture()
    assert first.open == naive_items.items(known, merchant)


def test_the_worlds_are_not_all_alike() -> None:
    """A generator that never draws a reversal proves nothing about reversals."""
    seen = set()

    @settings(max_examples=400, deadline=None, database=None, derandomize=True)
    @given(st.frozensets(facts(1), min_size=1, max_size=8))
    def draw(told: frozenset[Fact]) -> None:
        seen.add(naive.state(told))
        seen.update(naive_items.items(told))

    draw()
    states = {"Pending", "Paid", "Confirmed", "Underpaid", "Late", "Failed", "Reversed"}
    assert {*states, "Refunded", "Cancelled", "Expired"} <= seen
    assert {"CONTRADICTORY_OUTCOME", "DUPLICATE_PAYMENT", "AMOUNT_OVER", "ASSET_MISMATCH"} <= seen
