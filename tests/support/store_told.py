"""A payment whose events state what a test says, applied by the real applier to a real store."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from consumers.apply import Applied, Applier
from consumers.facts import Fact
from consumers.interpret.interpreter import Interpretation, Interpreters
from consumers.lifecycle import State
from consumers.store.port import EventKey, Judgement, Mark, Payment, PaymentKey, Store
from consumers.voiding import Marking, Rim, void
from ingress.contract.envelope import Envelope
from ingress.eventlog.port import Partition
from tests.support.builders import NOW_MS, PARTITION, TRACEPARENT, envelope, record

PAYMENT = PaymentKey("kobbopay", "main", "pay_1")
LATER_MS = NOW_MS + 60_000
RIM = Rim("sandbox", lambda: LATER_MS, lambda: TRACEPARENT)
GROUP = "told"


def key(name: str) -> EventKey:
    """Name an event of the payment's provider."""
    return EventKey(PAYMENT.provider, PAYMENT.account, name)


def word(name: str, judgement: Judgement = Judgement.VOID) -> Mark:
    """Let an operator judge an event."""
    return Mark(key(name), judgement, "the provider does not know it", "alice", LATER_MS)


@dataclass(frozen=True)
class Told(Interpreters):
    """Interpreters that know what each body states, by heart."""

    says: dict[bytes, frozenset[Fact]] = field(default_factory=dict)

    def interpret(self, envelope: Envelope) -> Interpretation:
        """Return the facts of the body."""
        return Interpretation(None, self.says[envelope.body])


@dataclass
class Teller:
    """Sends events that state given facts, batch by batch."""

    store: Store
    partition: Partition = PARTITION
    reference: str = PAYMENT.reference
    told: Told = field(default_factory=lambda: Told({}))

    @property
    def key(self) -> PaymentKey:
        """Name the payment."""
        return PAYMENT._replace(reference=self.reference)

    def event(self, name: str) -> EventKey:
        """Name one of its events: the first payment's by their bare names."""
        own = self.reference == PAYMENT.reference
        return key(name if own else f"{self.reference}/{name}")

    def body(self, name: str, facts: Collection[Fact], rendered: str = "") -> bytes:
        """Write a body that states the facts."""
        body = f"{self.event(name)} {sorted(map(repr, facts))} {rendered}".encode()
        self.told.says[body] = frozenset(facts)
        return body

    def digest(self, name: str, facts: Collection[Fact]) -> str:
        """Return the digest of a body, in hex."""
        return hashlib.sha256(self.body(name, facts)).hexdigest()

    async def tell(self, *events: tuple[str, Collection[Fact]], rendered: str = "") -> Applied:
        """Apply events, each a name and its facts, in one batch; two bodies may have one name."""
        claims = await self.store.claim_partitions(GROUP, [self.partition], "me")
        begin = claims[self.partition].next_offset or 0
        records = []
        for place, (name, facts) in enumerate(events):
            body = self.body(name, facts, rendered)
            sealed = envelope(body, event_key=self.event(name).key, payment_ref=self.reference)
            records.append(record(sealed, begin + place, self.partition))
        applier = Applier(self.store, "sandbox", GROUP, lambda: NOW_MS, interpreters=self.told)
        return await applier.apply(records, claims)

    async def void(self, *names: str, dry_run: bool = False) -> Marking:
        """Void events."""
        marks = [replace(word(name), event=self.event(name)) for name in names]
        return await self.judge(marks, dry_run=dry_run)

    async def judge(self, marks: Sequence[Mark], *, dry_run: bool = False) -> Marking:
        """Write marks."""
        return await void(self.store, marks, RIM, dry_run=dry_run)

    async def payment(self) -> Payment:
        """Read the payment, which must be there."""
        found = await self.store.payment(self.key)
        assert found is not None
        return found

    async def state(self) -> State:
        """Read the payment's state; Pending where there is no payment."""
        found = await self.store.payment(self.key)
        return State.PENDING if found is None else found.state

    async def history(self) -> list[tuple[str, str]]:
        """Read where the payment went, and why."""
        moves = await self.store.transitions(self.key)
        return [(move.after.value, move.cause.value) for move in moves]
