"""Ask providers, pass by pass: who is due is asked, what is answered is taken, and then judged.

Accounts are asked side by side, the payments of one account one after the other, within its budget.
Only when a pass is over is it decided how many answers of an account show less than we hold: few
are believed when they were shown twice, many freeze everything (`comparing.is_tripped`). All that a
pass needs to know of earlier ones is in the store, so that another process can go on.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import groupby

from consumers.exceptions import Code
from consumers.fetching import comparing
from consumers.fetching.budget import Budget
from consumers.fetching.comparing import LESS
from consumers.fetching.metrics import FetchMetrics
from consumers.fetching.port import Account, Fetcher, Later
from consumers.fetching.queue import Due, Queue
from consumers.fetching.taking import Asked, Taken, Taker
from consumers.freezing import is_frozen, tripped
from consumers.moving import anomaly
from consumers.store.poll_store import Polls
from consumers.store.polls import Freeze, Population
from consumers.store.port import Changes, Fenced, PaymentKey, StoreUnavailable, Transition
from ingress import telemetry

PAUSE_MS = 60_000
PAUSE_MAX_MS = 60 * 60_000
# Forgetting who waits costs a question each.
WAITING_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Reach:
    """How one account is asked, and how often."""

    fetcher: Fetcher
    budget: Budget


@dataclass(slots=True)
class Fetching:
    """Asks the accounts of one environment."""

    reaches: Mapping[Account, Reach]
    queue: Queue
    taker: Taker
    metrics: FetchMetrics
    clock: telemetry.Clock
    every_s: float = 5.0
    _said: str = field(default="", init=False)
    # Who got no answer: how often in a row, and until when nobody asks again.
    _waiting: dict[PaymentKey, tuple[int, int]] = field(default_factory=dict, init=False)

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            await self.look()
            await asyncio.sleep(self.every_s)

    async def look(self) -> list[Transition]:
        """Make one pass; return the moves that it made."""
        log = telemetry.logger("fetching")
        try:
            moved = await self._pass()
        except StoreUnavailable as away:
            if str(away) != self._said:
                log.warning("pass_failed", reason=str(away))
            self._said = str(away)
            return []
        self._said = ""
        for account, reach in self.reaches.items():
            self.metrics.budget_used.labels(*account).set(reach.budget.used(self.clock()))
        self.metrics.last_pass.set(self.clock() / 1000)
        return moved

    async def _pass(self) -> list[Transition]:
        frozen = await Polls.of(self.taker.store).freeze()
        self.metrics.freeze.set(is_frozen(frozen))
        due = sorted(await self.queue.due(self.clock()), key=lambda one: one.payment[:2])
        grouped = {
            Account(*names): list(same)
            for names, same in groupby(due, key=lambda one: one.payment[:2])
        }
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {
                    account: group.create_task(self._ask(account, same))
                    for account, same in grouped.items()
                }
        except ExceptionGroup as faults:
            # What ended the first account ends the pass; the others are due again.
            raise faults.exceptions[0] from None
        moved: list[Transition] = []
        for account, task in tasks.items():
            taken = task.result()
            moved += [one.transition for one in taken if one.transition is not None]
            if taken:
                moved += await self._judge(account, taken)
        return moved

    async def _ask(self, account: Account, due: Sequence[Due]) -> list[Taken]:
        """Ask about the payments of one account, as far as its budget goes."""
        reach = self.reaches[account]
        found = []
        for one in due:
            _, until_ms = self._waiting.get(one.payment, (0, 0))
            if self.clock() < until_ms:
                continue
            if not reach.budget.take(self.clock()):
                break
            answer = await reach.fetcher.fetch(one.payment, one.why)
            if isinstance(answer, Later):
                reach.budget.troubled(answer, self.clock())
                self._wait(one.payment)
                self._tell_trouble(account, answer)
                continue
            reach.budget.answered()
            self._waiting.pop(one.payment, None)
            with suppress(Fenced):  # somebody else moved it meanwhile: it is due again
                taken = await self.taker.take(Asked(one.payment, one.why, answer))
                self._tell(taken)
                found.append(taken)
        return found

    def _wait(self, payment: PaymentKey) -> None:
        """Leave a payment alone that got no answer: for a minute, two, and so on to an hour."""
        if len(self._waiting) >= WAITING_MAX:
            self._waiting.clear()
        times, _ = self._waiting.get(payment, (0, 0))
        pause_ms = min(PAUSE_MS << min(times, 6), PAUSE_MAX_MS)
        self._waiting[payment] = (times + 1, self.clock() + pause_ms)

    async def _judge(self, account: Account, taken: Sequence[Taken]) -> list[Transition]:
        """Decide whether answers that show less are believed, or everything freezes."""
        polls = Polls.of(self.taker.store)
        frozen = await polls.freeze()
        since_ms = self.clock() - comparing.CYCLE_MS
        if frozen is not None:
            # What was read before somebody looked at it and cleared it is not counted again.
            since_ms = max(since_ms, frozen.at_ms) if not frozen.is_on else since_ms
        found = await polls.population(*account, since_ms, LESS)
        ratio = comparing.share(len(found.regressing), found.polled)
        self.metrics.ratio.labels(*account).set(ratio)
        if comparing.is_tripped(len(found.regressing), found.polled):
            if not is_frozen(frozen):
                await self._freeze(account, found)
            return []
        if is_frozen(frozen):
            return []
        moved: list[Transition] = []
        for one in taken:
            with suppress(Fenced):
                made = await self.taker.confirm(one) if one.waits else None
                moved += [] if made is None else [made]
        return moved

    async def _freeze(self, account: Account, found: Population) -> None:
        """Freeze everything, and call people: in one transaction, so that neither is alone."""
        count, polled = len(found.regressing), found.polled
        name = "/".join(account)
        told = (
            f"{name} shows less than we hold for {count} of {polled} payments read in the last"
            " hour: nothing of it was believed"
        )
        now_ms = self.clock()
        raised = replace(anomaly(Code.STATE_DIVERGENCE, name, told, None, now_ms), severity=1)
        word: Freeze = tripped(told, now_ms)
        async with self.taker.store.transaction() as tx:
            await tx.save(Changes(freezes=[word], anomalies=[raised]))
        self.metrics.freeze.set(1)
        telemetry.logger("fetching").error(
            "frozen",
            provider=account.provider,
            account=account.account,
            regressing=count,
            polled=polled,
            runbook="docs/fetching.md",
        )

    def _tell(self, taken: Taken) -> None:
        payment = taken.asked.payment
        self.metrics.reads.labels(payment.provider, taken.comparison.value).inc()
        telemetry.logger("fetching").info(
            "provider_read",
            provider=payment.provider,
            payment=payment.reference,
            why=taken.asked.why.value,
            comparison=taken.comparison.value,
            word=taken.word,
        )

    def _tell_trouble(self, account: Account, later: Later) -> None:
        self.metrics.troubles.labels(account.provider, later.trouble.value).inc()
        telemetry.logger("fetching").warning(
            "provider_did_not_answer",
            provider=account.provider,
            account=account.account,
            trouble=later.trouble.value,
            retry_after_s=later.retry_after_s,
        )
