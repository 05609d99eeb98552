"""How what is kept is told: rows under each other."""

from collections.abc import Sequence

Row = Sequence[str]


def table(rows: Sequence[Row]) -> list[str]:
    """Write rows under each other, every column as wide as it needs to be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
