"""Draw panels with what Prometheus answered, so that they can be seen where no Grafana is.

Panels of the boards flow in, each with the answers to its own expressions, and one picture flows
out. It is laid on the grid of the boards and in Grafana's colours; nothing in it is made up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import isfinite
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from dashboards.grafana.board import GRID, VOCABULARIES, Kind, Panel, Query
from dashboards.grafana.written import NOTHING, written

PAGE, CARD, EDGE, TEXT, DIM = "#111217", "#181b1f", "#2c3235", "#d8d9da", "#8e8e8e"
COLOURS = {
    "green": "#73bf69",
    "yellow": "#f2cc0c",
    "orange": "#ff9830",
    "red": "#f2495c",
    "blue": "#5794f2",
}
PALETTE = (
    *("#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9"),
    *("#8ab8ff", "#96d98d", "#ffcb7d", "#fade2a", "#ca95e5"),
)
UNIT_PX, LINE_PX, MARGIN_PX, HEAD_PX = 66, 34, 8, 30
DPI = 100
LEGEND_MAX = 8
CELL_CHARS = 62
LEGEND_CHARS, LEGEND_COLUMNS = 13, 4


class Line(NamedTuple):
    """One series: its labels, and its values at seconds."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]

    @property
    def last(self) -> float:
        """The latest value."""
        return self.points[-1][1]


@dataclass(frozen=True, slots=True)
class Shown:
    """A panel, where it lies in cells of the grid, and what came back for each of its queries."""

    panel: Panel
    answers: Sequence[Sequence[Line]]
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Heading:
    """The title of a row."""

    text: str
    y: int


def draw(shown: Sequence[Shown], headings: Sequence[Heading]) -> bytes:
    """Draw everything into one PNG."""
    wide_px = GRID * UNIT_PX
    high_px = max(one.y + one.height for one in shown) * LINE_PX + MARGIN_PX
    figure = Figure(figsize=(wide_px / DPI, high_px / DPI), dpi=DPI, facecolor=PAGE)
    FigureCanvasAgg(figure)
    for heading in headings:
        down = 1 - (heading.y + 0.62) * LINE_PX / high_px
        figure.text(MARGIN_PX / wide_px, down, heading.text, color=TEXT, fontsize=11, va="center")
    for one in shown:
        axes = _card(figure, one, wide_px, high_px)
        _DRAWN[one.panel.kind](axes, one)
    made = BytesIO()
    figure.savefig(made, format="png", facecolor=PAGE, metadata={"Software": None})
    return made.getvalue()


def _card(figure: Figure, one: Shown, wide_px: int, high_px: int) -> Axes:
    """Lay the panel's card with its title, and return where its inside is drawn."""
    left, top = one.x * UNIT_PX + MARGIN_PX / 2, one.y * LINE_PX + MARGIN_PX / 2
    wide, high = one.width * UNIT_PX - MARGIN_PX, one.height * LINE_PX - MARGIN_PX
    card = figure.add_axes(
        (left / wide_px, 1 - (top + high) / high_px, wide / wide_px, high / high_px)
    )
    card.set_facecolor(CARD)
    card.set_xticks([])
    card.set_yticks([])
    card.spines[:].set_color(EDGE)
    card.text(
        8 / wide,
        1 - 15 / high,
        one.panel.title,
        transform=card.transAxes,
        color=TEXT,
        fontsize=8.5,
        weight="bold",
        va="center",
    )
    is_graph = one.panel.kind in (Kind.SERIES, Kind.STACK)
    gutters = (62, 12, 68) if is_graph else (8, 8, 8)
    inside = figure.add_axes(
        (
            (left + gutters[0]) / wide_px,
            1 - (top + high - gutters[2]) / high_px,
            (wide - gutters[0] - gutters[1]) / wide_px,
            (high - HEAD_PX - gutters[2]) / high_px,
        )
    )
    inside.set_facecolor(CARD)
    return inside


def _bare(axes: Axes) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)


def _stat(axes: Axes, one: Shown) -> None:
    """Show the latest value, in the colour of its threshold."""
    _bare(axes)
    lines = [line for answer in one.answers for line in answer]
    text, colour = one.panel.empty or NOTHING, COLOURS["green" if one.panel.empty else "blue"]
    if lines:
        text, colour = _said(one.panel, lines[0].last)
    size = 26 if len(text) <= len("100 req/s ") else 17
    axes.text(0.5, 0.5, text, color=colour, fontsize=size, ha="center", va="center")


def _said(panel: Panel, value: float) -> tuple[str, str]:
    """Write a value, or the words that stand for it, and choose the colour."""
    worded = panel.words.get(f"{value:g}")
    if worded is not None:
        return worded[0], COLOURS[worded[1]]
    reached = [colour for step, colour in panel.steps if step is None or value >= step]
    return written(value, panel.unit), COLOURS[reached[-1]]


def _named(query: Query, line: Line) -> str:
    name = query.name
    for label, value in line.labels.items():
        name = name.replace("{{" + label + "}}", value)
    return name


def _lines(one: Shown) -> list[tuple[str, Line]]:
    """Give every series with its name, the largest first."""
    named = [
        (_named(query, line), line)
        for query, answer in zip(one.panel.ask, one.answers, strict=True)
        for line in answer
        if _size(line)
    ]
    return sorted(named, key=lambda pair: -_size(pair[1]))


def _size(line: Line) -> float:
    """Add up what was there: a series of nothing but zeros is not drawn."""
    return sum(abs(value) for _, value in line.points if isfinite(value))


def _series(axes: Axes, one: Shown) -> None:
    lines = _lines(one)
    for (name, line), colour in zip(lines, PALETTE * len(lines), strict=False):
        times, values = zip(*line.points, strict=True)
        axes.plot(times, values, color=colour, linewidth=1.4, label=name)
        axes.fill_between(times, values, color=colour, alpha=0.08, linewidth=0)
    for step, colour in one.panel.steps:
        if step is not None and lines and step <= axes.get_ylim()[1]:
            axes.axhline(step, color=COLOURS[colour], linewidth=0.9, linestyle=(0, (5, 4)))
    _axes(axes, one.panel)


def _stack(axes: Axes, one: Shown) -> None:
    lines = _lines(one)
    seen = [{round(at): value for at, value in line.points} for _, line in lines]
    # Where a series was not found there was none of it: that is drawn, and not bridged.
    times = range(min(map(min, seen), default=0), max(map(max, seen), default=0) + 1)
    heights = [[values.get(at, 0.0) for at in times] for values in seen]
    if lines:
        names = [name for name, _ in lines]
        colours = [PALETTE[place % len(PALETTE)] for place in range(len(lines))]
        axes.stackplot(times, heights, labels=names, colors=colours, alpha=0.75, linewidth=0)
    _axes(axes, one.panel)


def _axes(axes: Axes, panel: Panel) -> None:
    """Draw the grid, the units and the legend as the boards have them."""
    axes.set_ylim(bottom=0)
    axes.margins(x=0)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: written(value, panel.unit)))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f} s"))
    axes.tick_params(colors=DIM, labelsize=7, length=0)
    axes.grid(color=EDGE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    handles, names = axes.get_legend_handles_labels()
    if not handles:
        return
    longest = max(len(name) for name in names[:LEGEND_MAX])
    axes.legend(
        handles[:LEGEND_MAX],
        names[:LEGEND_MAX],
        loc="upper left",
        bbox_to_anchor=(-0.1, -0.1),
        # Long names take the room of a column.
        ncols=max(1, LEGEND_COLUMNS - max(0, longest - LEGEND_CHARS) // 6),
        fontsize=6.8,
        labelcolor=TEXT,
        frameon=False,
        handlelength=1,
        columnspacing=1.1,
        borderpad=0.2,
    )


def _bars(axes: Axes, one: Shown) -> None:
    """Show a bar for each series now, the longest first."""
    _bare(axes)
    bars = [(name, line.last) for name, line in _lines(one)]
    longest = max((value for _, value in bars), default=0) or 1
    step = 1 / max(len(bars), 4)
    for number, (name, value) in enumerate(bars):
        text, colour = _said(one.panel, value)
        middle = 1 - (number + 0.5) * step
        axes.barh(middle, 0.55 * value / longest, step * 0.6, left=0.25, color=colour)
        axes.text(0.24, middle, name, color=TEXT, fontsize=7.6, ha="right", va="center")
        axes.text(0.98, middle, text, color=colour, fontsize=7.6, ha="right", va="center")


def _table(axes: Axes, one: Shown) -> None:
    """Show a row for each set of labels, and a column for each label and each query."""
    _bare(axes)
    heads = [*one.panel.columns.values(), *(query.name for query in one.panel.ask)]
    rows = rows_of(one)
    cells = [[_cut(cell) for cell in row] for row in rows] or [
        [one.panel.empty or NOTHING, *("" for _ in heads[1:])]
    ]
    widths = [max(len(row[place]) for row in [heads, *cells]) + 2 for place in range(len(heads))]
    step = min(1 / (len(cells) + 1), 24 / axes.get_window_extent().height)
    for number, row in enumerate([heads, *cells]):
        across = 0.0
        for cell, width in zip(row, widths, strict=True):
            colour = COLOURS["blue"] if number == 0 else TEXT
            axes.text(
                across / sum(widths),
                1 - (number + 0.5) * step,
                cell,
                color=colour,
                fontsize=7.6,
                va="center",
            )
            across += width
        axes.axhline(1 - (number + 1) * step, color=EDGE, linewidth=0.7)


def _cut(text: str) -> str:
    return text if len(text) <= CELL_CHARS else text[: CELL_CHARS - 1].rstrip() + "…"


def rows_of(one: Shown) -> list[list[str]]:
    """Put the answers to all queries together: the rows are by the labels of the first."""
    meanings = {column: VOCABULARIES[name] for column, name in one.panel.vocabulary.items()}
    rows = []
    for line in one.answers[0] if one.answers else ():
        cells = [
            meanings.get(column, {}).get(line.labels.get(label, ""), line.labels.get(label, ""))
            for label, column in one.panel.columns.items()
        ]
        for query, answer in zip(one.panel.ask, one.answers, strict=True):
            same = [other for other in answer if other.labels.items() <= line.labels.items()]
            unit = query.unit or one.panel.unit
            cells.append(written(same[0].last, unit) if same else "")
        rows.append(cells)
    return sorted(rows)


_DRAWN = {
    Kind.STAT: _stat,
    Kind.SERIES: _series,
    Kind.STACK: _stack,
    Kind.BARS: _bars,
    Kind.TABLE: _table,
}
