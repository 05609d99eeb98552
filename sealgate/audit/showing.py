"""What an audit found, as lines for people."""

from collections.abc import Iterator, Sequence

from consumers.chainwalk import Problem, Report
from consumers.store.auditing import Entry
from ingress.contract import cloudevents
from sealgate.audit.checkpoints import Checkpoint
from sealgate.plain import plain


def instant(ms: int) -> str:
    """Write an instant; one that no calendar has stays in milliseconds."""
    try:
        return cloudevents.timestamp(ms)
    except (OverflowError, ValueError):
        return f"{ms} ms"


def head(entry: Entry) -> str:
    """Write where a chain is."""
    name, seq, at_ms, _, hash_ = entry
    return f"{name:<48} {seq:>9}  {instant(at_ms)}  {hash_.hex()}"


def report(
    found: Report,
    sound: Sequence[Checkpoint],
    wrong: Sequence[str],
    begin: Checkpoint | None,
) -> Iterator[str]:
    """Write what was looked at, what is wrong, and what it comes to."""
    yield f"chains      {len(found.heads)}, {found.entries} entries hashed again"
    for name, seq in found.heads.items():
        yield f"  {name:<46} to entry {seq}"
    if sound:
        last = sound[-1]
        yield f"checkpoints {len(sound)}, the last is {last.number} of {instant(last.at_ms)}"
    if begin is not None:
        yield f"begun behind checkpoint {begin.number}: the tables were left out"
    for table, count in found.rows.items():
        before = found.before.get(table, 0)
        of_before = f", {before} of them from before the chain" if before else ""
        yield f"  {table:<46} {count} rows{of_before}"
    for remark in found.remarks:
        yield f"remark: {plain(remark)}"
    for text in wrong:
        yield f"WRONG {plain(text)}"
    for problem in found.problems:
        yield f"WRONG {_at(problem)}{plain(problem.text)}"
    yield from _verdict(found, wrong)


def _verdict(found: Report, wrong: Sequence[str]) -> Iterator[str]:
    count = len(found.problems) + len(wrong)
    if not count:
        yield "sound: nothing was changed behind the program's back, as far as this can tell"
        return
    first = found.first
    where = "" if first is None else f"; the first bad entry is {first.seq} of {first.chain}"
    yield f"{count} problems{where}: docs/audit.md says what to do"


def _at(problem: Problem) -> str:
    return "" if problem.seq is None else f"{problem.chain} entry {problem.seq}: "
