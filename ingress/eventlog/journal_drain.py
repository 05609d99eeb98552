"""From the journal to Kafka: oldest file first, each lane in its order, until nothing waits.

A batch of each lane is published at once; what Kafka acknowledged is let go of, and from the first
record on that it did not, the lane is sent again: after a crash or an answer that never came that
makes duplicates, never a gap. What Kafka refuses is written to a file of its own and told
as an error, because the records behind it must not wait for a human (`journal_refused`).
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from ingress.eventlog.embedded_file import LogDamaged
from ingress.eventlog.journal import Journal
from ingress.eventlog.journal_segment import Lane, Segment
from ingress.eventlog.port import LogUnavailable, Message, MessageRefused, Position, Publisher
from ingress.telemetry import Log, logger

RETRY_S = 0.2
IDLE_S = 0.25


@dataclass(slots=True)
class _Sent:
    """What became of a batch: so many of its first records need not be sent again."""

    done: int = 0
    refused: list[tuple[Message, str]] = field(default_factory=list)


class Drain:
    """Sends what the journal holds, as long as it runs."""

    def __init__(self, journal: Journal, publisher: Publisher) -> None:
        self._journal = journal
        self._publisher = publisher
        self._log: Log = logger("journal")

    async def run(self) -> None:
        """Send for ever. Ends only by being cancelled."""
        journal = self._journal
        while True:
            await journal.read_adopted()
            journal.work.clear()
            segment = journal.next()
            if segment is None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(IDLE_S):
                        await journal.work.wait()
            elif not self._publisher.ready() or not await self._advance(segment):
                await asyncio.sleep(RETRY_S)

    async def _advance(self, segment: Segment) -> bool:
        """Send a batch of every lane of a file; say whether all of them were sent whole."""
        try:
            return await self._send_all(segment)
        except LogUnavailable as away:
            self._log.warning("journal_unreadable", file=segment.held.path.name, reason=str(away))
            return False

    async def _send_all(self, segment: Segment) -> bool:
        """Do so; of a damaged file go on with what can be read. Raises `LogUnavailable`."""
        try:
            lanes = [lane for lane in segment.lanes.values() if lane.backlog()]
            outcomes = await asyncio.gather(*map(self._send, lanes), return_exceptions=True)
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
            return all(outcomes)
        except LogDamaged as damage:
            await self._journal.salvage(segment, str(damage))
        return True

    async def _send(self, lane: Lane) -> bool:
        """Send the next batch of a lane; say whether the whole of it was sent."""
        messages = await lane.batch()
        if not messages:
            return False
        sent = _outcome(messages, await _published(self._publisher, messages))
        if sent.refused:
            await self._journal.refused.keep(sent.refused)
            self._journal.observer.refused(len(sent.refused))
        self._journal.terms.checkpoint("journal.published")
        self._journal.count(lane.partition, -sent.done)
        self._journal.observer.drained(sent.done - len(sent.refused))
        # To its end, though we are told to stop: half of it would be sent again by the next one.
        await asyncio.shield(lane.forget(sent.done))
        self._journal.terms.checkpoint("journal.trimmed")
        return sent.done == len(messages)


async def _published(
    publisher: Publisher, messages: Sequence[Message]
) -> Sequence[asyncio.Future[Position]]:
    futures = [publisher.publish(message) for message in messages]
    await asyncio.wait(futures)
    return futures


def _outcome(messages: Sequence[Message], futures: Sequence[asyncio.Future[Position]]) -> _Sent:
    """Judge a batch up to the first record that Kafka may not have."""
    sent = _Sent()
    failed = False
    for message, future in zip(messages, futures, strict=True):
        error = LogUnavailable("cancelled") if future.cancelled() else future.exception()
        if error is not None and not isinstance(error, LogUnavailable | MessageRefused):
            raise error
        failed = failed or isinstance(error, LogUnavailable)
        if failed:
            continue  # its exception was looked at, or it comes again
        if error is not None:
            sent.refused.append((message, str(error)))
        sent.done += 1
    return sent
