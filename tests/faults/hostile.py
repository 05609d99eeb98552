"""Everybody who is not a provider: wrong signatures, half requests, bombs, and a flood of names.

Runs in the test's event loop, on loopback alone, bounded in rate and in connections. Every request
is one that an edge must refuse; `accepted` counts those that it did not.
"""

import asyncio
import contextlib
import gzip
import itertools
import random
from collections.abc import Callable, Sequence
from typing import Self

from tests.benchmarks.wire import request

LINES = 16
DRIP_S = 0.5


def _wrong_signature(number: int) -> bytes:
    body = b'{"id":"evt_hostile%d","type":"payment_intent.succeeded"}' % number
    return request("/hooks/stripe", body, [(b"Stripe-Signature", b"t=1,v1=" + b"ab" * 32)])


def _unknown_source(number: int) -> bytes:
    return request(f"/hooks/nobody-{number}", b"{}", [])


def _too_large(_number: int) -> bytes:
    return (
        b"POST /hooks/stripe HTTP/1.1\r\nHost: x\r\nStripe-Signature: t=1,v1=00\r\n"
        b"Content-Length: 900000000\r\n\r\n"
    )


def _header_bomb(_number: int) -> bytes:
    return request("/hooks/stripe", b"{}", [(b"X-%d" % i, b"x" * 100) for i in range(300)])


def _bomb(_number: int) -> bytes:
    return request("/hooks/stripe", BOMB, [(b"Content-Encoding", b"gzip")])


BOMB = gzip.compress(bytes(4_000_000))
KINDS: Sequence[Callable[[int], bytes]] = (
    _wrong_signature,
    _wrong_signature,
    _wrong_signature,
    _unknown_source,
    _too_large,
    _header_bomb,
    _bomb,
)


class Attack:
    """So many hostile requests a second, and so many connections that only drip."""

    def __init__(self, port: int, *, rate_per_s: float, slow: int) -> None:
        self.sent = 0
        self.accepted = 0
        self._port = port
        self._every_s = LINES / rate_per_s
        self._slow = slow
        self._numbers = itertools.count()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._flood(line)) for line in range(LINES)]
        self._tasks += [asyncio.create_task(self._drip()) for _ in range(self._slow)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _flood(self, line: int) -> None:
        dice = random.Random(line)
        while True:
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                await self._ask(dice.choice(KINDS)(next(self._numbers)))
            await asyncio.sleep(self._every_s)

    async def _ask(self, wire: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            self.sent += 1
            writer.write(wire)
            async with asyncio.timeout(10.0):
                line = await reader.readline()
            self.accepted += line.startswith(b"HTTP/1.1 2")
        finally:
            writer.transport.abort()

    async def _drip(self) -> None:
        """Send a byte now and then, and begin again when the edge has had enough."""
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                try:
                    for byte in b"POST /hooks/stripe HTTP/1.1\r\nHost: drip\r\n":
                        writer.write(bytes([byte]))
                        await writer.drain()
                        await asyncio.sleep(DRIP_S)
                finally:
                    writer.transport.abort()
            await asyncio.sleep(DRIP_S)
