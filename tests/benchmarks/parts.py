"""A process that does one part of the edge's work at a time, many times, and says what it cost.

Every part is called as the edge calls it, over real deliveries of both providers, each told once
and signed once; nothing listens and nothing is published. What a part costs here is less than what
it costs in the edge, where caches are cold and other parts stand between: that difference is in the
row for the rest.
"""

import gc
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import orjson
import uvloop
from prometheus_client import CollectorRegistry
from pydantic import TypeAdapter

from ingress import telemetry
from ingress.admission import Admission, Budget, Client, Head, Lease
from ingress.admit import Admitted, seal
from ingress.allowlist import Allowlists
from ingress.answers import Answer, Outcome, http_date, written
from ingress.contract.envelope import Envelope
from ingress.delivery import Delivery
from ingress.eventlog.port import Partition, Position
from ingress.metrics import EdgeMetrics
from ingress.parser import Asked, make_parser
from ingress.quiet import Quiet
from ingress.report import Report, counting
from ingress.sources import Snapshot
from ingress.verification import Signer, verify
from sealgate.building import build_sources
from sealgate.config import read
from sealgate.process import GC_THRESHOLD
from tests.benchmarks.events import PROVIDERS, told
from tests.benchmarks.wire import request
from tests.support import signers

PASSES = 5
LINES_AT_ONCE = 64
MIB = 1_048_576
HTTP = "HTTP: the request parsed, the answer written"
ADMISSION = "admission: source, limits, prechecks"
VERIFY = "verification, one key"
SEAL = "identification, and the envelope sealed"
ENCODE = "the envelope encoded as a record"
COUNT = "counters, and the facts of the log line"
LINE = "the log line, written"


@dataclass(frozen=True, slots=True)
class Job:
    """Time the parts over so many deliveries to the sources of a configuration."""

    configuration: str
    count: int
    body_bytes: int


@dataclass(frozen=True, slots=True)
class Costs:
    """Microseconds of CPU that each part takes for one delivery, and what one weighs as a record.

    A record is counted without what Kafka adds or saves: its key, its headers and its value.
    """

    parts_us: dict[str, float]
    record_bytes: float


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Deliveries at every stage of the path."""

    sources: Snapshot
    wires: list[bytes]
    asked: list[Asked] = field(default_factory=list)
    heads: list[Head] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    signers: list[Signer] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    admitted: list[Admitted] = field(default_factory=list)

    def unseen(self) -> list[Delivery]:
        """Return the deliveries as they arrive: what one keeps of its reading is not there yet."""
        return [replace(delivery) for delivery in self.deliveries]

    def verified(self) -> list[Delivery]:
        """Return the deliveries as they are behind verification."""
        deliveries = self.unseen()
        _verify(self, deliveries)
        return deliveries


def measure(job: Job) -> Costs:
    """Do every part by itself. Whatever is done wrong raises, as it would refuse in the edge."""
    configuration = read(Path(job.configuration), {})
    prepared = _prepare(build_sources(configuration), _wires(configuration.base, job))
    # As the gateway's own processes have it: what was made at the start is not looked at again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    metrics = EdgeMetrics(CollectorRegistry())
    quiet = Quiet(lambda source, reason, count: None)
    report = Report(counting(prepared.sources, metrics), metrics, telemetry.now_ms, quiet)
    found = {
        HTTP: _cost(lambda _: _parse(prepared)),
        ADMISSION: _cost(lambda _: _admit(prepared, metrics)),
        VERIFY: _cost(lambda unseen: _verify(prepared, unseen), prepared.unseen),
        SEAL: _cost(lambda seen: _seal(prepared, seen), prepared.verified),
        ENCODE: _cost(lambda _: _encode(prepared)),
    }
    with Path(os.devnull).open("w") as nowhere:
        telemetry.configure("json", "warning", nowhere)
        found[COUNT] = _cost(lambda _: _say(prepared, report))
        telemetry.configure("json", "info", nowhere)
        found[LINE] = max(0.0, _cost(lambda _: _say(prepared, report)) - found[COUNT])
        telemetry.configure("json", "warning")
    parts_us = {name: spent_s / job.count * 1e6 for name, spent_s in found.items()}
    return Costs(parts_us, statistics.mean(map(_weight, prepared.envelopes)))


def _nothing() -> list[Delivery]:
    """Prepare nothing: what is done can be done again with the same."""
    return []


def _cost(
    do: Callable[[list[Delivery]], None], prepare: Callable[[], list[Delivery]] = _nothing
) -> float:
    """Return the CPU time of one pass: the median of several, the first of which only warms.

    What is prepared for a pass costs nothing.
    """
    spent_s = []
    for _ in range(PASSES + 1):
        deliveries = prepare()
        began_s = time.process_time()
        do(deliveries)
        spent_s.append(time.process_time() - began_s)
    return statistics.median(spent_s[1:])


def _wires(base: Path, job: Job) -> list[bytes]:
    sign = {"stripe": signers.stripe, "btcpay": signers.btcpay}
    keys = {provider: (base / provider).read_bytes() for provider in PROVIDERS}
    now_s = int(time.time())
    events = told(os.urandom(6).hex().encode(), PROVIDERS, job.body_bytes, lambda: now_s)
    return [
        request(
            f"/hooks/{one.provider}",
            one.body,
            sign[one.provider](keys[one.provider], one.body, now_s),
        )
        for one in islice(events, job.count)
    ]


def _prepare(sources: Snapshot, wires: Sequence[bytes]) -> _Prepared:
    """Carry every delivery along the whole path once: each part finds what it starts from."""
    prepared = _Prepared(sources, list(wires))
    parser = make_parser(uvloop.new_event_loop())
    for number, wire in enumerate(wires):
        ((asked, body),) = parser.feed_data(wire)[0]
        parser.message_consumed()
        prepared.asked.append(asked)
        head = _head(asked)
        prepared.heads.append(head)
        source = sources[asked.path.rpartition("/")[2]]
        delivery = Delivery(
            source=source.slug,
            method=head.method,
            query=b"",
            headers=head.headers,
            body=body.read_nowait(),
            received_ms=telemetry.now_ms(),
            url=source.url,
            address=head.client.address,
        )
        prepared.deliveries.append(delivery)
        signer = verify(delivery, source, None)
        prepared.signers.append(signer)
        envelope = seal(delivery, source, signer.key_id, telemetry.correlation_id())
        prepared.envelopes.append(envelope)
        answer = Answer(Outcome.ACCEPTED, 200)
        position = Position(Partition("bench", number % 6), number)
        prepared.admitted.append(
            Admitted(answer, envelope.correlation_id, None, signer, envelope, position)
        )
    return prepared


def _head(asked: Asked) -> Head:
    headers = tuple([(name.lower(), value) for name, value in asked.raw_headers])
    return Head.of(asked.method, asked.path, asked.version, headers, Client("127.0.0.1"))


def _parse(prepared: _Prepared) -> None:
    parser = make_parser(uvloop.new_event_loop())
    for wire in prepared.wires:
        ((_, body),) = parser.feed_data(wire)[0]
        body.read_nowait()
        date = http_date(telemetry.now_ms() // 1000)
        written(prepared.admitted[0].answer, telemetry.correlation_id(), date)
        parser.message_consumed()


def _admit(prepared: _Prepared, metrics: EdgeMetrics) -> None:
    budget = Budget(64 * MIB)
    lists = Allowlists(metrics.address_fetches.note)
    gate = Admission(prepared.sources, budget, time.monotonic, lists)
    for asked in prepared.asked:
        lease = Lease(budget)
        passed = gate.admit(_head(asked))
        lease.take(passed.length)
        gate.spend(passed.source)
        lease.end()


def _verify(prepared: _Prepared, deliveries: Iterable[Delivery]) -> None:
    for delivery in deliveries:
        verify(delivery, prepared.sources[delivery.source], None)


def _seal(prepared: _Prepared, deliveries: Iterable[Delivery]) -> None:
    for delivery, signer in zip(deliveries, prepared.signers, strict=True):
        correlation_id = telemetry.correlation_id()
        seal(delivery, prepared.sources[delivery.source], signer.key_id, correlation_id)


def _encode(prepared: _Prepared) -> None:
    for envelope in prepared.envelopes:
        envelope.encode()


def _say(prepared: _Prepared, report: Report) -> None:
    for number, (admitted, delivery) in enumerate(
        zip(prepared.admitted, prepared.deliveries, strict=True)
    ):
        source = prepared.sources[delivery.source]
        report.end(admitted, source, 0.002, len(delivery.body), delivery.address)
        if number % LINES_AT_ONCE == 0:
            telemetry.flush()
    telemetry.flush()


def _weight(envelope: Envelope) -> int:
    key, headers, value = envelope.encode()
    return len(key) + len(value) + sum(len(name) + len(what) for name, what in headers)


def main() -> None:
    """Do the jobs on standard input, one after the other."""
    telemetry.configure("json", "warning")
    jobs = TypeAdapter(Job)
    for line in sys.stdin.buffer:
        costs = measure(jobs.validate_json(line))
        sys.stdout.buffer.write(orjson.dumps(costs) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
