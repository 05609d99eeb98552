"""The alert rules, run by Prometheus' own tools: each fires, stays away and ends as it should."""

from pathlib import Path

import pytest
import yaml

from tests.support import alerting
from tests.support.prometheus import run

ALERTMANAGER = alerting.PROMETHEUS / "alertmanager.yml"
ROUTES = {"page": "page", "ticket": "ticket", "info": "dead-mans-switch"}
pytestmark = pytest.mark.promtool


def test_promtool_finds_nothing_to_say_about_the_rules() -> None:
    """What it finds, Prometheus refuses to start with."""
    said = run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *_rules())
    assert said[0] == 0, said[1]


def _rules() -> list[str]:
    return [str(path) for path in alerting.RULE_FILES]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("cases", alerting.CASE_FILES, ids=lambda path: path.stem)
def test_each_alert_fires_stays_away_and_ends(cases: Path) -> None:
    """On series written by hand, with the labels and the words that somebody would read."""
    said = run("promtool", "test", "rules", str(cases))
    assert said[0] == 0, said[1]


@pytest.mark.parametrize(
    ("file", "case", "before", "after"),
    [
        ("consumers", "SealgateConsumerLag", "> 300", "> 400"),
        ("consumers", "SealgateConsumerStalled", "unless sum", "and sum"),
        ("payments", "SealgateSevereException", 'severity="1"', 'severity="2"'),
        ("log", "SealgateJournalFilling", "> 0.5", ">= 0.5"),
        ("monitoring", "SealgateTargetDown", 'job=~"(.+/)?sealgate.*"', 'job=~"node.*"'),
        ("edge", "SealgateOverloaded", "[5m]", "[50m]"),
    ],
)
def test_a_rule_that_is_changed_in_a_number_is_found(
    file: str, case: str, before: str, after: str, tmp_path: Path
) -> None:
    """The cases are close enough around each threshold to see it move."""
    cases = alerting.read(alerting.PROMETHEUS / "tests" / f"{file}.test.yml")
    (rules,) = cases["rule_files"]
    text = (alerting.PROMETHEUS / "tests" / rules).read_text()
    whole, changed = yaml.safe_load(text), 0
    for group in whole["groups"]:
        for rule in group["rules"]:
            if rule.get("alert") == case:
                changed += rule["expr"].count(before)
                rule["expr"] = rule["expr"].replace(before, after)
    assert changed
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(whole))
    of = [one for one in cases["tests"] if one["name"].startswith(case + ":")]
    cases.update(rule_files=["rules.yml"], tests=of)
    (tmp_path / "cases.yml").write_text(yaml.safe_dump(cases))
    code, said = run("promtool", "test", "rules", str(tmp_path / "cases.yml"))
    assert code == 1
    assert f"alertname: {case}" in said


def test_the_example_of_an_alertmanager_is_one() -> None:
    """Whoever copies it starts with something that works."""
    code, said = run("amtool", "check-config", str(ALERTMANAGER))
    assert code == 0, said


@pytest.mark.parametrize("severity", ROUTES)
def test_an_alert_goes_to_whom_its_severity_says(severity: str) -> None:
    """A page that goes to the queue of tickets is read in the morning."""
    alert = next(name for name, of in map(alerting.name, alerting.alerts()) if of == severity)
    labels = [f"alertname={alert}", f"severity={severity}", "environment=prod"]
    code, said = run(
        "amtool", "config", "routes", "test", "--config.file", str(ALERTMANAGER), *labels
    )
    assert code == 0, said
    assert said.split()[0] == ROUTES[severity]


def test_what_is_inhibited_is_an_alert_that_exists() -> None:
    """A name that is misspelt inhibits nothing."""
    config = alerting.read(ALERTMANAGER)
    known = {alert for alert, _ in map(alerting.name, alerting.alerts())}
    told = [
        matcher
        for rule in config["inhibit_rules"]
        for matcher in rule["source_matchers"] + rule["target_matchers"]
        if matcher.startswith("alertname")
    ]
    for matcher in told:
        inner = matcher.split('"')[1].removeprefix("Sealgate").strip("()")
        assert {f"Sealgate{one}" for one in inner.split("|")} <= known, matcher
