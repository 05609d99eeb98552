"""Which lane a message takes, and which broker leads it: kept from one metadata answer to the next.

A topic's lanes are made when its number of partitions is first known, and stay for good; which
broker leads each is put right whenever aiokafka hears about the cluster. A partition that nobody
leads is never handed to a producer, which would lose its sequence numbers over it; its messages
wait for a leader, no longer than their deadlines, and after `patience_s` without one not at all.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator

from aiokafka import TopicPartition

from ingress.eventlog.kafka_endings import Endings
from ingress.eventlog.kafka_lanes import Lane, Leader, Session, Waiting
from ingress.eventlog.partitioning import partition_of
from ingress.eventlog.port import Partition

# A topic just made may not be known to every broker yet: look again this often, then believe it.
TOPIC_LOOKS = 5
TOPIC_LOOK_S = 0.1
# A partition is led again some seconds after its broker is gone; asking costs a metadata request.
CHASE_S = 0.2


class Routes:
    """Lanes by topic. `wake` is called with a lane where something waits that may go now."""

    def __init__(
        self, endings: Endings, wake: Callable[[Lane], None], *, patience_s: float
    ) -> None:
        self._endings = endings
        self._patience_s = patience_s
        self._wake = wake
        self._lanes: dict[str, list[Lane]] = {}
        self._unrouted: dict[str, deque[Waiting]] = {}
        self._finding: set[asyncio.Task[None]] = set()
        self._chasing: asyncio.TimerHandle | None = None
        self._session: Session | None = None

    def add(self, waiting: Waiting) -> None:
        """Put a message into its lane, once it is known how many its topic has."""
        topic = waiting.message.topic
        lanes = self._lanes.get(topic)
        if lanes is not None:
            self._queue(lanes[partition_of(waiting.message.key, len(lanes))], waiting)
        elif topic in self._unrouted:
            self._unrouted[topic].append(waiting)
        else:
            self._unrouted[topic] = deque((waiting,))
            task = asyncio.get_running_loop().create_task(self._find(topic))
            self._finding.add(task)
            task.add_done_callback(self._finding.discard)

    def lanes(self) -> Iterator[Lane]:
        """Go through all lanes."""
        return (lane for lanes in self._lanes.values() for lane in lanes)

    def queues(self) -> Iterator[deque[Waiting]]:
        """Go through all queues of what was not sent, each oldest first."""
        yield from self._unrouted.values()
        for lane in self.lanes():
            yield lane.waiting

    def follow(self, session: Session | None) -> None:
        """Take the leaders from this session's client from now on."""
        self._session = session
        if session is None:
            return
        client = session.producer.client
        client.cluster.add_listener(lambda _: self._map(session))
        for topic in self._lanes:
            client.add_topic(topic)
        self._map(session)

    def chase(self) -> None:
        """Ask for the leaders, again and again, until every lane has one."""
        if self._chasing is None:
            loop = asyncio.get_running_loop()
            self._chasing = loop.call_later(CHASE_S, self._ask_for_leaders)

    async def stop(self) -> None:
        """Ask for nothing more."""
        self._session = None
        if self._chasing is not None:
            self._chasing.cancel()
        for task in self._finding:
            task.cancel()
        if self._finding:
            await asyncio.wait(self._finding)

    def _queue(self, lane: Lane, waiting: Waiting) -> None:
        if lane.leader is None:
            now_s = asyncio.get_running_loop().time()
            if now_s - lane.unled_s >= self._patience_s:
                reason = f"nobody leads partition {lane.partition.number} of {lane.partition.topic}"
                self._endings.reject((waiting,), reason)
                # Or else nobody would be waiting, and nobody would ask.
                self.chase()
                return
        lane.waiting.append(waiting)
        self._wake(lane)

    def _map(self, session: Session) -> None:
        """Put every lane to the broker that leads it now."""
        if session is not self._session:
            return
        cluster = session.producer.client.cluster
        now_s = asyncio.get_running_loop().time()
        for leader in session.leaders.values():
            leader.lanes.clear()
        for topic, lanes in self._lanes.items():
            numbers = cluster.partitions_for_topic(topic) or ()
            lanes += [Lane(Partition(topic, n), now_s) for n in range(len(lanes), len(numbers))]
            for lane in lanes:
                node = cluster.leader_for_partition(TopicPartition(*lane.partition))
                if node is not None and node >= 0:
                    lane.leader = session.leaders.setdefault(node, Leader())
                    lane.leader.lanes.append(lane)
                elif lane.leader is not None:
                    lane.leader, lane.unled_s = None, now_s
                if lane.waiting:
                    self._wake(lane)

    def _ask_for_leaders(self) -> None:
        self._chasing = None
        if self._session is None:
            return  # the next session brings its own
        if any(lane.leader is None for lane in self.lanes()):
            self._session.producer.client.force_metadata_update()
            self.chase()

    async def _find(self, topic: str) -> None:
        """Ask for a topic that is not known, and send those who wait for it on their way."""
        has_answer = False
        for _ in range(TOPIC_LOOKS):
            has_answer = await self._look_for(topic)
            if topic in self._lanes:
                break
            await asyncio.sleep(TOPIC_LOOK_S)
        waiting = self._unrouted.pop(topic)
        if topic in self._lanes:
            for each in waiting:
                self.add(each)
        elif has_answer:
            advice = f"there is no topic {topic}, or it is not for us: `sealgate topics plan` says"
            self._endings.bar(waiting, f"{advice} what is missing")
        else:
            self._endings.reject(waiting, f"Kafka does not say where {topic} is")

    async def _look_for(self, topic: str) -> bool:
        """Ask the broker once; say whether it answered."""
        session = self._session
        if session is None:
            return False
        client = session.producer.client
        client.add_topic(topic)
        asked = client.force_metadata_update()
        # Not awaited itself: when the client is closed, it is cancelled, and so would this task be.
        await asyncio.wait({asked})
        if session is self._session and client.cluster.partitions_for_topic(topic):
            self._lanes[topic] = []
            self._map(session)
        return not asked.cancelled() and bool(asked.result())
