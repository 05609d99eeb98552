"""Write the tables of docs/evidence.md: ``python -m sealgate.evidence.page docs/evidence.md``.

The page is prose with one part between two marks, which is made of `claims` and `controls`; what
stands around it is left as it is.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from sealgate.evidence import history
from sealgate.evidence.claims import CLAIMS, NAMED, Claim, Proof, Section
from sealgate.evidence.controls import CONTROLS
from sealgate.evidence.paper import PROOFS, TITLES

BEGIN, END = "<!-- generated: begin -->", "<!-- generated: end -->"


def page(before: str) -> str:
    """Return the page with its tables written anew. Raises `ValueError` where the marks are not."""
    head, _, rest = before.partition(BEGIN)
    _, mark, tail = rest.partition(END)
    if not mark:
        raise ValueError(f"the page needs the marks {BEGIN} and {END}")
    return "\n".join([f"{head}{BEGIN}", "", *tables(), "", f"{END}{tail}"])


def tables() -> Iterator[str]:
    """Write what is claimed, and the matrix."""
    yield "### What is claimed"
    for number, section in enumerate(Section, 1):
        yield from ("", f"**{number}. {TITLES[section]}**", "")
        yield "| claim | says | proof | how | rows of, held against the audit chain |"
        yield "| --- | --- | --- | --- | --- |"
        for claim in CLAIMS:
            if claim.section is section:
                told = (f"`{claim.name}`", claim.says, PROOFS[claim.proof], claim.how, _rows(claim))
                yield f"| {' | '.join(told)} |"
    yield from ("", "### The control matrix", "")
    yield "| control | keeps | holds that | tests | evidence |"
    yield "| --- | --- | --- | --- | --- |"
    for control in CONTROLS:
        shown = [f"`{name}` ({_number(name)})" for name in control.claims]
        cells = (
            control.name,
            ", ".join(control.promises),
            control.says,
            "<br>".join(f"`{test}`" for test in control.tests),
            "<br>".join(shown) or "its tests alone",
        )
        yield f"| {' | '.join(cells)} |"


def _rows(claim: Claim) -> str:
    """Name the tables of whose rows a claim is proven."""
    if claim.name == history.NAME:
        return "every table"
    named = ", ".join(f"`{table}`" for table in claim.tables)
    return named or ("none: the log" if claim.proof is Proof.RECORDS else "none")


def _number(claim: str) -> int:
    """Return the number of a claim's section."""
    return list(Section).index(NAMED[claim].section) + 1


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(page(path.read_text("utf-8")), encoding="utf-8")
