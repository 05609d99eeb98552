"""The shipped alert rules and their tests, as files are read; and what is wrong with them, if any.

Each rule of the house is a function from rules and cases to complaints, so that a test can break
the files on purpose and hear the complaint.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from promql_parser import AggregateExpr, Expr, MatrixSelector, VectorSelector

from ingress.keyring import Status
from sealgate.metrics_docs.catalogue import Metric, named
from tests.support import promql
from tests.support.processes import ROOT

PROMETHEUS = ROOT / "dashboards" / "prometheus"
RULE_FILES = sorted(PROMETHEUS.glob("*.rules.yml"))
CASE_FILES = sorted((PROMETHEUS / "tests").glob("*.test.yml"))
RUNBOOKS = ROOT / "docs" / "runbooks"
# What Prometheus says of targets, and what scraping adds to every series.
SCRAPED = {"up"}
ADDED = {"environment", "job", "instance", "le"}
SEVERITIES = {"page", "ticket", "info"}
HELD = {"sealgate_journal_damaged_total"}
"""Counters that are asked for what they are, not for how they grow: see the rule."""
ALWAYS = {"SealgateWatchdog"}
CLOSED = {("sealgate_key_info", "status"): frozenset(one.value for one in Status)}
"""Values of labels that are known, though not each of them is told from the first second."""
_UNIT_S = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}

Yaml = dict[str, Any]
Name = tuple[str, str]
"""An alert, and its severity."""


def read(path: Path) -> Yaml:
    """Read a file of YAML."""
    found: Yaml = yaml.safe_load(path.read_text("utf-8"))
    return found


def rules(paths: Sequence[Path] = tuple(RULE_FILES)) -> list[Yaml]:
    """Return every rule of these files."""
    return [rule for path in paths for group in read(path)["groups"] for rule in group["rules"]]


def name(rule: Yaml) -> Name:
    """Return an alert's name and severity."""
    return rule["alert"], rule["labels"]["severity"]


def alerts() -> list[Yaml]:
    """Return every alert that is shipped."""
    return [rule for rule in rules() if "alert" in rule]


def cases() -> list[Yaml]:
    """Return every case of the tests of rules."""
    return [case for path in CASE_FILES for case in read(path)["tests"]]


def seconds(duration: str) -> int:
    """Return how many seconds a duration of Prometheus is."""
    return sum(int(n) * _UNIT_S[unit] for n, unit in re.findall(r"(\d+)([wdhms])", duration))


def unsaid(rule: Yaml) -> Iterator[str]:
    """Complain of an alert that does not say whom it calls, what to do, and where to read on."""
    said = rule["annotations"]
    if rule["labels"]["severity"] not in SEVERITIES:
        yield "its severity is none"
    for part in ("summary", "description", "runbook_url"):
        if not said.get(part):
            yield f"it has no {part}"
    page = said.get("runbook_url", "").rpartition("/")[2]
    if not (RUNBOOKS / page).is_file():
        yield f"there is no runbook {page}"
    if not rule["alert"].startswith("Sealgate"):
        yield "its name could be anybody's"


def unknown(rule: Yaml, recorded: Mapping[str, Any]) -> Iterator[str]:
    """Complain of metrics, labels and values of labels that no process of ours tells."""
    for selector in promql.selectors(rule["expr"]):
        asked = str(selector.name)
        if asked in SCRAPED or asked in recorded:
            continue
        metric = named(asked)
        if metric is None:
            yield f"there is no metric {asked}"
            continue
        for matcher in selector.matchers.matchers:
            yield from _unmatched(metric, matcher.name, matcher.value)


def _unmatched(metric: Metric, label: str, value: str) -> Iterator[str]:
    if label not in {*metric.labels, *ADDED}:
        yield f"{metric.name} has no label {label}"
    known = CLOSED.get((metric.name, label), metric.values.get(label, frozenset()))
    # Of a label that configuration fills nothing is known; of the others all is.
    for one in value.split("|"):
        if known and not any(re.fullmatch(one, each) for each in known):
            yield f"{metric.name} is never told with {label}={one!r}"


def miscounted(rule: Yaml) -> Iterator[str]:
    """Complain of gauges that are added up, and of counters of which only the largest counts."""
    for how, asked in _aggregated(promql.parsed(rule["expr"]), ""):
        metric = named(asked)
        if metric is None or metric.name in HELD:
            continue
        is_gauge = metric.kind == "gauge"
        if (how == "sum" and is_gauge) or (how in {"max", "min"} and not is_gauge):
            yield f"the {how} of {asked}, which is a {metric.kind}"


def _aggregated(expr: Expr, how: str) -> Iterator[tuple[str, str]]:
    """Return the name of every metric, and what becomes of its series: the innermost word."""
    match expr:
        case VectorSelector():
            yield how, str(expr.name)
        case MatrixSelector():
            yield how, str(expr.vector_selector.name)
        case AggregateExpr():
            yield from _aggregated(expr.expr, str(expr.op))
        case _:
            for part in promql._parts(expr):
                yield from _aggregated(part, how)


def untried(found: Sequence[Yaml]) -> Mapping[Name, set[str]]:
    """Return of which alerts some part is not tried: that it fires, stays away, and ends."""
    missing = {}
    for alert in alerts():
        parts = {"fires", "stays away", "ends"} - ({"ends"} if alert["alert"] in ALWAYS else set())
        for case in found:
            parts -= set(_tried(case, name(alert)))
        if alert["alert"] in ALWAYS:
            parts -= {"stays away"}
        if parts:
            missing[name(alert)] = parts
    return missing


def _tried(case: Yaml, alert: Name) -> Iterator[str]:
    looks = sorted(
        (seconds(one["eval_time"]), _severities(one))
        for one in case["alert_rule_test"]
        if one["alertname"] == alert[0]
    )
    has_fired = False
    for _, severities in looks:
        if alert[1] in severities:
            has_fired = True
            yield "fires"
        else:
            yield "ends" if has_fired else "stays away"


def _severities(look: Yaml) -> list[str]:
    return sorted(one["exp_labels"]["severity"] for one in look["exp_alerts"])
