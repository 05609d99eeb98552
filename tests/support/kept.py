"""Sources that expect first, and money that names no payment, over any store."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from consumers.announcing import Announced, command
from consumers.apply import Applied, Applier
from consumers.operating import Occurrence
from consumers.policy import Policy
from consumers.stating import Desk, Done
from consumers.store.deposits import (
    Deposit,
    DepositMove,
    DepositState,
    Expectation,
    Matching,
)
from consumers.store.port import Claim, EventKey, Payment, PaymentKey, Store
from ingress.contract import topics
from ingress.contract.envelope import Envelope
from ingress.eventlog.port import Partition
from tests.support.builders import NOW_MS, TRACEPARENT, envelope, record

PAY_1 = PaymentKey("kobbopay", "main", "pay_1")
HOUR_MS = 3_600_000
POLICY = Policy(expect_first=frozenset({"shop"}))
GROUP = "kept"


def event(word: str, reference: str = "pay_1", **body: object) -> Envelope:
    """Seal one of Kobbopay's events: `pending`, `paid`, `confirmed`, `expired`."""
    told = {"n": f"{word}-{reference}", **body}
    return envelope(told, event_type=f"payment.{word}", payment_ref=reference)


@dataclass
class Member:
    """One member of a group over one store, with a clock that the test holds."""

    store: Store
    policy: Policy = POLICY
    now_ms: int = NOW_MS
    environment: str = "sandbox"
    claims: dict[Partition, Claim] = field(default_factory=dict)

    async def apply(self, *events: Envelope) -> Applied:
        """Apply events in one batch."""
        if not events:
            return Applied([], [])
        if not self.claims:
            self.claims = {**await self.store.claim_partitions(GROUP, [self.partition], "us")}
        held = self.claims[self.partition]
        begin = held.next_offset or 0
        here = [replace(one, environment=self.environment) for one in events]
        records = [record(one, begin + at, self.partition) for at, one in enumerate(here)]
        applier = Applier(
            self.store, self.environment, GROUP, lambda: self.now_ms, policy=self.policy
        )
        applied = await applier.apply(records, self.claims)
        self.claims[self.partition] = replace(held, next_offset=begin + len(events))
        return applied

    async def verdicts(self, *events: Envelope) -> Sequence[str]:
        """Apply events, and say what became of them."""
        return [one.verdict.value for one in (await self.apply(*events)).outcomes]

    async def expect(
        self, amount: int | None = 10_000_000, *, payment: PaymentKey = PAY_1, **told: object
    ) -> Done:
        """Announce a payment of so many atomic units of USDT, for an hour."""
        plain = Announced(payment, "USDT", amount, self.now_ms + HOUR_MS)
        desk = Desk(self.store, self.policy, lambda: self.now_ms)
        return await desk.do(command(plain._replace(**told), self.occurrence))

    @property
    def partition(self) -> Partition:
        """Name where the environment's events are."""
        return Partition(topics.verified(self.environment), 0)

    @property
    def occurrence(self) -> Occurrence:
        """Say where and when."""
        return Occurrence(self.environment, "test", self.now_ms, "c-1", TRACEPARENT)

    async def payment(self, key: PaymentKey = PAY_1) -> Payment:
        """Read a payment that is there."""
        found = await self.store.payment(key)
        assert found is not None
        return found

    async def open(self) -> set[tuple[str, str]]:
        """Read the open exceptions: code and subject."""
        found = await self.store.list_anomalies(100)
        return {(one.anomaly.code, one.anomaly.subject) for one in found}

    async def notices(self) -> int:
        """Count what downstream hears."""
        return await self.store.notices_pending()


def matching(number: int = 1) -> Matching:
    """Make what a batch writes about deposits: a row for each of their tables."""
    event = EventKey("alchemy", "main", f"evt-{number}")
    key = PaymentKey("alchemy", "main", f"deposit:tx:{number}")
    told = Deposit(key, "ethereum", f"0x{number}", "0xto", "0xfrom", "17", "inv", event, NOW_MS)
    state = DepositState.MATCHED
    return Matching(
        [Expectation(PAY_1, "0xto", "17", EventKey("sealgate", "expect", str(number)), NOW_MS)],
        [told],
        [DepositMove(key, number, state, PAY_1, "{}", event, NOW_MS)],
    )
