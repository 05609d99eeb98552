"""The way of an alert, for real: a broker is killed, a consumer stops, a key breaks; people hear.

Real processes on a real Kafka, a real Prometheus with the rules as they are shipped, a real
Alertmanager with the example's routes. One thing is changed, and in one place: a minute of the
rules' and routes' durations lasts a second here. What is compared with seconds stays as it is.
"""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import alerting, ports, processes
from tests.support.gateway import OLD_SECRET
from tests.support.kafka import PrivateBroker
from tests.support.pager import Pager
from tests.support.processes import Running, Stack
from tests.support.prometheus import Alertmanager, Prometheus, Target, wait_until

SECONDS_OF_A_MINUTE = 1
PARTS = {"edge": "serve", "consumers": "consume", "monitor": "monitor"}
WRONG_SECRET = b"of another shop, copied by mistake"
_DURATION = r"(\d+)([smhdw])\b"

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.promtool]


def _quicker(text: str) -> str:
    """Let a minute last a second, in windows, offsets and waits; nowhere else."""

    def shorter(found: re.Match[str]) -> str:
        ms = alerting.seconds(found[2]) * 1000 * SECONDS_OF_A_MINUTE // 60
        return f"{found[1]}{ms}ms"

    return re.sub(rf"(\[|offset |for: |_wait: |_interval: |_timeout: )({_DURATION})", shorter, text)


@dataclass(slots=True)
class Scene:
    """A running gateway, and who is called about it."""

    stack: Stack
    pager: Pager
    prometheus: Prometheus
    alertmanager: Alertmanager
    ports: dict[str, int]
    running: dict[str, Running]

    def start(self, part: str) -> None:
        """Start a part at the port where it is scraped."""
        environ = {"SEALGATE__ADMIN__PORT": str(self.ports[part])}
        path = self.stack.directory / "sealgate.toml"
        started = processes.start(path, PARTS[part], environ=environ, name=part)
        self.running[part] = started.wait_started().wait_ready()

    def change_key(self, secret: bytes) -> None:
        """Put another secret in the place of the shop's, as a deployment would."""
        beside = self.stack.directory / "beside"
        beside.write_bytes(secret)
        beside.rename(self.stack.directory / "key")

    async def heard(self, alert: str, status: str, receiver: str) -> None:
        """Wait until a receiver's last word about an alert is this."""

        def is_so() -> bool:
            last = self.pager.last(alert)
            return last is not None and (last.status, last.receiver) == (status, receiver)

        await asyncio.to_thread(wait_until, is_so, f"no {status} {alert}", self._told)

    def _told(self) -> str:
        calls = [(call.receiver, call.status, call.alert) for call in self.pager.calls]
        firing = [one["labels"]["alertname"] for one in self.prometheus.alerts()]
        return f"heard {calls}; firing {firing}"


@contextmanager
def _traffic(edge_url: str) -> Iterator[None]:
    """Deliver some ten events a second, whatever they are answered."""
    is_over = threading.Event()

    def deliver() -> None:
        number = 0
        while not is_over.wait(0.1):
            number += 1
            processes.post(edge_url, processes.event(f"inv-{number}", "InvoiceCreated"))

    thread = threading.Thread(target=deliver)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _configured(directory: Path, pager: Pager) -> tuple[list[Path], Path]:
    """Write the shipped rules and routes with shorter minutes and the pager's address."""
    rules = []
    for shipped in alerting.RULE_FILES:
        rules.append(directory / shipped.name)
        rules[-1].write_text(_quicker(shipped.read_text()))
    routes = (alerting.PROMETHEUS / "alertmanager.yml").read_text()
    config = directory / "alertmanager.yml"
    config.write_text(_quicker(routes).replace("127.0.0.1:9099", pager.address))
    return rules, config


@pytest.fixture(name="scene")
async def _scene(tmp_path: Path, private_broker: PrivateBroker) -> AsyncIterator[Scene]:
    url = f"kafka://{private_broker.bootstrap}?replication_factor=1"
    stack = Stack(tmp_path, url, f"sqlite://{tmp_path}/store.db")
    stack.write()
    at = {part: ports.free() for part in PARTS}
    jobs = {
        f"sealgate-{part}": [Target(f"127.0.0.1:{port}", {"environment": stack.environment})]
        for part, port in at.items()
    }
    with ExitStack() as until_the_end:
        pager = until_the_end.enter_context(Pager())
        rules, config = _configured(tmp_path, pager)
        manager = until_the_end.enter_context(Alertmanager(tmp_path, config))
        prometheus = Prometheus(tmp_path, jobs, rules=rules, alertmanager=manager.address)
        scene = Scene(stack, pager, prometheus, manager, at, {})
        await asyncio.gather(*(asyncio.to_thread(scene.start, part) for part in PARTS))
        until_the_end.enter_context(prometheus)
        await asyncio.to_thread(prometheus.wait_scraped)
        until_the_end.enter_context(_traffic(scene.running["edge"].edge_url))
        yield scene


async def _a_consumer_stops_and_a_key_breaks(scene: Scene) -> None:
    scene.running["consumers"].kill()
    await asyncio.to_thread(scene.prometheus.wait_for, "sealgate_consumer_lag_records > 0")
    scene.change_key(WRONG_SECRET)
    await scene.heard("SealgateTargetDown", "firing", "page")
    # Nothing is handled where no worker is left: one trouble, and one call.
    await _kept_silent(scene, "SealgateConsumerStalled")
    assert scene.pager.last("SealgateConsumerStalled") is None
    await scene.heard("SealgateEverythingFailsVerification", "firing", "page")
    scene.change_key(OLD_SECRET)
    await asyncio.to_thread(scene.start, "consumers")
    await scene.heard("SealgateTargetDown", "resolved", "page")
    await asyncio.to_thread(
        wait_until,
        lambda: "SealgateConsumerStalled" not in _firing(scene),
        "the consumers stand still",
        lambda: str(scene.prometheus.alerts()),
    )
    await scene.heard("SealgateEverythingFailsVerification", "resolved", "page")


async def _the_broker_dies(scene: Scene, broker: PrivateBroker) -> None:
    await broker.kill()
    await scene.heard("SealgateLogUnavailable", "firing", "page")
    # The monitor cannot measure the lag either; that is no news, and nobody is told.
    await _kept_silent(scene, "SealgateCollectorFailed")
    await broker.restart()
    await scene.heard("SealgateLogUnavailable", "resolved", "page")


async def _kept_silent(scene: Scene, alert: str) -> None:
    await asyncio.to_thread(
        wait_until,
        lambda: alert in _inhibited(scene.alertmanager),
        f"{alert} is not inhibited",
        lambda: str(scene.alertmanager.alerts()),
    )


def _firing(scene: Scene) -> set[str]:
    return {one["labels"]["alertname"] for one in scene.prometheus.alerts()}


def _inhibited(manager: Alertmanager) -> set[str]:
    return {one["labels"]["alertname"] for one in manager.alerts() if one["status"]["inhibitedBy"]}


@pytest.mark.timeout(240)
async def test_the_right_people_hear_of_each_trouble_and_of_its_end(
    scene: Scene, private_broker: PrivateBroker
) -> None:
    """An alert that was never seen to arrive is a rule in a file."""
    await scene.heard("SealgateWatchdog", "firing", "dead-mans-switch")
    await _a_consumer_stops_and_a_key_breaks(scene)
    await _the_broker_dies(scene, private_broker)
    call = next(one for one in scene.pager.calls if one.alert.endswith("FailsVerification"))
    assert call.labels == {
        "alertname": "SealgateEverythingFailsVerification",
        "environment": scene.stack.environment,
        "source": "shop",
        "provider": "btcpay",
        "severity": "page",
    }
    assert call.annotations["runbook_url"].endswith("/docs/runbooks/verification-failures.md")
    assert "key of shop" in call.annotations["summary"]
    assert all(rule["health"] == "ok" for rule in scene.prometheus.wait_evaluated())


def test_only_durations_are_made_shorter() -> None:
    """The expressions that are tried here are otherwise those that are shipped."""
    shipped = "expr: sum(increase(a_total[5m])) > 300 and b offset 1d > 60\nfor: 10m\n5m"
    assert _quicker(shipped) == (
        "expr: sum(increase(a_total[5000ms])) > 300 and b offset 1440000ms > 60\nfor: 10000ms\n5m"
    )
