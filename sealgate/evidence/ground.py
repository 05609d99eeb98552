"""A throw-away gateway with the same sources: its configuration, its keys, its running.

No secret of the real one is read. What is the same is what decides: each source's profile with its
parameters and its registered URL, the policy, the mappings, the user's own profiles. What is new is
where things are: a log and a database in a directory that is removed, a port that is free, and a
new key for each source. Beside the configured sources there is one more, whose provider's events
are known here in every word, so that payments can be told whatever providers are configured.
"""

import secrets
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from consumers.settings import StoreSettings
from consumers.store.port import Store
from ingress import telemetry
from ingress.eventlog.port import EventLog
from ingress.log_settings import LogSettings
from ingress.providers import Profile
from ingress.settings import (
    ConfigurationInvalid,
    KeySettings,
    QuarantineSettings,
    SourceSettings,
)
from sealgate.audit.settings import AuditSettings
from sealgate.building import PROFILES, build_sources
from sealgate.catalogue.entries import find
from sealgate.config import AdminSettings, Configuration
from sealgate.drills.stage import until
from sealgate.process import Process, Started
from sealgate.role import Role
from sealgate.simulator import events, keys
from sealgate.simulator.events import Samples
from sealgate.simulator.keys import SECRET_BYTES, SigningKey
from sealgate.simulator.wire import Wire

SUBJECTS_MAX = 25
"""Sources that are tried: of those with the same profile and parameters, one stands for all."""
KEY_ID = "self-test"
STAND_IN = "self-test"
PARTITIONS = 3
READY_S = 30.0
LAG_S = 60.0
_KEY_MODE = 0o600
_ROLES = (Role.EDGE, Role.WORKER, Role.RELAY)
_STAND_IN = SourceSettings(
    slug=STAND_IN,
    provider="standard_webhooks",
    account=STAND_IN,
    parameters={"payment_ref": "/data/payment_id"},
)


class SelfTestFailed(Exception):
    """The throw-away gateway did not run: what it needs is not there."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One source that is tried: its profile, and the keys that deliveries are signed with."""

    slug: str
    profile: Profile
    account: str
    url: str
    key: SigningKey = field(repr=False)
    wrong: SigningKey = field(repr=False)
    samples: Samples | None = None


@dataclass(frozen=True, slots=True)
class Ground:
    """The throw-away gateway: who is tried in it, and who is not, and why."""

    configuration: Configuration
    subjects: Sequence[Subject]
    left_out: Sequence[str]

    @property
    def lines(self) -> Path:
        """Name the file of the gateway's log lines."""
        return self.configuration.base / "gateway.log"


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that runs, and an HTTP client beside it."""

    edge_url: str
    store: Store
    log: EventLog
    wire: Wire


Steps = Callable[[Running], Awaitable[None]]


def prepare(place: Path, real: Configuration) -> Ground:
    """Write keys, and make the configuration of a gateway with the same sources."""
    environment = f"evidence-{secrets.token_hex(4)}"
    own = real.base / PROFILES
    if own.is_dir():
        # The user's own profiles belong to what is tried.
        shutil.copytree(own, place / PROFILES)
    chosen, left_out = _chosen(real)
    subjects: list[Subject] = []
    settings: list[SourceSettings] = []
    for source in (*chosen, _STAND_IN):
        try:
            subject, setting = _subject(place, source, own if own.is_dir() else None)
            build_sources(_configuration(place, real, environment, [setting]))
        except (ValueError, ConfigurationInvalid) as wrong:
            left_out.append(f"source {source.slug} was not tried: {_first_line(wrong)}")
            continue
        subjects.append(subject)
        settings.append(setting)
    return Ground(_configuration(place, real, environment, settings), subjects, left_out)


def _chosen(real: Configuration) -> tuple[list[SourceSettings], list[str]]:
    """Choose one source for each profile and parameters, some at most; say what is left out."""
    distinct: dict[tuple[object, ...], SourceSettings] = {}
    for source in real.settings.source:
        told = (source.provider, *sorted(map(str, source.parameters.items())))
        distinct.setdefault(told, source)
    chosen = list(distinct.values())
    left_out = []
    if len(chosen) > SUBJECTS_MAX:
        count = len(chosen) - SUBJECTS_MAX
        left_out.append(
            f"{count} kinds of sources were not tried: the self-test takes {SUBJECTS_MAX}"
        )
    if len(chosen) < len(real.settings.source):
        left_out.append(
            f"{len(real.settings.source)} sources are {len(chosen)} kinds: of those with the same"
            " profile and parameters, one was tried for all"
        )
    return chosen[:SUBJECTS_MAX], left_out


def _subject(
    place: Path, source: SourceSettings, own: Path | None
) -> tuple[Subject, SourceSettings]:
    """Make a key for a source. Raises `ValueError` where no delivery can be signed as its."""
    profile = find(source.provider, dict(source.parameters), own).profile
    if not profile.is_signed:
        raise ValueError(f"{profile.title} signs nothing, so there is nothing to prove")
    made = [keys.new_key(profile, secrets.token_bytes(SECRET_BYTES)) for _ in range(2)]
    path = place / "keys" / source.slug
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=_KEY_MODE)
    path.write_text(made[0].gateway, encoding="utf-8")
    # Who may deliver and how fast is the network's; here everybody is this machine.
    setting = source.model_copy(
        update={
            "key": [KeySettings(id=KEY_ID, file=path)],
            "environment": "",
            "allow": [],
            "allow_published": False,
            "client_names": [],
            "fetch": None,
            "fetch_keys": False,
            "rate_per_s": None,
        }
    )
    named = profile.name if profile.name in events.names() else None
    subject = Subject(
        slug=source.slug,
        profile=profile,
        account=source.account,
        url=source.public_url,
        key=keys.read(profile, made[0].sender.encode()),
        wrong=keys.read(profile, made[1].sender.encode()),
        samples=events.load(named) if named and _takes_samples(source) else None,
    )
    return subject, setting


def _takes_samples(source: SourceSettings) -> bool:
    """Say whether samples fit: those of Standard Webhooks name a payment where a parameter says."""
    fits = _STAND_IN.parameters
    return source.provider != _STAND_IN.provider or dict(source.parameters) == fits


def _configuration(
    place: Path, real: Configuration, environment: str, sources: Sequence[SourceSettings]
) -> Configuration:
    """Make the settings of the throw-away gateway."""
    settings = real.settings
    mappings = settings.consumer.mappings
    consumer = settings.consumer.model_copy(
        update={
            "group": environment,
            "wait_s": 0.2,
            "relay_idle_s": 0.05,
            "mappings": None if mappings is None else real.base / mappings,
        }
    )
    edge = type(settings.edge)(port=0, drain_s=0, shed_lag_s=LAG_S, state_file=None)
    changed = settings.model_copy(
        update={
            "environment": environment,
            "mode": "test",
            "accepts_labels": [],
            "fingerprints": None,
            "log": LogSettings(url="embedded:./log.db", partitions=PARTITIONS),
            "store": StoreSettings(url="sqlite:./store.db"),
            "edge": edge,
            "quarantine": QuarantineSettings(),
            "consumer": consumer,
            # Nobody announces the payments of a self-test.
            "policy": settings.policy.model_copy(update={"expect_first": []}),
            "audit": AuditSettings(),
            "admin": AdminSettings(port=0),
            "source": list(sources),
        }
    )
    return Configuration(changed, place / "sealgate.toml")


def run(ground: Ground, steps: Steps) -> None:
    """Run the gateway, and the steps beside it. Raises `SelfTestFailed`."""
    trouble: list[str] = []

    async def conduct(started: Started) -> None:
        try:
            async with Wire() as wire:
                await _ready(wire, started.admin_url)
                assert started.store is not None
                assert started.log is not None
                await steps(Running(started.edge_url, started.store, started.log, wire))
        except SelfTestFailed as failed:
            trouble.append(str(failed))
        finally:
            started.stop.set()

    with ground.lines.open("a", encoding="utf-8", buffering=1) as lines:
        telemetry.configure("json", "info", lines)
        try:
            code = Process(ground.configuration, _ROLES, started=conduct).main()
        finally:
            # The file goes, and what is said afterwards is for whoever called.
            telemetry.configure("console", "warning")
    if trouble:
        raise SelfTestFailed(trouble[0])
    if code:
        raise SelfTestFailed(f"the throw-away gateway ended by itself with {code}")


async def _ready(wire: Wire, admin_url: str) -> None:
    async def answers() -> bool:
        return (await wire.get(f"{admin_url}/readyz")).status == HTTPStatus.OK

    if not await until(answers, within_s=READY_S):
        raise SelfTestFailed("the throw-away gateway did not become ready")


def _first_line(wrong: Exception) -> str:
    return str(wrong).partition("\n")[0]
