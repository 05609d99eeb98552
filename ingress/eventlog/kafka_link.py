"""One usable Kafka producer at a time: made, watched over, thrown away, made anew.

An idempotent aiokafka producer does not survive trouble. A batch that the broker refuses, or that
finds no leader, takes sequence numbers with it, and every later batch of that partition fails until
the process ends; and a batch that finds no broker is tried for ever. So nothing is ever repaired:
whoever sees a batch fail calls `broken`, the producer is discarded in the background, and another
takes its place with a new producer id. `Link.down` is true while there is none and the last try to
make one failed: connecting, which costs the broker a metadata request and no event, is the probe.

A producer keeps the password and the certificate that it was made with. When their files are others
a new one is made beside it, and takes its place only once the brokers have let it in: a file that
was replaced before the brokers know of it costs nothing but a warning.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer

from ingress.eventlog.kafka_closing import close_producer
from ingress.eventlog.kafka_lanes import Session
from ingress.eventlog.observer import Observer, Rebuild
from ingress.eventlog.port import LogUnavailable
from ingress.telemetry import logger

RETRY_FIRST_S = 0.1
RETRY_MAX_S = 1.0
# A broker that refuses whatever it is sent costs a producer each time: twenty a second at most, and
# as letting go of one takes milliseconds while the broker answers, few are ever there at once.
REBUILD_EVERY_S = 0.05
# Whether files were replaced: four calls of `stat` each time.
LOOK_EVERY_S = 10.0
# To let go of a producer: a request that is out may take as long as the patience to be given up.
CLOSE_PATIENCES = 2
# Closing has four such steps: a process that is told to end does so within seconds.
STOP_EACH_S = 0.5
STOP_MAX_S = 4.0


@dataclass(frozen=True, slots=True)
class Door:
    """How a cluster is entered: `connect` makes a started producer, or raises `LogUnavailable`.

    `stamp` changes when what it is made with was replaced, and is empty where nothing can be. `who`
    is whom the brokers see, for messages.
    """

    connect: Callable[[], Awaitable[AIOKafkaProducer]]
    stamp: Callable[[], tuple[object, ...]] = tuple
    who: str = "us"


class Link:
    """Keeps a session connected. `changed` is called after every change of `session` or `down`."""

    def __init__(
        self,
        door: Door,
        *,
        patience_s: float,
        observer: Observer,
        changed: Callable[[], None],
    ) -> None:
        self._door = door
        self._patience_s = patience_s
        self._observer = observer
        self._changed = changed
        self._connecting: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._stamp: tuple[object, ...] = ()
        self._discarding: set[asyncio.Task[None]] = set()
        self._made_s = 0.0
        self.session: Session | None = None
        self.down = True

    async def start(self) -> None:
        """Connect. Raises `LogUnavailable`, and then goes on trying by itself until `stop`."""
        if self.session is not None:
            return
        if self._connecting is not None:
            raise LogUnavailable("Kafka cannot be reached: still trying")
        if self._looking is None and self._door.stamp():
            self._looking = asyncio.create_task(self._look())
        try:
            self._take(await self._connect())
        except LogUnavailable:
            self._reconnect()
            self._changed()
            raise

    def broken(self, session: Session, reason: Rebuild, *, down: bool = False) -> None:
        """Replace `session`; `down` says that the broker itself does not answer."""
        if session is not self.session:
            return  # another batch said so before
        self._give_up(session, reason, down=down)
        self._reconnect()
        self._changed()

    async def stop(self) -> None:
        """Let go of everything, soon: whoever stops has waited for what is in flight already."""
        self.down = True
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()
            await asyncio.wait({looking}, timeout=STOP_MAX_S)
        connecting, self._connecting = self._connecting, None
        session, self.session = self.session, None
        if session is not None:
            self._discard(session, patience_s=0.0, within_s=STOP_EACH_S)
        ending = set(self._discarding)
        if connecting is not None:
            connecting.cancel()
            ending.add(connecting)
        if ending:
            await asyncio.wait(ending, timeout=STOP_MAX_S)

    async def _connect(self) -> AIOKafkaProducer:
        # Before it reads the files: what is replaced meanwhile is noticed later.
        stamp = self._door.stamp()
        producer = await self._door.connect()
        self._stamp = stamp
        return producer

    async def _look(self) -> None:
        """Replace the producer when what it came in with was replaced."""
        told: tuple[object, ...] = ()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            stamp = self._door.stamp()
            session = self.session
            if session is None or stamp == self._stamp:
                continue
            try:
                producer = await self._connect()
            except LogUnavailable as refused:
                if stamp != told:
                    logger(__name__).warning("access_not_renewed", reason=str(refused))
                told = stamp
                continue
            if session is not self.session:
                # It failed meanwhile: whoever replaces it reads the new files too.
                await close_producer(producer, within_s=STOP_EACH_S)
                continue
            self._give_up(session, Rebuild.ACCESS)
            self._changed()
            self._take(producer)

    def _give_up(self, session: Session, reason: Rebuild, *, down: bool = False) -> None:
        self.session = None
        self.down = down
        logger(__name__).warning("producer_rebuilt", reason=reason.value)
        self._observer.rebuilt(reason)
        patience_s = self._patience_s
        self._discard(session, patience_s=patience_s, within_s=CLOSE_PATIENCES * patience_s)

    def _take(self, producer: AIOKafkaProducer) -> None:
        self._made_s = asyncio.get_running_loop().time()
        self.session = session = Session(producer, self._made_s)
        self.down = False
        # What remains of a producer whose task has ended takes messages and never sends them.
        task: asyncio.Task[None] = vars(vars(producer)["_sender"])["_sender_task"]
        task.add_done_callback(lambda _: self.broken(session, Rebuild.ENDED))
        self._changed()

    def _reconnect(self) -> None:
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._try_until_connected())

    async def _try_until_connected(self) -> None:
        retry_in_s = RETRY_FIRST_S
        since_s = asyncio.get_running_loop().time() - self._made_s
        await asyncio.sleep(max(0.0, REBUILD_EVERY_S - since_s))
        while True:
            try:
                producer = await self._connect()
            except LogUnavailable:
                self.down = True
                self._changed()
            else:
                self._connecting = None
                self._take(producer)
                return
            await asyncio.sleep(retry_in_s)
            retry_in_s = min(2 * retry_in_s, RETRY_MAX_S)

    def _discard(self, session: Session, *, patience_s: float, within_s: float) -> None:
        task = asyncio.create_task(discard(session, patience_s=patience_s, within_s=within_s))
        self._discarding.add(task)
        task.add_done_callback(self._discarding.discard)


async def discard(session: Session, *, patience_s: float, within_s: float) -> None:
    """Give what somebody awaits its time, then let go of the producer and of what it holds."""
    awaited = {batch.answer for batch in session.batches if any(batch.awaited())}
    if awaited and patience_s:
        await asyncio.wait(awaited, timeout=patience_s)
    await close_producer(session.producer, within_s=within_s)
