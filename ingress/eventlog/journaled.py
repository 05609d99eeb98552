"""A publisher that acknowledges what Kafka does not confirm, once the local disk has it.

Policy ``journal``: a message goes to Kafka. If Kafka is known to be away, or does not confirm it,
it goes to the journal; and while records of its partition wait there, it goes behind them. Policy
``always``: it goes to the journal first, and from there to Kafka. Policy ``refuse``: nothing goes
to the journal; what another policy left there is still sent. A message that is refused because of
its topic is as good as one that is not confirmed: it is journaled, and sent when that is mended.

Whoever composes the two can bar the way for a time (`bar`): then nothing is taken, either way.

What order is kept: records that wait in the journal are sent in the order in which they were
appended, and a message that comes while its partition has any is sent after them. A message that
was with Kafka already when the one before it failed may come before it, exactly as when a provider
delivers again; that ends with the failure. Readers are built for that (P4).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from ingress.eventlog.deadlines import Deadlines
from ingress.eventlog.journal import Journal, Terms
from ingress.eventlog.journal_drain import Drain
from ingress.eventlog.journal_watch import Observer, State, Teller
from ingress.eventlog.port import (
    UNPLACED,
    LogUnavailable,
    Message,
    MessageRefused,
    Position,
    Publisher,
    TopicRefused,
)
from ingress.telemetry import logger

APPEND_S = 2.0
"""How long the disk may take: together with Kafka's own deadline it is what a provider waits."""


class Policy(StrEnum):
    """What goes into the journal."""

    REFUSE = "refuse"
    JOURNAL = "journal"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Journaling:
    """The journal that an operator chose; `before` puts it in front of a publisher."""

    policy: Policy
    alarm_age_s: float
    terms: Terms

    def before(self, inner: Publisher, observer: Observer) -> "JournaledPublisher":
        """Make the publisher that acknowledges from the journal what `inner` does not confirm."""
        journal = Journal(self.terms, observer)
        return JournaledPublisher(inner, journal, self.policy, alarm_age_s=self.alarm_age_s)


class JournaledPublisher:
    """A publisher behind a journal. `run` it as a task: without, nothing leaves the journal."""

    def __init__(
        self, inner: Publisher, journal: Journal, policy: Policy, *, alarm_age_s: float
    ) -> None:
        self._inner = inner
        self._journal = journal
        self._policy = policy
        self._late = Deadlines(APPEND_S, "the journal's disk did not confirm in time")
        self._teller = Teller(logger("journal"), alarm_age_s)
        self._opened = False
        self._barred = ""

    def bar(self, reason: str) -> None:
        """Take nothing, for this reason, until it is empty; what waits in the journal stays."""
        self._barred = reason

    async def open(self, topics: Mapping[str, int]) -> None:
        """Open the journal, which takes messages of these topics from now on."""
        await self._journal.open(topics)
        self._opened = True

    async def run(self) -> None:
        """Drain the journal and look after its files. Ends only by being cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(Drain(self._journal, self._inner).run())
            tasks.create_task(self._tend())

    async def start(self) -> None:
        """Connect. Raises `LogUnavailable` if Kafka is away; the journal takes messages anyway."""
        await self._inner.start()

    def ready(self) -> bool:
        """Say whether a publish would be tried now."""
        if self._barred:
            return False
        has_room = self._opened and self._policy is not Policy.REFUSE and not self._journal.lacks()
        return has_room or (self._policy is not Policy.ALWAYS and self._inner.ready())

    def confirms(self) -> bool:
        """Say whether Kafka is there: what waits in the journal is being sent."""
        return self._inner.ready()

    def state(self) -> State:
        """Say how much waits in the journal, and since when."""
        return self._journal.state()

    def publish(self, message: Message) -> asyncio.Future[Position]:
        """Begin to append; the future is the position once Kafka, or the disk, has the record."""
        if self._barred:
            return _failed(LogUnavailable(self._barred))
        if self._policy is Policy.REFUSE:
            return self._inner.publish(message)
        outer: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        if (
            self._policy is Policy.JOURNAL
            and self._inner.ready()
            and not self._journal.is_behind(message)
        ):
            sent = self._inner.publish(message)
            sent.add_done_callback(partial(self._settle, message, outer))
        else:
            self._append(message, outer)
        return outer

    async def stop(self) -> None:
        """Let what is in flight finish; what Kafka does not have by then stays in the journal."""
        await self._inner.stop()
        await asyncio.sleep(0)  # the callbacks of what failed just now: they append
        self._opened = False
        await self._journal.close()

    def _settle(
        self,
        message: Message,
        outer: asyncio.Future[Position],
        sent: asyncio.Future[Position],
    ) -> None:
        """Hand on what Kafka said; what it did not confirm goes to the journal."""
        error = LogUnavailable("cancelled") if sent.cancelled() else sent.exception()
        if outer.done():
            return  # nobody waits: it is not acknowledged, and comes again
        if error is None:
            outer.set_result(sent.result())
        elif isinstance(error, LogUnavailable | TopicRefused):
            self._append(message, outer)
        else:
            outer.set_exception(error)

    def _append(self, message: Message, outer: asyncio.Future[Position]) -> None:
        try:
            stored = self._journal.append(message)
        except (LogUnavailable, MessageRefused) as refusal:
            outer.set_exception(refusal)
            return
        stored.add_done_callback(partial(_stored, outer))
        self._late.watch(outer)

    async def _tend(self) -> None:
        while True:
            await self._journal.tend()
            self._teller.look(self._journal.state(), self._journal.terms.clock())
            await self._journal.wait()


def _failed(error: Exception) -> asyncio.Future[Position]:
    future: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    return future


def _stored(outer: asyncio.Future[Position], stored: asyncio.Future[Any]) -> None:
    """Acknowledge what the disk has: where Kafka will put it, nobody knows yet."""
    error = LogUnavailable("cancelled") if stored.cancelled() else stored.exception()
    if outer.done():
        return
    if error is None:
        outer.set_result(Position(stored.result().partition, UNPLACED))
    else:
        outer.set_exception(error)
