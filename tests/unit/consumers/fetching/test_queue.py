"""Who is asked about, when, and how often: never at once again, and never too fast."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import apsw
import pytest
from prometheus_client import CollectorRegistry

from consumers.fetching.budget import PAUSE_MAX_MS, PAUSE_MS, Budget
from consumers.fetching.passing import Reach
from consumers.fetching.port import Account, Answer, Later, NotThere, Trouble, Why
from consumers.fetching.queue import GAP_MS, Due, Queue, Wishes, next_ms
from consumers.lifecycle import State
from consumers.patience import Limit
from consumers.policy import Policy
from consumers.store.connect import connect
from consumers.store.port import PaymentKey, Store
from consumers.store.sqlite import SqliteStore
from consumers.weighing import Terms
from sealgate.simulator.api import Mood, ProviderApi
from tests.support.asked import KEY, MINUTE_MS, Asking, kobbo
from tests.support.builders import NOW_MS

MIN = MINUTE_MS
HOUR = 60 * MIN


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Open a store of its own."""
    made = connect(f"sqlite://{tmp_path}/queued.db")
    await made.open("sandbox")
    yield made
    await made.close()


@pytest.fixture
async def api() -> AsyncIterator[ProviderApi]:
    """Play Kobbopay."""
    async with ProviderApi("kobbopay", KEY) as made:
        yield made


@pytest.mark.parametrize(
    ("since", "renewed", "reads", "expected"),
    [
        (100 * MIN, 0, [], 100 * MIN),
        (100 * MIN, 0, [90 * MIN], 100 * MIN),
        (100 * MIN, 0, [101 * MIN], 106 * MIN),
        (100 * MIN, 0, [106 * MIN, 101 * MIN], 121 * MIN),
        (0, 0, [3 * HOUR, 2 * HOUR, HOUR], 4 * HOUR),
        (0, 0, [4 * HOUR, 3 * HOUR, 2 * HOUR, HOUR], 10 * HOUR),
        (0, 0, [9 * HOUR] * 6, 33 * HOUR),
        # a new hint is heard at once, but for two in one breath
        (100 * MIN, 103 * MIN, [101 * MIN], 103 * MIN),
        (100 * MIN, 101 * MIN + 1, [101 * MIN], 101 * MIN + GAP_MS),
    ],
)
def test_the_pauses_grow(since: int, renewed: int, reads: Sequence[int], expected: int) -> None:
    """5 m, 15 m, 1 h, 6 h, a day: worked by hand from lifecycle 5.8."""
    assert next_ms(since, renewed, reads) == expected


def test_a_budget_is_a_rate_and_a_burst() -> None:
    """The merchant's own programs ask with the same limits."""
    budget = Budget(rate_per_s=2.0, burst=3)
    assert [budget.take(0) for _ in range(4)] == [True, True, True, False]
    assert [budget.take(500) for _ in range(2)] == [True, False]
    assert sum(budget.take(3_600_000) for _ in range(10)) == 3


def test_a_busy_provider_is_left_alone_as_long_as_it_wishes() -> None:
    """And not for longer than a quarter of an hour: a wish of a day would be an outage of ours."""
    budget = Budget(rate_per_s=1.0)
    budget.troubled(Later(Trouble.BUSY, 300.0), 0)
    assert (budget.take(299_999), budget.take(300_000)) == (False, True)
    budget.troubled(Later(Trouble.BUSY, 1e9), 300_000)
    assert not budget.take(300_000 + PAUSE_MAX_MS - 1)
    assert budget.take(300_000 + PAUSE_MAX_MS)


def test_one_odd_answer_is_no_outage_and_three_are() -> None:
    """One payment that the provider fails on must not silence all the others."""
    budget = Budget(rate_per_s=1000.0)
    for _ in range(2):
        budget.troubled(Later(Trouble.FAILED), 0)
        assert budget.take(0)
    budget.troubled(Later(Trouble.FAILED), 0)
    assert (budget.take(PAUSE_MS - 1), budget.take(PAUSE_MS)) == (False, True)
    budget.answered()
    budget.troubled(Later(Trouble.FAILED), PAUSE_MS)
    assert budget.take(PAUSE_MS)


def test_what_is_spent_of_a_budget_is_told_as_a_share() -> None:
    """Always near one, we ask less than we want to: a payment in doubt waits for its turn."""
    budget = Budget(rate_per_s=1.0, burst=4)
    assert budget.used(0) == 0
    for _ in range(3):
        budget.take(0)
    assert budget.used(0) == 0.75
    assert budget.used(1_000) == 0.5
    assert budget.used(3_600_000) == 0
    budget.troubled(Later(Trouble.BUSY, 60.0), 3_600_000)
    assert budget.used(3_600_000) == 1
    assert budget.used(3_600_000 + PAUSE_MS) == 0


def test_a_clock_that_was_set_back_makes_nobody_wait_for_days() -> None:
    """A pause is a pause of minutes, whatever the clock says it is until."""
    budget = Budget(rate_per_s=1.0)
    budget.troubled(Later(Trouble.BUSY), 10**12)
    assert budget.take(10**12 - 24 * HOUR)


async def test_a_payment_near_its_limit_is_asked_about(store: Store, api: ProviderApi) -> None:
    """Some changes have no event: who waits too long is asked about before people are called."""
    wishes = Wishes(limits=[Limit(State.PAID, 4 * 3600, 24 * 3600)])
    world = Asking(store, api, wishes=wishes)
    await world.tell("payment.paid", "pay_1", kobbo("pay_1", "49.00"))
    world.shown("pay_1", "Confirmed", "49.00", "49.00")
    assert await world.look(after_ms=HOUR - 1) == 0
    assert api.asked == []
    assert await world.look(after_ms=1) == 1
    assert await world.moves("pay_1") == [(State.PAID, "event"), (State.CONFIRMED, "poll")]


async def test_what_was_confirmed_a_while_ago_is_watched(store: Store, api: ProviderApi) -> None:
    """A reorg of a Confirmed payment is told by nobody who only sends what is new."""
    world = Asking(store, api, wishes=Wishes(confirmed_ms=HOUR))
    await world.tell("payment.confirmed", "pay_1", kobbo("pay_1", "49.00"))
    world.shown("pay_1", "Pending", price="49.00")
    await world.look(after_ms=4 * MIN)
    assert api.asked == []
    await world.look(after_ms=MIN)
    assert await world.look(after_ms=5 * MIN) == 1
    assert await world.state("pay_1") is State.REVERSED


async def test_nobody_is_asked_about_accounts_that_cannot_be_asked(store: Store) -> None:
    """Without a fetch setting a hint stays an exception for people, as it was."""
    async with ProviderApi("kobbopay", KEY) as api:
        world = Asking(store, api)
        await world.hint("payment.paid", "pay_1")
        other = Queue(store, {Account("kobbopay", "other")}, Wishes())
        assert await other.due(world.now_ms) == []
        own = Queue(store, {world.account}, Wishes())
        assert await own.due(world.now_ms) == [Due(world.key("pay_1"), Why.HINT)]


async def test_one_payment_that_fails_does_not_hold_the_others_up(
    store: Store, api: ProviderApi
) -> None:
    """It stands first in the queue at every pass, and is left alone for longer each time."""
    world = Asking(store, api)
    for name in ("pay_1", "pay_2"):
        await world.hint("payment.paid", name)
        world.shown(name, "Paid", "49.00", "49.00")
    api.moods["pay_1"] = Mood.BROKEN
    assert await world.look() == 1
    assert await world.state("pay_2") is State.PAID
    await world.look(after_ms=MIN - 1)
    assert [one.status for one in api.asked] == [500, 200]
    await world.look(after_ms=1)
    assert [one.status for one in api.asked] == [500, 200, 500]


@dataclass
class _Locking:
    """Asks, and has the database locked by somebody else before the answer can be written."""

    path: Path
    other: apsw.Connection | None = None

    async def fetch(self, asked: PaymentKey, why: Why) -> Answer:
        """Answer that nobody is there."""
        if self.other is None:
            self.other = apsw.Connection(str(self.path))
            self.other.execute("BEGIN IMMEDIATE")
        return NotThere("", NOW_MS)


async def test_a_store_that_goes_away_in_a_pass_ends_the_pass_alone(
    tmp_path: Path, api: ProviderApi
) -> None:
    """Whoever was asked about is due again: nothing is lost, and the process lives on."""
    path = tmp_path / "locked.db"
    store = SqliteStore(path, busy_timeout_ms=20)
    await store.open("sandbox")
    world = Asking(store, api)
    await world.hint("payment.paid", "pay_1")
    locking = _Locking(path)
    world.fetching.reaches = {world.account: Reach(locking, Budget(1000.0))}
    assert await world.look() == 0
    assert locking.other is not None
    locking.other.close()
    world.fetching = world.made(CollectorRegistry())
    world.shown("pay_1", "Paid", "49.00", "49.00")
    assert await world.look() == 1
    await store.close()


async def test_a_payment_that_is_to_be_announced_first_is_parked(
    store: Store, api: ProviderApi
) -> None:
    """What nobody announced gets no state by a poll either; its facts wait until somebody does."""
    account = Account("kobbopay", "main")
    world = Asking(store, api, parked=[account], policy=Policy("p", Terms()))
    await world.hint("payment.paid", "pay_1")
    world.shown("pay_1", "Paid", "49.00", "49.00")
    assert await world.look() == 0
    found = await store.payment(world.key("pay_1"))
    assert found is not None
    assert (found.version, bool(found.facts)) == (0, True)
    assert await world.notices() == 0
