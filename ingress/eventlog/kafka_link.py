"""One usable Kafka producer at a time: made, watched over, thrown away, made anew.

An idempotent aiokafka producer does not survive trouble. A batch that the broker refuses, or that
finds no leader, takes sequence numbers with it, and every later batch of that partition fails until
the process ends; and a batch that finds no broker is tried for ever. So nothing is ever repaired:
whoever sees a batch fail calls `broken`, the producer is discarded in the background, and another
takes its place with a new producer id. `Link.down` is the circuit breaker: while it is true nobody
waits for a producer, and connecting, which costs the broker a metadata request, is the probe.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaProducer

from ingress.eventlog.kafka_closing import close_producer
from ingress.eventlog.port import LogUnavailable

RETRY_FIRST_S = 0.1
RETRY_MAX_S = 1.0
# Sequence numbers are 32 bits, and aiokafka does not wrap them as the broker expects.
RECORDS_MAX = 1 << 30


class Session:
    """A producer with the batches it has in flight."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self.producer = producer
        self.in_flight: set[asyncio.Future[Any]] = set()
        self.records = 0


class Link:
    """Keeps a session connected. `connect` makes a started producer, or raises `LogUnavailable`."""

    def __init__(
        self, connect: Callable[[], Awaitable[AIOKafkaProducer]], *, patience_s: float
    ) -> None:
        self._connect = connect
        self._patience_s = patience_s
        self._session: Session | None = None
        self._changed = asyncio.Event()
        self._connecting: asyncio.Task[None] | None = None
        self._discarding: set[asyncio.Task[None]] = set()
        self.down = True

    @property
    def session(self) -> Session | None:
        """The session to use now, if there is one."""
        return self._session

    async def start(self) -> None:
        """Connect. Raises `LogUnavailable`, and then goes on trying by itself until `stop`."""
        if self._session is None and self._connecting is None:
            try:
                self._take(await self._connect())
            except LogUnavailable:
                self._reconnect()
                raise
        elif self._session is None:
            raise LogUnavailable("Kafka cannot be reached: still trying")

    async def wait(self) -> Session:
        """Return the session, waiting for one that is being made. Raises `LogUnavailable`."""
        while self._session is None:
            if self.down:
                raise LogUnavailable("Kafka cannot be reached")
            self._changed.clear()
            await self._changed.wait()
        return self._session

    def broken(self, session: Session, *, down: bool) -> None:
        """Replace `session`; `down` says that the broker itself did not answer."""
        if session is not self._session:
            return  # another batch said so before
        self._session = None
        self.down = down
        self._changed.set()
        self._discard(session)
        self._reconnect()

    async def stop(self) -> None:
        """Let go of everything, in a few times the patience."""
        self.down = True
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()
            await asyncio.wait({connecting})
        session, self._session = self._session, None
        self._changed.set()
        if session is not None:
            self._discard(session)
        if self._discarding:
            await asyncio.wait(self._discarding, timeout=4 * self._patience_s)

    def _take(self, producer: AIOKafkaProducer) -> None:
        self._session = Session(producer)
        self.down = False
        self._changed.set()

    def _reconnect(self) -> None:
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._try_until_connected())

    async def _try_until_connected(self) -> None:
        retry_in_s = RETRY_FIRST_S
        while True:
            try:
                self._take(await self._connect())
            except LogUnavailable:
                self.down = True
                self._changed.set()
            else:
                self._connecting = None
                return
            await asyncio.sleep(retry_in_s)
            retry_in_s = min(2 * retry_in_s, RETRY_MAX_S)

    def _discard(self, session: Session) -> None:
        task = asyncio.create_task(discard(session, patience_s=self._patience_s))
        self._discarding.add(task)
        task.add_done_callback(self._discarding.discard)


async def discard(session: Session, *, patience_s: float) -> None:
    """Give what is in flight its time, then let go of the producer and of what it still holds."""
    if session.in_flight:
        await asyncio.wait(tuple(session.in_flight), timeout=patience_s)
    # A request that is out may take as long again to be given up.
    await close_producer(session.producer, within_s=2 * patience_s)
