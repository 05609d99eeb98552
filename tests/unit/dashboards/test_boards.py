"""The boards as files: generated, whole, and fit to be relied on by who has never seen them.

What Grafana would do with them cannot be seen here, as there is no Grafana: its own model reads
each file back, and the rules of its linter are held. `tests/acceptance/test_boards.py` asks a real
Prometheus every question that stands in them.
"""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from consumers.exceptions import HANDLING
from dashboards.grafana.board import BOARDS, Panel, read
from dashboards.grafana.build import model
from dashboards.grafana.page import files
from dashboards.prometheus import thresholds
from dashboards.prometheus.alert import RUNBOOKS
from sealgate.metrics_docs.catalogue import catalogue, named
from tests.support import boards, promql
from tests.support.processes import ROOT

GRAFANA = ROOT / "dashboards" / "grafana"
RULES = sorted((ROOT / "dashboards" / "prometheus").glob("*.rules.yml"))
# What every program tells of itself, and what Prometheus makes of rules.
NOT_OURS = ("process_", "ALERTS", "environment:")
# They look at the database, which is the same for all of them.
TELL_THE_SAME = {"monitor", "timers", "fetch"}
SET_BY_SCRAPING = {"environment", "job", "instance", "le"}

Json = dict[str, Any]


def _board(name: str) -> Json:
    loaded: Json = json.loads((GRAFANA / "boards" / f"{name}.json").read_text("utf-8"))
    return loaded


def _all_boards() -> list[Json]:
    return [_board(name) for name in BOARDS]


def _rules() -> list[Json]:
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def test_the_files_are_what_the_tables_say() -> None:
    """A table that was changed and not written out is a board that nobody sees: `make docs`."""
    written = files()
    assert {path.name for path in (GRAFANA / "boards").iterdir()} == {
        Path(name).name for name in written
    }
    for name, text in written.items():
        assert (GRAFANA / name).read_text("utf-8") == text, f"{name} is old: make docs"


@pytest.mark.parametrize("name", BOARDS)
def test_grafanas_own_model_knows_every_field(name: str) -> None:
    """A field that Grafana does not know is dropped there without a word; here it is missed."""
    loaded = _board(name)
    again = json.loads(json.dumps(model.Dashboard.from_json(loaded), cls=JSONEncoder))
    assert again == loaded


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_keeps_every_rule(name: str) -> None:
    """Grafana's linter and our own: units, descriptions, matchers, windows, places, PromQL."""
    assert boards.complaints(_board(name)) == []


def _panel(board: Json) -> Json:
    return next(panel for panel in board["panels"] if panel["type"] == "timeseries")


def _spoil_source(board: Json) -> None:
    _panel(board)["targets"][0]["datasource"]["uid"] = "sealgate"


def _spoil_editable(board: Json) -> None:
    board["editable"] = True


def _spoil_title(board: Json) -> None:
    _panel(board)["title"] = " "


def _spoil_description(board: Json) -> None:
    _panel(board)["description"] = "Something happens here."


def _spoil_unit(board: Json) -> None:
    _panel(board)["fieldConfig"]["defaults"]["unit"] = "seconds"


def _spoil_thresholds(board: Json) -> None:
    _panel(board)["fieldConfig"]["defaults"]["thresholds"]["steps"] += [
        {"value": 2, "color": "red"},
        {"value": 1, "color": "red"},
    ]


def _asking(expr: str) -> Callable[[Json], None]:
    def spoil(board: Json) -> None:
        _panel(board)["targets"][0]["expr"] = expr

    return spoil


def _spoil_variable(board: Json) -> None:
    board["templating"]["list"].append({"name": "region", "type": "query", "allValue": ".*"})


def _spoil_id(board: Json) -> None:
    _panel(board)["id"] = 1


def _spoil_place(board: Json) -> None:
    _panel(board)["gridPos"] = board["panels"][1]["gridPos"]


_HERE = 'environment=~"$environment",job=~"$job",instance=~"$instance"'
SPOILED: Mapping[str, Callable[[Json], None]] = {
    "datasource": _spoil_source,
    "editable": _spoil_editable,
    "title": _spoil_title,
    "description": _spoil_description,
    "unit": _spoil_unit,
    "thresholds": _spoil_thresholds,
    "promql": _asking(f"sum(rate(sealgate_requests_total{{{_HERE}}}[$__rate_interval])"),
    "matchers": _asking('sealgate_connections{job=~"$job",instance=~"$instance"}'),
    "variables": _spoil_variable,
    "window": _asking(f"rate(sealgate_requests_total{{{_HERE}}}[5m])"),
    "counter": _asking(f"sealgate_requests_total{{{_HERE}}}"),
    "id": _spoil_id,
    "overlap": _spoil_place,
}


@pytest.mark.parametrize("rule", boards.RULES)
def test_each_rule_finds_what_breaks_it(rule: str) -> None:
    """A rule that nothing can break holds nothing."""
    board = deepcopy(_board("edge"))
    SPOILED[rule](board)
    try:
        found = boards.complaints(board)
    except ValueError:
        # What is no PromQL cannot be asked for its selectors either.
        found = [f"{rule}: {said}" for said in boards.RULES[rule](board)]
    assert [one for one in found if one.startswith(f"{rule}: ")], found


@pytest.mark.parametrize("name", BOARDS)
def test_every_metric_of_a_board_exists_with_its_labels(name: str) -> None:
    """A misspelt name is an empty panel, and an empty panel looks like a quiet night."""
    for panel, expr in boards.expressions(_board(name)):
        for selector in promql.selectors(expr):
            assert selector.name is not None
            if selector.name.startswith(NOT_OURS):
                continue
            metric = named(selector.name)
            assert metric is not None, f"{panel['title']} asks for {selector.name}"
            asked = {one.name for one in selector.matchers.matchers} - SET_BY_SCRAPING
            assert asked <= set(metric.labels), f"{panel['title']}: {selector.prettify()}"


@pytest.mark.parametrize("name", BOARDS)
def test_a_fact_that_several_processes_tell_is_never_added_up(name: str) -> None:
    """Two monitors see the same stuck payment: two panels' worth of panic over one."""
    for panel, expr in boards.expressions(_board(name)):
        for metric_name, by in promql.aggregated(expr):
            metric = named(metric_name)
            if metric is not None and metric.kind == "gauge" and TELL_THE_SAME & set(metric.roles):
                assert by in ("max", "min"), f"{panel['title']}: {by} of {metric_name}"


def test_a_sum_of_maxima_is_told_from_a_sum() -> None:
    """What tells them apart must not take the outer for the inner."""
    assert promql.aggregated("sum(max by (a) (x)) + sum(y) - z") == [
        ("x", "max"),
        ("y", "sum"),
        ("z", ""),
    ]


def test_every_metric_is_on_a_board_or_in_a_rule() -> None:
    """What nobody looks at and nobody is called for need not be measured."""
    used = set().union(*map(boards.metrics, _all_boards()))
    used |= set().union(*(promql.names(rule["expr"]) for rule in _rules()))
    assert [one.name for one in catalogue().values() if not used & set(one.series)] == []


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_leads_to_a_runbook_that_exists(name: str) -> None:
    """At three in the morning a dead link is worse than none."""
    for panel in boards.panels(_board(name)):
        (link,) = panel["links"]
        page = link["url"].removeprefix(RUNBOOKS)
        assert (ROOT / "docs" / "runbooks" / page).is_file(), f"{panel['title']}: {link['url']}"
        assert link["url"] in panel["description"]


def test_the_boards_lead_to_each_other() -> None:
    """Whoever looks at the edge is one click away from who is behind; a name is never twice."""
    uids = [board["uid"] for board in _all_boards()]
    assert len(set(uids)) == len(BOARDS)
    for board in _all_boards():
        linked = [link["url"].removeprefix("/d/") for link in board["links"]]
        assert sorted([*linked, board["uid"]]) == sorted(uids)
        assert all(link["includeVars"] and link["keepTime"] for link in board["links"])


def test_every_code_of_an_exception_is_explained_on_the_board() -> None:
    """Operators read what a code means beside its number, in the words of the code itself."""
    (panel,) = [
        one for one in boards.panels(_board("payments")) if one["title"] == "Open exceptions"
    ]
    shown = [
        mapping
        for override in panel["fieldConfig"]["overrides"]
        for one in override["properties"]
        if one["id"] == "mappings"
        for mapping in one["value"]
    ]
    texts = {code: told["text"] for mapping in shown for code, told in mapping["options"].items()}
    assert texts == {code.value: handling.raised_when for code, handling in HANDLING.items()}


def test_a_key_that_nobody_knows_in_a_table_is_an_error() -> None:
    """A misspelt threshold would otherwise be a panel that never turns red."""
    loaded = read("edge").model_dump()
    loaded["row"][0]["panel"][0]["abvoe"] = {"red": 1}
    with pytest.raises(ValueError, match="abvoe"):
        type(read("edge")).model_validate(loaded)


def test_a_panel_turns_red_where_an_alert_calls() -> None:
    """One number, at one place: a green panel beside a page that woke somebody is believed."""
    behind = next(one for one in boards.panels(_board("consumers")) if one["title"] == "Behind")
    steps = behind["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert steps[-1] == {"color": "red", "value": float(thresholds.LAG_S.said)}
    with pytest.raises(ValueError, match="LAG_SECONDS"):
        Panel.model_validate(
            read("edge").row[0].panel[0].model_dump() | {"above": {"red": "LAG_SECONDS"}}
        )


def test_a_clock_that_is_behind_is_not_cut_off_at_zero() -> None:
    """Most skew is negative: a delivery that was signed some time before it came."""
    defaults = {
        panel["title"]: panel["fieldConfig"]["defaults"]
        for panel in boards.panels(_board("provider"))
    }
    assert "min" not in defaults["Clock skew"]
    assert defaults["Time to answer"]["min"] == 0


def test_grafana_is_told_where_everything_is_and_that_nobody_edits_it() -> None:
    """Connected in a minute, from files alone; what is changed by hand would be lost."""
    provisioning = GRAFANA / "provisioning"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "sealgate.yaml").read_text())[
        "providers"
    ]
    assert provider["type"] == "file"
    assert provider["allowUiUpdates"] is False
    assert provider["disableDeletion"] is True
    assert provider["options"]["path"].startswith("/var/lib/grafana/dashboards")
    (source,) = yaml.safe_load((provisioning / "datasources" / "sealgate.yaml").read_text())[
        "datasources"
    ]
    assert source["type"] == "prometheus"
    assert source["editable"] is False
    assert source["jsonData"]["timeInterval"] == "15s", "what $__rate_interval is made from"
