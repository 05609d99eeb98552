"""The page of metrics: current, complete, and every query on it can be asked."""

import re
import shutil
import subprocess
from pathlib import Path

import promql_parser
import pytest
from prometheus_client import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from consumers.lifecycle import TRANSITIONS, State, Verdict
from ingress.answers import Outcome
from ingress.delivery import Reason
from ingress.eventlog.observer import Outcome as Published
from ingress.eventlog.observer import Rebuild
from ingress.quarantine import Kept
from sealgate.metrics_docs import catalogue
from sealgate.metrics_docs.bounds import bound
from sealgate.metrics_docs.catalogue import named
from sealgate.metrics_docs.page import page
from sealgate.metrics_docs.registries import registries
from sealgate.metrics_docs.uses import Together, expression, together
from tests.support.services import missing

ROOT = Path(__file__).parents[4]
_LINK = re.compile(r"\]\(([^)#]*)\)")


def test_the_page_is_what_the_code_declares() -> None:
    """A page that is not generated anew lies from the next commit on: run `make docs`."""
    assert (ROOT / "docs" / "metrics.md").read_text("utf-8") == page()


def test_every_table_is_whole_and_every_link_leads_somewhere() -> None:
    """One cell too many and a reader takes the unit for the meaning."""
    width = 0
    for line in page().splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert cells == 0 or width in {0, cells}, line
        width = cells
    for file in _LINK.findall(page()):
        assert (ROOT / "docs" / file).exists(), file


@pytest.mark.parametrize("name", catalogue())
def test_a_metric_is_named_bounded_and_asked_as_prometheus_wants_it(name: str) -> None:
    """A name says its unit, no label is without an end, and the example is a query of ours."""
    metric = catalogue()[name]
    assert re.fullmatch(r"sealgate_[a-z0-9_]+", name)
    assert name.endswith("_total") == (metric.kind == "counter")
    assert metric.told.endswith(".")
    for label in metric.labels:
        told, values = bound(metric, label)
        assert told or values
    asked = expression(metric)
    promql_parser.parse(asked)
    found = re.findall(r"sealgate_[a-z0-9_]+", asked)
    assert metric in [named(one) for one in found]
    assert None not in [named(one) for one in found]


@pytest.mark.parametrize(
    ("name", "label", "members"),
    [
        ("sealgate_requests_total", "outcome", Outcome),
        ("sealgate_verification_failures_total", "reason", Reason),
        ("sealgate_quarantined_total", "result", Kept),
        ("sealgate_publish_results_total", "result", Published),
        ("sealgate_producer_rebuilds_total", "reason", Rebuild),
        ("sealgate_consumer_records_total", "verdict", Verdict),
        ("sealgate_payment_transitions_total", "after", State),
    ],
)
def test_a_closed_list_on_the_page_is_the_enum_of_the_code(
    name: str, label: str, members: type[Outcome]
) -> None:
    """A value that does not exist at zero hides its first failure from every rate."""
    assert set(bound(catalogue()[name], label).values) == {member.value for member in members}


@pytest.mark.promtool
def test_promtool_finds_nothing_to_say_about_any_role(tmp_path: Path) -> None:
    """Those too that no test has running: each as it is in its first second."""
    if shutil.which("promtool") is None:
        missing("promtool is not installed (Debian: apt-get install prometheus)")
    for role, registry in registries(tmp_path).items():
        checked = subprocess.run(
            ["promtool", "check", "metrics"],
            input=generate_latest(registry),
            capture_output=True,
            check=False,
        )
        assert (role, checked.returncode, checked.stdout, checked.stderr) == (role, 0, b"", b"")


def test_every_role_is_told_in_openmetrics_to_the_letter(tmp_path: Path) -> None:
    """Prometheus asks for that format first; what it cannot read there loses the whole scrape."""
    for registry in registries(tmp_path).values():
        told = openmetrics.generate_latest(registry).decode()
        read = {family.name for family in text_string_to_metric_families(told)}
        assert read == {family.name for family in registry.collect()}


def test_only_moves_that_are_allowed_have_a_duration() -> None:
    """Pairs of states that no payment can go are series that nobody ever needs."""
    lasted = catalogue()["sealgate_payment_transition_seconds"]
    assert lasted.values["before"] == {one.value for one, to in TRANSITIONS.items() if to}
    assert lasted.values["after"] == {one.value for to in TRANSITIONS.values() for one in to}


def test_what_the_monitor_measures_is_never_added_up() -> None:
    """Two monitors tell of one database: a sum would show twice the money."""
    for metric in catalogue().values():
        if metric.roles == ("monitor",) and metric.kind == "gauge":
            assert together(metric) is Together.MAX, metric.name


def test_a_series_of_a_histogram_is_found_by_its_parts() -> None:
    """Rules and boards ask for buckets; what has bounds below zero has nothing else."""
    assert named("sealgate_request_duration_seconds_count") is not None
    assert named("sealgate_clock_skew_seconds_bucket") is not None
    assert named("sealgate_clock_skew_seconds_sum") is None
    assert named("sealgate_requests") is None
    assert named("up") is None
