"""The edge beside what it is built on and beside what everybody writes, round by round.

First a closed loop finds out what each program can do, then an open loop how long answers take at
the same rate for all and at shares of what each can do. After every run the log is counted: one
record too few is an acknowledged event lost, one too many an event nobody was told of.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tests.benchmarks.generator import Job, Report
from tests.benchmarks.options import Options
from tests.benchmarks.processes import Colleague, Unsound, cpu_s, resident_mib
from tests.benchmarks.programs import BARE, RINGS, Server, Workshop

WARM_S = 1.5
COUNT_MAX = 400_000
# What the bodies of one run take together: a disk and a broker's memory are not what is measured.
BYTES_MAX = 512 * 1_048_576
# A ring's cost is a fraction of the noise of one run, so its runs are short, many and paired.
TURNS_PER_ROUND = 4


@dataclass(frozen=True, slots=True)
class Run:
    """One run that was sound. `load` says which kind it was, and orders the tables."""

    program: str
    load: str
    round: int
    report: Report
    records: int | None


@dataclass(frozen=True, slots=True)
class Resident:
    """What a program took to start, and holds when all is over."""

    program: str
    ready_s: float
    memory_mib: float


def measure(generator: Colleague, server: Server, job: Job, load: str, number: int) -> Run:
    """Do one run. Raises `Unsound` where it must not be believed."""
    before = server.records()
    report = generator.ask(job, Report)
    after = server.records()
    server.running.check()
    records = None if before is None or after is None else after - before
    run = Run(server.name, load, number, report, records)
    try:
        check(run)
    except Unsound as unsound:
        raise Unsound(f"{unsound}; it said: {server.running.last_words()}") from None
    return run


def check(run: Run) -> None:
    """Raise `Unsound` unless every request got a 2xx and every 2xx is one record on the log."""
    report = run.report
    name = f"{run.program}, {run.load}"
    if report.failures or report.accepted != report.sent or not report.sent:
        raise Unsound(
            f"{name}: {report.accepted} of {report.sent} requests got a 2xx,"
            f" beside {report.failures or 'nothing'}"
        )
    if run.records is not None and run.records != report.accepted:
        raise Unsound(
            f"{name}: {report.accepted} requests got a 2xx, but the log has {run.records} records"
            " of them"
        )


@dataclass(frozen=True, slots=True)
class Bench:
    """The servers, the generator, and how to use them."""

    generator: Colleague
    options: Options

    def warm(self, servers: Iterable[Server]) -> None:
        """Load every program once and forget the figures: a cold broker spoils its first minute."""
        seconds = min(WARM_S, 2 * self.options.seconds)
        for server in servers:
            job = replace(self._job(server), seconds=seconds)
            measure(self.generator, server, job, "warming", 0)

    def closed(self, servers: Sequence[Server]) -> list[Run]:
        """Find out what each program can do."""
        return [
            measure(self.generator, server, self._job(server, count), f"closed {count}", number)
            for count in self.options.connections
            for number in range(self.options.rounds)
            for server in servers
        ]

    def opened(self, servers: Sequence[Server], capacity: Mapping[str, float]) -> list[Run]:
        """Find out how long answers take."""
        loads = [(f"open {self.options.rate:.0f}/s", dict.fromkeys(capacity, self.options.rate))]
        # A share of what promises nothing tells nothing.
        kept = {name: most for name, most in capacity.items() if name != BARE}
        loads += [
            (f"open {share} %", {name: most * share / 100 for name, most in kept.items()})
            for share in self.options.shares
        ]
        return [
            measure(
                self.generator,
                server,
                replace(self._job(server), rate_per_s=rates[server.name]),
                load,
                number,
            )
            for load, rates in loads
            for number in range(self.options.rounds)
            for server in servers
            if server.name in rates
        ]

    def rings(self, server: Server, workshop: Workshop) -> list[Run]:
        """Load one edge through sources of one, two and three keys, the last of which fits.

        Each turn has all three, in another order than the turn before: whoever comes first, or
        after whom, gains nothing by it.
        """
        seconds = self.options.seconds / 2
        found = []
        for number in range(self.options.rounds * TURNS_PER_ROUND):
            for keys in (RINGS, RINGS[::-1])[number % 2]:
                targets = [workshop.ring(keys)]
                job = replace(self._job(server), targets=targets, seconds=seconds)
                found.append(measure(self.generator, server, job, f"keys {keys}", number))
        return found

    def sizes(self, servers: Sequence[Server]) -> list[Run]:
        """Load with small and large bodies; of BTCPay alone, whose events are the smallest."""
        found = []
        for size in self.options.sizes:
            for number in range(self.options.rounds):
                for server in servers:
                    own = [target for target in server.targets if target.provider == "btcpay"]
                    job = replace(self._job(server), targets=own, body_bytes=size)
                    job = replace(job, count_max=min(COUNT_MAX, BYTES_MAX // size))
                    found.append(measure(self.generator, server, job, f"size {size}", number))
        return found

    def beside(self, servers: Sequence[Server], what: str) -> list[Run]:
        """Load programs that differ in one thing; what they do after the answer counts, too."""
        found = []
        for number in range(self.options.rounds):
            for server in servers:
                began_s = cpu_s(server.running.pid)
                run = measure(self.generator, server, self._job(server), what, number)
                spent_s = cpu_s(server.running.pid) - began_s
                found.append(replace(run, report=replace(run.report, server_cpu_s=spent_s)))
        return found

    def loaded(self, server: Server, seconds: float, rate_per_s: float = 0.0) -> Report:
        """Load a program, and leave it to the caller to count."""
        job = replace(self._job(server), seconds=seconds, rate_per_s=rate_per_s)
        return self.generator.ask(job, Report)

    def whole(self, server: Server) -> Run:
        """Load one program as in the closed loop, for whoever splits its cost."""
        return measure(self.generator, server, self._job(server), "whole", 0)

    def at_once(self, server: Server, connections: int, rate_per_s: float, seconds: float) -> Run:
        """Load one program over many connections for a while."""
        job = replace(self._job(server, connections), rate_per_s=rate_per_s, seconds=seconds)
        count = replace(job, count_max=int(rate_per_s * seconds) + 1)
        return measure(self.generator, server, count, f"held {connections}", 0)

    def _job(self, server: Server, connections: int | None = None) -> Job:
        options = self.options
        return Job(
            port=server.port,
            targets=server.targets,
            connections=connections or options.connections[0],
            seconds=options.seconds,
            body_bytes=options.body_bytes,
            server_pid=server.running.pid,
            count_max=COUNT_MAX,
        )


def resident(servers: Iterable[Server]) -> list[Resident]:
    """Read what the programs hold, while they still run."""
    return [Resident(s.name, s.ready_s, resident_mib(s.running.pid)) for s in servers]
