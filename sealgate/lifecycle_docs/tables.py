"""Markdown: a table from rows of cells, and the anchor of a heading."""

from collections.abc import Iterable, Iterator, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table, and an empty one before and after it."""
    yield ""
    yield _line(head)
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield _line(row)
    yield ""


def _line(cells: Sequence[str]) -> str:
    # What separates cells must not stand in one.
    told = " | ".join(cell.replace("|", "\\|") for cell in cells)
    return f"| {told} |"


def sentence(text: str) -> str:
    """Return a text as a sentence: a capital letter, a full stop."""
    return text if not text else f"{text[0].upper()}{text[1:].removesuffix('.')}."
