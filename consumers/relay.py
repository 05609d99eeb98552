"""Drain the outbox: notices out of the store, oldest first, into the lifecycle topic.

A notice was committed together with the transition it tells of, so it exists exactly when the
transition does. It is published, and only then marked delivered: a crash between the two publishes
it again, and a subscriber drops the repetition by its id or its payment version. The notices of one
payment go out one after the other; different payments do not wait for each other. One relay runs
per database: two would repeat each other's work and could swap a payment's notices.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from consumers.metrics import RelayMetrics
from consumers.store.port import Notice, PaymentKey, Pending, Store, StoreUnavailable
from ingress import telemetry
from ingress.contract import topics
from ingress.eventlog.port import LogUnavailable, Message, MessageRefused, Publisher

RETRY_S = (0.2, 5.0)


def _nothing(step: str) -> None:
    """Pass a crash point: only a test puts something here."""


@dataclass(frozen=True, slots=True)
class Relay:
    """Publishes the notices of one store; keeps nothing of its own between two rounds."""

    store: Store
    publisher: Publisher
    environment: str
    metrics: RelayMetrics
    notices_max: int
    idle_s: float
    checkpoint: Callable[[str], None] = _nothing

    async def run(self) -> None:
        """Drain for ever, backing off while the log or the store is away."""
        log = telemetry.logger("relay")
        wait_s = RETRY_S[0]
        while True:
            try:
                if not self.publisher.ready():
                    await self.publisher.start()
                drained = await self.drain()
            except (LogUnavailable, MessageRefused, StoreUnavailable) as away:
                self.metrics.failures.inc()
                log.warning("notices_delayed", reason=str(away), retry_in_s=wait_s)
                await asyncio.sleep(wait_s)
                wait_s = min(RETRY_S[1], wait_s * 2)
                continue
            wait_s = RETRY_S[0]
            if drained < self.notices_max:
                await asyncio.sleep(self.idle_s)

    async def drain(self) -> int:
        """Publish one round of notices and mark them; return how many.

        Raises `LogUnavailable`, `MessageRefused` or `StoreUnavailable`; what was published before
        is marked all the same.
        """
        pending = await self.store.pending(self.notices_max)
        if not pending:
            return 0
        delivered, failures = await self._publish(pending)
        self.checkpoint("relay.published")
        if delivered:
            await self.store.delivered(delivered)
            self.metrics.delivered.inc(len(delivered))
        self.checkpoint("relay.marked")
        for failure in failures:
            raise failure
        return len(delivered)

    async def _publish(
        self, pending: Sequence[Pending]
    ) -> tuple[Sequence[int], Sequence[BaseException]]:
        """Publish the next notice of every payment at once, until none is left.

        A payment's notice begins only when the one before it has arrived, and its first failure
        ends its turn: a subscriber never sees a later version before an earlier one.
        """
        topic = topics.lifecycle(self.environment)
        by_payment: dict[PaymentKey, deque[Pending]] = defaultdict(deque)
        for item in pending:
            by_payment[item.notice.payment].append(item)
        delivered: list[int] = []
        failures: list[BaseException] = []
        waiting = list(by_payment.values())
        while waiting:
            turn = [(items, items.popleft()) for items in waiting]
            ended = await asyncio.gather(
                *(self.publisher.publish(_message(topic, item.notice)) for _, item in turn),
                return_exceptions=True,
            )
            waiting = []
            for (items, item), end in zip(turn, ended, strict=True):
                if isinstance(end, BaseException):
                    failures.append(end)
                else:
                    delivered.append(item.sequence)
                    waiting += [items] if items else []
        return delivered, failures


def _message(topic: str, notice: Notice) -> Message:
    return Message(topic, notice.key, notice.value, notice.headers)
