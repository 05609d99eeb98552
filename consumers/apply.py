"""Apply a batch of records, each event once.

The log delivers at least once. What makes the effect happen once is that the move of the position,
the claims on the events, the payments' moves, their history and the notices in the outbox are one
transaction: a crash before the commit leaves nothing, and a redelivery after it finds the claims.
Only when `apply` has returned may the worker read on.

Nothing is buried because the store is away: `StoreUnavailable` and `Fenced` pass through, and
nothing has changed. What is buried is a record that is no envelope, and a record that our own code
fails on; its neighbours go on, and it is not claimed, so that it can be handled later.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from consumers import deposits
from consumers.depositing import matched
from consumers.interpret import interpreter
from consumers.interpret.interpreter import Interpreters
from consumers.moving import Passage
from consumers.plan import Outcome, Plan, plan
from consumers.policy import NO_POLICY, Policy
from consumers.reading import Buried, Poisoned, Read, Reader, Reading
from consumers.store.port import (
    Advance,
    Claim,
    EventKey,
    Fenced,
    PaymentKey,
    Store,
    Transaction,
    Transition,
    Unstorable,
)
from ingress.contract.envelope import Mode
from ingress.eventlog.port import Partition, Position, Record
from ingress.telemetry import Clock


def _pass(_: str) -> None:
    """Go on: a crash point is for the tests that crash there."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A batch, committed: one outcome for each record, in their order."""

    outcomes: Sequence[Outcome]
    transitions: Sequence[Transition]
    passages: Sequence[Passage] = ()


@dataclass(frozen=True, slots=True)
class Applier:
    """Applies batches one at a time and keeps nothing of its own between them."""

    store: Store
    environment: str
    group: str
    clock: Clock
    checkpoint: Callable[[str], None] = _pass
    interpreters: Interpreters = field(default_factory=interpreter.load)
    mode: Mode = Mode.UNKNOWN
    policy: Policy = NO_POLICY

    async def apply(self, records: Sequence[Record], claims: Mapping[Partition, Claim]) -> Applied:
        """Apply `records`, read from the positions that `claims` hold, partition by partition.

        Raises `StoreUnavailable` (try again) and `Fenced` (drop the batch, ask for a new claim).
        """
        poison: dict[Position, str] = {}
        while True:
            try:
                return await self._attempt(records, claims, poison)
            except Poisoned as found:
                # Each round buries one more record, so the rounds come to an end.
                poison[found.position] = found.reason
            except Unstorable as refused:
                if len(records) > 1:
                    return await self._halves(records, claims)
                if records[0].position in poison:
                    raise
                poison[records[0].position] = str(refused)

    async def is_known(self, record: Record) -> bool:
        """Say whether the record was applied here once, or is none that leaves a trace."""
        try:
            reading = self._reader.read(record)
        except Poisoned:
            return False
        if isinstance(reading, Read):
            return await self.store.event(reading.event.key) is not None
        return not isinstance(reading, Buried)

    @property
    def _reader(self) -> Reader:
        # The policy that judges what is final is the one whose version the transitions carry.
        judging = replace(self.interpreters, policy=self.policy)
        return Reader(self.environment, self.mode, judging)

    async def _attempt(
        self,
        records: Sequence[Record],
        claims: Mapping[Partition, Claim],
        poison: Mapping[Position, str],
    ) -> Applied:
        """Apply the batch, with the poisoned records buried. Raises what `apply` handles."""
        advances = _advances(records, claims)
        # Before the transaction: reading takes time, and rows are locked inside it.
        reader = self._reader
        readings = [
            Buried(record, poison[record.position])
            if record.position in poison
            else reader.read(record)
            for record in records
        ]
        async with self.store.transaction() as tx:
            self.checkpoint("apply.begun")
            await tx.advance(self.group, advances)
            self.checkpoint("apply.advanced")
            planned = await self._plan(tx, readings)
            await tx.save(planned.changes)
            self.checkpoint("apply.saved")
        self.checkpoint("apply.committed")
        return Applied(planned.outcomes, planned.changes.transitions, planned.passages)

    async def _plan(self, tx: Transaction, readings: Sequence[Reading]) -> Plan:
        """Claim the events, load the payments of the fresh ones, and decide."""
        named, fresh = await _claim(tx, readings)
        self.checkpoint("apply.claimed")
        moving: set[PaymentKey] = set()
        transfers: set[PaymentKey] = set()
        for one in named:
            if not isinstance(one, Read) or one.event.key not in fresh:
                continue
            if one.interpretation.deposits:
                transfers.update(deposits.keys(one.payment, one.interpretation))
            elif one.interpretation.verdict is None:
                moving.add(one.payment)
        if not transfers:
            return plan(named, fresh, await tx.payments(moving), self.clock(), self.policy)
        decided, payments = await matched(tx, moving | transfers, transfers)
        return plan(named, fresh, payments, self.clock(), self.policy, decided)

    async def _halves(
        self, records: Sequence[Record], claims: Mapping[Partition, Claim]
    ) -> Applied:
        """Look for what no store can hold by applying each half in a transaction of its own."""
        middle = len(records) // 2
        head = await self.apply(records[:middle], claims)
        tail = await self.apply(records[middle:], _moved(claims, records[:middle]))
        return Applied(
            [*head.outcomes, *tail.outcomes],
            [*head.transitions, *tail.transitions],
            [*head.passages, *tail.passages],
        )


async def _claim(
    tx: Transaction, readings: Sequence[Reading]
) -> tuple[list[Reading], frozenset[EventKey]]:
    """Claim the events; return the readings by the keys they go by, and the keys that are fresh.

    Of two deliveries of one event the first counts. Where the second has another body it is no
    duplicate: it is claimed again, under a key that follows its body.
    """
    named = list(readings)
    fresh: frozenset[EventKey] = frozenset()
    claiming = {place: one for place, one in enumerate(named) if isinstance(one, Read)}
    while claiming:
        # Last to first, so that of two deliveries of one event the first one stays.
        events = {one.event.key: one.event for one in reversed(claiming.values())}
        new = await tx.claim(list(events.values()))
        fresh |= new
        digests = {key: events[key].body_digest for key in new}
        if len(new) < len(events):
            digests |= await tx.digests(events.keys() - new)
        # Each round's keys are longer, so the rounds come to an end: at the second, but for an
        # enemy who has claimed the longer keys too.
        claiming = {
            place: one.as_variant()
            for place, one in claiming.items()
            if one.event.body_digest != digests[one.event.key]
        }
        for place, one in claiming.items():
            named[place] = one
    return named, fresh


def _advances(records: Sequence[Record], claims: Mapping[Partition, Claim]) -> list[Advance]:
    """Say how far the batch moves each partition. Raises `Fenced` for one that is not held."""
    moved = _moved(claims, records)
    touched = dict.fromkeys(record.position.partition for record in records)
    return [
        Advance(partition, moved[partition].epoch, claims[partition].next_offset, to)
        for partition in touched
        if (to := moved[partition].next_offset) is not None
    ]


def _moved(claims: Mapping[Partition, Claim], records: Sequence[Record]) -> dict[Partition, Claim]:
    """Return the claims as they are once `records` are applied."""
    moved = dict(claims)
    for record in records:
        partition, offset = record.position
        claim = moved.get(partition)
        if claim is None:
            raise Fenced(f"partition {partition.number} of {partition.topic} is not held here")
        # Never backwards, even if a record came again: claims, not positions, drop repetitions.
        moved[partition] = Claim(claim.epoch, max(offset + 1, claim.next_offset or 0))
    return moved
