"""Hold what the tables prove against what the audit chain says of their rows. Pure.

A count is as good as the rows that were counted: an exceptions table that somebody emptied has no
severe exception open. So each claim names the tables whose rows prove it, and where the chain says
other things of one of these, what looked proven is contradicted. Where a chain itself was changed,
nothing vouches for any row, and nothing that rests on rows is proven.

What was open for another reason stays so, with its reason: the chain is told beside it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from consumers.store.proving import GROUPS_MAX
from sealgate.evidence.claims import NAMED, Finding, Verdict

LOOK = "`sealgate audit verify` says which"
BROKEN = "the audit chain that vouches for its rows is not whole: see audit-chain"


def vouched(
    findings: Sequence[Finding], contradicted: Mapping[str, int], *, is_whole: bool
) -> list[Finding]:
    """Take from each finding what the chain does not bear out.

    `contradicted` are the tables that say other things than entries do, with about how many rows;
    `is_whole` says whether the chains themselves are as they were written.
    """
    return [_weighed(one, contradicted, is_whole=is_whole) for one in findings]


def counted(one: Finding, groups: Sequence[object]) -> Finding:
    """Take the proof from a finding whose groups were too many to be counted all."""
    if len(groups) < GROUPS_MAX or one.verdict is not Verdict.PROVEN:
        return one
    why = f"only the first {GROUPS_MAX:,} groups of its rows were counted; the others nobody saw"
    return replace(one, verdict=Verdict.NOT_YET, why=why)


def _weighed(one: Finding, contradicted: Mapping[str, int], *, is_whole: bool) -> Finding:
    tables = NAMED[one.name].tables
    wrong = {table: contradicted[table] for table in tables if contradicted.get(table)}
    if wrong:
        said = ", ".join(f"{count} of {table}" for table, count in wrong.items())
        told = f"rows that are not as the audit chain says: {said}; {LOOK}"
        is_proven = one.verdict is Verdict.PROVEN
        verdict = Verdict.FAILED if is_proven else one.verdict
        looked = (*one.looked_at, ("rows that are not as the audit chain says", said))
        why = told if is_proven else f"{one.why}; besides, {told}"
        return replace(one, verdict=verdict, looked_at=looked, why=why)
    if tables and not is_whole and one.verdict is Verdict.PROVEN:
        return replace(one, verdict=Verdict.NOT_YET, why=BROKEN)
    return one
