"""What Prometheus scrapes from a running gateway: well-formed, complete from the first second."""

import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.metrics_docs import catalogue
from tests.support import processes
from tests.support.processes import Running, Stack
from tests.support.services import missing

ROOT = Path(__file__).parents[2]


@pytest.fixture(name="running", scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("gateway")
    stack = Stack(
        directory, f"embedded://{directory / 'log.db'}", f"sqlite://{directory / 'store.db'}"
    )
    config = stack.write(consumer={"monitor_s": 0.2})
    running = processes.start(config, "up").wait_started().wait_ready()
    # The monitor looks for the first time a moment after the start; all else is there from it on.
    deadline = time.monotonic() + processes.WAIT_S
    while not _lags(running):
        assert time.monotonic() < deadline, "the monitor has not looked"
        time.sleep(0.05)
    yield running
    running.terminate()


def _scrape(running: Running) -> str:
    status, text = processes.get(running.admin_url + "/metrics")
    assert status == 200
    return text


@pytest.mark.slow
@pytest.mark.promtool
def test_promtool_finds_nothing_to_say_about_a_live_scrape(running: Running) -> None:
    """Names, units, types and help texts as every Prometheus user expects them."""
    if shutil.which("promtool") is None:
        missing("promtool is not installed (Debian: apt-get install prometheus)")
    processes.post(running.edge_url, processes.event("inv-1", "InvoiceCreated"))
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=_scrape(running),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    "series",
    [
        'sealgate_requests_total{outcome="accepted",provider="btcpay",source="shop"}',
        'sealgate_requests_total{outcome="internal_error",provider="btcpay",source="shop"}',
        'sealgate_request_duration_seconds_count{provider="unknown",source="unknown"}',
        'sealgate_verification_failures_total{provider="btcpay",reason="missing_header",source="shop"}',
        'sealgate_verified_total{key_id="k1",provider="btcpay",source="shop"}',
        'sealgate_consumer_records_total{group="sealgate-lifecycle",verdict="illegal"}',
        'sealgate_payment_transitions_total{after="Confirmed",before="Paid"}',
        'sealgate_exceptions_open{code="LATE_FUNDS",severity="3"}',
        'sealgate_consumer_fenced_total{group="sealgate-lifecycle"}',
    ],
)
def test_a_series_exists_before_its_first_event(running: Running, series: str) -> None:
    """A rate needs two samples: a counter that appears with its first failure hides it."""
    assert any(line.startswith(series + " ") for line in _scrape(running).splitlines())


@pytest.mark.slow
def test_the_readme_names_only_metrics_that_exist(running: Running, tmp_path: Path) -> None:
    """An SRE copies a name from there into a query."""
    readme = (ROOT / "README.md").read_text()
    named = set(re.findall(r"`(sealgate_[a-z_]+)", readme))
    stack = Stack(
        tmp_path, f"embedded://{tmp_path / 'log.db'}", f"sqlite://{tmp_path / 'store.db'}"
    )
    supervisor = processes.start(stack.write(), "serve", "--workers", "2").wait_started()
    families = _families(_scrape(running)) | _families(_scrape(supervisor))
    assert supervisor.terminate() == 0
    assert named
    assert {name for name in named if name not in families} == set()


@pytest.mark.slow
def test_a_live_gateway_tells_exactly_what_the_catalogue_says(running: Running) -> None:
    """Rules and boards are held to the catalogue: what it names must be there, and nothing else.

    Nothing here is fetched and no checkpoint signed, and there is no supervisor.
    """
    away = {"fetch", "supervisor"}
    told = {name for name, one in catalogue().items() if not away.issuperset(one.roles)}
    checkpoints = {name for name in told if name.startswith("sealgate_audit_checkpoint_")}
    found = {name for name in _families(_scrape(running)) if name.startswith("sealgate_")}
    assert found == told - checkpoints
    assert len(checkpoints) == 2


@pytest.mark.slow
def test_a_version_that_is_none_gets_the_usual_format(running: Running) -> None:
    """A scraper of another make is told what there is, and no fault of ours."""
    asked = urllib.request.Request(running.admin_url + "/metrics")
    asked.add_header("Accept", "application/openmetrics-text; version=newest")
    with urllib.request.urlopen(asked, timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.slow
def test_a_trace_stands_beside_a_duration_for_who_asks_for_openmetrics(running: Running) -> None:
    """As Prometheus asks: it takes exemplars in that format alone."""
    assert processes.post(running.edge_url, processes.event("inv-2", "InvoiceCreated")) == 200
    asked = urllib.request.Request(running.admin_url + "/metrics")
    asked.add_header("Accept", "application/openmetrics-text; version=1.0.0")
    with urllib.request.urlopen(asked, timeout=10) as answer:
        kind, text = answer.headers["Content-Type"], answer.read().decode()
    assert kind.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")
    bucket = (
        r"sealgate_request_duration_seconds_bucket\{.*\} [0-9.]+ # \{trace_id=\"[0-9a-f]{32}\"\}"
    )
    assert re.search(bucket, text)


def _lags(running: Running) -> list[str]:
    lines = [line for line in _scrape(running).splitlines() if "consumer_lag_records{" in line]
    return [line.rpartition(" ")[2] for line in lines]


def _families(scraped: str) -> set[str]:
    return {line.split(" ")[2] for line in scraped.splitlines() if line.startswith("# TYPE")}


@pytest.mark.slow
def test_lag_is_measured_when_nothing_is_behind(running: Running) -> None:
    """Zero is an answer; an absent series is the alarm."""
    # Three partitions of the events, and three of the edge's alarms. What another test of this
    # gateway posted may be on its way still.
    deadline = time.monotonic() + processes.WAIT_S
    while (found := _lags(running)) != ["0.0"] * 6 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found == ["0.0"] * 6


@pytest.mark.slow
def test_the_admin_port_answers_health_and_nothing_else(running: Running) -> None:
    """Whoever probes it finds no door and no version."""
    assert processes.get(running.admin_url + "/livez") == (200, "ok\n")
    assert processes.get(running.admin_url + "/healthz") == (200, "ok\n")
    assert processes.get(running.admin_url + "/readyz") == (200, "ready\n")
    assert processes.get(running.admin_url + "/hooks/shop")[0] == 404
