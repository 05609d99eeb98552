"""Write to a log: a whole history, sealed as the edge seals it, or as much as the disk takes."""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ingress import telemetry
from ingress.admit import seal
from ingress.contract import topics
from ingress.delivery import Delivery
from ingress.eventlog.connect import connect
from ingress.eventlog.journal import Journal, Terms
from ingress.eventlog.journal_room import Limits
from ingress.eventlog.port import Message, Position
from ingress.sources import Source
from sealgate.building import build_sources
from sealgate.config import read
from tests.benchmarks.done import Done, Watch, differ
from tests.benchmarks.events import Event, history

TOPIC = topics.verified("bench")
ABREAST = 256
# More than any disk takes in the seconds of one run.
BYTES_MAX = 8 * 1024**3
# As many headers as an envelope has.
HEADERS = (("ce_bench", b"a value of middling size"),) * 20


@dataclass(frozen=True, slots=True)
class Fill:
    """Fill a configured log with the history of so many blocks of payments."""

    configuration: str
    log_url: str
    blocks: int
    body_bytes: int
    partitions: int
    kind: Literal["fill"] = "fill"


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish to an embedded log, with so many callers that each wait for the disk."""

    log_url: str
    abreast: int
    seconds: float
    body_bytes: int
    kind: Literal["publish"] = "publish"


@dataclass(frozen=True, slots=True)
class Append:
    """Append to a journal, with so many callers that each wait for the disk."""

    directory: str
    abreast: int
    seconds: float
    body_bytes: int
    kind: Literal["append"] = "append"


async def fill(job: Fill) -> Done:
    """Seal a history as the edge would, and publish it."""
    configuration = read(Path(job.configuration), {})
    sources = build_sources(configuration)
    topic = topics.verified(configuration.settings.environment)
    log = connect(job.log_url)
    try:
        await log.ensure_topics({topic: job.partitions})
        publisher = log.publisher(deadline_s=30.0)
        await publisher.start()
        watch = Watch()
        token = os.urandom(6).hex().encode()
        events = history(token, job.blocks, job.body_bytes, int(time.time()))
        messages = [_message(event, sources[event.provider], topic) for event in events]
        for first in range(0, len(messages), ABREAST):
            # One gather begins its publishes in this order, so every payment keeps its own.
            await asyncio.gather(*map(publisher.publish, messages[first : first + ABREAST]))
        spent = watch.read()
        await publisher.stop()
        found = sum((await log.ends(topic)).values())
    finally:
        await log.close()
    return Done(len(messages), *spent, differ("records on the log", found, len(messages)))


def _message(event: Event, source: Source, topic: str) -> Message:
    delivery = Delivery(
        source=source.slug,
        method="POST",
        query=b"",
        headers=((b"content-type", b"application/json"),),
        body=event.body,
        received_ms=telemetry.now_ms(),
        url=source.url,
    )
    sealed = seal(delivery, source, source.ring.ids[0], telemetry.correlation_id())
    key, headers, value = sealed.encode()
    return Message(topic, key, value, headers)


async def publish(job: Publish) -> Done:
    """Publish for a while; nothing counts that the log does not hold afterwards."""
    log = connect(job.log_url)
    try:
        await log.ensure_topics({TOPIC: 1})
        before = sum((await log.ends(TOPIC)).values())
        publisher = log.publisher()
        await publisher.start()
        watch = Watch()
        until_s = time.perf_counter() + job.seconds
        callers = [_call(publisher.publish, job.body_bytes, until_s) for _ in range(job.abreast)]
        published = sum(await asyncio.gather(*callers))
        spent = watch.read()
        await publisher.stop()
        found = sum((await log.ends(TOPIC)).values()) - before
    finally:
        await log.close()
    return Done(published, *spent, differ("records on the log", found, published))


async def append(job: Append) -> Done:
    """Append for a while; nothing counts that does not wait in the journal afterwards."""
    journal = Journal(Terms(Path(job.directory), "bench", Limits(BYTES_MAX, 0)), _Nobody())
    await journal.open({TOPIC: 1})
    tending = asyncio.create_task(_tend(journal))
    watch = Watch()
    until_s = time.perf_counter() + job.seconds
    callers = [_call(journal.append, job.body_bytes, until_s) for _ in range(job.abreast)]
    appended = sum(await asyncio.gather(*callers))
    spent = watch.read()
    tending.cancel()
    found = journal.state().records
    await journal.close()
    return Done(appended, *spent, differ("records in the journal", found, appended))


async def _tend(journal: Journal) -> None:
    """Do what an edge does beside: make a new file when one is large."""
    while True:
        await journal.tend()
        await journal.wait()


class _Nobody:
    """Counts nothing of what a journal does: `Observer`."""

    def appended(self) -> None:
        """Hear of a record."""

    def drained(self, count: int) -> None:
        """Hear of records sent: here none are."""

    def refused(self, count: int) -> None:
        """Hear of records that Kafka does not take."""

    def damaged(self, count: int) -> None:
        """Hear of records that cannot be read."""


async def _call(
    publish: Callable[[Message], asyncio.Future[Position]], body_bytes: int, until_s: float
) -> int:
    message = Message(TOPIC, os.urandom(16), b"n" * body_bytes, HEADERS)
    done = 0
    while time.perf_counter() < until_s:
        await publish(message)
        done += 1
    return done
