"""Letting go of aiokafka's clients, which do not let go by themselves when the broker is away.

Their `stop` may wait for an answer that never comes, and may end half way, even with a cancellation
that nobody asked for, with the metadata task and the connections left behind. Closing the client
underneath fails whatever `stop` waits for, so that is done next, and all of it is bounded in time.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer


class Stoppable(Protocol):
    """A producer or a consumer."""

    async def stop(self) -> None:
        """Say goodbye to the broker."""


class Client(Protocol):
    """What holds the connections."""

    async def close(self) -> None:
        """Cut them."""


async def close(what: Stoppable, client: Client, *, within_s: float) -> None:
    """Stop `what` and close its client, within about three times `within_s`. Raises nothing."""
    stopping = _run(what.stop())
    await asyncio.wait({stopping}, timeout=within_s)
    await bounded(client.close(), within_s=within_s)
    if not stopping.done():
        await asyncio.wait({stopping}, timeout=within_s)
        stopping.cancel()
        await bounded(client.close(), within_s=within_s)


async def close_consumer(consumer: AIOKafkaConsumer, *, within_s: float) -> None:
    """Stop a consumer; it shows no door to its client, so one is made."""
    await close(consumer, vars(consumer)["_client"], within_s=within_s)


async def bounded(work: Coroutine[Any, Any, object], *, within_s: float) -> None:
    """Await `work` for no longer than `within_s`, whatever comes of it."""
    task = _run(work)
    await asyncio.wait({task}, timeout=within_s)
    task.cancel()


def _run(work: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
    # A task of its own: a cancellation that arises inside must not look like one of ours.
    task = asyncio.ensure_future(work)
    task.add_done_callback(_forget)
    return task


def _forget(task: asyncio.Task[object]) -> None:
    if not task.cancelled():
        task.exception()
