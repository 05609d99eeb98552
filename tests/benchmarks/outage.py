"""Kafka away, and back: what the journal takes meanwhile, and how fast it empties afterwards.

The broker is one of our own, and killed. Once the edge knows, it is loaded as in every closed loop:
each 2xx is an fsynced record in the journal. Then the broker comes back, and from the first record
that leaves the journal to the last is the drain. In the end every 2xx is on Kafka: fewer records
fail the run, more are told, for a record that was under way when the broker died may be twice.
"""

import time
from dataclasses import dataclass

from tests.benchmarks.edge import Bench, Run, check
from tests.benchmarks.generator import Report
from tests.benchmarks.processes import Unsound
from tests.benchmarks.programs import Server, is_whole
from tests.benchmarks.services import Fragile

NOTICE_S = 30.0
BACK_S = 120.0
PROBE_S = 0.5
LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Outage:
    """One outage. `back_s`: from a broker that answers to the first record it has of the journal.

    `twice`: records on Kafka more than there were 2xx answers.
    """

    round: int
    report: Report
    backlog: int
    back_s: float
    drain_s: float
    twice: int

    @property
    def drained_per_s(self) -> float:
        """Records a second from the journal to Kafka."""
        return self.backlog / self.drain_s


def outages(bench: Bench, server: Server, kafka: Fragile) -> list[Outage]:
    """Take Kafka away and bring it back, so many rounds. Raises `Unsound`."""
    return [_outage(bench, server, kafka, number) for number in range(bench.options.rounds)]


def _outage(bench: Bench, server: Server, kafka: Fragile, number: int) -> Outage:
    before = server.records() or 0
    kafka.kill()
    accepted = _until_noticed(bench, server)
    report = bench.loaded(server, bench.options.seconds)
    check(Run(server.name, "outage", number, report, None))
    accepted += report.accepted
    backlog = server.journaled()
    if backlog < report.accepted:
        raise Unsound(f"outage: {report.accepted} answers, but {backlog} records in the journal")
    kafka.restart()
    back_s, drain_s = _watch_drain(server, backlog)
    extra = twice(accepted, (server.records() or 0) - before)
    return Outage(number, report, backlog, back_s, drain_s, extra)


def twice(accepted: int, found: int) -> int:
    """Return how many records more there are than 2xx answers. Raises `Unsound` if there are fewer.

    Pure.
    """
    if found < accepted:
        raise Unsound(f"outage: {accepted} requests got a 2xx, but Kafka has {found} records")
    return found - accepted


def _until_noticed(bench: Bench, server: Server) -> int:
    """Load until the edge knows that its broker is away; return what it accepted meanwhile."""
    accepted, until_s = 0, time.monotonic() + NOTICE_S
    while is_whole(server.admin):
        if time.monotonic() > until_s:
            raise Unsound(f"outage: the edge does not notice in {NOTICE_S} s: {_said(server)}")
        report = bench.loaded(server, PROBE_S)
        check(Run(server.name, "outage", 0, report, None))
        accepted += report.accepted
    return accepted


def _watch_drain(server: Server, backlog: int) -> tuple[float, float]:
    """Return after how long the journal began to empty, and how long that took."""
    began_s = first_s = time.monotonic()
    while waiting := server.journaled():
        now_s = time.monotonic()
        if waiting >= backlog:
            first_s = now_s
        if now_s - began_s > BACK_S:
            raise Unsound(f"outage: {waiting} records stay in the journal: {_said(server)}")
        time.sleep(LOOK_S)
    return first_s - began_s, max(time.monotonic() - first_s, LOOK_S)


def _said(server: Server) -> str:
    return server.running.last_words()
