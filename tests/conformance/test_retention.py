"""Topics that forget: what is older than is wanted goes, what is younger stays, on every log."""

import asyncio
from pathlib import Path

import pytest

from ingress import telemetry
from ingress.eventlog.embedded import EmbeddedLog
from ingress.eventlog.embedded_writer import EXPIRED_MAX
from ingress.eventlog.port import Message, Partition, Position, PositionLost
from tests.conformance.test_event_log_kafka import settings_of
from tests.support.eventlogs import PARTITIONS, Ground, values
from tests.support.gateway import log_lines

DAY_MS = 86_400_000
FIRST = Partition("kept-a-week", 0)
TOPICS = {"kept-a-week": 1, "kept": 1}


@pytest.fixture(name="ground", params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def _ground(request: pytest.FixtureRequest, tmp_path: Path) -> Ground:
    """Return a log of each kind in turn."""
    if request.param == "embedded":
        return Ground.at(f"embedded://{tmp_path}/log.db")
    bootstrap = request.getfixturevalue("kafka_bootstrap")
    return Ground.at(f"kafka://{bootstrap}?replication_factor=1")


async def test_a_topic_with_a_retention_keeps_what_is_younger(ground: Ground) -> None:
    """To forget is for the old; a refused delivery of this morning is still to be brought back."""
    async with ground.log() as log, ground.publishing(log) as publisher:
        position = await publisher.publish(ground.message(b"young"))
        for _ in range(3):
            await log.ensure_topics({ground.topic: PARTITIONS}, {ground.topic: DAY_MS})
        assert values(await log.read(position, 1)) == [b"young"]


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_ms = telemetry.now_ms()

    def __call__(self) -> int:
        """Read it."""
        return self.now_ms


async def _publish(log: EmbeddedLog, topic: str, count: int) -> None:
    publisher = log.publisher()
    await publisher.start()
    messages = [Message(topic, b"key", b"%d" % n) for n in range(count)]
    await asyncio.gather(*map(publisher.publish, messages))
    await publisher.stop()


async def _begin(log: EmbeddedLog, topic: str) -> int:
    return (await log.begins(topic))[Partition(topic, 0)]


async def test_the_embedded_log_forgets_what_is_older_and_counts_on(tmp_path: Path) -> None:
    """Whoever reads on from a place that is forgotten is told so, and offsets never come twice."""
    clock = Clock()
    log = EmbeddedLog(tmp_path / "log.db", clock)
    await log.ensure_topics(TOPICS)
    for topic in TOPICS:
        await _publish(log, topic, 5)
    clock.now_ms += 7 * DAY_MS + 1
    await log.ensure_topics(TOPICS, {"kept-a-week": 7 * DAY_MS})
    assert await _begin(log, "kept-a-week") == 5
    with pytest.raises(PositionLost):
        await log.read(Position(FIRST, 4), 1)
    await _publish(log, "kept-a-week", 1)
    assert values(await log.read(Position(FIRST, 5), 10)) == [b"0"]
    assert await _begin(log, "kept") == 0, "a topic without a retention lost records"
    await log.close()


async def test_nothing_goes_before_its_time_is_over(tmp_path: Path) -> None:
    """Seven days are promised, and the last delivery of the first day has them too."""
    clock = Clock()
    log = EmbeddedLog(tmp_path / "log.db", clock)
    await log.ensure_topics(TOPICS)
    await _publish(log, "kept-a-week", 2)
    clock.now_ms += DAY_MS
    await _publish(log, "kept-a-week", 2)
    clock.now_ms += 6 * DAY_MS
    await log.ensure_topics(TOPICS, {"kept-a-week": 7 * DAY_MS})
    assert await _begin(log, "kept-a-week") == 0
    await log.close()
    log = EmbeddedLog(tmp_path / "log.db", clock)
    clock.now_ms += 1
    await log.ensure_topics(TOPICS, {"kept-a-week": 7 * DAY_MS})
    assert await _begin(log, "kept-a-week") == 2
    await log.close()


async def test_a_great_deal_goes_piece_by_piece_with_the_next_commits(tmp_path: Path) -> None:
    """A week of a flood that ends in one commit would keep every publisher waiting for it."""
    clock = Clock()
    log = EmbeddedLog(tmp_path / "log.db", clock)
    await log.ensure_topics(TOPICS)
    await _publish(log, "kept-a-week", 3 * EXPIRED_MAX)
    clock.now_ms += 8 * DAY_MS
    begins = []
    for _ in range(4):
        await log.ensure_topics(TOPICS, {"kept-a-week": 7 * DAY_MS})
        begins.append(await _begin(log, "kept-a-week"))
    assert begins == [EXPIRED_MAX, 2 * EXPIRED_MAX, 3 * EXPIRED_MAX, 3 * EXPIRED_MAX]
    await log.close()


async def test_an_idle_log_forgets_by_itself(tmp_path: Path) -> None:
    """What was refused on Friday is gone on the next Friday, though nobody sends anything more."""
    clock = Clock()
    log = EmbeddedLog(tmp_path / "log.db", clock)
    await log.ensure_topics(TOPICS)
    await _publish(log, "kept-a-week", 2 * EXPIRED_MAX)
    clock.now_ms += 8 * DAY_MS
    await log.ensure_topics(TOPICS, {"kept-a-week": 7 * DAY_MS})
    assert await _begin(log, "kept-a-week") == EXPIRED_MAX
    async with asyncio.timeout(20):
        while await _begin(log, "kept-a-week") < 2 * EXPIRED_MAX:
            await asyncio.sleep(0.05)
    await log.close()


@pytest.mark.kafka
async def test_a_new_kafka_topic_has_the_retention_that_is_wanted(kafka_bootstrap: str) -> None:
    """The broker forgets, so it must know how long; what names nothing is kept for 45 days."""
    ground = Ground.at(f"kafka://{kafka_bootstrap}?replication_factor=1")
    other = Ground.at(ground.url)
    async with ground.log() as log:
        await log.ensure_topics({other.topic: 1, ground.topic: PARTITIONS}, {other.topic: DAY_MS})
    found = await settings_of(kafka_bootstrap, other.topic)
    assert found["retention.ms"] == str(DAY_MS)
    found = await settings_of(kafka_bootstrap, ground.topic)
    assert found["retention.ms"] == str(45 * DAY_MS)


@pytest.mark.kafka
async def test_a_kafka_topic_with_another_retention_is_left_and_told_of(
    kafka_bootstrap: str,
) -> None:
    """It is the cluster owner's to change; but that refusals live longer must not be a surprise."""
    said = log_lines()
    ground = Ground.at(f"kafka://{kafka_bootstrap}?replication_factor=1")
    async with ground.log() as log:
        await log.ensure_topics({ground.topic: PARTITIONS}, {ground.topic: 45 * DAY_MS})
        assert said("topic_retention_differs") == []
        await log.ensure_topics({ground.topic: PARTITIONS}, {ground.topic: DAY_MS})
    (line,) = said("topic_retention_differs")
    assert line["topic"] == ground.topic
    assert (line["retention_ms"], line["wanted_ms"]) == (str(45 * DAY_MS), str(DAY_MS))
    assert (await settings_of(kafka_bootstrap, ground.topic))["retention.ms"] == str(45 * DAY_MS)
