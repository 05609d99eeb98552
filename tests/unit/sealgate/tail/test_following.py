"""A tail goes on where it was, whatever becomes of the log, and says what it could not show."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from consumers.lifecycle import State
from ingress.eventlog.connect import connect
from ingress.eventlog.port import EventLog, LogUnavailable, Message, Partition, Position
from sealgate.config import read
from sealgate.tail.asked import Asked
from sealgate.tail.choosing import Choice
from sealgate.tail.command import Means, Tail
from sealgate.tail.following import CHUNK, Following
from tests.support.tailed import LIFECYCLE, VERIFIED, Shop, Terminal, notice

PARTITION = Partition(LIFECYCLE, 0)


def moves(count: int, *, since: int = 1) -> list[Message]:
    """Write notices of one payment."""
    return [notice("inv-1", since + at, None, State.PAID) for at in range(count)]


async def publish(log: EventLog, *messages: Message) -> None:
    """Write records."""
    publisher = log.publisher(deadline_s=20)
    await publisher.start()
    for message in messages:
        await publisher.publish(message)
    await publisher.stop()


@pytest.fixture(name="log")
async def _log(tmp_path: Path) -> AsyncIterator[EventLog]:
    """Open a log of one topic with more records than are read at once."""
    log = connect(f"embedded://{tmp_path}/log.db")
    await log.ensure_topics({LIFECYCLE: 1})
    await publish(log, *moves(CHUNK + 5))
    yield log
    await log.close()


@pytest.fixture(name="told")
def _told() -> list[str]:
    return []


@pytest.fixture(name="following")
async def _following(log: EventLog, told: list[str]) -> Following:
    following = Following(log, [LIFECYCLE], told.append)
    await following.begin_at_oldest()
    return following


async def offsets(following: Following) -> list[int]:
    """Return what one round shows."""
    return [record.position.offset async for record in following.round()]


async def test_a_round_is_all_there_is_and_the_next_one_what_came_since(
    log: EventLog, following: Following
) -> None:
    """Nothing is shown twice, and nothing waits for the round after."""
    assert await offsets(following) == list(range(CHUNK + 5))
    assert await offsets(following) == []
    await publish(log, *moves(2))
    assert await offsets(following) == [CHUNK + 5, CHUNK + 6]


async def test_a_log_that_was_away_is_read_on_without_a_hole(
    log: EventLog, following: Following, tmp_path: Path
) -> None:
    """What was read ahead when it went away is shown when it is back."""
    shown = []
    async for record in following.round():
        shown.append(record.position.offset)
        if len(shown) == 3:
            break
    following.log = connect(f"embedded://{tmp_path}/none.db")
    with pytest.raises(LogUnavailable):
        await offsets(following)
    await following.log.close()
    following.log = log
    assert shown + await offsets(following) == list(range(CHUNK + 5))


async def test_what_retention_takes_meanwhile_is_counted_and_passed_over(
    log: EventLog, following: Following, told: list[str]
) -> None:
    """A tail that stopped there would hide all that is left; one that said nothing would lie."""
    await log.trim(Position(PARTITION, 7))
    assert await offsets(following) == list(range(7, CHUNK + 5))
    assert told == [f"7 records of {LIFECYCLE}/0 are gone: past their retention"]


async def test_a_topic_that_was_made_anew_is_read_from_its_beginning(
    following: Following, told: list[str], tmp_path: Path
) -> None:
    """Offsets of the former one mean nothing in it."""
    await offsets(following)
    following.log = connect(f"embedded://{tmp_path}/anew.db")
    await following.log.ensure_topics({LIFECYCLE: 1})
    await publish(following.log, *moves(2))
    assert await offsets(following) == [0, 1]
    assert told == [f"{LIFECYCLE}/0 was made anew: reading it from its beginning"]
    await following.log.close()


async def test_a_topic_that_is_not_there_is_said_at_once(log: EventLog) -> None:
    """A tail of nothing would look like a quiet day."""
    following = Following(log, [VERIFIED], print)
    with pytest.raises(LogUnavailable, match=VERIFIED):
        await following.begin_at_ends()


async def test_a_tail_waits_for_its_log_and_says_so_once(
    following: Following, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody has to start anything again after an outage, and nobody reads the same line for ever.

    One that is to end by itself gives up instead: a script must not hang.
    """
    shop = Shop.configured(tmp_path / "shop")
    configuration, means = read(shop, {}), Means(shop, {}, Terminal())
    log, gone = following.log, connect(f"embedded://{tmp_path}/none.db")
    tail = Tail(configuration, Asked(), means, Choice(), None)
    following.log = gone
    assert [await tail._look(following), await tail._look(following)] == [False, False]
    assert tail.is_away
    assert capsys.readouterr().err.count("the log is away") == 1
    following.log = log
    assert not await tail._look(following)
    assert (tail.is_away, tail.shown) == (False, CHUNK + 5)
    following.log = gone
    tail.asked = Asked(until_caught_up=True)
    with pytest.raises(LogUnavailable):
        await tail._look(following)
    await gone.close()


async def test_an_event_is_shown_before_its_notice_of_the_same_millisecond(
    log: EventLog, tmp_path: Path
) -> None:
    """The clock of the log is coarse; what led to what must not be turned round by it."""
    await log.ensure_topics({VERIFIED: 1})
    following = Following(log, [VERIFIED, LIFECYCLE], print)
    await following.begin_at_ends()
    publisher = log.publisher(deadline_s=20)
    await publisher.start()
    both = [replace(one, topic=topic) for one in moves(1) for topic in (LIFECYCLE, VERIFIED)]
    for _ in range(20):
        await asyncio.gather(*(publisher.publish(message) for message in both))
    await publisher.stop()
    shown = [(one.timestamp_ms, one.position.partition.topic) async for one in following.round()]
    assert shown == sorted(shown, key=lambda one: (one[0], one[1] == LIFECYCLE))
    assert len({ms for ms, _ in shown}) < len(shown), "no two were of one millisecond"
