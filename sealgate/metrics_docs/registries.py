"""The registries of processes that play one role each, made of the very parts that they run.

A configuration of one source flows in from here; what each part registers flows out. Nothing is
started: a part declares its metrics when it is made, so that none has to be named here, and none
can be forgotten.
"""

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import CollectorRegistry

from consumers import app
from ingress import telemetry
from ingress.app import EdgeApp
from ingress.app import Parts as EdgeParts
from sealgate import consuming
from sealgate.audit.keeping import CheckpointsApp, Desk
from sealgate.audit.verifying import VerifyingApp, Watch
from sealgate.building import Fresh, build
from sealgate.config import Configuration, Reading, read
from sealgate.fetching.part import FetchApp
from sealgate.logs import open_log
from sealgate.process import registry
from sealgate.reload import Means, Reloader
from sealgate.role import Role
from sealgate.stores import open_store
from sealgate.supervisor import Metrics as SupervisorMetrics

EVERY = "every process"
SUPERVISOR = "supervisor"
ENVIRONMENT = "sandbox"
SLUG = "shop"
KEY_ID = "k1"
PROVIDER = "btcpay"
_CONFIGURATION = f"""\
environment = "{ENVIRONMENT}"

[log]
url = "embedded:./log.db"

[store]
url = "sqlite:./store.db"

[[source]]
slug = "{SLUG}"
provider = "{PROVIDER}"
account = "main"

[[source.key]]
id = "{KEY_ID}"
file = "key"

[source.fetch]
base_url = "https://btcpay.example/api"
"""
_Make = Callable[[Configuration, CollectorRegistry], None]


def registries(directory: Path) -> Mapping[str, CollectorRegistry]:
    """Make the registry of each role in an empty directory, and that of what all have in common."""
    key = directory / "key"
    key.touch(mode=0o600)
    key.write_text(secrets.token_urlsafe(), encoding="utf-8")
    file = directory / "sealgate.toml"
    file.write_text(_CONFIGURATION, encoding="utf-8")
    configuration = read(file, {})
    makers: Mapping[str, _Make] = {
        EVERY: _every,
        SUPERVISOR: _supervisor,
        Role.EDGE.value: _edge,
        Role.WORKER.value: lambda told, into: _made(app.WorkerApp(_parts(told, into))),
        Role.RELAY.value: lambda told, into: _made(app.RelayApp(_parts(told, into))),
        Role.TIMERS.value: _timers,
        Role.FETCH.value: lambda told, into: _made(FetchApp.of(told, _parts(told, into))),
        Role.MONITOR.value: _monitor,
    }
    found = {}
    for name, make in makers.items():
        into = registry(ENVIRONMENT) if name == EVERY else CollectorRegistry()
        make(configuration, into)
        found[name] = into
    return found


def _made(part: app.Background) -> None:
    """Take a part that is made: it has registered its metrics, and is never started."""


def _parts(configuration: Configuration, into: CollectorRegistry) -> app.Parts:
    log, store = open_log(configuration), open_store(configuration)
    return consuming.parts(configuration, log, store, into, lambda _: None)


def _every(configuration: Configuration, into: CollectorRegistry) -> None:
    means = Means(lambda _: Reading(configuration, ()), is_edge=False, apply=_apply)
    Reloader(means, build(configuration, is_edge=False), into, telemetry.now_ms)


def _supervisor(_: Configuration, into: CollectorRegistry) -> None:
    SupervisorMetrics(into)


async def _apply(before: Fresh, fresh: Fresh) -> None:
    """Put nothing in place of anything."""


def _edge(configuration: Configuration, into: CollectorRegistry) -> None:
    served = build(configuration, is_edge=True)
    settings = configuration.settings
    EdgeApp(
        EdgeParts(
            environment=settings.environment,
            settings=settings.edge,
            sources=served.sources,
            log=open_log(configuration),
            partitions=settings.log.partitions,
            registry=into,
            clock=telemetry.now_ms,
            quarantine=settings.quarantine,
        )
    )


def _timers(configuration: Configuration, into: CollectorRegistry) -> None:
    parts = _parts(configuration, into)
    _made(app.TimersApp(parts))
    watch = Watch.of(configuration)
    assert watch is not None
    _made(VerifyingApp(parts, watch))


def _monitor(configuration: Configuration, into: CollectorRegistry) -> None:
    parts = _parts(configuration, into)
    _made(app.MonitorApp(parts))
    desk = Desk(configuration.base, Ed25519PrivateKey.generate(), ENVIRONMENT)
    _made(CheckpointsApp(parts, desk, configuration.settings.audit.checkpoint_s))
