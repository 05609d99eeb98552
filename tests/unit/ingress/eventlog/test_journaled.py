"""The publisher behind a journal: what goes where, in which order, and that nothing is lost."""

import asyncio

import pytest

from ingress.eventlog import journal, journal_refused
from ingress.eventlog.embedded import EmbeddedLog
from ingress.eventlog.journal_files import has_files
from ingress.eventlog.journal_record import seal
from ingress.eventlog.journaled import Policy
from ingress.eventlog.partitioning import partition_of
from ingress.eventlog.port import UNPLACED, LogUnavailable, Message, MessageRefused
from tests.support.gateway import log_lines
from tests.support.journals import TOPIC, Place, message, until


@pytest.fixture
def place(tmp_path) -> Place:
    """Return a place for a journal and the log behind it."""
    return Place(tmp_path)


async def test_while_the_log_confirms_nothing_is_journaled(place):
    """The journal is for outages: on a good day an event costs no second disk."""
    async with place.journaled() as one:
        positions = await asyncio.gather(*(one.publisher.publish(message(n)) for n in range(20)))
        assert all(position.offset >= 0 for position in positions)
        assert one.counts.appended_ == 0
        assert len(await one.records()) == 20


async def test_what_the_log_cannot_take_is_acknowledged_from_the_disk(place):
    """P1 with Kafka away: a 2xx all the same, because the record is fsynced here."""
    async with place.journaled(away=True) as one:
        position = await one.publisher.publish(message(1))
        assert position.partition == (TOPIC, partition_of(b"k1", 3))
        assert position.offset == UNPLACED
        assert await one.records() == []
        assert one.publisher.state().records == 1


async def test_what_waits_is_sent_byte_for_byte_when_the_log_is_back(place):
    """Recovery needs nobody (P10), and a record from the journal is what was verified."""
    messages = [message(n) for n in range(500)]
    async with place.journaled(away=True) as one:
        await asyncio.gather(*map(one.publisher.publish, messages))
        one.behind.is_away = False
        await one.until_drained()
        found = {(r.key, r.value, r.headers) for r in await one.records()}
        assert found == {(m.key, m.value, m.headers) for m in messages}
        assert len(await one.records()) == 500
        assert one.counts.appended_ == one.counts.drained_ == 500
        assert one.publisher.state().oldest_ms is None


@pytest.mark.parametrize("way", ["is_silent", "is_forgetful"])
async def test_a_publish_that_is_not_confirmed_goes_to_the_journal(place, way):
    """Unknown is no answer for a provider: the record is kept, and may come twice, never not."""
    async with place.journaled() as one:
        setattr(one.behind, way, True)
        assert (await one.publisher.publish(message(1))).offset == UNPLACED
        setattr(one.behind, way, False)
        await one.until_drained()
        assert set(await one.values()) == {b"1"}


async def test_what_comes_while_its_partition_waits_goes_behind(place):
    """One payment's events stay in order through an outage, and in the moment after it."""
    async with place.journaled(away=True) as one:
        for number in range(300):
            await one.publisher.publish(message(number, b"payment"))
        one.behind.is_away = False
        for number in range(300, 900):
            await one.publisher.publish(message(number, b"payment"))
        await one.until_drained()
        await one.publisher.publish(message(900, b"payment"))
        assert await one.values() == [b"%d" % number for number in range(901)]


async def test_other_partitions_do_not_wait(place):
    """A backlog of one payment is no reason to write another one's event twice."""
    async with place.journaled(away=True, runs=False) as one:
        await one.publisher.publish(message(1, b"k1"))
        one.behind.is_away = False
        other = next(
            b"o%d" % n for n in range(99) if partition_of(b"o%d" % n, 3) != partition_of(b"k1", 3)
        )
        assert (await one.publisher.publish(message(2, other))).offset >= 0
        assert (await one.publisher.publish(message(3, b"k1"))).offset == UNPLACED


async def test_what_fails_together_is_journaled_in_its_order(place):
    """A broker that dies with a batch in flight must not turn the batch around."""
    async with place.journaled() as one:
        one.behind.is_silent = True
        await asyncio.gather(*(one.publisher.publish(message(n, b"payment")) for n in range(100)))
        one.behind.is_silent = False
        await one.until_drained()
        assert await one.values() == [b"%d" % number for number in range(100)]


async def test_always_means_the_disk_first(tmp_path):
    """With one broker an acknowledgement rests on our own fsync; the log still gets everything."""
    async with Place(tmp_path, Policy.ALWAYS).journaled() as one:
        positions = await asyncio.gather(*(one.publisher.publish(message(n)) for n in range(50)))
        assert {position.offset for position in positions} == {UNPLACED}
        await one.until_drained()
        assert sorted(await one.values()) == sorted(b"%d" % number for number in range(50))


async def test_a_refusal_that_is_known_in_time_stays_a_refusal(place):
    """What Kafka will never take must not be acknowledged while somebody can still be told."""
    async with place.journaled() as one:
        one.behind.refuses = lambda m: m.value == b"13"
        with pytest.raises(MessageRefused):
            await one.publisher.publish(message(13))
        assert one.counts.appended_ == 0


async def test_the_journal_refuses_what_no_log_would_take(place):
    """Too large, or for no topic, is known without Kafka."""
    async with place.journaled(away=True) as one:
        with pytest.raises(MessageRefused, match="more than"):
            await one.publisher.publish(message(1, size=2_000_000))
        with pytest.raises(MessageRefused, match="no topic"):
            await one.publisher.publish(Message("no.such.topic", b"k", b"v"))


async def test_poison_is_kept_aside_and_the_drain_goes_on(place):
    """One record that Kafka will never take must not hold up thousands; and it is not lost."""
    async with place.journaled(away=True) as one:
        for number in range(30):
            await one.publisher.publish(message(number, b"payment"))
        one.behind.refuses = lambda m: m.value in {b"13", b"14"}
        one.behind.is_away = False
        await one.until_drained()
        assert await one.values() == [b"%d" % n for n in range(30) if n not in {13, 14}]
        assert (one.counts.refused_, one.counts.drained_) == (2, 28)
    async with place.journaled() as one:
        await one.until_drained()
        assert (await one.values())[-2:] == [b"13", b"14"]
        assert {r.key for r in await one.records()} == {b"payment"}
    assert remains(place) == set()


def remains(place: Place) -> set[str]:
    """Name what is in the journal's directory, but for the lock that stays."""
    return {one.name for one in place.directory.iterdir()} - {"refused.lock"}


async def test_what_was_refused_is_offered_again_until_it_is_taken(place, monkeypatch):
    """An operator mends a topic at the brokers; nobody restarts or renames anything here (P10)."""
    monkeypatch.setattr(journal_refused, "AGAIN_S", 0.2)
    monkeypatch.setattr(journal, "ADOPT_S", 0.05)
    said = log_lines()
    async with place.journaled(away=True) as one:
        for number in range(30):
            await one.publisher.publish(message(number))
        one.behind.lacks_topic = True
        one.behind.is_away = False
        await until(lambda: one.counts.refused_ >= 90)
        assert await one.values() == []
        assert len(said("journal_refused")) == 1, "one line a minute, however often it is refused"
        one.behind.lacks_topic = False
        await until(lambda: one.counts.drained_ == 30)
        await one.until_drained()
        assert sorted(await one.values()) == sorted(b"%d" % n for n in range(30))
    assert remains(place) == set()


async def test_workers_that_share_what_was_refused_lose_nothing(place, monkeypatch):
    """All of them keep it in one file, and all of them offer it."""
    monkeypatch.setattr(journal_refused, "AGAIN_S", 0.05)
    monkeypatch.setattr(journal, "ADOPT_S", 0.05)
    async with (
        place.journaled("a", away=True) as one,
        place.journaled("b", away=True) as two,
        place.journaled("c", away=True) as three,
    ):
        workers = (one, two, three)
        for number in range(60):
            await workers[number % 3].publisher.publish(message(number))
        for worker in workers:
            worker.behind.lacks_topic = True
            worker.behind.is_away = False
        await until(lambda: sum(worker.counts.refused_ for worker in workers) >= 120)
        for worker in workers:
            worker.behind.lacks_topic = False
        await until(
            lambda: (
                sum(worker.counts.drained_ for worker in workers) >= 60
                and not any(place.directory.glob("refused*.db"))
            )
        )
        # A batch that was half refused may be sent again: duplicates, never a gap.
        assert set(await one.values()) == {b"%d" % n for n in range(60)}
    assert remains(place) == set()


async def test_what_a_crash_left_beside_what_was_refused_goes_with_it(place):
    """SQLite takes a write-ahead log beside a new file for a rest, and deletes it."""
    async with place.journaled() as one:
        kept = EmbeddedLog(place.directory / "refused.kept")
        await kept.ensure_topics({TOPIC: 1})
        await kept.append(seal(message(1)))
        copies = {
            side: (place.directory / f"refused.kept{side}").read_bytes() for side in ("", "-wal")
        }
        await kept.close()
        assert copies["-wal"]
        await one.publisher.publish(message(2))
    for side, content in copies.items():
        (place.directory / f"refused.kept{side}").write_bytes(content)
    async with place.journaled() as one:
        await until(lambda: one.counts.drained_ == 1)
        await one.until_drained()
        assert sorted(await one.values()) == [b"1", b"2"]
    assert remains(place) == set()


async def test_what_was_refused_is_offered_though_the_policy_is_refuse_now(place):
    """It was acknowledged: it is sent whatever the setting is."""
    async with place.journaled(away=True) as one:
        await one.publisher.publish(message(1))
        one.behind.lacks_topic = True
        one.behind.is_away = False
        await until(lambda: one.counts.refused_ == 1)
        await one.until_drained()
    assert has_files(place.directory)
    place.policy = Policy.REFUSE
    async with place.journaled() as one:
        await until(lambda: one.counts.drained_ == 1 and not one.files())
        assert await one.values() == [b"1"]
    assert not has_files(place.directory)


async def test_a_message_whose_topic_is_refused_is_journaled(place):
    """The payment is fine and a right is missing: no provider can do anything about a 503 there."""
    async with place.journaled() as one:
        one.behind.lacks_topic = True
        assert (await one.publisher.publish(message(1))).offset == UNPLACED
        assert one.counts.appended_ == 1


async def test_while_it_is_barred_nothing_is_taken_and_what_waits_stays(place):
    """Before topics that lose what they are given, a journal would fill for ever."""
    async with place.journaled(away=True) as one:
        await one.publisher.publish(message(1))
        one.publisher.bar("the topics are not safe")
        assert not one.publisher.ready()
        with pytest.raises(LogUnavailable, match="not safe"):
            await one.publisher.publish(message(2))
        assert one.publisher.state().records == 1
        one.publisher.bar("")
        assert one.publisher.ready()
        one.behind.is_away = False
        await one.until_drained()
        assert await one.values() == [b"1"]


@pytest.mark.parametrize("way", ["is_silent", "is_forgetful"])
async def test_an_unconfirmed_drain_is_sent_again(place, way):
    """Kafka dies again in the middle: duplicates are allowed, gaps are not."""
    async with place.journaled(away=True) as one:
        for number in range(20):
            await one.publisher.publish(message(number, b"payment"))
        setattr(one.behind, way, True)
        one.behind.is_away = False
        await until(lambda: len(one.behind.published) > 20)
        setattr(one.behind, way, False)
        await one.until_drained()
        values = await one.values()
        assert set(values) == {b"%d" % number for number in range(20)}
        assert values[-20:] == [b"%d" % number for number in range(20)]


async def test_what_waits_outlives_the_process(place):
    """A restart in the middle of an outage loses nothing, whatever the worker is called now."""
    async with place.journaled("a", away=True) as one:
        for number in range(10):
            await one.publisher.publish(message(number, b"payment"))
    async with place.journaled("b") as one:
        later = asyncio.gather(*(one.publisher.publish(message(n, b"payment")) for n in (10, 11)))
        await later
        await one.until_drained()
        assert await one.values() == [b"%d" % number for number in range(12)]
    assert list(place.directory.iterdir()) == []


async def test_a_journal_is_drained_though_the_policy_is_refuse_now(place):
    """Acknowledged is acknowledged: an operator's new setting must not leave records behind."""
    async with place.journaled(away=True) as one:
        await one.publisher.publish(message(1))
    place.policy = Policy.REFUSE
    async with place.journaled() as one:
        await one.until_drained()
        one.behind.is_away = True
        with pytest.raises(LogUnavailable):
            await one.publisher.publish(message(2))
        assert await one.values() == [b"1"]
    assert list(place.directory.iterdir()) == []


async def test_it_takes_nothing_before_it_is_opened_and_after_it_is_stopped(place):
    """A shutdown must not acknowledge what it can no longer confirm."""
    async with place.journaled(away=True) as one:
        assert one.publisher.ready()
    assert not one.publisher.ready()
    with pytest.raises(LogUnavailable):
        await one.publisher.publish(message(1))


@pytest.mark.parametrize("step", ["journal.appended", "journal.published", "journal.trimmed"])
async def test_an_end_at_any_step_loses_nothing(place, step):
    """A process that dies between two steps leaves duplicates at worst (SIGKILL: test_journal)."""
    passed: list[str] = []
    place.checkpoint = passed.append
    async with place.journaled(away=True) as one:
        await one.publisher.publish(message(1))
        one.behind.is_away = False
        await one.until_drained()
        await until(lambda: step in passed)
