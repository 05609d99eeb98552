"""The audit chain as evidence: all of it hashed again, and every row of the tables held against it.

It is the very audit of `sealgate audit verify`, whole and without its bounds, as of one moment and
beside whatever runs. That takes 17 bytes of memory for each row that an entry names and, for some
millions of rows, minutes: so whoever waits is told how far it is.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from consumers.chainwalk import Report
from consumers.store.port import Store
from ingress.contract import cloudevents
from sealgate.audit.command import Checkpoints, audit, public_key, read_checkpoints
from sealgate.config import Configuration
from sealgate.evidence.claims import Finding
from sealgate.evidence.judging import finding

TELL_EVERY_S = 5.0
NAME = "audit-chain"
NO_CHECKPOINT = (
    "there is no checkpoint outside of the database: `sealgate audit init`, and run the monitor"
)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class History:
    """What the audit found, and what checkpoints proved."""

    report: Report
    checkpoints: Checkpoints
    unread: str = ""
    """Why checkpoints could not be looked at, where they could not."""

    @property
    def is_whole(self) -> bool:
        """Say whether chains and checkpoints are as they were written, whatever the tables say."""
        return not self.checkpoints.problems and all(one.table for one in self.report.problems)


@dataclass(slots=True)
class Progress:
    """Tells every few seconds how far an audit is, and nothing of one that is done before."""

    tell: Tell
    uptime: Callable[[], float] = time.monotonic
    told_s: float = field(default=-1.0)

    async def __call__(self, report: Report) -> None:
        """Say how far it is, if it is time to."""
        now_s = self.uptime()
        if self.told_s < 0:
            self.told_s = now_s
        if now_s - self.told_s < TELL_EVERY_S:
            return
        self.told_s = now_s
        rows = sum(report.rows.values())
        self.tell(
            f"audit chain: {report.entries:,} entries hashed, {rows:,} rows held against them"
        )


async def look(configuration: Configuration, store: Store, tell: Tell) -> History:
    """Audit all of it. Raises `StoreUnavailable`.

    A key or a directory that is not on this machine leaves the checkpoints out, and that is said.
    """
    found, unread = Checkpoints(), ""
    try:
        found = read_checkpoints(configuration, public_key(configuration))
    except (ValueError, OSError) as wrong:
        unread = f"the checkpoints could not be read here: {wrong}"
    environment = configuration.settings.environment
    report = await audit(store, environment, found, watch=Progress(tell))
    return History(report, found, unread)


def judge(history: History) -> Finding:
    """Say what it proves."""
    report, found = history.report, history.checkpoints
    wrong = [*found.problems, *(one.text for one in report.problems)]
    missing = "there is no entry yet: nothing was written" if not report.entries else ""
    if not found.sound:
        missing = missing or history.unread or NO_CHECKPOINT
    told = f"{wrong[0]}: docs/audit.md says what to do" if wrong else ""
    return finding(NAME, told, missing, _looked(history))


def _looked(history: History) -> Iterator[tuple[str, str]]:
    """Say how much was looked at: what sums it up first, for a list is cut at some length."""
    report, sound = history.report, history.checkpoints.sound
    before = sum(report.before.get(table, 0) for table in report.rows)
    yield "entries hashed again", str(report.entries)
    yield "rows held against them", str(sum(report.rows.values()))
    if before:
        yield "rows of before the chain began, vouched for by number alone", str(before)
    yield "problems", str(len(history.checkpoints.problems) + len(report.problems))
    at = f", the last of {cloudevents.timestamp(sound[-1].at_ms)}" if sound else ""
    yield "checkpoints that agree", f"{len(sound)}{at}"
    for table, count in report.rows.items():
        wrong = report.contradicted[table]
        yield f"table {table}", f"{count} rows" + (f", {wrong} contradicted" if wrong else "")
    for name, seq in report.heads.items():
        yield f"chain {name}", f"to entry {seq}"
