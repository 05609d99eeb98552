"""One member of a group over a real SQLite store, applying Kobbopay's events as a worker would."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from consumers.apply import Applied, Applier
from consumers.lifecycle import State, Verdict
from consumers.store.port import Claim, PaymentKey
from consumers.store.sqlite import SqliteStore
from ingress.contract.envelope import Envelope
from ingress.eventlog.port import Partition, Record
from tests.support.builders import NOW_MS, PARTITION, envelope, record

GROUP = "test"
PAY_1 = PaymentKey("kobbopay", "main", "pay_1")
PAY_2 = PaymentKey("kobbopay", "main", "pay_2")


def event(word: str, payment: str = "pay_1", **changes: object) -> Envelope:
    """Seal one of Kobbopay's events; its key is made of its word and its payment."""
    key = f"evt_{payment}_{word}"
    told = {"payment_ref": payment, "event_type": f"payment.{word}", "event_key": key, **changes}
    return envelope({"payment_id": payment, "word": word}, **told)


def log(*envelopes: Envelope, begin: int = 0) -> list[Record]:
    """Write envelopes one behind the other."""
    return [record(sealed, begin + place) for place, sealed in enumerate(envelopes)]


@dataclass
class Consumer:
    """One member of a group, as the worker would be: claims, applies, moves on."""

    store: SqliteStore
    applier: Applier
    claims: dict[Partition, Claim] = field(default_factory=dict)
    partition: Partition = PARTITION

    async def take_over(self) -> None:
        """Claim the partition, as on every assignment."""
        self.claims = dict(await self.store.claim_partitions(GROUP, [self.partition], "me"))

    async def apply(self, records: Sequence[Record]) -> Applied:
        """Apply from where the store says we are."""
        await self.take_over()
        return await self.applier.apply(records, self.claims)

    async def history(self, payment: PaymentKey = PAY_1) -> list[State]:
        """Read the states a payment went through."""
        return [move.after for move in await self.store.transitions(payment)]

    async def notices(self) -> list[str]:
        """Read the ids of all notices, in the order of writing."""
        return [pending.notice.id for pending in await self.store.pending(1000)]

    async def codes(self) -> list[str]:
        """Read the codes of the open exceptions."""
        return sorted(code for code, _ in await self.store.anomalies_open())


def build(store: SqliteStore, *, partition: Partition = PARTITION, **changes: object) -> Consumer:
    """Make a consumer of the sandbox on `store`."""
    plain = Applier(store=store, environment="sandbox", group=GROUP, clock=lambda: NOW_MS)
    return Consumer(store, replace(plain, **changes), partition=partition)


def verdicts(applied: Applied) -> list[Verdict]:
    """Return what came of each record."""
    return [outcome.verdict for outcome in applied.outcomes]
