"""The picture of the boards: numbers are written as Grafana writes them, and nothing is made up."""

import math

import pytest

from dashboards.grafana.board import Kind, Panel, Query, read
from dashboards.grafana.drawing import Heading, Line, Shown, draw, rows_of
from dashboards.grafana.written import written
from tests.support.processes import ROOT

PNG = b"\x89PNG\r\n\x1a\n"
# By hand, after https://grafana.com/docs/grafana/latest/panels-visualizations/configure-standard-options/
WRITTEN = [
    (0, "short", "0"),
    (7, "short", "7"),
    (1234, "short", "1.23 K"),
    (2_500_000, "short", "2.5 Mil"),
    (0.0123, "percentunit", "1.23 %"),
    (1, "percentunit", "100 %"),
    (0.0042, "s", "4.2 ms"),
    (0.000_25, "s", "250 µs"),
    (59, "s", "59 s"),
    (90, "s", "1.5 min"),
    (7200, "s", "2 hours"),
    (86_400, "s", "1 day"),
    (-3, "s", "-3 s"),
    (512, "bytes", "512 B"),
    (67_108_864, "bytes", "64 MiB"),
    (34.7, "reqps", "34.7 req/s"),
    (1_234_567.5, "locale", "1,234,567.5"),
    (14.4, "suffix:x", "14.4 x"),
    (math.nan, "s", "-"),
    (math.inf, "short", "-"),
]


@pytest.mark.parametrize(("value", "unit", "text"), WRITTEN)
def test_a_number_is_written_as_a_person_reads_it(value: float, unit: str, text: str) -> None:
    """A picture that says 0.0042 where the board says 4.2 ms would be of something else."""
    assert written(value, unit) == text


def _line(value: float, **labels: str) -> Line:
    return Line(labels, [(0.0, 0.0), (1.0, value)])


def _panel(title: str) -> Panel:
    panels = [panel for name in ("edge", "payments") for panel in read(name).panels()]
    return next(one for one in panels if one.title == title)


def test_a_table_has_one_row_for_each_series_of_its_first_question() -> None:
    """The answers to several questions belong together by their labels, and by nothing else."""
    answers = [
        [
            _line(2, code="LATE_FUNDS", severity="3", means="LATE_FUNDS"),
            _line(1, code="FUNDS_REVERSED", severity="1", means="FUNDS_REVERSED"),
        ],
        [_line(90, code="LATE_FUNDS")],
    ]
    shown = Shown(_panel("Open exceptions"), answers, 0, 0, 12, 6)
    assert rows_of(shown) == [
        ["1", "FUNDS_REVERSED", "money that was seen is gone", "1", ""],
        ["3", "LATE_FUNDS", "the full amount came after the window had closed", "2", "1.5 min"],
    ]


def test_the_committed_picture_is_small_enough_to_be_in_a_readme() -> None:
    """It is drawn by `make picture`, and shown on the page about the boards."""
    picture = (ROOT / "docs" / "img" / "boards.png").read_bytes()
    assert picture.startswith(PNG)
    assert len(picture) < 300_000
    assert "img/boards.png" in (ROOT / "docs" / "boards.md").read_text("utf-8")


def test_every_kind_of_panel_is_drawn_with_answers_and_without() -> None:
    """A quiet gateway is drawn as well: no answer is an answer."""
    questions = (Query(expr="up", name="{{state}}"),)
    panels = [
        Panel(
            title=str(kind),
            kind=kind,
            unit="s",
            tells="What is.",
            good="all of it.",
            runbook="README.md",
            ask=questions,
            above={"red": 1},
            columns={"state": "State"},
        )
        for kind in Kind
    ]

    def drawn(value: float) -> bytes:
        answers = [[_line(value, state="Paid"), _line(math.nan, state="Late")], []]
        shown = [
            Shown(panel, [answer], 4 * place, 1 + 5 * row, 4, 5)
            for place, panel in enumerate(panels)
            for row, answer in enumerate(answers)
        ]
        return draw(shown, [Heading("All kinds", 0)])

    picture = drawn(2)
    assert picture.startswith(PNG)
    assert len(picture) < 100_000
    assert picture == drawn(2), "the same answers are the same picture"
    assert picture != drawn(3), "what is drawn is what was answered"
