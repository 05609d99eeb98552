"""`python -m tests.benchmarks`: start everything, measure it in turn, count, report, clean up."""

import os
import secrets
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import NoReturn

from cyclopts import App

from tests.benchmarks import downstream, edge, machine, report, rotation, services
from tests.benchmarks.options import Options
from tests.benchmarks.processes import Colleague, Cores, Unsound, on
from tests.benchmarks.programs import EMBEDDED, KAFKA, Server, Workshop
from tests.benchmarks.report import Results, say
from tests.benchmarks.services import Absent

EXIT_FAILED = 1
app = App(
    name="python -m tests.benchmarks",
    help="Measure the edge beside bare aiohttp and what everybody writes; the log; the consumer.",
    version_flags=[],
)


@app.default
def bench(options: Options | None = None) -> int:
    """Measure, print the tables, and keep every run as JSON below var/bench."""
    # Key files that everybody can read are refused by the programs that are measured.
    os.umask(0o077)
    chosen = (options or Options()).chosen()
    cores = Cores.of(sorted(os.sched_getaffinity(0)))
    words = ["python -m tests.benchmarks", *map(shlex.quote, sys.argv[1:])]
    results = Results(" ".join(words), machine.describe(cores), chosen)
    company = machine.Company()
    try:
        with (
            _workspace(chosen.into) as directory,
            on(frozenset({cores.generator}) | cores.services),
        ):
            _measure(results, directory, cores)
    except Unsound as unsound:
        say(f"This run is not sound, and no figure of it counts: {unsound}")
        return EXIT_FAILED
    except services.Demanded as demanded:
        say(str(demanded))
        return EXIT_FAILED
    results.seconds = time.monotonic() - company.began_s
    results.others_share = company.share()
    sys.stdout.write(results.markdown())
    say(f"Every run by itself: {report.write_json(results, chosen.into)}")
    if chosen.markdown:
        report.write_page(results)
        say(f"Written into {report.PAGE}")
    return 0


def _measure(results: Results, directory: Path, cores: Cores) -> None:
    """Do the parts that were chosen, in an order in which none disturbs another."""
    chosen = results.options.only
    if "edge" in chosen or "keys" in chosen:
        _edges(results, directory, cores)
    if "rotation" in chosen:
        say("rotation")
        options = results.options
        place = directory / "rotation"
        place.mkdir(mode=0o700)
        results.rotation = rotation.rotate(place, cores, options.rotation_rate, options.rounds)
        rotation.check(results.rotation)
    if "log" in chosen or "consumer" in chosen:
        _downstream(results, directory, cores)


def _edges(results: Results, directory: Path, cores: Cores) -> None:
    """Measure the programs that listen: all run throughout, one at a time is loaded."""
    options = results.options
    workshop = Workshop.at(directory, cores.server)
    with ExitStack() as stack:
        kafka = stack.enter_context(services.kafka(directory / "kafka", cores.services))
        generator = stack.enter_context(Colleague("tests.benchmarks.generator", cores.generator))
        if isinstance(kafka, Absent):
            results.left_out.append(kafka.reason)
        servers = list(_started(stack, workshop, kafka))
        bench = edge.Bench(generator, options)
        say(f"warming {len(servers)} programs")
        bench.warm(servers)
        if "edge" in options.only:
            say("closed loop")
            results.runs += bench.closed(servers)
            say("open loop")
            most = report.capacity(results.runs, options.connections[0])
            results.runs += bench.opened(servers, most)
        if "keys" in options.only:
            say("keys")
            embedded = next(server for server in servers if server.name == EMBEDDED)
            results.runs += bench.rings(embedded, workshop)
        results.resident = edge.resident(servers)


def _started(
    stack: ExitStack, workshop: Workshop, kafka: services.Kafka | Absent
) -> Iterator[Server]:
    """Start the programs that can be, in the order of the tables."""
    embedded = partial(workshop.sealgate, EMBEDDED, workshop.embedded_url)
    makers: list[Callable[[], Server]] = [workshop.bare, embedded]
    if isinstance(kafka, services.Kafka):
        makers.insert(1, partial(workshop.everybody, kafka))
        makers.append(partial(workshop.sealgate, KAFKA, kafka.url))
    for make in makers:
        server = make()
        stack.callback(server.running.stop)
        yield server


def _downstream(results: Results, directory: Path, cores: Cores) -> None:
    """Measure the disk and the databases."""
    options = results.options
    with ExitStack() as stack:
        clerk = stack.enter_context(Colleague("tests.benchmarks.clerk", cores.server))
        if "log" in options.only:
            say("embedded log")
            results.log = downstream.log_rates(clerk, directory, options)
        if "consumer" in options.only:
            say("consumer")
            postgres = stack.enter_context(services.postgresql(cores.services))
            if isinstance(postgres, Absent):
                results.left_out.append(postgres.reason)
            workshop = Workshop.at(directory, cores.server)
            results.consumer = downstream.consumer_rates(clerk, workshop, postgres, options)


@contextmanager
def _workspace(into: Path) -> Iterator[Path]:
    """Make a directory on the checkout's own disk, as a gateway's would be, and remove it."""
    directory = into.absolute() / f"run-{secrets.token_hex(4)}"
    directory.mkdir(parents=True)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def _end(number: int, _: object) -> NoReturn:
    """Turn a signal into an exception, so that everything that was started is stopped."""
    sys.exit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    app()
