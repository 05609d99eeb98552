"""What makes a board fit to be relied on at night, as rules that look at Grafana's own JSON.

The rules of Grafana's dashboard-linter, and those of this house. `complaints` returns what is
wrong, each sentence beginning with the name of its rule. Nothing here knows how boards are made.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from grafana_foundation_sdk.models import units

from tests.support.promql import counted, parsed, ranges, selectors

Json = Mapping[str, Any]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
UNITS = {value for name, value in vars(units).items() if name[0].isupper()}
GRID = 24
# What Prometheus makes itself, of rules.
_MADE = re.compile(r"ALERTS(_FOR_STATE)?|.*:.*")
_NOW = {"stat", "bargauge", "table"}
_SUMMED = ("_total", "_bucket", "_count", "_sum")


def panels(board: Json) -> Iterator[Json]:
    """Give every panel that asks something, those of folded rows too."""
    for panel in board["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels", ())
        else:
            yield panel


def expressions(board: Json) -> Iterator[tuple[Json, str]]:
    """Give every expression with its panel."""
    for panel in panels(board):
        for target in panel["targets"]:
            yield panel, target["expr"]


def metrics(board: Json) -> set[str]:
    """Name every metric that a board asks for, as Prometheus stores it."""
    return {one.name for _, expr in expressions(board) for one in selectors(expr)}


def complaints(board: Json) -> list[str]:
    """Return what is wrong with a board, rule by rule."""
    return [f"{name}: {said}" for name, rule in RULES.items() for said in rule(board)]


def _variables(board: Json) -> dict[str, Json]:
    return {one["name"]: one for one in board["templating"]["list"]}


def _datasource(board: Json) -> Iterator[str]:
    variable = _variables(board).get("datasource", {})
    if (variable.get("type"), variable.get("query")) != ("datasource", "prometheus"):
        yield "there is no variable for the Prometheus to ask"
    for panel in panels(board):
        for asker in (panel, *panel["targets"]):
            if asker.get("datasource") != SOURCE:
                yield f"{panel['title']} asks one Prometheus alone"


def _is_editable(board: Json) -> Iterator[str]:
    if board.get("editable") is not False:
        yield "what somebody changes by hand is lost with the next release"


def _titles(board: Json) -> Iterator[str]:
    titles = [panel["title"] for panel in panels(board)]
    for panel in panels(board):
        if not panel["title"].strip():
            yield f"panel {panel['id']} has no title"
    for row in board["panels"]:
        if row["type"] == "row" and not row["title"].strip():
            yield f"row {row['id']} has no title"
    if not titles:
        yield "there are no panels"


def _descriptions(board: Json) -> Iterator[str]:
    for panel in panels(board):
        tells, _, rest = panel.get("description", "").partition("\n\nGood: ")
        good, _, runbook = rest.partition("\n\nIf not: ")
        if not (tells.strip() and good.strip() and re.search(r"/docs/runbooks/\S+\.md\)", runbook)):
            yield f"{panel['title']} does not say what it shows, what is good, and where to read"


def _units(board: Json) -> Iterator[str]:
    for panel in panels(board):
        config = panel["fieldConfig"]
        asked = [config["defaults"].get("unit", "")]
        for override in config["overrides"]:
            asked += [one["value"] for one in override["properties"] if one["id"] == "unit"]
        for unit in asked:
            if unit not in UNITS and not unit.startswith("suffix:"):
                yield f"{panel['title']} has the unit {unit!r}"


def _thresholds(board: Json) -> Iterator[str]:
    for panel in panels(board):
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        values = [step["value"] for step in steps[1:]]
        if steps[0]["value"] is not None or values != sorted(set(values)):
            yield f"{panel['title']} has thresholds out of order"


def _parses(board: Json) -> Iterator[str]:
    for panel, expr in expressions(board):
        try:
            parsed(expr)
        except ValueError as wrong:
            yield f"{panel['title']}: {wrong}"


def _matchers(board: Json) -> Iterator[str]:
    """Say which selector could show another environment, job or process than was chosen."""
    declared = _variables(board).keys()
    for panel, expr in expressions(board):
        for one in selectors(expr):
            # What rules make is of an environment; what is scraped is of a process, too.
            processes = set() if _MADE.fullmatch(one.name) else {"job", "instance"} & declared
            for label in {"environment"} | processes:
                if f'{label}=~"${label}' not in one.prettify():
                    yield f"{panel['title']}: {one.name} is asked of every {label}"


def _used_variables(board: Json) -> Iterator[str]:
    asked = " ".join(expr for _, expr in expressions(board))
    used = set(re.findall(r"\$(?!__)([a-z]\w*)", asked))
    declared = _variables(board).keys() - {"datasource"}
    for name in used ^ declared:
        yield f"${name} is {'used and not declared' if name in used else 'declared and not used'}"
    for name in declared:
        if _variables(board)[name].get("allValue") != ".*":
            yield f"${name} cannot be everything"


def _windows(board: Json) -> Iterator[str]:
    """Say what looks back over a fixed time: right at one zoom, and wrong at every other."""
    for panel, expr in expressions(board):
        for window in ranges(expr):
            # The shown time is for what has one value for all of it.
            fitting = {"$__rate_interval", *(["$__range"] if panel["type"] in _NOW else [])}
            if window not in fitting:
                yield f"{panel['title']} looks back over {window}"


def _counters(board: Json) -> Iterator[str]:
    """Say where a counter is shown bare, which tells of restarts; or a gauge as a rate."""
    for panel, expr in expressions(board):
        for name, is_rated in counted(expr):
            if not _MADE.fullmatch(name) and is_rated != name.endswith(_SUMMED):
                yield f"{panel['title']}: {name} is {'' if is_rated else 'not '}taken as a rate"


def _ids(board: Json) -> Iterator[str]:
    ids = [panel["id"] for panel in board["panels"]] + [
        one["id"] for row in board["panels"] for one in row.get("panels", ())
    ]
    if len(ids) != len(set(ids)):
        yield "two panels have one id"
    for panel in panels(board):
        letters = [target["refId"] for target in panel["targets"]]
        if len(letters) != len(set(letters)):
            yield f"{panel['title']} has two queries of one name"


def _overlaps(board: Json) -> Iterator[str]:
    for group in [board["panels"], *(row.get("panels", ()) for row in board["panels"])]:
        taken: dict[tuple[int, int], str] = {}
        for panel in group:
            place = panel["gridPos"]
            if place["x"] + place["w"] > GRID:
                yield f"{panel['title']} is wider than the grid"
            for x in range(place["x"], place["x"] + place["w"]):
                for y in range(place["y"], place["y"] + place["h"]):
                    other = taken.setdefault((x, y), panel["title"])
                    if other != panel["title"]:
                        yield f"{panel['title']} lies on {other}"


RULES: Mapping[str, Callable[[Json], Iterator[str]]] = {
    "datasource": _datasource,
    "editable": _is_editable,
    "title": _titles,
    "description": _descriptions,
    "unit": _units,
    "thresholds": _thresholds,
    "promql": _parses,
    "matchers": _matchers,
    "variables": _used_variables,
    "window": _windows,
    "counter": _counters,
    "id": _ids,
    "overlap": _overlaps,
}
