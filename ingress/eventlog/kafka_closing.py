"""Letting go of aiokafka's clients, which do not let go by themselves when the broker is away.

Their `stop` may wait for an answer that never comes, and may end half way, even with a cancellation
that nobody asked for, with tasks and connections left behind that knock at the broker for ever. So
here batches are given up first, the client is closed whatever came of `stop`, and who waits for its
metadata is told. All of it is bounded in time, and nothing of it is raised. aiokafka shows no door
to what must be reached; `tests/conformance/test_event_log_kafka.py` holds that it stays reachable.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaError
from aiokafka.protocol.group import LeaveGroupRequest

LEAVE_AGAIN_S = 0.1


async def close_producer(producer: AIOKafkaProducer, *, within_s: float) -> None:
    """Give up what the producer still holds, and let go of it."""
    _give_up_batches(producer)
    await _close(producer, within_s)


async def close_consumer(consumer: AIOKafkaConsumer, *, within_s: float) -> None:
    """Leave the group, and let go of the consumer."""
    leaving = _run(_leave(consumer))
    await _close(consumer, within_s)
    leaving.cancel()


async def _leave(consumer: AIOKafkaConsumer) -> None:
    """Say good-bye, for a member that is joining while it is closed.

    Such a member waits for the others before it would say so itself, and they wait for it: without
    this the whole group stands still until its session ends. Its request to join keeps the
    coordinator's connection busy, so the word goes by another one.
    """
    inner = vars(consumer)
    coordinator = vars(inner["_coordinator"])
    while True:
        await asyncio.sleep(LEAVE_AGAIN_S)  # a member at rest has left by then
        member, node = coordinator.get("member_id"), coordinator.get("coordinator_id")
        if member and node is not None:
            request = LeaveGroupRequest(coordinator["group_id"], member)
            with suppress(KafkaError):
                await inner["_client"].send(node, request, group=ConnectionGroup.DEFAULT)


def has_died(consumer: AIOKafkaConsumer) -> bool:
    """Say whether a task that a started consumer lives by has ended: it would wait for ever.

    They end with what nobody catches, such as uvloop's RuntimeError for a transport that was closed
    under a request, and no call of the consumer tells of it.
    """
    inner = vars(consumer)
    tasks = (
        vars(inner["_fetcher"])["_fetch_task"],
        vars(inner["_coordinator"]).get("_coordination_task"),
        vars(inner["_client"])["_sync_task"],
    )
    return any(task is not None and task.done() for task in tasks)


async def bounded(work: Coroutine[Any, Any, object], *, within_s: float) -> None:
    """Await `work` for no longer than `within_s`, whatever comes of it."""
    task = _run(work)
    await asyncio.wait({task}, timeout=within_s)
    task.cancel()


async def _close(what: Any, within_s: float) -> None:
    client = vars(what)["client" if "client" in vars(what) else "_client"]
    stopping = _run(what.stop())
    await asyncio.wait({stopping}, timeout=within_s)
    await bounded(client.close(), within_s=within_s)
    # Closing ends the task that updates metadata, but not the wait for its answer.
    if (update := vars(client)["_md_update_fut"]) is not None:
        update.cancel()
    if not stopping.done():
        await asyncio.wait({stopping}, timeout=within_s)
        stopping.cancel()
        await bounded(client.close(), within_s=within_s)


def _give_up_batches(producer: AIOKafkaProducer) -> None:
    """End the batches that are waited for: with idempotence they are tried again for ever.

    The futures that `send_batch` returns are shielded, so it is done underneath.
    """
    accumulator = vars(vars(producer)["_message_accumulator"])
    queues, pending = accumulator["_batches"], accumulator["_pending_batches"]
    batches = [*pending, *(batch for queue in queues.values() for batch in queue)]
    queues.clear()
    # A batch whose future is done is taken out here by its own callback, and once more when its
    # request fails; the second time must not fail in turn.
    accumulator["_pending_batches"] = _Forgiving()
    for batch in batches:
        batch.future.cancel()


class _Forgiving(set[Any]):
    """A set from which anything may be removed, whether or not it is there."""

    remove = set.discard


def _run(work: Coroutine[Any, Any, object]) -> asyncio.Task[object]:
    # A task of its own: a cancellation that arises inside must not look like one of ours.
    task = asyncio.ensure_future(work)
    task.add_done_callback(_forget)
    return task


def _forget(task: asyncio.Task[object]) -> None:
    if not task.cancelled():
        task.exception()
