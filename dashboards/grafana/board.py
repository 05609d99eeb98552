"""What a board is: rows of panels, each with its queries and the sentences that explain it.

The tables in ``tables`` flow in, and flow out to `build` (Grafana's JSON) and to `drawing` (a
picture). Two rules make a panel worth its place at night: it says what good looks like, and it
names the runbook for when it does not look so.

An expression is PromQL with one shorthand: ``{@`` stands for the board's own matchers, so that no
query can forget the environment. A key that nobody knows is a mistake in a table, and an error.
"""

import tomllib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from consumers.exceptions import HANDLING
from dashboards.prometheus import thresholds
from dashboards.prometheus.alert import RUNBOOKS

TABLES = Path(__file__).parent / "tables"
BOARDS = ("edge", "provider", "consumers", "payments", "slo")
"""In the order in which they are asked at night: from the money that comes to what is promised."""
GRID = 24
"""How wide Grafana's grid is."""
VOCABULARIES: Mapping[str, Mapping[str, str]] = {
    "exceptions": {code.value: handling.raised_when for code, handling in HANDLING.items()},
}
"""What the values of a column mean, in the words of the code that makes them."""
_SHORTHAND = "{@"


class Kind(StrEnum):
    """How a panel shows what it asks."""

    STAT = "stat"
    """One number now, large, coloured by its thresholds."""
    SERIES = "timeseries"
    """Lines over time."""
    STACK = "stack"
    """Areas over time, one on the other: parts of a whole."""
    BARS = "bargauge"
    """A bar for each series now."""
    TABLE = "table"
    """Rows by labels, and a column for each query."""


class _Read(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Query(_Read):
    """One expression. `name` is its legend, with labels in ``{{}}``; in a table, its column.

    `unit` is that of a column where it is not the panel's.
    """

    expr: str
    name: str
    unit: str = ""


class Panel(_Read):
    """One picture: `tells` says what is seen, `good` how it looks when all is well.

    The colour is `base`, and from each value of `above` on another one; a value may be the name of
    a number that alerts have. `words` are shown, in a colour, for numbers that mean something. In a
    table, `columns` name the labels that are shown, and `vocabulary` what explains the values of a
    column. `empty` is shown where nothing is found and that is an answer.
    """

    title: str
    kind: Kind
    unit: str
    tells: str
    good: str
    runbook: str
    ask: tuple[Query, ...] = Field(min_length=1)
    base: str = ""
    above: Mapping[str, float] = {}
    words: Mapping[str, tuple[str, str]] = {}
    columns: Mapping[str, str] = {}
    vocabulary: Mapping[str, str] = {}
    empty: str = ""
    width: int = Field(default=8, ge=1, le=GRID)
    height: int = Field(default=8, ge=3)

    @field_validator("above", mode="before")
    @classmethod
    def _of_alerts(cls, above: Mapping[str, float | str]) -> Mapping[str, float]:
        """Take the number of an alert by its name: a panel turns red where somebody is called."""
        for value in above.values():
            if isinstance(value, str) and value not in thresholds.TABLE:
                raise ValueError(f"{value} is no name in dashboards/prometheus/thresholds.py")
        return {
            colour: float(thresholds.TABLE[value].said if isinstance(value, str) else value)
            for colour, value in above.items()
        }

    @property
    def steps(self) -> Iterator[tuple[float | None, str]]:
        """Give the colours in their order; the first needs no value."""
        yield None, self.base or ("green" if self.above else "blue")
        for colour, value in sorted(self.above.items(), key=lambda step: step[1]):
            yield value, colour

    @property
    def help(self) -> str:
        """Say where it is written what to do."""
        return RUNBOOKS + self.runbook

    @property
    def description(self) -> str:
        """Write the text behind the panel's ``i``."""
        return f"{self.tells}\n\nGood: {self.good}\n\nIf not: [{self.runbook}]({self.help})"


class Row(_Read):
    """Panels that answer one question, which is the row's title."""

    title: str
    panel: tuple[Panel, ...]
    folded: bool = False


class Variable(_Read):
    """A choice at the top of a board: the values of a label on a metric, all of them at first."""

    name: str
    title: str
    metric: str
    hidden: bool = False


class Board(_Read):
    """One board. `matchers` is what ``@`` stands for in its expressions."""

    uid: str
    title: str
    tells: str
    matchers: str
    since: str = "now-6h"
    variables: tuple[Variable, ...]
    row: tuple[Row, ...]

    def expression(self, query: Query) -> str:
        """Write a query as Prometheus takes it, but for the variables."""
        return query.expr.replace(_SHORTHAND, "{" + self.matchers)

    def panels(self) -> Iterator[Panel]:
        """Give all panels, row by row."""
        for row in self.row:
            yield from row.panel


@cache
def read(name: str) -> Board:
    """Read one of `BOARDS`. Raises `ValidationError` for a mistake in its table."""
    text = (TABLES / f"{name}.toml").read_text(encoding="utf-8")
    return Board.model_validate(tomllib.loads(text))
