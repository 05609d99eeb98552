"""Reading the quarantine while retention empties it: what is left is read, what went is counted."""

import io
from pathlib import Path

import pytest

from ingress import telemetry
from ingress.contract import topics
from ingress.contract.quarantined import Quarantined
from ingress.eventlog.embedded import EmbeddedLog
from ingress.eventlog.port import EventLog, LogUnavailable, Message, Partition
from sealgate.quarantine import archive
from sealgate.quarantine.archive import READ_RECORDS, Archive
from sealgate.quarantine.asked import Selection
from sealgate.quarantine.command import Means
from sealgate.quarantine.wanted import wanted
from tests.support.quarantined import ENVIRONMENT, LATER_MS, kept, number, refused

WEEK_MS = 7 * 86_400_000
TOPIC = topics.quarantine(ENVIRONMENT)
PARTITION = Partition(TOPIC, 0)
EVERYTHING = wanted(Selection())
OLD, YOUNG = 100, 5


class Clock:
    """A clock that is set by hand."""

    now_ms = telemetry.now_ms()

    def __call__(self) -> int:
        """Read it."""
        return self.now_ms


async def _keep(log: EventLog, begin: int, end: int) -> None:
    publisher = log.publisher()
    await publisher.start()
    for count in range(begin, end):
        key, headers, value = kept(refused(), count).encode()
        await publisher.publish(Message(TOPIC, key, value, headers))
    await publisher.stop()


async def _log(path: Path) -> EmbeddedLog:
    """Make a log with deliveries that are old by now, and some that are not."""
    clock = Clock()
    log = EmbeddedLog(path / "log.db", clock)
    await log.ensure_topics({TOPIC: 1})
    await _keep(log, 0, OLD)
    clock.now_ms += WEEK_MS + 1
    await _keep(log, OLD, OLD + YOUNG)
    return log


async def _expire(log: EventLog) -> None:
    await log.ensure_topics({TOPIC: 1}, {TOPIC: WEEK_MS})


async def _read(log: EventLog, opened: Archive) -> list[Quarantined]:
    """Read everything; retention goes by behind the first delivery."""
    found = []
    async for one in opened.deliveries(EVERYTHING):
        if not found:
            await _expire(log)
        found.append(one)
    return found


async def test_what_retention_took_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    """The listing of a flood takes longer than the oldest of it is kept: it must not break off."""
    log = await _log(tmp_path)
    opened = await archive.opened(log, ENVIRONMENT)
    found = await _read(log, opened)
    rest = [*range(READ_RECORDS), *range(OLD, OLD + YOUNG)]
    assert [one.id for one in found] == [number(count) for count in rest]
    assert opened.gone == {PARTITION: OLD - READ_RECORDS}
    # A second reading finds all of them gone, and does not count the same ones again.
    assert len([one async for one in opened.deliveries(EVERYTHING)]) == YOUNG
    assert opened.gone == {PARTITION: OLD}
    await log.close()


async def test_what_retention_took_before_the_reading_began_is_not_missed(tmp_path: Path) -> None:
    """It was past its time already: nobody is to be told about it."""
    log = await _log(tmp_path)
    await _expire(log)
    opened = await archive.opened(log, ENVIRONMENT)
    assert len(await _read(log, opened)) == YOUNG
    assert opened.gone == {}
    await log.close()


async def test_a_topic_made_anew_is_read_by_asking_again(tmp_path: Path) -> None:
    """Its places are not those of the old one: going on would skip some, and say nothing."""
    log = await _log(tmp_path)
    opened = Archive(log, ENVIRONMENT, {PARTITION: 500}, {PARTITION: 600})
    with pytest.raises(LogUnavailable, match="made anew"):
        await opened.look(EVERYTHING)
    await log.close()


def test_whoever_asked_is_told_how_many_went(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A list that is short without a word would be taken for whole."""
    means = Means(tmp_path / "sealgate.toml", {}, lambda: LATER_MS, io.StringIO())
    log = EmbeddedLog(tmp_path / "log.db")
    means.tell_gone(Archive(log, ENVIRONMENT, {}, {}))
    assert capsys.readouterr().err == ""
    means.tell_gone(Archive(log, ENVIRONMENT, {}, {}, {PARTITION: 30, Partition(TOPIC, 1): 6}))
    assert "36 of the oldest records went" in capsys.readouterr().err
