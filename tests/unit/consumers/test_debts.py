"""What is owed: raised once, worse with time, ended by the fact, and never while behind."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from consumers import debts as module
from consumers.debts import Debts
from consumers.facts import OFF, ON, Fact, FactKind, RefundStatus, simple
from consumers.keeping_up import KeepingUp
from consumers.owing import Books
from consumers.patience import DEFAULTS
from consumers.store.cases import Status
from consumers.store.port import Changes, EventKey, PaymentKey
from consumers.store.sqlite import SqliteStore
from consumers.time_metrics import DebtMetrics
from tests.support import timed
from tests.support.timed import Timed

KEY = PaymentKey("kobbopay", "main", "pay_1")
EVENT = EventKey("kobbopay", "main", "told")
MONEY = {"amount": "10", "currency": "USDT", "amount_received": "10"}
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
# A Monday.
MONDAY_MS = int(datetime(2026, 11, 2, 9, 0, tzinfo=UTC).timestamp() * 1000)


@dataclass
class Owed:
    """What is owed in one environment, and who watches it."""

    bench: Timed
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    debts: Debts = field(init=False)

    def __post_init__(self) -> None:
        self.debts = self.made(Books(since_ms=0))

    def made(self, books: Books | None, piece_s: float = 30.0) -> Debts:
        """Make the part, as another process would have it."""
        bench = self.bench
        self.registry = CollectorRegistry()
        return Debts(
            store=bench.store,
            keeping_up=KeepingUp(
                bench.log,
                bench.store,
                timed.TOPIC,
                timed.GROUP,
                timed.SETTLE_S,
                uptime=lambda: bench.now_ms / 1000,
                patience_s=0,
            ),
            policy=timed.POLICY,
            limits=DEFAULTS,
            books=books,
            every_s=1.0,
            metrics=DebtMetrics(self.registry),
            clock=lambda: bench.now_ms,
            piece_s=piece_s,
        )

    async def after(self, ms: int) -> list[tuple[str, int]]:
        """Let time pass, look until silence is trusted, and say what is open."""
        self.bench.now_ms += ms - timed.SETTLE_S * 1000
        await self.debts.look()
        self.bench.now_ms += timed.SETTLE_S * 1000
        await self.debts.look()
        return await self.bench.codes()

    async def refund(self, status: RefundStatus, reference: str = "pay_1") -> None:
        """Let the provider say a word of a refund."""
        told = simple(
            FactKind.REFUND, self.bench.now_ms, key="re_1", asset="USDT", amount=4, detail=status
        )
        await self._state(told, reference)

    async def posted(self, detail: str = ON) -> None:
        """Let finance say a word of the books."""
        await self._state(
            simple(
                FactKind.POSTED,
                self.bench.now_ms,
                key="je-1",
                asset="USDT",
                amount=10_000_000,
                detail=detail,
            )
        )

    async def _state(self, fact: Fact, reference: str = "pay_1") -> None:
        key = KEY._replace(reference=reference)
        async with self.bench.store.transaction() as tx:
            await tx.save(Changes(facts=[(key, fact, EVENT)]))

    def value(self, name: str, **labels: str) -> float | None:
        """Read one series; None where it is absent."""
        return self.registry.get_sample_value(name, {"provider": "kobbopay", **labels})


@pytest.fixture(name="owed")
async def _owed(tmp_path: Path) -> AsyncIterator[Owed]:
    store = SqliteStore(tmp_path / "store.db")
    await store.open(timed.ENVIRONMENT)
    bench = await timed.made(store, tmp_path)
    bench.now_ms = MONDAY_MS
    yield Owed(bench)
    await store.close()
    await bench.log.close()


async def test_a_confirmed_payment_is_to_be_booked_and_ends_with_the_entry(owed: Owed) -> None:
    """A day, three days, and then finance says that it is done: nobody closes it by hand."""
    await owed.bench.tell("confirmed", **MONEY)
    assert await owed.after(20 * HOUR_MS) == []
    assert owed.value("sealgate_payments_unposted") == 1
    oldest = owed.value("sealgate_payments_oldest_unposted_timestamp_seconds")
    assert oldest == MONDAY_MS / 1000
    assert await owed.after(5 * HOUR_MS) == [("POSTING_LAG", 3)]
    assert await owed.after(DAY_MS) == [("POSTING_LAG", 3)]
    assert await owed.after(DAY_MS) == [("POSTING_LAG", 2)]
    [item] = await owed.bench.open()
    assert (item.times, item.anomaly.at_risk) == (2, ("USDT", 10_000_000))
    assert owed.value("sealgate_posting_overdue") == 1
    await owed.posted()
    assert await owed.after(HOUR_MS) == []
    assert owed.value("sealgate_posting_overdue") == 0
    assert owed.value("sealgate_payments_unposted") == 0
    assert owed.value("sealgate_payments_oldest_unposted_timestamp_seconds") is None
    ended = await owed.bench.store.cases.item(item.id)
    assert ended is not None
    assert ended.status is Status.AUTO_RESOLVED
    await owed.posted(OFF)
    assert await owed.after(HOUR_MS) == [("POSTING_LAG", 2)]


async def test_a_refund_that_does_not_arrive_is_raised_and_ends_with_its_word(owed: Owed) -> None:
    """The provider said pending, and then nothing: no event will ever tell."""
    await owed.bench.tell("confirmed", **MONEY)
    await owed.posted()
    await owed.refund(RefundStatus.PENDING)
    assert await owed.after(23 * HOUR_MS) == []
    assert owed.value("sealgate_refunds_stuck") == 0
    assert await owed.after(2 * HOUR_MS) == [("REFUND_STUCK", 2)]
    assert await owed.after(2 * DAY_MS) == [("REFUND_STUCK", 1)]
    assert owed.value("sealgate_refunds_stuck") == 1
    oldest = owed.value("sealgate_refunds_oldest_stuck_timestamp_seconds")
    assert oldest == MONDAY_MS / 1000
    await owed.refund(RefundStatus.SUCCEEDED)
    assert await owed.after(HOUR_MS) == []
    assert owed.value("sealgate_refunds_stuck") == 0


async def test_nothing_is_raised_or_ended_while_records_wait(owed: Owed) -> None:
    """The word that it arrived may be among what nobody has read; the figures are told."""
    await owed.bench.tell("confirmed", **MONEY)
    await owed.bench.publish("pending", "another")
    assert await owed.after(5 * DAY_MS) == []
    assert owed.value("sealgate_posting_overdue") == 1
    await owed.bench.work()
    assert await owed.after(HOUR_MS) == [("POSTING_LAG", 2)]
    await owed.posted()
    await owed.bench.publish("pending", "a third")
    assert await owed.after(HOUR_MS) == [("POSTING_LAG", 2)]
    await owed.bench.work()
    assert await owed.after(HOUR_MS) == []


async def test_where_finance_tells_nothing_nothing_is_owed_to_the_books(owed: Owed) -> None:
    """Without `consumer.posting` every payment there is would be an exception a day later."""
    owed.debts = owed.made(None)
    await owed.bench.tell("confirmed", **MONEY)
    assert await owed.after(30 * DAY_MS) == []
    assert owed.value("sealgate_payments_unposted") is None


async def test_a_long_walk_is_done_in_pieces_and_loses_nobody(
    owed: Owed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million Confirmed payments are read in many pieces: each is met, and none ended early."""
    monkeypatch.setattr(module, "PAGE", 2)
    for number in range(5):
        await owed.bench.tell("confirmed", f"pay_{number}", **MONEY)
    owed.debts = owed.made(Books(since_ms=0), piece_s=0)
    await owed.after(5 * DAY_MS)
    seen = [len(await owed.bench.open())]
    for _ in range(6):
        owed.bench.now_ms += 1000
        await owed.debts.look()
        seen.append(len(await owed.bench.open()))
    assert seen == sorted(seen)
    assert seen[-1] == 5
    assert owed.value("sealgate_payments_unposted") == 5


async def test_two_processes_raise_one_item(owed: Owed) -> None:
    """Two timers run during every deployment."""
    await owed.bench.tell("confirmed", **MONEY)
    other = Owed(owed.bench)
    await owed.after(2 * DAY_MS)
    await other.after(timed.SETTLE_S * 1000)
    [item] = await owed.bench.open()
    assert item.times == 1


async def test_a_store_that_is_away_leaves_no_figures(owed: Owed) -> None:
    """An old number that looks fresh is worse than none."""
    await owed.bench.tell("confirmed", **MONEY)
    await owed.after(2 * DAY_MS)
    assert owed.value("sealgate_posting_overdue") == 1
    await owed.bench.store.close()
    await owed.debts.look()
    assert owed.value("sealgate_posting_overdue") is None
    assert owed.value("sealgate_payments_unposted") is None
