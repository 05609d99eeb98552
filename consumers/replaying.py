"""Replay: read events again and write what follows, or only say what would.

`rereading` decides. Here a store is asked for what it needs and, where somebody ordered it, told
what follows: for each payment one transaction under the same locks as a worker's batch, so workers
may run beside it. What is written is the difference between what the store has and what the event
states now; where there is none nothing is written, so a replay that was broken off is started
again under the same key and goes on, and one that is repeated does nothing.

A look only reads: it needs no right to write, and leaves no trace.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from consumers import colleagues, deposits
from consumers.actions import Reason, Role
from consumers.depositing import matched
from consumers.exceptions import Code
from consumers.operating import ACCOUNT, NOWHERE
from consumers.policy import Policy
from consumers.reading import Read
from consumers.refusals import ApprovalRequired, NotAllowed, WrongWords, check_names
from consumers.rereading import (
    Known,
    Replanned,
    Rim,
    compare,
    held,
    replan,
)
from consumers.stating import OURSELVES, TRIES_MAX, KeyReused
from consumers.store.cases import Action, ItemFilter, place_of
from consumers.store.deposit_reads import DepositReads
from consumers.store.deposits import DepositMove
from consumers.store.port import (
    Changes,
    Event,
    EventKey,
    Fenced,
    Handled,
    Judgement,
    Marked,
    Payment,
    PaymentKey,
    Recorded,
    Resolution,
    Store,
    Transaction,
)
from consumers.store.rereads import Rereads
from ingress.contract import cloudevents
from ingress.contract.envelope import Mode

NAME = "replay"
REASONS = frozenset(
    {Reason.CAUSE_MENDED, Reason.PROVIDER_FAULT, Reason.PROVIDER_CONFIRMED, Reason.INCIDENT}
)
# What a reading that refuses an event raises about its kind, and a better one ends.
_OF_KIND = frozenset({Code.UNKNOWN_TYPE, Code.SCHEMA_DRIFT, Code.UNKNOWN_ASSET})
_ITEMS = 500


class _Stored(NamedTuple):
    """What events are weighed against: the last words on deposits, and what goes by a name."""

    decided: Mapping[PaymentKey, DepositMove]
    payments: Mapping[PaymentKey, Payment]


def _pass(_: str) -> None:
    """Go on: a crash point is for the tests that crash there."""


class Order(NamedTuple):
    """Who replays what, and why: `detail` says which events, as they were asked for."""

    by: str
    role: Role
    reason: Reason
    note: str
    key: str
    approved_by: str
    detail: str


class Outside(NamedTuple):
    """What is taken from outside: the environment, the clock, and new ids."""

    environment: str
    mode: Mode
    clock: Callable[[], int]
    traceparent: Callable[[], str]
    correlation_id: str


@dataclass(slots=True)
class Still:
    """What a replay looked at of one provider and could not read either: how many, and why."""

    unparseable: int = 0
    raises: set[tuple[str, str]] = field(default_factory=set)


def check(order: Order, mode: Mode) -> None:
    """Refuse what can be refused without looking. Raises `Refused`."""
    for name, text in (("by", order.by), ("note", order.note), ("key", order.key)):
        if not text.strip() or not cloudevents.is_attribute(text):
            raise WrongWords(f"{name}: say it in one line of printable characters; it is kept")
    if order.role is not Role.ENGINEERING:
        raise NotAllowed(f"{NAME} is for {Role.ENGINEERING}, and not for {order.role}")
    if order.reason not in REASONS:
        raise WrongWords(f"reason: {NAME} takes one of {', '.join(sorted(REASONS))}")
    check_names(order.by, order.approved_by)
    _check_second(order, mode)


def _check_second(order: Order, mode: Mode) -> None:
    """Refuse what one person may not do alone. Raises `Refused`."""
    if order.approved_by:
        if not cloudevents.is_attribute(order.approved_by):
            raise WrongWords("approved_by: name the second person in one line")
        if colleagues.is_same(order.by, order.approved_by):
            raise ApprovalRequired("whoever asks cannot approve: name another person")
    elif mode is not Mode.TEST:
        raise ApprovalRequired(
            "where the money is real a replay takes two people: name a second one, who has looked"
            " at the dry run, with --approved-by"
        )


@dataclass(frozen=True, slots=True)
class Replayer:
    """Reads events of one store again; without an `order` it only looks."""

    store: Store
    outside: Outside
    policy: Policy
    order: Order | None = None
    checkpoint: Callable[[str], None] = _pass

    async def find(self, read: Read) -> tuple[Read, Known] | None:
        """Find the event of a record as it was claimed; None where it was not, or from another.

        Of several deliveries of one event only the one that was taken in is read again.
        """
        for named in (read, read.as_variant()):
            recorded = await self.store.event(named.event.key)
            if recorded is not None and recorded.event.body_digest == named.event.body_digest:
                if recorded.event.position != named.event.position:
                    return None
                return named, await self._known(await self._marked(recorded))
        return None

    async def is_unclaimed(self, read: Read) -> bool:
        """Say whether what was buried was never taken in, by another delivery or a replay."""
        for named in (read, read.as_variant()):
            recorded = await self.store.event(named.event.key)
            if recorded is None:
                return True
            if recorded.event.body_digest == named.event.body_digest:
                return False
        return False

    async def look(self, payment: PaymentKey, reads: Sequence[Read]) -> Replanned | None:
        """Say what reading these events of one payment again would change. Writes nothing."""
        marked = {}
        for read in reads:
            recorded = await self.store.event(read.event.key)
            if recorded is not None:
                marked[read.event.key] = await self._marked(recorded)
        return await self._replan(payment, reads, marked, await self._stored(payment, reads))

    async def apply(self, payment: PaymentKey, reads: Sequence[Read]) -> Replanned | None:
        """Read these events of one payment again, and write what follows; None for nothing.

        Raises `Refused`, `Poisoned`, `Unstorable`, and `Fenced` where others go on moving it.
        """
        for _ in range(TRIES_MAX - 1):
            with suppress(Fenced):
                return await self._attempt(payment, reads)
        return await self._attempt(payment, reads)

    async def _attempt(self, payment: PaymentKey, reads: Sequence[Read]) -> Replanned | None:
        done: Replanned | None = None
        with suppress(_Nothing):
            async with self.store.transaction() as tx:
                await self._claim_order(tx)
                done = await self._write(tx, payment, reads)
                if done is None:
                    raise _Nothing
        self.checkpoint("replay.committed")
        return done

    async def _write(
        self, tx: Transaction, payment: PaymentKey, reads: Sequence[Read]
    ) -> Replanned | None:
        marked = await tx.marked({read.event.key for read in reads})
        named = [found for read in reads if (found := await _claimed(tx, read, marked)) is not None]
        self.checkpoint("replay.claimed")
        # Under the lock: what follows is decided by what is there now.
        transfers = _transfers(named)
        stored = _Stored(*await matched(tx, {payment, *transfers}, transfers))
        done = await self._replan(payment, named, marked, stored)
        if done is not None:
            await tx.save(done.changes)
            self.checkpoint("replay.saved")
        return done

    async def _replan(
        self,
        payment: PaymentKey,
        reads: Sequence[Read],
        marked: Mapping[EventKey, Marked],
        stored: _Stored,
    ) -> Replanned | None:
        """Compare the readings with what is stored, and decide."""
        statements = await self.store.statements(payment)
        changed = []
        for read in reads:
            known = await self._known(marked.get(read.event.key))
            change = compare(read, known, statements)
            if change is not None:
                changed.append(change)
        if not changed:
            return None
        marks = await self.store.marks({one.event for one in statements})
        void = {key for key, said in marks.items() if said[-1].judgement is Judgement.VOID}
        others = dict(stored.payments)
        here = held(payment, others.pop(payment, None), statements, void)
        here = here._replace(others=others, decided=stored.decided)
        return replan(here, changed, self._rim())

    async def _stored(self, payment: PaymentKey, reads: Sequence[Read]) -> _Stored:
        """Read, without a lock, what a transaction would find."""
        decided: dict[PaymentKey, DepositMove] = {}
        wanted = {payment}
        for key in _transfers(reads):
            wanted.add(key)
            if history := await DepositReads.of(self.store).history(key):
                decided[key] = history[-1]
                wanted.add(deposits.payment_of(history[-1]) or key)
        found = {key: await self.store.payment(key) for key in wanted}
        return _Stored(decided, {key: one for key, one in found.items() if one is not None})

    async def _known(self, marked: Marked | None) -> Known:
        if marked is None:
            return Known(None)
        key = marked.recorded.event.key
        readings = await Rereads.of(self.store).readings(key)
        told_of = await DepositReads.of(self.store).told_by(key)
        return Known(marked, len(readings), bool(told_of))

    async def _marked(self, recorded: Recorded) -> Marked:
        key = recorded.event.key
        return Marked(recorded, tuple((await self.store.marks([key])).get(key, ())))

    def _rim(self) -> Rim:
        outside = self.outside
        key = "" if self.order is None else self.order.key
        return Rim(outside.environment, outside.clock(), outside.traceparent(), self.policy, key)

    async def _claim_order(self, tx: Transaction) -> None:
        """Write down who replays, once; go on where it was written before. Raises `Refused`."""
        if self.order is None:
            raise WrongWords("nobody ordered this replay: it can only look")
        event = _event(self.order, self.outside)
        if await tx.claim([event]):
            await tx.save(
                Changes(
                    verdicts={event.key: Handled("applied_no_change")},
                    actions=[_action(self.order, self.outside.clock())],
                )
            )
        elif (await tx.digests([event.key]))[event.key] != event.body_digest:
            raise KeyReused(f"another command was done as {self.order.key}: choose another key")

    async def end(self, still: Mapping[str, Still]) -> Sequence[str]:
        """End exceptions about kinds of events of which nothing is left unread; name them.

        `still` says of every provider that this replay looked at what is refused as before.
        """
        ended = []
        for code, subject in await self._open(still.keys()):
            with suppress(_Nothing):
                async with self.store.transaction() as tx:
                    await self._claim_order(tx)
                    await tx.save(Changes(resolved=[self._resolution(code, subject)]))
                    # The item is locked: whoever raises it from now on opens another.
                    if await self._is_left(code, subject, still[_provider(subject)]):
                        raise _Nothing
                ended.append(f"{code} {subject}")
        return ended

    async def _open(self, providers: Collection[str]) -> list[tuple[str, str]]:
        """List open items about kinds of events of these providers."""
        found: list[tuple[str, str]] = []
        wanted, after = ItemFilter(codes=frozenset(map(str, _OF_KIND))), None
        while page := await self.store.cases.items(wanted, after, _ITEMS):
            about = ((one.anomaly.code, one.anomaly.subject) for one in page)
            found += [one for one in about if _provider(one[1]) in providers]
            after = place_of(page[-1])
        return found

    async def _is_left(self, code: str, subject: str, still: Still) -> bool:
        """Say whether any event is refused for this reason still, or may be."""
        provider, _, about = subject.partition("/")
        left = await Rereads.of(self.store).refused(provider)
        if code == Code.UNKNOWN_TYPE:
            return any((one.event_type, one.verdict) == (about, "unknown_type") for one in left)
        count = sum(one.events for one in left if one.verdict == "unparseable")
        # Of an event that was not looked at nobody knows what it is refused for.
        return count > still.unparseable or (code, subject) in still.raises

    def _resolution(self, code: str, subject: str) -> Resolution:
        if self.order is None:
            raise WrongWords("nobody ordered this replay: it can only look")
        told = f"replay: no event of this kind is left unread ({self.order.key})"
        reason = str(self.order.reason)
        at_ms = self.outside.clock()
        return Resolution(code, subject, told, at_ms, reason, self.order.by, self.order.approved_by)


def _provider(subject: str) -> str:
    """Name the provider that an exception about a kind of events begins with."""
    return subject.partition("/")[0]


class _Nothing(Exception):
    """Leaves a transaction that is to write nothing."""


def _transfers(reads: Sequence[Read]) -> set[PaymentKey]:
    """Name the deposits that events tell of."""
    return {key for one in reads for key in deposits.keys(one.payment, one.interpretation)}


async def _claimed(tx: Transaction, read: Read, marked: Mapping[EventKey, Marked]) -> Read | None:
    """Claim what was buried and never taken in; None where that has happened meanwhile."""
    if read.event.key in marked:
        return read
    for named in (read, read.as_variant()):
        if await tx.claim([named.event]):
            return named
        key = named.event.key
        if (await tx.digests([key]))[key] == named.event.body_digest:
            return None
    return None


def _event(order: Order, outside: Outside) -> Event:
    """Make the event that an order is claimed as, once for ever."""
    told = json.dumps([*map(str, order)])
    return Event(
        key=EventKey(OURSELVES, ACCOUNT, order.key),
        event_type=f"{ACCOUNT}.{NAME}",
        source=OURSELVES,
        reference="",
        key_id="",
        assurance="",
        correlation_id=outside.correlation_id,
        body_digest="sha256:" + hashlib.sha256(told.encode()).hexdigest(),
        received_ms=outside.clock(),
        position=NOWHERE,
        mode=str(outside.mode),
    )


def _action(order: Order, at_ms: int) -> Action:
    """Write down who replayed what, and why."""
    return Action(
        key=order.key,
        name=NAME,
        payment=None,
        item=None,
        by=order.by,
        role=str(order.role),
        approved_by=order.approved_by,
        reason=str(order.reason),
        note=order.note,
        detail=order.detail,
        at_ms=at_ms,
    )
