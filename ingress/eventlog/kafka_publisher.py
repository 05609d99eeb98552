"""Publishing to Kafka: messages in, positions out, each within the deadline.

A message waits in the lane of its partition. In rounds, one broker at a time, all the lanes that a
broker leads hand a batch over together, so that one request carries them; the next round begins
when that request is answered. Under load batches so grow by themselves; at middling rates, where
requests would be many and nearly empty, rounds keep a little distance (`LINGER_S`); when it is
quiet nobody waits. What becomes of a batch is told to every message in it: acknowledged by all
in-sync replicas; refused, and then only the guilty; or else unknown. After all but the first, the
producer is replaced (`kafka_link`).

Nobody waits for a log that is away. A batch that is not confirmed for `STALL_S` opens the breaker:
what was not sent is rejected at once, and so is all that comes, until that batch is confirmed or
another producer has taken the place of the one that holds it.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiokafka import errors as kafka

from ingress.eventlog.kafka_endings import Endings
from ingress.eventlog.kafka_lanes import Batch, Lane, Leader, Session, Waiting
from ingress.eventlog.kafka_link import Door, Link
from ingress.eventlog.kafka_routes import Routes
from ingress.eventlog.kafka_verdict import Verdict, judge
from ingress.eventlog.observer import Observer, Outcome, Rebuild, Unobserved
from ingress.eventlog.port import (
    RECORD_BYTES_MAX,
    LogUnavailable,
    Message,
    MessageRefused,
    Position,
    size_bytes,
)
from ingress.telemetry import logger

# 16,384 envelopes of 2 KiB: half a second of an edge's best rate, a quarter of the deadline. A
# broker takes 100 MiB in one request (`socket.request.max.bytes`), so all of it fits in one.
WAITING_MAX = 16_384
WAITING_BYTES_MAX = 64 * 1_048_576
BATCH_RECORDS_MAX = 1_024
# A request costs some 150 µs of our CPU, whatever is in it. At 3,000 messages a second, rounds that
# begin a millisecond apart carry three and cost a third; a round of 32 has shared the cost enough.
LINGER_S = 0.001
ROUND_FULL = 32
# Deadlines are looked at this often at most: none is missed by more.
LOOK_EVERY_S = 0.01


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a producer is trusted."""

    stall_s: float = 1.0
    """A batch that is not confirmed for so long opens the breaker."""
    silence_s: float = 10.0
    """For so long, after five tries of its request, and the producer may be what is stuck."""
    age_s: float = 12 * 3600.0
    """Whatever a producer gathers over time ends with it."""
    records: int = 1 << 30
    """Of all its partitions together; aiokafka wraps sequence numbers wrongly at twice as many."""


class KafkaPublisher:
    """Appends messages with ``acks=all``; recovers from a lost broker by itself."""

    def __init__(
        self,
        door: Door,
        *,
        deadline_s: float,
        observer: Observer | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._who = door.who
        self._observer = observer or Unobserved()
        self._limits = limits or Limits()
        self._deadline_s = deadline_s
        self._stall_s = min(self._limits.stall_s, deadline_s)
        self._endings = Endings(self._observer)
        self._routes = Routes(self._endings, self._wake, patience_s=self._stall_s)
        self._link = Link(
            door, patience_s=deadline_s, observer=self._observer, changed=self._relink
        )
        self._look_timer: asyncio.TimerHandle | None = None
        self._started = False
        self._stalled = False
        self._is_open = False

    async def start(self) -> None:
        """Connect. Raises `LogUnavailable`; the publisher then goes on trying by itself."""
        self._started = True
        await self._link.start()

    def ready(self) -> bool:
        """Say whether a publish would be tried now."""
        return self._started and not self._link.down and not self._stalled

    def publish(self, message: Message) -> asyncio.Future[Position]:
        """Begin to append; the future is the position once all in-sync replicas have the record."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Position] = loop.create_future()
        size = size_bytes(message)
        if (refusal := self._refusal(size)) is not None:
            future.set_exception(refusal)
            is_final = isinstance(refusal, MessageRefused)
            self._observer.published(Outcome.REFUSED if is_final else Outcome.REJECTED, 1)
            return future
        now_s = loop.time()
        waiting = Waiting(message, future, size, now_s + self._deadline_s)
        self._endings.take(waiting)
        if self._look_timer is None:
            self._look_timer = loop.call_at(now_s + self._stall_s, self._look)
        self._routes.add(waiting)
        return future

    async def stop(self) -> None:
        """Let what is in flight finish within the deadline, then let go of everything."""
        self._started = False
        if awaited := [waiting.future for waiting in self._awaited()]:
            await asyncio.wait(awaited, timeout=self._deadline_s)
        await self._link.stop()
        await self._routes.stop()
        if self._look_timer is not None:
            self._look_timer.cancel()
        self._reject_waiting("the publisher was stopped")
        for batch in self._batches():
            self._endings.doubt(batch.sent, "the publisher was stopped")

    def _refusal(self, size: int) -> Exception | None:
        """Say why a message of so many bytes is not taken, if it is not."""
        if size > RECORD_BYTES_MAX:
            return MessageRefused(f"a record takes {size} bytes, more than {RECORD_BYTES_MAX}")
        if not self.ready():
            return LogUnavailable("Kafka cannot be reached, or the publisher is not started")
        held = self._endings
        if held.count >= WAITING_MAX or held.size_bytes + size > WAITING_BYTES_MAX:
            return LogUnavailable("the publisher's queue is full: Kafka is slower than the traffic")
        return None

    def _batches(self) -> Iterator[Batch]:
        return (lane.batch for lane in self._routes.lanes() if lane.batch is not None)

    def _awaited(self) -> Iterator[Waiting]:
        """Go through all messages that somebody awaits."""
        for queue in self._routes.queues():
            yield from (waiting for waiting in queue if not waiting.future.done())
        for batch in self._batches():
            yield from batch.awaited()

    # From the lanes to the producer.

    def _wake(self, lane: Lane) -> None:
        """See to it that a round comes for a lane where something waits."""
        leader = lane.leader
        if leader is None:
            self._routes.chase()
        elif leader.round is None and not leader.in_flight:
            loop = asyncio.get_running_loop()
            wait_s = leader.began_s + LINGER_S - loop.time()
            if wait_s <= 0 or leader.records >= ROUND_FULL:
                # Not at once: what else comes in this turn of the loop goes with it.
                leader.round = loop.call_soon(self._round, leader)
            else:
                leader.round = loop.call_later(wait_s, self._round, leader)

    def _round(self, leader: Leader) -> None:
        """Hand over what waits for this broker, so that one request carries it."""
        leader.round = None
        session = self._link.session
        if session is None or leader.in_flight or leader not in session.leaders.values():
            return
        leader.began_s = asyncio.get_running_loop().time()
        leader.records = 0
        for lane in leader.lanes:
            if lane.waiting and lane.batch is None and not self._hand_over(session, leader, lane):
                self._link.broken(session, Rebuild.FAILED)
                return
        self._endings.tell()
        if leader.began_s - session.made_s > self._limits.age_s:
            self._link.broken(session, Rebuild.AGE)
        elif session.records >= self._limits.records:
            self._link.broken(session, Rebuild.RECORDS)

    def _hand_over(self, session: Session, leader: Leader, lane: Lane) -> bool:
        """Give one batch to the producer; false where it takes nothing any more."""
        builder = session.producer.create_batch()
        sent = self._fill(builder, lane.waiting)
        if not sent:
            return True
        topic, number = lane.partition
        try:
            answer = _at_once(session.producer.send_batch(builder, topic, partition=number))
        except (kafka.KafkaError, AssertionError, _WouldWait):
            lane.waiting.extendleft(reversed(sent))
            return False
        batch = Batch(session, leader, lane, sent, leader.began_s, answer)
        lane.batch = batch
        session.batches[batch] = None
        session.records += len(sent)
        leader.in_flight += 1
        leader.records += len(sent)
        answer.add_done_callback(partial(self._settle, batch))
        return True

    def _fill(self, builder: Any, queue: deque[Waiting]) -> list[Waiting]:
        """Take the messages of one batch off the queue, without those that nobody awaits."""
        taken: list[Waiting] = []
        while queue and len(taken) < BATCH_RECORDS_MAX:
            first = queue[0]
            if first.future.done():
                self._endings.release((queue.popleft(),))
                continue
            if first.alone and taken:
                break
            try:
                if not _append(builder, first.message):
                    break
            except UnicodeEncodeError as error:
                reason = f"a header's name is not text: {error}"
                self._endings.refuse((queue.popleft(),), reason)
                continue
            taken.append(queue.popleft())
            if first.alone:
                break
        return taken

    # From the producer to those who wait.

    def _settle(self, batch: Batch, answer: asyncio.Future[Any]) -> None:
        """Tell the messages of a batch what became of it, and let the next round begin."""
        leader = batch.leader
        batch.lane.batch = None
        leader.in_flight -= 1
        batch.session.batches.pop(batch, None)
        if answer.cancelled():
            self._endings.doubt(batch.sent, "the producer was replaced")
            self._endings.release(batch.sent)
        elif error := answer.exception():
            self._sort_out(batch, error)
        else:
            self._endings.confirm(batch, answer.result().offset)
        if self._stalled:
            self._judge_progress()
        if not leader.in_flight and (lane := next(filter(_may_go, leader.lanes), None)):
            self._wake(lane)
        if _may_go(batch.lane):
            self._wake(batch.lane)
        if not self._endings.count:
            self._endings.tell()

    def _sort_out(self, batch: Batch, error: BaseException) -> None:
        """Tell each message of a failed batch what became of it, or let it go again."""
        verdict = judge(error)
        reason = f"{type(error).__name__}: {error}"
        if _go_again(verdict, batch.sent):
            batch.lane.waiting.extendleft(reversed(batch.sent))
        elif verdict is Verdict.FORBIDDEN:
            topic = batch.lane.partition.topic
            advice = "`sealgate topics plan` lists the rights that each role needs"
            forbidden = f"Kafka does not allow {self._who} to write to the topic {topic}"
            self._endings.bar(batch.sent, f"{forbidden}: {advice}")
        elif verdict is Verdict.APART:
            self._endings.refuse(batch.sent, f"Kafka refuses the record ({reason})")
        else:
            self._endings.doubt(batch.sent, f"Kafka failed ({reason})")
            self._endings.release(batch.sent)
        is_refused = verdict in {Verdict.FORBIDDEN, Verdict.APART}
        self._link.broken(batch.session, Rebuild.REFUSED if is_refused else Rebuild.FAILED)

    # Time: deadlines, the breaker, the link.

    def _look(self) -> None:
        """End what is past its deadline, and see whether what is in flight gets confirmed."""
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        late = f"Kafka did not confirm in {self._deadline_s} s"
        for queue in self._routes.queues():
            while queue and queue[0].expires_s <= now_s:
                self._endings.reject((queue.popleft(),), late)
        for batch in self._batches():
            overdue = [one for one in batch.awaited() if one.expires_s <= now_s]
            batch.is_doubted |= bool(overdue)
            self._endings.doubt(overdue, late)
        self._judge_progress()
        next_s = min(self._moments(), default=None)
        self._look_timer = None
        if next_s is not None:
            self._look_timer = loop.call_at(max(next_s, now_s + LOOK_EVERY_S), self._look)

    def _moments(self) -> Iterator[float]:
        """Go through the moments at which something will be late."""
        for queue in self._routes.queues():
            if queue:
                yield queue[0].expires_s
        for batch in self._batches():
            yield from (waiting.expires_s for waiting in batch.awaited())
        if (session := self._link.session) is not None and session.oldest is not None:
            patience_s = self._limits.silence_s if self._stalled else self._stall_s
            yield session.oldest.began_s + patience_s

    def _judge_progress(self) -> None:
        """Open or close the breaker by what is in flight."""
        session = self._link.session
        if session is None:
            return
        oldest = session.oldest
        age_s = 0.0 if oldest is None else asyncio.get_running_loop().time() - oldest.began_s
        is_doubted = any(batch.is_doubted for batch in session.batches)
        self._stalled = is_doubted or age_s >= self._stall_s
        if age_s >= self._limits.silence_s:
            self._link.broken(session, Rebuild.SILENT, down=True)
        self._note_breaker()

    def _relink(self) -> None:
        """Go on with the session there is now, or without one."""
        self._stalled = False
        self._routes.follow(self._link.session)
        self._note_breaker()

    def _note_breaker(self) -> None:
        is_open = self._started and not self.ready()
        if is_open == self._is_open:
            return
        self._is_open = is_open
        self._observer.breaker(is_open=is_open)
        if is_open:
            logger(__name__).warning("log_breaker_opened", waiting=self._endings.count)
            self._reject_waiting("Kafka does not answer")
        else:
            logger(__name__).info("log_breaker_closed")

    def _reject_waiting(self, reason: str) -> None:
        for queue in self._routes.queues():
            ended = list(queue)
            queue.clear()
            self._endings.reject(ended, reason)


class _WouldWait(Exception):
    """What should have been done at once was not."""


def _at_once(work: Coroutine[Any, Any, asyncio.Future[Any]]) -> asyncio.Future[Any]:
    """Run to its end what has nothing to wait for: a task for each batch would cost as much again.

    `send_batch` waits only for topics that are not known, and for a batch of the same partition.
    """
    try:
        work.send(None)
    except StopIteration as done:
        answer: asyncio.Future[Any] = done.value
        return answer
    work.close()
    raise _WouldWait


def _append(builder: Any, message: Message) -> bool:
    """Put a message into a batch; false where that is full."""
    headers = list(message.headers)  # of any other type, none are taken
    return (
        builder.append(timestamp=None, key=message.key, value=message.value, headers=headers)
        is not None
    )


def _may_go(lane: Lane) -> bool:
    return lane.batch is None and bool(lane.waiting)


def _go_again(verdict: Verdict, sent: list[Waiting]) -> bool:
    """Say whether these messages deserve another try; mark them, so that it is the last."""
    if verdict is Verdict.AGAIN and not sent[0].resent:
        for waiting in sent:
            waiting.resent = True
        return True
    if verdict in {Verdict.APART, Verdict.DOUBTFUL} and len(sent) > 1:
        for waiting in sent:
            waiting.alone = True
        return True
    return False
