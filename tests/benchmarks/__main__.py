"""`python -m tests.benchmarks`: start everything, measure it in turn, count, report, clean up."""

import os
import secrets
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from cyclopts import App

from tests.benchmarks import bars, machine, report, sections, services
from tests.benchmarks.options import Options
from tests.benchmarks.processes import Cores, Unsound, on
from tests.benchmarks.report import say
from tests.benchmarks.results import Results

EXIT_FAILED = 1
EXIT_USAGE = 2
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
    if chosen.markdown and not chosen.is_whole:
        say("--markdown takes a whole run, without --quick and --only: run it so, or without it")
        return EXIT_USAGE
    cores = Cores.of(sorted(os.sched_getaffinity(0)))
    words = ["python -m tests.benchmarks", *map(shlex.quote, sys.argv[1:])]
    results = Results(" ".join(words), machine.describe(cores), chosen)
    company = machine.Company()
    try:
        with (
            _workspace(chosen.into) as directory,
            on(frozenset({cores.generator}) | cores.services),
        ):
            sections.measure(results, directory, cores)
    except Unsound as unsound:
        say(f"This run is not sound, and no figure of it counts: {unsound}")
        return EXIT_FAILED
    except services.Demanded as demanded:
        say(str(demanded))
        return EXIT_FAILED
    results.seconds = time.monotonic() - company.began_s
    results.others_share = company.share()
    results.bars = bars.judge(results)
    sys.stdout.write(report.markdown(results))
    say(f"Every run by itself: {report.write_json(results, chosen.into)}")
    if chosen.markdown:
        report.write_pages(results)
        say(f"Written into {', '.join(page.name for page in report.PAGES)}")
    return 0


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
