"""The parts of a run, in an order in which none disturbs another.

One broker, one generator and one clerk serve all that need them. Programs that are compared run
throughout, and one at a time is loaded; those that are looked at alone are started for it.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.benchmarks import committing, downstream, edge, kills, memory, outage, rotation, services
from tests.benchmarks.edge import Bench
from tests.benchmarks.options import LISTENING, Options, Section
from tests.benchmarks.processes import Colleague, Cores, on
from tests.benchmarks.programs import BARE, EMBEDDED, KAFKA, POLICIES, WORKERS, Server, Workshop
from tests.benchmarks.report import capacity, say
from tests.benchmarks.results import Results
from tests.benchmarks.services import Absent, Kafka
from tests.benchmarks.split import Means, split

ON_THE_LOG: frozenset[Section] = LISTENING | {"workers", "memory", "start", "commit"}


@dataclass(frozen=True, slots=True)
class Site:
    """What the parts of one run share."""

    results: Results
    workshop: Workshop
    kafka: Kafka | Absent
    bench: Bench
    clerk: Colleague

    @property
    def options(self) -> Options:
        """What was chosen."""
        return self.results.options

    @property
    def directory(self) -> Path:
        """Where everything of this run is."""
        return self.workshop.directory

    @property
    def cores(self) -> Cores:
        """Who runs where."""
        return self.workshop.cores

    def edge(self) -> Server:
        """Start an edge on Kafka, or on the embedded log where there is no Kafka."""
        if isinstance(self.kafka, Kafka):
            return self.workshop.sealgate(KAFKA, self.kafka.url)
        return self.workshop.sealgate(EMBEDDED, self.workshop.embedded_url)

    @property
    def log_url(self) -> str:
        """The log of `edge`."""
        if isinstance(self.kafka, Kafka):
            return self.kafka.url
        return self.workshop.embedded_url


def measure(results: Results, directory: Path, cores: Cores) -> None:
    """Do the parts that were chosen. Raises `Unsound` and `Demanded`."""
    chosen = results.options.only
    with ExitStack() as stack:
        generator = stack.enter_context(Colleague("tests.benchmarks.generator", cores.generator))
        clerk = stack.enter_context(Colleague("tests.benchmarks.clerk", cores.server))
        workshop, bench = Workshop.at(directory, cores), Bench(generator, results.options)
        with ExitStack() as inner:
            kafka: Kafka | Absent = Absent("no part that was chosen needs Kafka")
            if not ON_THE_LOG.isdisjoint(chosen):
                kafka = inner.enter_context(services.kafka(directory / "kafka", cores.services))
                if isinstance(kafka, Absent):
                    results.left_out.append(kafka.reason)
            site = Site(results, workshop, kafka, bench, clerk)
            if not LISTENING.isdisjoint(chosen):
                _listening(site)
            _do(site, {"workers": _workers, "memory": _memory})
            _do(site, {"start": _starts, "commit": _commits})
        _do(site, {"outage": _outages, "rotation": _rotation, "log": _log})
        _do(site, {"consumer": _consumer, "kills": _kills})


def _do(site: Site, parts: dict[Section, Callable[[Site], None]]) -> None:
    for name, part in parts.items():
        if name in site.options.only:
            say(name)
            part(site)


def _listening(site: Site) -> None:
    """Measure the programs that are compared."""
    results, options, bench = site.results, site.options, site.bench
    with ExitStack() as stack:
        servers = list(_started(stack, site))
        by_name = {server.name: server for server in servers}
        own = by_name.get(KAFKA) or by_name[EMBEDDED]
        say(f"warming {len(servers)} programs")
        bench.warm(servers)
        if "edge" in options.only:
            say("closed loop")
            results.runs += bench.closed(servers)
            say("open loop")
            most = capacity(results.runs, options.connections[0])
            results.runs += bench.opened(servers, most)
        if "keys" in options.only:
            say("keys")
            results.runs += bench.rings(own, site.workshop)
        pair = [by_name[BARE], own]
        if "sizes" in options.only:
            say("sizes")
            results.runs += bench.sizes(pair)
        if "split" in options.only:
            say("split")
            _split(site, pair)
        if "policies" in options.only and isinstance(site.kafka, Kafka):
            say("policies")
            _policies(site, own)
        results.resident = edge.resident(servers)


def _started(stack: ExitStack, site: Site) -> Iterator[Server]:
    """Start the programs that can be, in the order of the tables."""
    workshop, kafka = site.workshop, site.kafka
    embedded = partial(workshop.sealgate, EMBEDDED, workshop.embedded_url)
    makers: list[Callable[[], Server]] = [workshop.bare, embedded]
    if isinstance(kafka, Kafka):
        makers.insert(1, partial(workshop.everybody, kafka))
        makers.append(partial(workshop.sealgate, KAFKA, kafka.url))
    for make in makers:
        yield _kept(stack, make())


def _kept(stack: ExitStack, server: Server) -> Server:
    stack.callback(server.running.stop)
    return server


def _split(site: Site, pair: list[Server]) -> None:
    with Colleague("tests.benchmarks.parts", site.cores.server) as parts:
        file = site.workshop.configure("parts", site.log_url)
        means = Means(parts, site.clerk, site.bench, file, site.log_url)
        site.results.split = split(means, pair)


def _policies(site: Site, journal: Server) -> None:
    """Compare the policies of the journal, with Kafka there."""
    assert isinstance(site.kafka, Kafka)
    with ExitStack() as stack:
        made = {
            policy: _kept(stack, site.workshop.sealgate(policy, site.kafka.url, policy))
            for policy in POLICIES
        }
        site.bench.warm(made.values())
        refuse, always = made.values()
        site.results.runs += site.bench.beside([refuse, journal, always], "policy")


def _workers(site: Site) -> None:
    """Compare one worker with two."""
    if isinstance(site.kafka, Absent):
        return
    with ExitStack() as stack:
        url = site.kafka.url
        servers = [_kept(stack, site.workshop.workers(url, number)) for number in WORKERS]
        site.bench.warm(servers)
        site.results.runs += site.bench.beside(servers, "workers")


def _memory(site: Site) -> None:
    with ExitStack() as stack:
        server = _kept(stack, site.edge())
        site.bench.warm([server])
        site.results.memory = memory.soak(site.bench, server)


def _starts(site: Site) -> None:
    workshop, kafka = site.workshop, site.kafka
    for _ in range(site.options.starts):
        names = {EMBEDDED: workshop.embedded_url}
        if isinstance(kafka, Kafka):
            names[KAFKA] = kafka.url
        for name, url in names.items():
            server = workshop.sealgate(name, url)
            site.results.starts += edge.resident([server])
            server.running.stop()


def _commits(site: Site) -> None:
    if isinstance(site.kafka, Absent):
        return
    with services.postgresql(site.cores.services) as postgres:
        if isinstance(postgres, Absent):
            site.results.left_out.append(postgres.reason)
            return
        workshop = Workshop.at(_place(site, "commit"), site.cores)
        with postgres.database() as url:
            measured = committing.measure(site.bench, workshop, site.kafka.url, url)
            site.results.commits = measured


def _outages(site: Site) -> None:
    with services.fragile(_place(site, "outage"), site.cores.services) as kafka:
        if isinstance(kafka, Absent):
            site.results.left_out.append(kafka.reason)
            return
        workshop = Workshop.at(_place(site, "outage-edge"), site.cores)
        with ExitStack() as stack:
            server = _kept(stack, workshop.sealgate(KAFKA, kafka.url))
            site.bench.warm([server])
            site.results.outages = outage.outages(site.bench, server, kafka)


def _rotation(site: Site) -> None:
    options = site.options
    place = _place(site, "rotation")
    rotated = rotation.rotate(place, site.cores, options.rotation_rate, options.rounds)
    site.results.rotation = rotated
    rotation.check(rotated)


def _log(site: Site) -> None:
    site.results.log = downstream.log_rates(site.clerk, _place(site, "log"), site.options)


def _consumer(site: Site) -> None:
    with services.postgresql(site.cores.services) as postgres:
        if isinstance(postgres, Absent):
            site.results.left_out.append(postgres.reason)
        found = downstream.consumer_rates(site.clerk, site.workshop, postgres, site.options)
        site.results.consumer = found


def _kills(site: Site) -> None:
    # A whole gateway, a broker and the world: nothing of it is measured by itself.
    with on(site.cores.every):
        found = kills.kill(_place(site, "kills"), site.options.kills)
    if isinstance(found, Absent):
        site.results.left_out.append(found.reason)
    else:
        site.results.kills = found


def _place(site: Site, name: str) -> Path:
    """Make a directory for one part."""
    made = site.directory / name
    made.mkdir(mode=0o700)
    return made
