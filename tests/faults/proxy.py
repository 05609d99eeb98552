"""A TCP proxy in front of a broker, which advertises it: every kind of bad network on demand.

It runs in the test's own event loop. What the network does is one value, `Weather`, that a test
sets and sets again; connections that are open feel it at once. A produce request is told by its
first bytes, so that an acknowledgement, and nothing else, can be lost.
"""

import asyncio
import random
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

_CHUNK_BYTES = 65_536
_PRODUCE = b"\x00\x00"
_LOOK_S = 0.02
# Sets the connection's end to a reset.
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Weather:
    """What the network does. `cuts_acks` of the next produce requests get no answer but an end.

    `blackhole` swallows both ways, `half_open` only what the broker says; neither closes anything.
    """

    latency_s: tuple[float, float] = (0.0, 0.0)
    bytes_per_s: float = 0.0
    blackhole: bool = False
    half_open: bool = False


FINE = Weather()


@dataclass(slots=True)
class _Pair:
    """One client's connection and ours to the broker."""

    client: asyncio.StreamWriter
    broker: asyncio.StreamWriter
    producing: bool = False


@dataclass(slots=True)
class Proxy:
    """Listens on a port of its own and passes everything on to `target`."""

    target: int
    seed: int
    weather: Weather = FINE
    cuts_acks: int = 0
    acks_cut: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _open: dict[int, _Pair] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.reset_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def reset_all(self) -> None:
        """End every connection as a router that lost its table does."""
        for pair in list(self._open.values()):
            _abort(pair)

    async def _accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(OSError):
                answers, broker = await asyncio.open_connection("127.0.0.1", self.target)
                await self._join(_Pair(client, broker), reader, answers)
        finally:
            self._tasks.discard(task)
            client.transport.abort()

    async def _join(
        self, pair: _Pair, asks: asyncio.StreamReader, answers: asyncio.StreamReader
    ) -> None:
        self._open[id(pair)] = pair
        dice = random.Random(self.seed + len(self._open))
        ways = [
            asyncio.create_task(self._pump(asks, pair, dice, up=True)),
            asyncio.create_task(self._pump(answers, pair, dice, up=False)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            del self._open[id(pair)]
            pair.client.transport.abort()
            pair.broker.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, pair: _Pair, dice: random.Random, *, up: bool
    ) -> None:
        writer = pair.broker if up else pair.client
        while data := await reader.read(_CHUNK_BYTES):
            if up:
                pair.producing = pair.producing or data[4:6] == _PRODUCE
            elif pair.producing and self.cuts_acks > 0:
                self.cuts_acks -= 1
                self.acks_cut += 1
                _abort(pair)
                return
            else:
                pair.producing = False
            await self._travel(len(data), dice)
            if self.weather.blackhole or (self.weather.half_open and not up):
                continue
            writer.write(data)
            await writer.drain()

    async def _travel(self, size: int, dice: random.Random) -> None:
        """Take the time that the bytes take; a slow line is fast again as soon as weather says."""
        weather = self.weather
        wait_s = dice.uniform(*weather.latency_s)
        if weather.bytes_per_s:
            wait_s += size / weather.bytes_per_s
        while wait_s > 0 and self.weather is weather:
            await asyncio.sleep(min(wait_s, _LOOK_S))
            wait_s -= _LOOK_S


def _abort(pair: _Pair) -> None:
    """Reset both ends."""
    for writer in (pair.client, pair.broker):
        ours = writer.get_extra_info("socket")
        with suppress(OSError):
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        writer.transport.abort()
