"""The provider of a rotation: so many deliveries a second, signed as it is told, each answer kept.

Words come in as lines of JSON while the traffic flows: begin, sign with these keys from now on, and
end. At the end one line goes out with every delivery: when it was due, who signed it, the status,
and how long the answer took. The schedule is that of the open loop: nothing waits for an answer.
"""

import asyncio
import gc
import secrets
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import orjson
import uvloop
from pydantic import TypeAdapter

from tests.benchmarks.events import told
from tests.benchmarks.generator import HOST, LEAD_S, PATIENCE_S, TICK_S, ticking
from tests.benchmarks.load import Line, OpenLoop
from tests.benchmarks.schedule import Schedule
from tests.benchmarks.wire import Connection, request
from tests.support import signers

PROVIDER = "btcpay"
SECONDS_MAX = 300.0
SELDOM_EVERY = 20
"""One delivery in so many is signed with the other key, where there is one."""
PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class Begin:
    """Deliver to this path at this rate; `secrets` are all that will be signed with."""

    port: int
    path: str
    rate_per_s: float
    connections: int
    body_bytes: int
    secrets: Mapping[str, str]
    signing: str
    do: Literal["begin"] = "begin"


@dataclass(frozen=True, slots=True)
class Sign:
    """Sign with `mostly` from now on, and now and then with `seldom`."""

    mostly: str
    seldom: str = ""
    do: Literal["sign"] = "sign"


@dataclass(frozen=True, slots=True)
class End:
    """Send no more, wait for what is under way, and tell."""

    do: Literal["end"] = "end"


class Row(NamedTuple):
    """One delivery. `at_ms` is when it was due, in milliseconds since the epoch."""

    at_ms: float
    key_id: str
    status: int
    took_ms: float


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that was answered, and how many were not."""

    rows: list[Row] = field(default_factory=list)
    unanswered: int = 0
    lost_connections: int = 0


class Traffic(OpenLoop):
    """An open loop that remembers of each delivery who signed it."""

    def __init__(self, begin: Begin) -> None:
        count = int(begin.rate_per_s * SECONDS_MAX)
        super().__init__(self._make, Schedule(0.0, begin.rate_per_s, count), ())
        self.rows: list[Row] = []
        self.signs = Sign(begin.signing)
        self._begin = begin
        self._key_id = begin.signing
        self._carried: dict[Line, str] = {}
        self._epoch_ms = time.time() * 1000 - time.perf_counter() * 1000
        token = secrets.token_hex(6).encode()
        self._events = told(token, {PROVIDER}, begin.body_bytes, _now_s)

    def start(self, lines: Iterable[Line]) -> None:
        """Begin now, on these lines."""
        self._schedule = replace(self._schedule, begin_s=time.perf_counter() + LEAD_S)
        self._idle.extend(lines)

    def end(self) -> None:
        """Send nothing that is not due yet."""
        self._schedule = replace(self._schedule, count=self._due)

    def answered(self, line: Line, status: int, now_s: float) -> None:
        """Keep what came of a delivery, and use the free line."""
        at_ms = self._epoch_ms + line.since_s * 1000
        took_ms = (now_s - line.since_s) * 1000
        self.rows.append(Row(at_ms, self._carried.pop(line), status, took_ms))
        super().answered(line, status, now_s)

    def _send(self, line: Line, since_s: float) -> None:
        is_seldom = self.signs.seldom and self.tally.sent % SELDOM_EVERY == 0
        self._key_id = self.signs.seldom if is_seldom else self.signs.mostly
        self._carried[line] = self._key_id
        super()._send(line, since_s)

    def _make(self) -> bytes:
        """Write the next delivery: another event, signed now."""
        body = next(self._events).body
        key = self._begin.secrets[self._key_id].encode()
        return request(self._begin.path, body, signers.btcpay(key, body, _now_s()))


class _Ears:
    """Passes on what connections say."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self.lost_count = 0

    def answered(self, connection: Connection, status: int, now_s: float) -> None:
        """Take the answer to what was sent last."""
        self._traffic.answered(connection, status, now_s)

    def lost(self, connection: Connection) -> None:
        """Take note that a connection is gone: that is never part of a sound run."""
        self.lost_count += 1
        self._traffic.lost(waiting=connection.waiting)


async def deliver(begin: Begin, words: AsyncIterator[Sign | End]) -> Told:
    """Deliver until it is told to end, signing as it is told."""
    traffic = Traffic(begin)
    ears = _Ears(traffic)
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(lambda: Connection(ears), HOST, begin.port))[1]
        for _ in range(begin.connections)
    ]
    traffic.start(connections)
    every_s = max(TICK_S, 1 / begin.rate_per_s)
    with ticking(every_s, lambda: traffic.tick(time.perf_counter())):
        async for word in words:
            if isinstance(word, End):
                break
            traffic.signs = word
        traffic.end()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while not traffic.done():
                    await asyncio.sleep(PAUSE_S)
    told_all = Told(traffic.rows, traffic.outstanding, ears.lost_count)
    for connection in connections:
        connection.close()
    return told_all


async def _main() -> None:
    """Read words from standard input; acknowledge each with a line."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    any_word: TypeAdapter[Sign | End] = TypeAdapter(Sign | End)

    async def words() -> AsyncIterator[Sign | End]:
        async for line in reader:
            word = any_word.validate_json(line)
            if isinstance(word, Sign):
                _say(word)
            yield word

    begin = TypeAdapter(Begin).validate_json(await reader.readline())
    _say(begin.signing)
    _say(await deliver(begin, words()))


def _say(what: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(what, default=tuple) + b"\n")
    sys.stdout.buffer.flush()


def _now_s() -> int:
    return int(time.time())


if __name__ == "__main__":
    # Nothing here is cyclic but the connections: a collection would only look like a slow server.
    gc.disable()
    uvloop.run(_main())
