"""How what is kept is told: texts that a stranger may have chosen, made harmless to a terminal."""

from collections.abc import Sequence

Row = Sequence[str]


def plain(text: str) -> str:
    """Escape what a terminal would take for a command, or would show in another order."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def table(rows: Sequence[Row]) -> list[str]:
    """Write rows under each other, every column as wide as it needs to be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
