"""Look at what the gateway made of it: the store, the metrics over HTTP, and a subscriber's ears.

Everything is read from where users read it. `Listener` is a subscriber like any other: it reads the
lifecycle topic from its beginning and drops repetitions by the notice's id.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson
from prometheus_client.parser import text_string_to_metric_families

from consumers.lifecycle import State
from consumers.store.port import OpenItem, Payment, PaymentKey, Store
from ingress.contract import cloudevents, topics
from ingress.eventlog.port import EventLog, LogUnavailable, Partition, Record
from sealgate.demo.scenario import Move
from sealgate.simulator.wire import Wire

FETCH_MAX = 500
FETCH_S = 0.5
AGAIN_S = 0.5
PAYMENTS_MAX = 10_000

Labels = frozenset[tuple[str, str]]
Metrics = Mapping[str, Mapping[Labels, float]]


@dataclass(frozen=True, slots=True)
class Heard:
    """One notice, as a subscriber reads it."""

    id: str
    payment: PaymentKey
    version: int
    before: State | None
    after: State
    word: str
    correlation_id: str


@dataclass(slots=True)
class Listener:
    """A subscriber of the lifecycle topic. `repeats` counts what it dropped."""

    log: EventLog
    environment: str
    heard: list[Heard] = field(default_factory=list)
    repeats: int = 0
    news: asyncio.Queue[Heard] = field(default_factory=asyncio.Queue)

    async def run(self) -> None:
        """Listen until cancelled, through whatever absence of the log."""
        topic = topics.lifecycle(self.environment)
        group = f"listener-{self.environment}"
        known: set[str] = set()
        while True:
            subscription = self.log.subscription(topic, group, _from_the_beginning)
            try:
                await subscription.start()
                while True:
                    for record in await subscription.fetch(FETCH_MAX, FETCH_S):
                        self._hear(record, known)
            except LogUnavailable:
                await asyncio.sleep(AGAIN_S)
            finally:
                await subscription.stop()

    def _hear(self, record: Record, known: set[str]) -> None:
        heard = read_notice(record)
        if heard.id in known:
            self.repeats += 1
            return
        known.add(heard.id)
        self.heard.append(heard)
        self.news.put_nowait(heard)


async def _from_the_beginning(_: frozenset[Partition]) -> Mapping[Partition, int]:
    """Hold no positions: whoever starts anew hears everything again, and drops it by its id."""
    return {}


def read_notice(record: Record) -> Heard:
    """Read a notice as a subscriber would: the id from the CloudEvent, the rest from the body."""
    attributes = cloudevents.from_headers(record.headers)
    content = orjson.loads(record.value)
    before = content["before"]
    return Heard(
        id=attributes["id"],
        payment=PaymentKey(content["provider"], content["account"], content["reference"]),
        version=content["version"],
        before=None if before is None else State(before),
        after=State(content["after"]),
        word=content["event_type"],
        correlation_id=content["correlation_id"],
    )


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything there is to see at one moment."""

    payments: Mapping[PaymentKey, Payment]
    moves: Mapping[PaymentKey, tuple[Move, ...]]
    exceptions: Sequence[OpenItem]
    heard: Mapping[PaymentKey, tuple[Heard, ...]]
    repeats: int
    metrics: Metrics


async def observe(store: Store, listener: Listener, wire: Wire, admin_url: str) -> Observed:
    """Look once. Raises `Unreachable` if the admin port does not answer."""
    payments = {found.key: found for found in await store.list_payments(PAYMENTS_MAX)}
    heard: dict[PaymentKey, tuple[Heard, ...]] = {}
    for notice in listener.heard:
        heard[notice.payment] = (*heard.get(notice.payment, ()), notice)
    answer = await wire.get(f"{admin_url}/metrics")
    return Observed(
        payments=payments,
        moves={key: await _moves(store, key) for key in payments},
        exceptions=await store.list_anomalies(PAYMENTS_MAX),
        heard=heard,
        repeats=listener.repeats,
        metrics=parse(answer.body.decode()),
    )


def parse(text: str) -> Metrics:
    """Read Prometheus' text format: the samples of each name, by their labels."""
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def total(metrics: Metrics, name: str, *labels: str) -> Counter[tuple[str, ...]]:
    """Sum a metric over everything but `labels`, leaving zeros out."""
    sums: Counter[tuple[str, ...]] = Counter()
    for where, value in metrics.get(name, {}).items():
        named = dict(where)
        sums[tuple(named[label] for label in labels)] += int(value)
    return +sums


async def _moves(store: Store, key: PaymentKey) -> tuple[Move, ...]:
    moves = []
    for transition in await store.transitions(key):
        recorded = await store.event(transition.event)
        word = "" if recorded is None else recorded.event.event_type
        moves.append(Move(transition.after, word))
    return tuple(moves)
