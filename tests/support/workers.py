"""Clients of a gateway with several workers: each counts every attempt, and what came of it.

One kind opens a connection for each delivery, the other keeps one open and honours ``Connection:
close``, as every HTTP client does. An attempt is a delivery with an id of its own, and is never
repeated: a retry would hide what this is here to count.
"""

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from ingress.contract import topics
from ingress.contract.envelope import Envelope
from ingress.eventlog.port import Position
from tests.support import processes
from tests.support.gateway import btcpay, request
from tests.support.processes import Running, Stack
from tests.support.tls import NAME

WAIT_S = 60.0
PAUSE_S = 0.004


@dataclass(slots=True)
class Clients:
    """What all clients of one test tried; outcomes are a status, or how it failed."""

    port: int
    tls: ssl.SSLContext | None = None
    outcomes: Counter[str] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)
    _is_over: bool = False

    async def each_anew(self) -> None:
        """Deliver, each time over a new connection."""
        while not self._is_over:
            try:
                reader, writer = await self._connect()
            except OSError as failed:
                self.outcomes[f"connect failed: {type(failed).__name__}"] += 1
                continue
            await self._deliver(reader, writer)
            await _closed(writer)
            await asyncio.sleep(PAUSE_S)

    async def kept_open(self, pause_s: float = PAUSE_S) -> None:
        """Deliver over one connection, until an answer says that it is the last."""
        while not self._is_over:
            try:
                reader, writer = await self._connect()
            except OSError as failed:
                self.outcomes[f"connect failed: {type(failed).__name__}"] += 1
                continue
            while not self._is_over and await self._deliver(reader, writer):
                await asyncio.sleep(pause_s)
            await _closed(writer)

    def end(self) -> None:
        """Begin no other delivery."""
        self._is_over = True

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        name = None if self.tls is None else NAME
        return await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.tls, server_hostname=name
        )

    async def _deliver(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Deliver once; say whether the connection may be used again."""
        name = f"inv-{next(self._numbers)}"
        body = processes.event(name, "InvoiceCreated")
        try:
            async with asyncio.timeout(10):
                writer.write(request("/hooks/shop", body, [btcpay(body)]))
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                await reader.readexactly(_length(head))
        except (OSError, EOFError) as failed:
            self.outcomes[f"no answer: {type(failed).__name__}"] += 1
            self.unanswered.append(name)
            return False
        status = head[9:12].decode()
        self.outcomes[status] += 1
        if status == "200":
            self.accepted.append(name)
        return b"connection: close" not in head


@asynccontextmanager
async def load(
    running: Running, tls: ssl.SSLContext | None = None, each: int = 4
) -> AsyncIterator[Clients]:
    """Deliver with some clients of each kind, until the block ends."""
    clients = Clients(int(running.edge_url.rpartition(":")[2]), tls)
    kinds: list[Callable[[], Awaitable[None]]] = [clients.each_anew, clients.kept_open]
    tasks = [asyncio.ensure_future(kind()) for kind in kinds for _ in range(each)]
    tasks.append(asyncio.ensure_future(clients.kept_open(0.1)))
    try:
        yield clients
    finally:
        clients.end()
        await asyncio.gather(*tasks)


def start(stack: Stack, workers: int = 2, **tables: dict[str, object]) -> Running:
    """Start ``serve`` with workers, and wait until all of them are ready."""
    config = stack.write(**tables)
    running = processes.start(config, "serve", "--workers", str(workers)).wait_started()
    return running.wait_ready()


async def until_ready(running: Running, workers: int = 2) -> None:
    """Wait until so many workers are ready."""
    line = f'sealgate_workers{{state="ready"}} {workers:.1f}'

    async def are_ready() -> bool:
        return line in await asyncio.to_thread(metrics, running)

    await until(are_ready, running)


async def until(holds: Callable[[], Awaitable[bool]], running: Running) -> None:
    """Wait until something holds."""
    try:
        async with asyncio.timeout(WAIT_S):
            while not await holds():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"it did not come to that: {running.output.read_text()}") from None


async def until_said(running: Running, event: str, number: int = 1) -> list[dict[str, object]]:
    """Wait until a line was logged so many times; return those lines."""

    async def is_said() -> bool:
        return len(said(running, event)) >= number

    await until(is_said, running)
    return said(running, event)


def said(running: Running, event: str) -> list[dict[str, object]]:
    """Return the whole lines of one event so far."""
    lines = running.output.read_text().splitlines()
    return [json.loads(one) for one in lines if f'"event":"{event}"' in one and one[-1] == "}"]


def lives(pid: int) -> bool:
    """Say whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pids(running: Running) -> dict[str, int]:
    """Return the process that was last started under each worker's name."""
    return {str(one["worker"]): int(str(one["pid"])) for one in said(running, "worker_started")}


def metrics(running: Running) -> str:
    """Scrape the supervisor."""
    return processes.get(running.admin_url + "/metrics")[1]


async def logged(stack: Stack) -> Counter[str]:
    """Count the events on the log by their invoice."""
    log = stack.log()
    found: Counter[str] = Counter()
    for partition, begin in (await log.begins(topics.verified(stack.environment))).items():
        at = begin
        while records := await log.read(Position(partition, at), 5_000):
            for record in records:
                key = Envelope.decode(record.headers, record.value).event_key
                found[key.removesuffix("-InvoiceCreated")] += 1
            at = records[-1].position.offset + 1
    await log.close()
    return found


def _length(head: bytes) -> int:
    _, _, rest = head.partition(b"\r\ncontent-length: ")
    return int(rest.partition(b"\r\n")[0] or 0)


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except (OSError, ssl.SSLError):
        return
