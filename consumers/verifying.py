"""Verify chains and tables day by day, a piece at a time, beside all else that a process does.

A round walks along every chain from where the last one ended to its head, and the first round of a
Sunday along all of it. It is read in pieces of some entries, each as of a moment of its own, and
rests after every few milliseconds of work: nobody waits for it, and no old state of the database is
held on to. Entries never change, so pieces of several moments are as good as one. What is wrong
becomes the exception CHAIN_INTEGRITY of that chain, in a transaction of its own.

Then the rows of the tables are held against the chains, as `sealgate audit verify` does. That takes
some bytes for each row and one moment for all of them: workers write on meanwhile, but on SQLite
the write-ahead log grows until it ends. So it is bounded both in memory and in time. Where a bound
is met nothing is said of the tables, and how long ago they were verified stands in a metric: from
then on it is for the command.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from consumers.audit import Audit, TooMuch, root_of
from consumers.chainwalk import Anchor, Problem, Report, Walk
from consumers.exceptions import Code
from consumers.moving import anomaly
from consumers.store import chain
from consumers.store.port import Changes, Store
from ingress import telemetry

# A piece: some 100 kB each where batches are full, and a transaction of some ten milliseconds.
PIECE_ENTRIES = 100
# So long others wait at most; then they have four times as long.
STEP_S = 0.005
REST = 4.0
DETAIL = "sealgate audit verify, and docs/audit.md, say more"
# Of some three million rows, such as half a million events have.
MEMORY_MAX_BYTES = 50_000_000
MOMENT_MAX_S = 600.0
KEY_BYTES = 16
# What is wrong with rows that no entry names has no chain.
TABLES = "tables"


@dataclass(slots=True)
class Pace:
    """Rests after every few milliseconds of work, until there is no time left for all of it."""

    begun_s: float
    until_s: float
    uptime: Callable[[], float] = time.monotonic
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def __call__(self) -> None:
        """Rest, if it is time to. Raises `TooMuch`."""
        now_s = self.uptime()
        if now_s >= self.until_s:
            raise TooMuch
        if now_s - self.begun_s >= STEP_S:
            await self.rest(REST * (now_s - self.begun_s))
            self.begun_s = self.uptime()


@dataclass(slots=True)
class Verifying:
    """Remembers of every chain up to where it was found sound."""

    store: Store
    environment: str
    clock: Callable[[], int]
    piece_entries: int = PIECE_ENTRIES
    memory_max_bytes: int = MEMORY_MAX_BYTES
    moment_max_s: float = MOMENT_MAX_S
    known: dict[str, Anchor] = field(default_factory=dict)

    async def round(
        self, anchors: Sequence[Anchor], others: Sequence[Problem] = (), *, is_whole: bool
    ) -> Report:
        """Verify every chain, and raise what is wrong. Raises `StoreUnavailable`.

        `anchors` are what somebody outside of the database saw. Where nothing is known of a chain
        yet the last of them is where it begins. `others` were found wrong elsewhere.
        """
        report = Report(problems=[*others])
        async with self.store.auditing() as moment:
            heads = {head.chain: head.seq for head in await moment.heads()}
            root = await root_of(moment)
        seen = {one.chain for one in anchors} | self.known.keys()
        for name in [chain.OPERATOR, *sorted((heads.keys() | seen) - {chain.OPERATOR})]:
            told = [one for one in anchors if one.chain == name]
            begin = None if is_whole else self._begin(name, told)
            if begin is None:
                walk = Walk(name, self.environment, report, self._vouched(name, told))
                walk.hash = chain.NOTHING if name == chain.OPERATOR else root
            else:
                walk = Walk.behind(begin, self.environment, report, told)
            await self._walk(walk, heads.get(name, -1))
        await self._raise(report.problems)
        return report

    async def tables(self, anchors: Sequence[Anchor], told: Report) -> Report | None:
        """Hold every row against the chains, and raise what is wrong and was not `told` before.

        None where there is more than the bounds have room for. Raises `StoreUnavailable`.
        """
        begun_s = time.monotonic()
        pace = Pace(begun_s, begun_s + self.moment_max_s)
        seen = (*anchors, *self.known.values())
        try:
            async with self.store.auditing() as moment:
                report = await Audit(
                    moment,
                    self.environment,
                    secrets.token_bytes(KEY_BYTES),
                    seen,
                    pace=pace,
                    memory_max_bytes=self.memory_max_bytes,
                ).run()
        except TooMuch:
            return None
        report.problems = [one for one in report.problems if one not in told.problems]
        await self._raise(report.problems)
        return report

    def _begin(self, name: str, told: Sequence[Anchor]) -> Anchor | None:
        """Return the entry to begin at; None where a chain is to be walked along as a whole."""
        return self.known.get(name) or max(told, key=lambda one: one.seq, default=None)

    def _vouched(self, name: str, told: Sequence[Anchor]) -> Sequence[Anchor]:
        """Return what a whole walk is held against: what we saw ourselves, too."""
        known = self.known.get(name)
        return told if known is None else (*told, known)

    async def _walk(self, walk: Walk, head: int) -> None:
        """Take the entries up to one of a number, piece by piece."""
        while walk.seq < head:
            before = walk.seq
            await self._piece(walk, head)
            if walk.seq == before:
                break
        walk.end()
        if walk.seq >= 0 and walk.hash is not None:
            self.known[walk.name] = Anchor("this process", walk.name, walk.seq, walk.hash)

    async def _piece(self, walk: Walk, head: int) -> None:
        """Take some entries as of one moment, and rest."""
        until = min(head, walk.seq + self.piece_entries)
        begun_s = time.monotonic()
        async with self.store.auditing() as moment:
            async for entry in moment.entries(walk.name, walk.seq):
                walk.take(entry)
                if entry.seq >= until:
                    break
                worked_s = time.monotonic() - begun_s
                if worked_s >= STEP_S:
                    await asyncio.sleep(REST * worked_s)
                    begun_s = time.monotonic()
        await asyncio.sleep(REST * (time.monotonic() - begun_s))

    async def _raise(self, problems: Sequence[Problem]) -> None:
        """Raise one exception for each chain in which something is wrong, and one for tables."""
        if not problems:
            return
        found: dict[str, list[Problem]] = {}
        for problem in problems:
            found.setdefault(problem.chain or TABLES, []).append(problem)
        now_ms = self.clock()
        raised = [
            anomaly(Code.CHAIN_INTEGRITY, name, _evidence(told), None, now_ms)
            for name, told in found.items()
        ]
        async with self.store.transaction() as tx:
            await tx.save(Changes(anomalies=raised))
        for problem in problems:
            # Rows hold addresses and references: those are for the exception, and not for logs.
            reason = problem.text.partition(": [")[0]
            telemetry.logger("audit").error(
                "chain_wrong", chain=problem.chain or TABLES, entry=problem.seq, reason=reason
            )


def _evidence(told: Sequence[Problem]) -> str:
    """Say what is wrong first, and how much more there is."""
    first = min(told, key=lambda one: -1 if one.seq is None else one.seq)
    entry = "" if first.seq is None else f"entry {first.seq}: "
    more = f"; and {len(told) - 1} more" if len(told) > 1 else ""
    return f"{entry}{first.text}{more}; {DETAIL}"
