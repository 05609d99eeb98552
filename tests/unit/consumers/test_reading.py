"""What a batch may hold beside its own events: test money, alarms, things smuggled in."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from consumers.lifecycle import Verdict
from consumers.store.port import EventKey
from consumers.store.sqlite import SqliteStore
from ingress.contract import topics
from ingress.contract.alarm import Alarm
from ingress.contract.envelope import Mode
from ingress.eventlog.port import Partition, Position, Record, Unreadable
from tests.support.builders import NOW_MS, PARTITION, record
from tests.support.store_consumer import GROUP, PAY_1, build, event, log, verdicts

ALARMS = Partition(topics.alarms("sandbox"), 0)


@pytest.fixture(name="store")
async def _store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.db", busy_timeout_ms=10)
    await store.open("sandbox")
    yield store
    await store.close()


@pytest.mark.parametrize(
    ("serves", "says", "verdict"),
    [
        (Mode.LIVE, Mode.TEST, Verdict.ENV_MISMATCH),
        (Mode.TEST, Mode.LIVE, Verdict.ENV_MISMATCH),
        (Mode.LIVE, Mode.LIVE, Verdict.APPLIED),
        (Mode.LIVE, Mode.UNKNOWN, Verdict.APPLIED),
        (Mode.UNKNOWN, Mode.TEST, Verdict.APPLIED),
    ],
)
async def test_test_money_moves_no_real_payment_and_the_other_way_round(
    store: SqliteStore, serves: Mode, says: Mode, verdict: Verdict
) -> None:
    """The edge refuses it; whatever came past the edge is set aside here, with an alarm."""
    consumer = build(store, mode=serves)
    applied = await consumer.apply(log(event("confirmed", mode=says)))
    assert verdicts(applied) == [verdict]
    is_foreign = verdict is Verdict.ENV_MISMATCH
    assert (await store.payment(PAY_1) is None) is is_foreign
    assert await consumer.codes() == (["ENV_MISMATCH"] if is_foreign else [])
    assert (await store.event(EventKey("kobbopay", "main", "evt_pay_1_confirmed")) is None) is (
        is_foreign
    )


def alarm(code: str = "ENV_MISMATCH", place: int = 0, **changes: str) -> Record:
    """Write a word of the edge as the log would hand it out."""
    told = {"subject": "shop", "evidence": "a test key matched", "environment": "sandbox"}
    told |= changes
    sealed = Alarm(
        id=f"a-{place}", code=code, source="urn:shop", correlation_id="c", at_ms=NOW_MS - 5, **told
    )
    key, headers, value = sealed.encode()
    return Record(Position(ALARMS, place), key, value, headers, NOW_MS)


async def test_an_alarm_of_the_edge_becomes_an_exception(store: SqliteStore) -> None:
    """The edge has no database: what it sees and cannot mend is worked like everything else."""
    consumer = build(store, partition=ALARMS)
    records = [alarm(), alarm("VERY_ODD", 1), alarm(place=2), alarm(place=3, environment="other")]
    applied = await consumer.apply(records)
    assert verdicts(applied) == [
        Verdict.ALARM_RAISED,
        Verdict.BURIED,
        Verdict.ALARM_RAISED,
        Verdict.ENV_MISMATCH,
    ]
    items = {one.anomaly.subject: one for one in await store.list_anomalies(9)}
    assert set(items) == {"shop", "urn:shop"}
    told = items["shop"].anomaly
    assert (told.code, told.severity, told.at_ms) == ("ENV_MISMATCH", 1, NOW_MS - 5)
    assert (told.evidence, told.event, items["shop"].times) == ("a test key matched", None, 2)
    [letter] = await store.dead_letters(9)
    assert (letter.position.offset, "no exception" in letter.reason) == (1, True)
    assert await store.positions(GROUP) == {ALARMS: 4}


@pytest.mark.parametrize("evidence", ["x" * 5000, "a\x00b"])
async def test_an_alarm_no_human_can_read_is_buried(store: SqliteStore, evidence: str) -> None:
    """Whatever it is, it was not written by the edge."""
    consumer = build(store, partition=ALARMS)
    assert verdicts(await consumer.apply([alarm(evidence=evidence)])) == [Verdict.BURIED]


async def test_neither_topic_takes_what_belongs_on_the_other(store: SqliteStore) -> None:
    """An event slipped in among the alarms must not move a payment."""
    consumer = build(store, partition=ALARMS)
    smuggled = record(event("confirmed"), 0, ALARMS)
    assert verdicts(await consumer.apply([smuggled])) == [Verdict.BURIED]
    plain = replace(alarm(), position=Position(PARTITION, 0))
    assert verdicts(await build(store).apply([plain])) == [Verdict.BURIED]
    assert await store.payment(PAY_1) is None


@pytest.mark.parametrize("partition", [PARTITION, ALARMS])
async def test_a_record_that_the_log_cannot_read_is_buried_with_the_log_s_reason(
    store: SqliteStore, partition: Partition
) -> None:
    """It stands at the last of its offsets: the position is behind it, and neighbours go on."""
    consumer = build(store, partition=partition)
    bytes_of_it = b"\x00what the log holds"
    lost = Unreadable(Position(partition, 4), b"", bytes_of_it, (), NOW_MS, "from offset 0 to 4")
    after = alarm() if partition is ALARMS else record(event("confirmed"))
    applied = await consumer.apply([lost, replace(after, position=Position(partition, 5))])
    assert verdicts(applied)[0] is Verdict.BURIED
    assert verdicts(applied)[1] is not Verdict.BURIED
    [letter] = await store.dead_letters(10)
    assert (letter.position, letter.reason, letter.value) == (
        Position(partition, 4),
        "from offset 0 to 4",
        bytes_of_it,
    )
    assert dict(await store.positions(GROUP)) == {partition: 6}
