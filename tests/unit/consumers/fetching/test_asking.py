"""From a hint to a state: what a provider answers is applied once, and believed only so far."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from consumers.actions import Role
from consumers.fetching.port import Snapshot, Why
from consumers.fetching.taking import Asked
from consumers.freezing import FreezeOrder, order
from consumers.lifecycle import State
from consumers.store.connect import connect
from consumers.store.port import Store
from ingress.contract.envelope import Assurance
from sealgate.simulator.api import Mood, ProviderApi
from tests.support.asked import KEY, MINUTE_MS, Asking, kobbo

FULL = "0.00049000"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Open a store of its own."""
    made = connect(f"sqlite://{tmp_path}/asked.db")
    await made.open("sandbox")
    yield made
    await made.close()


@pytest.fixture
async def opennode(store: Store) -> AsyncIterator[Asking]:
    """Ask OpenNode, whose events prove nothing but a charge's id."""
    async with ProviderApi("opennode", KEY) as api:
        yield Asking(store, api)


@pytest.fixture
async def kobbopay(store: Store) -> AsyncIterator[Asking]:
    """Ask Kobbopay, whose events prove themselves."""
    async with ProviderApi("kobbopay", KEY) as api:
        yield Asking(store, api)


async def test_a_hint_moves_a_payment_by_what_the_provider_answers(opennode: Asking) -> None:
    """Anybody who has seen one event of OpenNode's can write "paid" into another."""
    assert await opennode.hint("paid", "ch_1") == "hint"
    assert await opennode.state("ch_1") is None
    opennode.shown("ch_1", "paid", FULL)
    assert await opennode.look() == 1
    assert await opennode.moves("ch_1") == [(State.CONFIRMED, "poll")]
    assert await opennode.codes() == []
    events = await opennode.store.events(opennode.key("ch_1"))
    told = {one.event.source: (one.verdict, one.event.assurance) for one in events}
    assert told == {"shop": ("hint_fetched", "D"), "poll": ("applied", "fetched")}
    assert len({one.event.correlation_id for one in events}) == 1
    read_by = {one.event.source: one.mapping for one in events}
    [move] = await opennode.store.transitions(opennode.key("ch_1"))
    assert read_by == {"shop": "", "poll": move.mapping}
    assert move.mapping.startswith("opennode/")
    assert await opennode.notices() == 1


async def test_a_hint_that_lies_moves_nothing(opennode: Asking) -> None:
    """The provider shows a charge that nobody paid: it is Pending, whatever the hint said."""
    await opennode.hint("paid", "ch_1")
    opennode.shown("ch_1", "unpaid")
    await opennode.look()
    assert await opennode.state("ch_1") is State.PENDING
    assert await opennode.codes() == []


async def test_a_hint_about_nobody_ends_when_it_was_denied_twice(opennode: Asking) -> None:
    """A forged hint must not be asked about for ever, nor a slow replica be believed at once."""
    await opennode.hint("paid", "ch_9")
    await opennode.look()
    assert await opennode.codes() == ["NEEDS_FETCH"]
    await opennode.look(after_ms=5 * MINUTE_MS)
    assert await opennode.codes() == []
    assert await opennode.state("ch_9") is None


async def test_an_answer_about_another_payment_is_not_believed(opennode: Asking) -> None:
    """A cache in between that answers with its neighbour's charge confirms nobody's order."""
    await opennode.hint("paid", "ch_1")
    opennode.shown("ch_2", "paid", FULL)
    opennode.api.mistake("ch_1", "ch_2")
    await opennode.look()
    assert await opennode.state("ch_1") is None
    assert await opennode.codes() == ["NEEDS_FETCH", "SCHEMA_DRIFT"]


async def test_a_status_that_nobody_knows_is_not_repeated(opennode: Asking) -> None:
    """Whatever a provider writes there would stand in the store and the logs for ever."""
    await opennode.hint("paid", "ch_1")
    opennode.shown("ch_1", "moved by hand", FULL)
    await opennode.look()
    assert [one.word for one in await opennode.reads("ch_1")] == ["unknown"]
    assert await opennode.codes() == ["NEEDS_FETCH", "UNKNOWN_TYPE"]


@pytest.mark.parametrize(("reference", "word"), [("ch_1", KEY), (f"was {KEY}", "paid")])
async def test_an_answer_that_repeats_our_key_is_kept_nowhere(
    opennode: Asking, capsys: pytest.CaptureFixture[str], tmp_path: Path, reference: str, word: str
) -> None:
    """A debugging proxy that shows what it was sent must not have us keep it for ever."""
    await opennode.hint("paid", "ch_1")
    opennode.shown(reference, word, FULL)
    opennode.api.mistake("ch_1", reference)
    await opennode.look()
    assert len(opennode.api.asked) == 1
    assert await opennode.reads("ch_1") == []
    assert await opennode.codes() == ["NEEDS_FETCH"]
    assert KEY not in "".join(capsys.readouterr())
    assert KEY.encode() not in kept(tmp_path)


def kept(folder: Path) -> bytes:
    """Return all that the store has written down."""
    files = [*folder.glob("asked.db*")]
    assert files
    return b"".join(one.read_bytes() for one in files)


async def test_the_same_bytes_again_are_the_same_event(opennode: Asking) -> None:
    """Two hints and two reads of one thing are one transition and one notice."""
    opennode.shown("ch_1", "paid", FULL)
    for _ in range(2):
        opennode.now_ms += MINUTE_MS
        await opennode.hint("paid", "ch_1")
        await opennode.look()
    assert len(opennode.api.asked) == 2
    assert await opennode.comparisons("ch_1") == ["we_behind", "agree"]
    assert await opennode.notices() == 1
    assert await opennode.codes() == []


async def test_a_poll_and_a_webhook_of_one_thing_move_a_payment_once(kobbopay: Asking) -> None:
    """Whichever of the two is first, the other one corroborates it."""
    await kobbopay.tell("payment.pending", "pay_1", kobbo("pay_1"))
    kobbopay.shown("pay_1", "Confirmed", "49.00", "49.00")
    await kobbopay.hint("payment.confirmed", "pay_1")
    await kobbopay.look()
    verdict = await kobbopay.tell("payment.confirmed", "pay_1", kobbo("pay_1", "49.00"))
    assert verdict == "duplicate_fact"
    assert [state for state, _ in await kobbopay.moves("pay_1")] == [
        State.PENDING,
        State.CONFIRMED,
    ]
    assert await kobbopay.notices() == 2


async def _confirmed(world: Asking, *references: str) -> None:
    await world.tell_all("payment.confirmed", {one: kobbo(one, "49.00") for one in references})


async def test_one_stale_read_moves_nothing(kobbopay: Asking) -> None:
    """A replica that is behind, and a transfer that is gone, look the same for once."""
    await _confirmed(kobbopay, "pay_1")
    kobbopay.shown("pay_1", "Pending", price="49.00")
    await kobbopay.hint("payment.pending", "pay_1")
    assert await kobbopay.look() == 0
    assert await kobbopay.state("pay_1") is State.CONFIRMED
    assert await kobbopay.comparisons("pay_1") == ["we_ahead"]
    assert await kobbopay.notices() == 1
    kobbopay.shown("pay_1", "Confirmed", "49.00", "49.00")
    assert await kobbopay.look(after_ms=5 * MINUTE_MS) == 0
    assert await kobbopay.comparisons("pay_1") == ["we_ahead", "agree"]
    assert await kobbopay.codes() == []


async def test_two_reads_five_minutes_apart_take_money_back(kobbopay: Asking) -> None:
    """It is shown twice that the money is gone: Reversed, by what was removed, and by no arrow."""
    await _confirmed(kobbopay, "pay_1")
    kobbopay.shown("pay_1", "Pending", price="49.00")
    await kobbopay.hint("payment.pending", "pay_1")
    await kobbopay.look()
    assert await kobbopay.look(after_ms=5 * MINUTE_MS - 1) == 0
    assert await kobbopay.state("pay_1") is State.CONFIRMED
    assert await kobbopay.look(after_ms=1) == 1
    assert await kobbopay.moves("pay_1") == [(State.CONFIRMED, "event"), (State.REVERSED, "poll")]
    assert await kobbopay.codes() == ["FUNDS_REVERSED"]
    assert await kobbopay.look(after_ms=15 * MINUTE_MS) == 0


async def test_two_reads_in_one_breath_are_one(kobbopay: Asking) -> None:
    """Hints make us ask sooner, and nobody may hurry a reversal along by sending them."""
    await _confirmed(kobbopay, "pay_1")
    kobbopay.shown("pay_1", "Pending", price="49.00")
    for _ in range(5):
        await kobbopay.hint("payment.pending", "pay_1")
        await kobbopay.look()
        kobbopay.now_ms += 59_000
    assert len(await kobbopay.reads("pay_1")) == 5
    assert await kobbopay.state("pay_1") is State.CONFIRMED


async def test_every_answer_that_says_more_moves_on(opennode: Asking) -> None:
    """Two answers are two events: what tells them apart is what they hold."""
    for word, paid, state in (
        ("unpaid", "0", State.PENDING),
        ("processing", FULL, State.PAID),
        ("paid", FULL, State.CONFIRMED),
    ):
        opennode.now_ms += MINUTE_MS
        opennode.shown("ch_1", word, paid)
        await opennode.hint(word, "ch_1")
        assert await opennode.look() == 1
        assert await opennode.state("ch_1") is state
    assert await opennode.notices() == 3


async def test_money_that_is_shown_again_stands_again(kobbopay: Asking) -> None:
    """What was removed stays removed; that it is there again is another observation."""
    await _confirmed(kobbopay, "pay_1")
    kobbopay.shown("pay_1", "Pending", price="49.00")
    await kobbopay.hint("payment.pending", "pay_1")
    await kobbopay.look()
    await kobbopay.look(after_ms=5 * MINUTE_MS)
    assert await kobbopay.state("pay_1") is State.REVERSED
    kobbopay.shown("pay_1", "Confirmed", "49.00", "49.00")
    kobbopay.now_ms += MINUTE_MS
    await kobbopay.hint("payment.confirmed", "pay_1")
    assert await kobbopay.look() == 1
    assert await kobbopay.state("pay_1") is State.CONFIRMED
    assert await kobbopay.codes() == []


async def test_many_that_show_less_freeze_everything(kobbopay: Asking) -> None:
    """Three of a hundred are an outage of the provider's: nothing is believed, and people come."""
    names = [f"pay_{number:03}" for number in range(100)]
    await _confirmed(kobbopay, *names)
    for name in names:
        kobbopay.shown(name, "Confirmed", "49.00", "49.00")
    hints = dict.fromkeys(names, b"{}")
    await kobbopay.tell_all("payment.confirmed", hints, assurance=Assurance.D)
    for name in names[:3]:
        kobbopay.shown(name, "Pending", price="49.00")
    assert await kobbopay.look() == 0
    frozen = await kobbopay.freeze()
    assert frozen is not None
    assert (frozen.is_on, frozen.by) == (True, "sealgate")
    [item] = [one for one in await kobbopay.open() if one.anomaly.code == "STATE_DIVERGENCE"]
    assert (item.anomaly.subject, item.anomaly.severity) == ("kobbopay/main", 1)
    assert await kobbopay.look(after_ms=6 * MINUTE_MS) == 0
    assert await kobbopay.state("pay_000") is State.CONFIRMED
    again = [one for one in await kobbopay.open() if one.anomaly.code == "STATE_DIVERGENCE"]
    assert [one.times for one in again] == [1]
    ratio = kobbopay.registry.get_sample_value(
        "sealgate_divergence_ratio", {"provider": "kobbopay", "account": "main"}
    )
    assert ratio == 0.03


async def test_what_was_judged_before_a_freeze_is_not_believed_after_it(kobbopay: Asking) -> None:
    """Somebody freezes between the judgement and its transaction: the money stays where it is."""
    await _confirmed(kobbopay, "pay_1")
    kobbopay.shown("pay_1", "Pending", price="49.00")
    await kobbopay.hint("payment.pending", "pay_1")
    await kobbopay.look()
    kobbopay.now_ms += 5 * MINUTE_MS
    key, taker = kobbopay.key("pay_1"), kobbopay.fetching.taker
    answer = await kobbopay.fetching.reaches[kobbopay.account].fetcher.fetch(key, Why.AGAIN)
    assert isinstance(answer, Snapshot)
    taken = await taker.take(Asked(key, Why.AGAIN, answer))
    assert taken.waits
    await order(kobbopay.store, FreezeOrder(True, "why", "ann", Role.OPERATIONS), kobbopay.now_ms)
    assert await taker.confirm(taken) is None
    assert await kobbopay.state("pay_1") is State.CONFIRMED
    wanted = FreezeOrder(False, "looked at", "ben", Role.FINANCE, "cleo")
    await order(kobbopay.store, wanted, kobbopay.now_ms)
    assert await taker.confirm(taken) is not None
    assert await kobbopay.state("pay_1") is State.REVERSED


async def test_less_money_than_we_hold_is_for_people(kobbopay: Asking) -> None:
    """A smaller sum takes no larger one back: it is told, after it was read twice."""
    await _confirmed(kobbopay, "pay_1")
    kobbopay.shown("pay_1", "Confirmed", "20.00", "49.00")
    await kobbopay.hint("payment.confirmed", "pay_1")
    await kobbopay.look()
    assert await kobbopay.codes() == ["NEEDS_FETCH"]
    await kobbopay.look(after_ms=5 * MINUTE_MS)
    assert await kobbopay.state("pay_1") is State.CONFIRMED
    assert await kobbopay.codes() == ["STATE_DIVERGENCE"]


async def test_a_provider_that_does_not_know_our_money_is_told_to_people(
    kobbopay: Asking,
) -> None:
    """A wrong account and a lost payment look the same: no fact follows from a 404."""
    await _confirmed(kobbopay, "pay_1")
    await kobbopay.hint("payment.confirmed", "pay_1")
    await kobbopay.look()
    await kobbopay.look(after_ms=5 * MINUTE_MS)
    assert await kobbopay.state("pay_1") is State.CONFIRMED
    assert await kobbopay.codes() == ["STATE_DIVERGENCE"]


async def test_who_says_later_is_asked_later(opennode: Asking) -> None:
    """A provider that is asked on and on while it is busy, blocks the key for everybody."""
    await opennode.hint("paid", "ch_1")
    opennode.shown("ch_1", "paid", FULL)
    opennode.api.mood = Mood.BUSY
    opennode.api.retry_after_s = 120
    await opennode.look()
    await opennode.look(after_ms=119_000)
    assert [one.status for one in opennode.api.asked] == [429]
    opennode.api.mood = Mood.FRESH
    await opennode.look(after_ms=1_000)
    assert await opennode.state("ch_1") is State.CONFIRMED
    assert [one.status for one in opennode.api.asked] == [429, 200]


async def test_the_back_off_counts_answers(kobbopay: Asking) -> None:
    """Five minutes, a quarter of an hour, an hour: a payment that stays is asked about seldom."""
    await _confirmed(kobbopay, "pay_1")
    kobbopay.shown("pay_1", "Odd", price="49.00")
    await kobbopay.hint("payment.confirmed", "pay_1")
    for after_min, asked in ((0, 1), (4, 1), (1, 2), (14, 2), (1, 3), (59, 3), (1, 4)):
        await kobbopay.look(after_ms=after_min * MINUTE_MS)
        assert len(kobbopay.api.asked) == asked
