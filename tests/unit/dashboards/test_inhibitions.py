"""What keeps silent beside what, asked of a real Alertmanager with the routes that are shipped.

The table is written by hand: what fires, and who of it is told of. An alert that follows from
another is no news; one about something else must reach people, however loud it is elsewhere.
"""

import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support import alerting
from tests.support.prometheus import Alertmanager

ALERTMANAGER = alerting.PROMETHEUS / "alertmanager.yml"
SEVERITY = dict(map(alerting.name, alerting.alerts()))
Fires = tuple[str, dict[str, str]]

SHOP = {"source": "shop", "provider": "btcpay"}
CARD = {"source": "card", "provider": "stripe"}
PAGE = {"severity": "page"}
TICKET = {"severity": "ticket"}
EDGE_1 = {"instance": "edge-1:9090", "host": "edge-1"}
EDGE_2 = {"instance": "edge-2:9090", "host": "edge-2"}
DATABASE: Fires = ("DatabaseUnavailable", {})
LOG: Fires = ("LogUnavailable", {})
SILENT = "ProviderSilent"
WRONG = "EverythingFailsVerification"

TOLD: dict[str, tuple[list[Fires], list[Fires]]] = {
    "one of two edges is dead, and a provider is silent": (
        [("TargetDown", EDGE_1), (SILENT, CARD)],
        [],
    ),
    "no edge is left: everybody is silent": (
        [("TargetDown", {"part": "edge"})],
        [(SILENT, SHOP), (SILENT, CARD)],
    ),
    "no relay is left, and a provider is silent": (
        [("TargetDown", {"part": "relay"}), (SILENT, CARD), ("ConsumerStalled", {"group": "a"})],
        [("NoticesWaiting", {})],
    ),
    "no worker is left": (
        [("TargetDown", {"part": "workers"}), ("CollectorFailed", {"collector": "lag"})],
        [("ConsumerStalled", {"group": "a"}), ("ConsumerLag", {"group": "a", "topic": "t"})],
    ),
    "one worker of two is dead, and the other stands": (
        [("TargetDown", {"instance": "w-1:9090", "host": "w-1"}), ("ConsumerStalled", {})],
        [("ConsumerLag", {"topic": "t"})],
    ),
    "no timers are left": ([("TargetDown", {"part": "timers"})], [("TimersStopped", {})]),
    "no monitor is left": (
        [("TargetDown", {"part": "monitor"}), ("TimersStopped", {})],
        [("CollectorFailed", {}), ("CheckpointOld", {})],
    ),
    "a worker of the edge is dead, and its supervisor says so; another host misses one, too": (
        [
            ("TargetDown", {"instance": "edge-1:9091", "host": "edge-1"}),
            ("WorkersMissing", EDGE_2),
        ],
        [("WorkersMissing", EDGE_1)],
    ),
    "the key of one source is wrong, and another provider is silent": (
        [(WRONG, SHOP | PAGE), (SILENT, CARD), ("VerificationFailuresHigh", CARD)],
        [(SILENT, SHOP), ("VerificationFailuresHigh", SHOP)],
    ),
    "one source has a wrong key, and another is besieged": (
        [(WRONG, SHOP | PAGE), (WRONG, CARD | TICKET)],
        [(WRONG, SHOP | TICKET)],
    ),
    "a source is besieged, and silent": ([(WRONG, SHOP | TICKET), (SILENT, SHOP)], []),
    "the log is away, and a provider is silent": (
        [LOG, (SILENT, CARD), ("RetryHorizonRunningOut", SHOP), ("CollectorFailed", {})],
        [("ConsumerStalled", {}), ("CollectorFailed", {"collector": "lag"})],
    ),
    "the database is away, and a provider is silent": (
        [DATABASE, (SILENT, CARD), ("CollectorFailed", {"collector": "letters"})],
        [("NoticesWaiting", {}), ("CollectorFailed", {"collector": "payments"})],
    ),
}
pytestmark = pytest.mark.promtool


def _labels(number: int, fires: Fires) -> dict[str, str]:
    """Say an alert as Prometheus would: each situation has an environment of its own."""
    name, labels = f"Sealgate{fires[0]}", fires[1]
    named = {"alertname": name, "environment": f"place-{number}", "severity": SEVERITY[name]}
    return named | labels


@pytest.mark.timeout(60)
def test_what_follows_from_another_is_no_news_and_what_does_not_is_told(tmp_path: Path) -> None:
    """While one thing is broken, a second one must not go unheard because of it."""
    ordered = list(enumerate(TOLD.values()))
    fired = [_labels(n, one) for n, sides in ordered for side in sides for one in side]
    with Alertmanager(tmp_path, ALERTMANAGER) as manager:
        _post(manager.url, fired)
        silent = {_key(one["labels"]) for one in manager.alerts() if one["status"]["inhibitedBy"]}
    for situation, (number, (told, follows)) in zip(TOLD, ordered, strict=True):
        for one in told:
            assert _key(_labels(number, one)) not in silent, (situation, one)
        for one in follows:
            assert _key(_labels(number, one)) in silent, (situation, one)


def _key(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _post(url: str, fired: list[dict[str, str]]) -> None:
    content = json.dumps([{"labels": labels} for labels in fired]).encode()
    headers = {"Content-Type": "application/json"}
    asked = urllib.request.Request(f"{url}/api/v2/alerts", content, headers)
    with urllib.request.urlopen(asked, timeout=10) as reply:
        assert reply.status == 200
