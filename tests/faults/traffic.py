"""The world: providers that deliver, wait ten seconds at most, and come again until a 2xx.

An open loop in a process of its own: the instant of each delivery is fixed beforehand, whatever
became of those before it, and latency counts from there. One line of JSON comes in (`Job`), a line
``begun`` goes out with the first delivery; a line of any kind ends the arrivals early; a line of
JSON goes out at the end (`Report`). Everything asked and told is in the history file meanwhile.
Bounded in count and time, and only ever to loopback.
"""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import uvloop
from pydantic import TypeAdapter

from tests.benchmarks.wire import request
from tests.faults.history import History
from tests.faults.stories import BODY_BYTES, Delivery, told, with_noise
from tests.support import signers

HOST = "127.0.0.1"
# So long as five hundred processes take to start, one after the other.
SECONDS_MAX = 2400.0
TICK_S = 0.004
SYNC_S = 0.05
# What a provider waits for an answer: GitHub, Adyen and Square give up after ten seconds.
PATIENCE_S = 10.0
CONNECT_S = 5.0
RETRY_S = (0.4, 1.6)
SIGN = {"stripe": signers.stripe, "btcpay": signers.btcpay}
FORGER = b"whsec_of_a_forger"


@dataclass(frozen=True, slots=True)
class Job:
    """One run. Without `retries` a provider is like GitHub: what failed is never sent again.

    Without `keeps` every delivery opens a connection of its own.
    """

    port: int
    history: Path
    secrets: Mapping[str, str]
    seed: int
    seconds: float
    settle_s: float = 60.0
    rate_per_s: float = 200.0
    connections: int = 24
    body_bytes: int = BODY_BYTES
    retries: bool = True
    keeps: bool = True
    noise: bool = True


@dataclass(slots=True)
class Report:
    """What the world saw. `longest_s` is of any request, from its sending to whatever ended it.

    `stale` are connections that were kept, and closed by the other side as they were used again.
    """

    events: int = 0
    attempts: int = 0
    acked: int = 0
    unsettled: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    connects_failed: int = 0
    broken: int = 0
    stale: int = 0
    timeouts: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    longest_s: float = 0.0
    elapsed_s: float = 0.0

    @property
    def refused(self) -> int:
        """Count the answers that were no 2xx."""
        return sum(times for status, times in self.statuses.items() if status // 100 != 2)


@dataclass(slots=True)
class _Due:
    delivery: Delivery
    since_s: float
    tries: int = 0


class Unsent(Exception):
    """Nobody listened: the delivery did not leave."""


class Line:
    """One connection of a provider, opened when it is needed."""

    def __init__(self, port: int, *, keeps: bool) -> None:
        self._port = port
        self._keeps = keeps
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.reused = False

    async def post(self, wire: bytes) -> int:
        """Send a request and return the status. Raises `Unsent`, `OSError`, `TimeoutError`."""
        self.reused = self._streams is not None
        reader, writer = self._streams or await self._connect()
        try:
            async with asyncio.timeout(PATIENCE_S):
                writer.write(wire)
                head = await reader.readuntil(b"\r\n\r\n")
                fields = head.lower()
                length = int(fields.partition(b"content-length:")[2].split(b"\r")[0] or b"0")
                await reader.readexactly(length)
        except asyncio.IncompleteReadError as cut:
            self.close()
            raise ConnectionResetError(str(cut)) from None
        except BaseException:
            self.close()
            raise
        if not self._keeps or b"connection: close" in fields:
            self.close()
        return int(head[9:12])

    def close(self) -> None:
        """Let the connection go."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            async with asyncio.timeout(CONNECT_S):
                self._streams = await asyncio.open_connection(HOST, self._port)
        except (OSError, TimeoutError) as error:
            raise Unsent(str(error)) from error
        return self._streams


class World:
    """Every provider at once."""

    def __init__(self, job: Job, history: History) -> None:
        self._job = job
        self._history = history
        self._dice = random.Random(job.seed)
        self._report = Report()
        self._statuses: Counter[int] = Counter()
        self._took_s: list[float] = []
        self._due: asyncio.Queue[_Due] = asyncio.Queue()
        self._open = 0
        self._over = asyncio.Event()
        self._acked: set[object] = set()

    async def run(self, stop: asyncio.Event, begun: Callable[[], None]) -> Report:
        """Deliver until the job's time is over or `stop` is set, and until all is settled."""
        began_s = time.monotonic()
        tasks = [asyncio.create_task(self._deliver()) for _ in range(self._job.connections)]
        tasks.append(asyncio.create_task(self._sync()))
        begun()
        try:
            await self._arrive(stop)
            async with asyncio.timeout(self._job.settle_s):
                while self._open:
                    await asyncio.sleep(TICK_S)
        except TimeoutError:
            self._report.unsettled = self._open
        self._over.set()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return self._summary(time.monotonic() - began_s)

    async def _arrive(self, stop: asyncio.Event) -> None:
        job = self._job
        deliveries = self._deliveries()
        begin_s, sent = time.monotonic(), 0
        until_s = begin_s + min(job.seconds, SECONDS_MAX)
        while (now_s := time.monotonic()) < until_s and not stop.is_set():
            for number in range(sent, int((now_s - begin_s) * job.rate_per_s)):
                self._open += 1
                self._report.events += 1
                self._due.put_nowait(_Due(next(deliveries), begin_s + number / job.rate_per_s))
                sent = number + 1
            await asyncio.sleep(TICK_S)

    def _deliveries(self) -> Iterator[Delivery]:
        job = self._job
        stories = told(f"s{job.seed:x}q", int(time.time()), job.body_bytes)
        return with_noise(stories, self._dice) if job.noise else stories

    async def _deliver(self) -> None:
        line = Line(self._job.port, keeps=self._job.keeps)
        try:
            while True:
                due = await self._due.get()
                self._settle(due, ok=await self._attempt(line, due))
        finally:
            line.close()

    async def _attempt(self, line: Line, due: _Due) -> bool:
        """Deliver once, and write down what came of it; say whether it is over."""
        number = self._history.invoke(due.delivery.asked, _now_ms())
        self._report.attempts += 1
        sent_s = time.monotonic()
        try:
            status = await line.post(self._wire(due.delivery))
        except Unsent:
            self._report.connects_failed += 1
            self._history.fail(number, 0, _now_ms())
            return False
        except (OSError, TimeoutError) as error:
            self._lost(number, error, reused=line.reused)
            return False
        finally:
            now_s = time.monotonic()
            self._report.longest_s = max(self._report.longest_s, now_s - sent_s)
        self._statuses[status] += not due.delivery.asked.forged
        if status // 100 != 2:
            self._history.fail(number, status, _now_ms())
            return due.delivery.asked.forged
        self._history.ok(number, status, _now_ms())
        self._took_s.append(now_s - due.since_s)
        self._acked.add(due.delivery.asked.event)
        return True

    def _lost(self, number: int, error: Exception, *, reused: bool) -> None:
        if isinstance(error, TimeoutError):
            self._report.timeouts += 1
        elif reused:
            self._report.stale += 1
        else:
            self._report.broken += 1
        self._history.info(number, type(error).__name__, _now_ms())

    def _settle(self, due: _Due, *, ok: bool) -> None:
        if ok or not self._job.retries or due.delivery.asked.forged:
            self._open -= 1
            return
        due.tries += 1
        wait_s = self._dice.uniform(*RETRY_S)
        due.since_s = time.monotonic() + wait_s
        asyncio.get_running_loop().call_later(wait_s, self._due.put_nowait, due)

    def _wire(self, delivery: Delivery) -> bytes:
        """Sign now: a retry has a signature of its own."""
        provider = delivery.asked.event.provider
        key = FORGER if delivery.asked.forged else self._job.secrets[provider].encode()
        signed = SIGN[provider](key, delivery.body, int(time.time()))
        return request(f"/hooks/{provider}", delivery.body, signed)

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(SYNC_S)
            self._history.sync()

    def _summary(self, elapsed_s: float) -> Report:
        report, took_s = self._report, sorted(self._took_s)
        report.statuses = dict(self._statuses)
        report.elapsed_s = elapsed_s
        report.acked = len(self._acked)
        if took_s:
            report.p50_ms = took_s[len(took_s) // 2] * 1000
            report.p99_ms = took_s[int(len(took_s) * 0.99)] * 1000
        return report


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


async def _main() -> None:
    job = TypeAdapter(Job).validate_json(sys.stdin.buffer.readline())
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop.set)

    def begun() -> None:
        sys.stdout.buffer.write(b"begun\n")
        sys.stdout.buffer.flush()

    with History(job.history) as history:
        report = await World(job, history).run(stop, begun)
    sys.stdout.buffer.write(orjson.dumps(report, option=orjson.OPT_NON_STR_KEYS) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    uvloop.run(_main())
