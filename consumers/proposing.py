"""Propose payments for deposits that wait, and match those that only one payment can be for.

A deposit waits as long as UNMATCHED_DEPOSIT is open about it, so the open exceptions are what is
gone through, a page at each look. The payments that each may be for are read and scored; a rule
matches where exactly one is certain, otherwise the ranked list is written down, once, for whoever
decides. A rule's decision is claimed under the deposit and its version: a crash or a second process
does nothing twice, and whoever comes second finds it decided. What still waits and is large, or has
crossed the end of its period, is made more severe.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from consumers import deposits
from consumers.depositing import matched
from consumers.deposits import DAY_MS, NOTHING_LARGE, Candidate, Known, Pressing
from consumers.exceptions import HANDLING, Code
from consumers.lifecycle import State
from consumers.matching import Decision, Matcher
from consumers.metrics import KeptMetrics
from consumers.moving import anomaly
from consumers.operating import NOWHERE, Occurrence
from consumers.policy import Policy
from consumers.stating import OURSELVES, Refused
from consumers.store.cases import Item, ItemFilter, Place, place_of
from consumers.store.deposit_reads import DepositReads
from consumers.store.deposits import PREFIX, Deposit, DepositMove, DepositState
from consumers.store.kept_reads import KeptCount
from consumers.store.port import (
    Changes,
    Event,
    EventKey,
    Fenced,
    Payment,
    PaymentKey,
    Store,
    StoreUnavailable,
)
from ingress import telemetry
from ingress.contract import cloudevents

ACCOUNT = "match"
PAGE = 100
# A list for a person: nobody reads more.
PROPOSED_MAX = 10
_KEY_NAMES = 2
# Of a deposit that cannot wait: the same shift.
_PRESSING = HANDLING[Code.UNMATCHED_DEPOSIT].severity - 1
# So much have all that ask for about the same: who they are is no news.
_WEAK = f"{deposits.NEAR / 100:.2f}"
MATCHED, PROPOSED = DepositState.MATCHED, DepositState.PROPOSED
_OPEN = (State.PENDING, State.UNDERPAID, State.EXPIRED, State.CANCELLED, State.LATE)


@dataclass(slots=True)
class Proposing:
    """Looks after deposits that wait, for one environment."""

    store: Store
    policy: Policy
    metrics: KeptMetrics
    every_s: float
    occurrence: Callable[[], Occurrence]
    pressing: Pressing = NOTHING_LARGE
    _after: Place | None = field(default=None, init=False)
    _counts: dict[str, KeptCount] = field(default_factory=dict, init=False)

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self.look()
            await asyncio.sleep(self.every_s)

    async def look(self) -> None:
        """Go through the next deposits that wait; behind the last one begin again."""
        try:
            wanted = ItemFilter(codes=frozenset({Code.UNMATCHED_DEPOSIT.value}))
            page = await self.store.cases.items(wanted, self._after, PAGE)
            for item in page:
                self._count(item)
                await self._consider(item)
            self._after = place_of(page[-1]) if len(page) == PAGE else None
            if self._after is None:
                self.metrics.show(self._counts.values())
                self._counts.clear()
        except StoreUnavailable as away:
            # What was measured before is no measurement of now.
            self.metrics.drop()
            telemetry.logger("timers").warning("proposing_failed", reason=str(away))

    def _count(self, item: Item) -> None:
        provider, at_ms = item.anomaly.subject.partition("/")[0], item.anomaly.at_ms
        was = self._counts.get(provider, KeptCount(provider, 0, at_ms))
        self._counts[provider] = KeptCount(provider, was.kept + 1, min(was.oldest_ms, at_ms))

    async def _consider(self, item: Item) -> None:
        """Match a deposit, or propose payments for it, where there is news of it."""
        provider, *names = item.anomaly.subject.split("/", 2)
        if len(names) != _KEY_NAMES or not names[1].startswith(PREFIX):
            return
        key = PaymentKey(provider, *names)
        reads = DepositReads.of(self.store)
        told, facts = await reads.deposit(key), await self.store.payment(key)
        history = await reads.history(key)
        last = history[-1] if history else None
        if told is None or facts is None or deposits.state_of(last) not in deposits.WAITING:
            return
        found, now = await candidates(self.store, told, facts, self.policy), self.occurrence()
        # What people took back from a payment no rule gives to it again.
        refused = {one.payment for one in history if one.state is MATCHED}
        certain = deposits.certain(found)
        if certain is not None and (
            certain.payment in refused or await _is_told_elsewhere(reads, told, certain.payment)
        ):
            certain = None
        if certain is None or not await self._do(_decision(key, last, [certain], MATCHED, now)):
            # What a rule would match and the payment cannot take is for people, like the rest.
            await self._do(_decision(key, last, found[:PROPOSED_MAX], PROPOSED, now))
            await self._press(item, key, now.at_ms)

    async def _press(self, item: Item, key: PaymentKey, now_ms: int) -> None:
        """Make what is asked about a deposit more severe, where it cannot wait any longer."""
        was = item.anomaly
        why = self.pressing.why(was.at_risk, was.at_ms, now_ms)
        if not why or was.severity <= _PRESSING:
            return
        with suppress(Fenced):
            async with self.store.transaction() as tx:
                decided, kept = await matched(tx, {key}, {key})
                # Who has decided holds an end: to ask again would open another item behind it.
                is_waiting = deposits.state_of(decided.get(key)) in deposits.WAITING
                if not is_waiting or not deposits.is_there(kept[key].facts):
                    return
                code, about = Code.UNMATCHED_DEPOSIT, was.subject
                told = anomaly(code, about, why, was.event, now_ms, was.at_risk)
                await tx.save(Changes(anomalies=[replace(told, severity=_PRESSING)]))

    async def _do(self, wanted: Decision | None) -> bool:
        """Decide, where there is anything to; say whether it was not refused."""
        try:
            if wanted is not None:
                await Matcher(self.store, self.policy, {}, self.occurrence()).decide(wanted)
        except Fenced:
            return True  # next time it is read as it is then
        except Refused as refused:
            telemetry.logger("timers").info("not_matched", reason=str(refused))
            return False
        return True


def _decision(
    key: PaymentKey,
    last: DepositMove | None,
    found: Sequence[Candidate],
    state: DepositState,
    now: Occurrence,
) -> Decision | None:
    """Return what a rule decides; None where there is nothing that was not said before."""
    detail = described(found)
    was = last.detail if last is not None and last.state is PROPOSED else described(())
    if state is PROPOSED and _best(detail) == _best(was):
        return None
    version = 0 if last is None else last.version
    name = "/".join((*(quote(part, safe="") for part in key), str(version), str(state)))
    event = Event(
        key=EventKey(OURSELVES, ACCOUNT, cloudevents.attribute(name)),
        event_type=f"deposit.{state.lower()}",
        source=OURSELVES,
        reference=key.reference,
        key_id="",
        assurance="",
        correlation_id=now.correlation_id,
        body_digest="sha256:" + hashlib.sha256(detail.encode()).hexdigest(),
        received_ms=now.at_ms,
        position=NOWHERE,
        mode=now.mode,
    )
    payment = found[0].payment if state is MATCHED else None
    return Decision(key, state, payment, version, event, detail)


def _best(detail: str) -> tuple[str, Sequence[str]]:
    """Return what is news for whoever decides: the highest score, and whose it is.

    The list that people decide from is made when they look. A version that moved with every other
    payment of the same price would have them look for ever.
    """
    listed = json.loads(detail)
    top = listed[0]["score"] if listed else ""
    return top, [one["payment"] for one in listed if one["score"] == top != _WEAK]


def described(found: Sequence[Candidate]) -> str:
    """Write candidates down as they are kept."""
    listed = [
        {
            "payment": "/".join(one.payment),
            "score": f"{one.score / 100:.2f}",
            "reasons": list(one.reasons),
        }
        for one in found
    ]
    return json.dumps(listed)


async def _is_told_elsewhere(reads: DepositReads, deposit: Deposit, payment: PaymentKey) -> bool:
    """Say whether a payment has money of the same transaction that another source told of.

    Each source names transfers in its own way, some by numbers of their own: whether both tell of
    the same money or of two transfers of one transaction, somebody has to see.
    """
    for move in await reads.matched_with(payment):
        other = await reads.deposit(move.key)
        if (
            other is not None
            and other.key[:_KEY_NAMES] != deposit.key[:_KEY_NAMES]
            and other.tx
            and other.tx.lower() == deposit.tx.lower()
        ):
            return True
    return False


async def candidates(
    store: Store, deposit: Deposit, kept: Payment, policy: Policy
) -> Sequence[Candidate]:
    """Read and rank the payments that a deposit may be for. Raises `StoreUnavailable`."""
    known = [one async for one in _known(store, deposit)]
    return deposits.candidates(deposit, kept.facts, known, policy.terms)


async def _known(store: Store, deposit: Deposit) -> AsyncIterator[Known]:
    """Read what is known of every payment that anything ties to the deposit."""
    reads = DepositReads.of(store)
    expected = await reads.expected(deposit.address_to, deposit.memo)
    payers = await reads.paid_by(deposit.address_from)
    named = [deposit.key._replace(reference=deposit.named)] if deposit.named else []
    keys = [one.payment for one in expected] + [*payers, *named]
    for state in _OPEN:
        keys += await reads.open(deposit, state, DAY_MS)
    sharing: dict[str, set[PaymentKey]] = {}
    for one in expected:
        sharing.setdefault(one.address, set()).add(one.payment)
    for key in dict.fromkeys(keys):
        payment = await store.payment(key)
        if payment is None or not payment.version:
            continue
        yield Known(
            key=key,
            # What was given back in full is over: money that comes then is somebody's anew.
            is_open=payment.state in _OPEN,
            facts=payment.facts,
            since_ms=payment.changed_ms,
            expected=tuple(
                (one.address, one.memo)
                for one in expected
                if one.payment == key and payment.state is not State.REFUNDED
            ),
            sharing={address: len(those) for address, those in sharing.items()},
            payers=frozenset({deposit.address_from} if key in payers else ()),
        )
