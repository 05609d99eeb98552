"""The load generator: a process of its own, on a core of its own, that says what it cost itself.

Jobs come in as lines of JSON, reports go out as lines of JSON. Every request is signed when it is
sent, with the time of that moment, and tells of an event that no other request tells of. A job is
bounded in count and in time, and goes to loopback only: this is no tool against anybody.
"""

import asyncio
import ctypes
import gc
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import orjson
import uvloop
from pydantic import TypeAdapter

from tests.benchmarks import figures
from tests.benchmarks.events import told
from tests.benchmarks.load import ClosedLoop, Load, OpenLoop
from tests.benchmarks.processes import cpu_s
from tests.benchmarks.schedule import Schedule
from tests.benchmarks.wire import Connection, request
from tests.support import signers

HOST = "127.0.0.1"
COUNT_MAX = 2_000_000
SECONDS_MAX = 1200.0
# Answers that take longer than this after the last request are not waited for: the run has failed.
PATIENCE_S = 30.0
# Waking more often than this would cost the generator more than it would tell.
TICK_S = 0.000_1
LEAD_S = 0.02
SIGN = {"stripe": signers.stripe, "btcpay": signers.btcpay}


@dataclass(frozen=True, slots=True)
class Target:
    """A source: the path it is posted to, and how its provider signs."""

    path: str
    provider: str
    secret: str


@dataclass(frozen=True, slots=True)
class Job:
    """One run. `rate_per_s` 0 is a closed loop; `server_pid` is whose CPU is read."""

    port: int
    targets: Sequence[Target]
    connections: int
    seconds: float
    body_bytes: int
    server_pid: int
    rate_per_s: float = 0.0
    count_max: int = COUNT_MAX


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a job. `late_p99_ms`: by how much the generator missed its own schedule."""

    sent: int
    accepted: int
    failures: dict[str, int]
    elapsed_s: float
    latency: figures.Latency
    server_cpu_s: float
    generator_cpu_s: float
    late_p99_ms: float | None = None
    queued: int = 0

    @property
    def rate_per_s(self) -> float:
        """Answers a second."""
        return self.accepted / self.elapsed_s

    @property
    def cpu_us(self) -> float:
        """What one event cost the server."""
        return self.server_cpu_s / self.accepted * 1e6

    @property
    def generator_share(self) -> float:
        """How much of its core the generator needed: near 1 it measured itself."""
        return self.generator_cpu_s / self.elapsed_s


@dataclass(slots=True)
class _Ears:
    """Passes on what connections say to the load, once there is one."""

    load: Load | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def answered(self, connection: Connection, status: int, now_s: float) -> None:
        if self.load is not None:
            self.load.answered(connection, status, now_s)
            if self.load.done():
                self.over.set()

    def lost(self, connection: Connection) -> None:
        if self.load is not None and not self.over.is_set():
            self.load.lost(waiting=connection.waiting)
            self.over.set()


async def run(job: Job) -> Report:
    """Do one job."""
    _check(job)
    ears = _Ears()
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(lambda: Connection(ears), HOST, job.port))[1]
        for _ in range(job.connections)
    ]
    server_cpu_s, own_cpu_s = cpu_s(job.server_pid), time.process_time()
    begin = _begin_open if job.rate_per_s else _begin_closed
    with begin(job, ears, connections) as load:
        try:
            async with asyncio.timeout(job.seconds + PATIENCE_S):
                await ears.over.wait()
        except TimeoutError:
            ears.over.set()
    server_cpu_s, own_cpu_s = cpu_s(job.server_pid) - server_cpu_s, time.process_time() - own_cpu_s
    for connection in connections:
        connection.close()
    return _report(load, server_cpu_s, own_cpu_s)


@contextmanager
def _begin_closed(job: Job, ears: _Ears, connections: Sequence[Connection]) -> Iterator[Load]:
    until_s = time.perf_counter() + job.seconds
    load = ClosedLoop(_maker(job), until_s, job.count_max)
    ears.load = load
    load.begin(connections, time.perf_counter)
    yield load


@contextmanager
def _begin_open(job: Job, ears: _Ears, connections: Sequence[Connection]) -> Iterator[Load]:
    count = min(job.count_max, max(1, int(job.rate_per_s * job.seconds)))
    schedule = Schedule(time.perf_counter() + LEAD_S, job.rate_per_s, count)
    load = OpenLoop(_maker(job), schedule, connections)
    ears.load = load
    with ticking(max(TICK_S, 1 / job.rate_per_s), lambda: load.tick(time.perf_counter())):
        yield load


def _maker(job: Job) -> Callable[[], bytes]:
    """Return what writes the next request: another event, signed now."""
    targets = {target.provider: target for target in job.targets}
    keys = {target.provider: target.secret.encode() for target in job.targets}
    token = secrets.token_hex(6).encode()
    events = told(token, set(targets), job.body_bytes, _now_s)

    def make() -> bytes:
        event = next(events)
        signed = SIGN[event.provider](keys[event.provider], event.body, _now_s())
        return request(targets[event.provider].path, event.body, signed)

    return make


def _now_s() -> int:
    return int(time.time())


def _report(load: Load, server_cpu_s: float, generator_cpu_s: float) -> Report:
    tally = load.tally
    accepted = {status: n for status, n in tally.statuses.items() if 200 <= status < 300}
    failures = {str(status): n for status, n in tally.statuses.items() if status not in accepted}
    if tally.lost:
        failures["connection lost"] = tally.lost
    if load.outstanding:
        failures["not answered"] = load.outstanding
    late_s = figures.percentile(sorted(tally.late_s), 990)
    return Report(
        sent=tally.sent,
        accepted=sum(accepted.values()),
        failures=failures,
        elapsed_s=tally.last_s - tally.begin_s,
        latency=figures.latency(tally.latencies_s),
        server_cpu_s=server_cpu_s,
        generator_cpu_s=generator_cpu_s,
        late_p99_ms=None if late_s is None else late_s * 1000,
        queued=tally.queued,
    )


def _check(job: Job) -> None:
    if not 0 < job.seconds <= SECONDS_MAX or not 0 < job.count_max <= COUNT_MAX:
        raise ValueError(f"a job takes at most {SECONDS_MAX} s and {COUNT_MAX} requests")


@contextmanager
def ticking(every_s: float, tick: Callable[[], None]) -> Iterator[None]:
    """Call `tick` every so often, to some tens of microseconds.

    An event loop's own timers count in milliseconds: at 3,000 requests a second that would be three
    at a time. Linux' timer descriptors count in nanoseconds.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    timer = libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    if timer < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create failed: the open loop needs Linux")
    every_ns, lead_ns = int(every_s * 1e9), int(LEAD_S * 1e9)
    setting = (ctypes.c_long * 4)(0, every_ns, 0, lead_ns)
    libc.timerfd_settime(timer, 0, ctypes.byref(setting), None)
    loop = asyncio.get_running_loop()

    def fire() -> None:
        os.read(timer, 8)
        tick()

    loop.add_reader(timer, fire)
    try:
        yield
    finally:
        loop.remove_reader(timer)
        os.close(timer)


def main() -> None:
    """Do the jobs on standard input, one after the other."""
    # Nothing here is cyclic but the connections: a collection would only look like a slow server.
    gc.disable()
    jobs = TypeAdapter(Job)
    for line in sys.stdin.buffer:
        report = uvloop.run(run(jobs.validate_json(line)))
        sys.stdout.buffer.write(orjson.dumps(report) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
