"""The floor: aiohttp's low-level server, which reads the body and answers 200. It promises nothing.

Whatever is built on aiohttp costs at least this, so it is what everything else is divided by.
"""

import asyncio
import sys

import orjson
import uvloop
from aiohttp import web


async def _handle(request: web.BaseRequest) -> web.StreamResponse:
    await request.read()
    return web.Response()


def say_started(port: int) -> None:
    """Say where we listen, in the words of the gateway's own log."""
    line = orjson.dumps({"event": "started", "edge": f"http://127.0.0.1:{port}"})
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = web.Server(_handle, access_log=None)
    listener = await loop.create_server(server, "127.0.0.1", 0, backlog=1024)
    say_started(listener.sockets[0].getsockname()[1])
    await loop.create_future()


if __name__ == "__main__":
    uvloop.run(_serve())
