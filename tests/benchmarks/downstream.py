"""The embedded log's disk and the consumers' databases, round by round."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.applying import Apply
from tests.benchmarks.done import Done
from tests.benchmarks.filling import Append, Fill, Publish
from tests.benchmarks.options import Options
from tests.benchmarks.processes import Colleague, Unsound
from tests.benchmarks.programs import PARTITIONS, Workshop
from tests.benchmarks.services import Absent, Postgres

ABREAST = (1, 64)
BATCHES = (50, 500)
LOG, JOURNAL = "embedded log", "journal"
SQLITE, POSTGRES = "SQLite", "PostgreSQL"


@dataclass(frozen=True, slots=True)
class Work:
    """One job that was sound."""

    what: str
    size: int
    round: int
    done: Done


def log_rates(clerk: Colleague, directory: Path, options: Options) -> list[Work]:
    """Find out how many records a second the disk confirms, to one caller and to many."""
    found = []
    for number in range(options.rounds):
        for abreast in ABREAST:
            at = directory / f"rate-{number}-{abreast}"
            log = Publish(f"embedded://{at}.db", abreast, options.seconds, options.body_bytes)
            journal = Append(str(at), abreast, options.seconds, options.body_bytes)
            for what, job in ((LOG, log), (JOURNAL, journal)):
                found.append(Work(what, abreast, number, _ask(clerk, job)))
    return found


def consumer_rates(
    clerk: Colleague, workshop: Workshop, postgres: Postgres | Absent, options: Options
) -> list[Work]:
    """Find out how many events a second the worker applies, on each database."""
    url = f"embedded://{workshop.directory / 'history.db'}"
    file = workshop.configure("history", url)
    _ask(clerk, Fill(str(file), url, options.blocks, options.body_bytes, PARTITIONS))
    stores = [SQLITE] if isinstance(postgres, Absent) else [SQLITE, POSTGRES]
    found = []
    for number in range(options.rounds):
        for batch in BATCHES:
            for what in stores:
                with _empty(what, workshop.directory, postgres) as store_url:
                    job = Apply(url, store_url, workshop.environment, options.blocks, batch)
                    found.append(Work(what, batch, number, _ask(clerk, job)))
    return found


@contextmanager
def _empty(what: str, directory: Path, postgres: Postgres | Absent) -> Iterator[str]:
    """Make a store with nothing in it, and throw it away."""
    if what == POSTGRES:
        assert isinstance(postgres, Postgres)
        with postgres.database() as url:
            yield url
        return
    path = directory / "store.db"
    yield f"sqlite://{path}"
    for file in directory.glob("store.db*"):
        file.unlink()


def _ask(clerk: Colleague, job: Append | Fill | Publish | Apply) -> Done:
    done = clerk.ask(job, Done)
    if done.wrong or not done.events:
        raise Unsound(f"{job.kind}: {'; '.join(done.wrong) or 'nothing was done'}")
    return done
