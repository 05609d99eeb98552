"""The alert rules as files: current, complete, and about metrics that there are.

That they fire, stay away and end is for Prometheus' own tool: see `test_rules_by_promtool`.
"""

import re
from copy import deepcopy

import pytest

from consumers.fetching.comparing import SHARE_MAX
from consumers.patience import PARKED_RETRY_S
from dashboards.prometheus import monitoring, page, slo, thresholds
from ingress import trust
from tests.support import alerting
from tests.support.processes import ROOT

ALERTS = {alerting.name(rule): rule for rule in alerting.alerts()}
RECORDED = {rule["record"]: rule for rule in alerting.rules() if "record" in rule}


def test_the_files_are_what_the_tables_say() -> None:
    """A rule that was changed and not written out watches nothing: `make docs`."""
    written = page.files()
    assert {path.name for path in alerting.RULE_FILES} | {page.RESOURCE} == set(written)
    for name, text in written.items():
        assert (alerting.PROMETHEUS / name).read_text() == text, f"{name} is old: make docs"
    assert (ROOT / "docs" / "alerts.md").read_text() == page.page(), "alerts.md is old: make docs"


def _name(rule: alerting.Yaml) -> str:
    return str(rule.get("alert", rule.get("record")))


@pytest.mark.parametrize("alert", ALERTS, ids="-".join)
def test_an_alert_says_whom_it_calls_what_to_do_and_where_to_read_on(alert: alerting.Name) -> None:
    """Somebody who was asleep a minute ago reads it."""
    assert list(alerting.unsaid(ALERTS[alert])) == []


@pytest.mark.parametrize("rule", alerting.rules(), ids=_name)
def test_a_rule_asks_for_what_some_process_tells(rule: alerting.Yaml) -> None:
    """A metric, a label or a value that does not exist is an alert that never fires."""
    assert list(alerting.unknown(rule, RECORDED)) == []


def test_what_a_wrong_key_brings_about_is_the_same_here_as_at_the_edge() -> None:
    """A stranger who signs nothing must wake nobody; of a wrong key somebody must hear."""
    expression = ALERTS["SealgateEverythingFailsVerification", "page"]["expr"]
    said = set(re.findall(r'verification_failures_total\{reason=~"([^"]+)"\}', expression))
    assert {frozenset(words.split("|")) for words in said} == {trust.KEYS_MAY_BE_WRONG}


def test_every_alert_is_tried_firing_staying_away_and_ending() -> None:
    """A rule that nobody has seen fire is a hope."""
    assert alerting.untried(alerting.cases()) == {}


def test_an_alert_without_a_case_is_missed() -> None:
    """The test above can fail."""
    of = "SealgateConsumerHalted"
    cases = [one for one in alerting.cases() if not one["name"].startswith(of)]
    assert alerting.untried(cases) == {(of, "page"): {"fires", "stays away", "ends"}}


def test_what_is_wrong_with_a_rule_is_found() -> None:
    """So can the others."""
    broken = deepcopy(ALERTS["SealgateConsumerHalted", "page"])
    broken["annotations"] = {"runbook_url": "https://example.com/nowhere.md"}
    broken["labels"]["severity"] = "urgent"
    assert list(alerting.unsaid(broken)) == [
        "its severity is none",
        "it has no summary",
        "it has no description",
        "there is no runbook nowhere.md",
    ]
    asked = 'sealgate_gone > 0 or sealgate_requests_total{outcome="acepted", shop="x"} > 0'
    assert list(alerting.unknown({"expr": asked}, RECORDED)) == [
        "there is no metric sealgate_gone",
        "sealgate_requests_total is never told with outcome='acepted'",
        "sealgate_requests_total has no label shop",
    ]


def test_every_rule_keeps_the_environment() -> None:
    """One Prometheus watches several: what burns in staging must not page as production."""
    for rule in alerting.rules():
        for line in rule["expr"].splitlines():
            for by in line.split(" by (")[1:]:
                assert by.startswith("environment"), rule


@pytest.mark.parametrize("rule", alerting.rules(), ids=_name)
def test_what_several_processes_tell_is_counted_once(rule: alerting.Yaml) -> None:
    """Two monitors tell of one payment that is stuck: a sum would make two of it."""
    assert list(alerting.miscounted(rule)) == []


def test_a_gauge_that_is_added_up_is_found() -> None:
    """And a counter of which only the largest part counts."""
    asked = (
        "sum by (group) (sealgate_dead_letters) > 0 or max(increase(sealgate_verified_total[5m]))"
    )
    assert list(alerting.miscounted({"expr": asked})) == [
        "the sum of sealgate_dead_letters, which is a gauge",
        "the max of sealgate_verified_total, which is a counter",
    ]


def test_the_scrape_jobs_that_are_shipped_are_those_that_the_rules_watch() -> None:
    """A job of another name is a gateway whose death nobody hears of."""
    jobs = alerting.read(ROOT / "deploy" / "compose" / "prometheus.yml")["scrape_configs"]
    ours = re.compile(monitoring.JOBS.split('"')[1])
    assert [job["job_name"] for job in jobs if ours.fullmatch(job["job_name"])] == ["sealgate"]
    assert ours.fullmatch("shop/sealgate")
    assert not ours.fullmatch("node")


def test_the_numbers_are_those_that_the_gateway_itself_uses() -> None:
    """A limit that is said in two places is two limits one day."""
    assert float(str(thresholds.DIVERGENCE_RATIO)) == SHARE_MAX
    assert float(str(thresholds.PARKED_S)) > sum(PARKED_RETRY_S)


def test_two_failures_alone_burn_no_budget() -> None:
    """With few deliveries, one that failed is a large share: nobody is woken for it."""
    least = {
        (promise.name, burn.long): promise.enough(burn)
        for promise in slo.PROMISES
        for burn in slo.BURNS
    }
    # 2 / (14.4 x 0.001) = 138.9; 2 / (6 x 0.001) = 333.3; and of a promise of 1 % never under 50.
    assert least["acceptance", "1h"] == 139
    assert least["acceptance", "6h"] == 334
    assert least["acceptance", "1d"] == 667
    assert least["acceptance", "3d"] == 2000
    assert least["latency", "1h"] == 50
    assert least["freshness", "3d"] == 200
