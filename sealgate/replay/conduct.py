"""Conduct a replay: records in, payments that differ out, one at a time, and a sum at the end.

Only a chunk of records is held, and of the payments that differ a few bytes each. A payment is
looked at once, with all its chosen events together, when the first of them is met that differs: so
one correction is written, and not one for each event.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from consumers import rereading
from consumers.exceptions import subject_of
from consumers.reading import Poisoned, Read, Reader
from consumers.replaying import Replayer, Still
from consumers.rereading import REFUSED, Replanned, compare
from consumers.store.cases import ItemFilter
from consumers.store.port import DeadLetter, Fenced, PaymentKey, Unstorable
from consumers.store.rereads import Rereads
from ingress.contract import cloudevents
from ingress.eventlog.port import EventLog, Position, Record
from sealgate.exposure import addresses
from sealgate.replay.choosing import Choice
from sealgate.replay.spans import Span, first

CHUNK = 500
_ITEMS = 100


class Shown(NamedTuple):
    """A payment that differs, with the exceptions that are open now and would be then."""

    replanned: Replanned
    open_before: Sequence[str]
    open_after: Sequence[str]


@dataclass(slots=True)
class Tally:
    """The sum of a replay."""

    records: int = 0
    looked: int = 0
    differing: int = 0
    payments: int = 0
    moved: int = 0
    elsewhere: int = 0
    unreadable: int = 0
    deposits: int = 0
    gone: int = 0
    words: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    trouble: list[str] = field(default_factory=list)
    ended: Sequence[str] = ()


@dataclass(slots=True)
class Conductor:
    """Reads what was chosen again; `writes` says whether what follows is written."""

    replayer: Replayer
    reader: Reader
    log: EventLog
    choice: Choice
    spans: Sequence[Span]
    show: Callable[[Shown], None]
    writes: bool = False
    tally: Tally = field(default_factory=Tally)
    still: dict[str, Still] = field(default_factory=dict)
    _done: set[PaymentKey] = field(default_factory=set)

    async def run(self) -> Tally:
        """Read all spans."""
        for span in self.spans:
            async for chunk in self._chunks(span):
                held = {one.position: one for one in chunk}
                for record in chunk:
                    self.tally.records += 1
                    await self._take(record, held)
        return await self._end()

    async def run_payment(self, payment: PaymentKey) -> Tally:
        """Read the events of one payment, wherever they stand in the spans."""
        for read in await self._events(payment, {}):
            self.tally.records += 1
            await self._weigh(read, {read.record.position: read.record})
        return await self._end()

    async def run_letters(self) -> Tally:
        """Read what was given up on."""
        store, after = self.replayer.store, 0
        while page := await Rereads.of(store).letters(after, CHUNK):
            after = page[-1].number
            chosen: dict[PaymentKey, dict[str, Read]] = {}
            for one in page:
                self.tally.records += 1
                read = self._read(_record(one.letter))
                if read is None or not await self.replayer.is_unclaimed(read):
                    self.tally.elsewhere += read is not None
                    continue
                self.tally.looked += 1
                # Given up on at every delivery: it is one event all the same.
                told = f"{read.event.key.key} {read.event.body_digest}"
                chosen.setdefault(read.payment, {}).setdefault(told, read)
            for payment, reads in chosen.items():
                await self._settle(payment, list(reads.values()))
        return await self._end()

    async def _chunks(self, span: Span) -> AsyncIterator[Sequence[Record]]:
        """Read a span. Raises `LogUnavailable`, `PositionLost`."""
        at = span.begin
        while at < span.end:
            found = await self.log.read(Position(span.partition, at), CHUNK)
            chunk = [one for one in found if one.position.offset < span.end]
            if not chunk:
                return
            yield chunk
            at = chunk[-1].position.offset + 1

    def _read(self, record: Record) -> Read | None:
        """Read a record by the mapping; None where it is no event, or is not chosen."""
        try:
            read = self.reader.read(record)
        except Poisoned as poisoned:
            self.tally.trouble.append(f"{_where(record)}: {poisoned.reason}")
            return None
        if not isinstance(read, Read):
            self.tally.unreadable += 1
            return None
        return read if self.choice.takes(read) else None

    async def _take(self, record: Record, held: dict[Position, Record]) -> None:
        read = self._read(record)
        if read is not None:
            await self._weigh(read, held)

    async def _weigh(self, read: Read, held: dict[Position, Record]) -> None:
        """Compare one event; where it differs, take all of its payment's."""
        found = await self.replayer.find(read)
        if found is None:
            self.tally.elsewhere += 1
            return
        named, known = found
        if not self.choice.takes_known(named, known):
            return
        self.tally.looked += 1
        self.tally.deposits += rereading.is_of_deposits(named, known)
        self._note(named)
        payment = named.payment
        if payment in self._done:
            return
        statements = await self.replayer.store.statements(payment) if payment.reference else ()
        if compare(named, known, statements) is None:
            return
        if not payment.reference:
            await self._settle(payment, [named])
            return
        self._done.add(payment)
        await self._settle(payment, await self._events(payment, held))

    async def _events(self, payment: PaymentKey, held: dict[Position, Record]) -> list[Read]:
        """Read all chosen events of a payment."""
        found = []
        for recorded in await self.replayer.store.events(payment):
            position = recorded.event.position
            if not any(span.holds(position) for span in self.spans):
                self.tally.gone += any(span.has_lost(position) for span in self.spans)
                continue
            record = held.get(position) or await first(self.log, position)
            if record is None or record.position != position:
                continue
            read = self._read(record)
            known = None if read is None else await self.replayer.find(read)
            if known is not None and self.choice.takes_known(*known):
                found.append(known[0])
        return found

    def _note(self, read: Read) -> None:
        """Remember what is refused still, so that its exceptions stay open."""
        told, provider = read.interpretation, read.event.key.provider
        still = self.still.setdefault(provider, Still())
        if told.verdict in REFUSED:
            still.unparseable += told.verdict == "unparseable"
            about = ((str(one.code), cloudevents.attribute(one.subject)) for one in told.findings)
            still.raises.update(about)

    async def _settle(self, payment: PaymentKey, reads: Sequence[Read]) -> None:
        """Show what follows for one payment, and write it where that was ordered."""
        name = addresses.write(payment)
        before = await self._open(payment)
        act = self.replayer.apply if self.writes else self.replayer.look
        try:
            done = await act(payment, reads)
        except (Poisoned, Unstorable) as wrong:
            self.tally.trouble.append(f"{name}: {wrong}")
            return
        except Fenced:
            self.tally.trouble.append(f"{name}: others keep changing it; replay it again")
            return
        if done is None:
            return
        self.tally.payments += 1
        self.tally.moved += done.moves
        self.tally.differing += len(done.readings)
        self.tally.words.update(rereading.words(done.readings))
        self.show(Shown(done, sorted(before), sorted(_after(before, done))))

    async def _open(self, payment: PaymentKey) -> frozenset[str]:
        if not payment.reference:
            return frozenset()
        wanted = ItemFilter(subject=cloudevents.attribute(subject_of(payment)))
        items = await self.replayer.store.cases.items(wanted, None, _ITEMS)
        return frozenset(one.anomaly.code for one in items)

    async def _end(self) -> Tally:
        if self.writes:
            self.tally.ended = await self.replayer.end(self.still)
        return self.tally


def _after(before: frozenset[str], done: Replanned) -> frozenset[str]:
    """Say which exceptions of the payment are open then."""
    subject = cloudevents.attribute(subject_of(done.before.key))
    raised = {one.code for one in done.changes.anomalies if one.subject == subject}
    ended = {
        one.code for one in done.changes.resolved if one.subject == subject_of(done.before.key)
    }
    return (before - ended) | raised


def _record(letter: DeadLetter) -> Record:
    return Record(letter.position, letter.key, letter.value, letter.headers, letter.at_ms)


def _where(record: Record) -> str:
    (topic, number), offset = record.position
    return f"{topic}/{number}/{offset}"
