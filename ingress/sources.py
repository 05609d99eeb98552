"""`Source`: a slug, a provider's profile, an account and live keys; and the snapshot of them all.

Settings flow in and an immutable snapshot flows out, or every mistake at once. The edge holds one
reference to the snapshot and looks slugs up in it; nothing else about sources is ever asked while
a request runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ingress import keyring, secretfiles
from ingress.contract import topics
from ingress.contract.envelope import Mode
from ingress.fetching import Plan, plan
from ingress.keyring import Keyring, Live, Ring, Secret, Status
from ingress.providers import Profile, find
from ingress.providers.limits import body_bytes_max
from ingress.schemes.parts.keys import Key
from ingress.settings import (
    ConfigurationInvalid,
    EdgeSettings,
    KeySettings,
    Mistake,
    SourceSettings,
)

UNSIGNED = "none"
"""The key id of what nobody signed."""
FETCHED = "fetched"
"""The metric label of all keys that were fetched."""


@dataclass(frozen=True, slots=True)
class Source:
    """One configured endpoint, ready to verify.

    `ring` holds its keys, decoded once; `tokens` prove a handshake. `plan` is how more keys are
    fetched, where they are. `mode` is that of its environment. `setting` is what was configured.
    """

    slug: str
    profile: Profile
    environment: str
    mode: Mode
    account: str
    uri: str
    url: str
    ring: Ring
    body_bytes_max: int
    rate_per_s: float | None
    setting: SourceSettings
    tokens: tuple[Key, ...] = field(default=(), repr=False)
    plan: Plan | None = field(default=None, repr=False)

    @property
    def key_labels(self) -> tuple[str, ...]:
        """What metrics tell keys by: the configured ids, and one word for all that is fetched."""
        ids = self.ring.ids if self.profile.is_signed else (UNSIGNED,)
        return ids if self.plan is None else (*ids, FETCHED)


Snapshot = Mapping[str, Source]


class Serves(NamedTuple):
    """What a process is for: one environment, and whether money is real there."""

    environment: str
    mode: Mode


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the settings came from: key files are relative to `base`; slugs stand in `files`.

    `profiles` is the directory of the user's own profiles.
    """

    base: Path
    files: Mapping[str, str] = field(default_factory=dict)
    profiles: Path | None = None


def build(
    serves: Serves, settings: Sequence[SourceSettings], edge: EdgeSettings, origin: Origin
) -> Snapshot:
    """Load every source's profile and keys. Raises `ConfigurationInvalid` with all mistakes."""
    mistakes: list[Mistake] = []
    built: dict[str, Source] = {}
    owners: dict[bytes, str] = {}
    for setting in settings:
        place = f"source {setting.slug!r}"
        here: list[Mistake] = []
        if setting.slug in built:
            here.append(Mistake(place, "the slug is used twice; each source needs its own"))
        else:
            found = _source(serves, setting, edge, origin)
            here += found.mistakes
            if found.source is not None:
                here += _shared(found.source, owners)
                built[setting.slug] = found.source
        file = origin.files.get(setting.slug, "")
        mistakes += [replace(mistake, file=file) for mistake in here]
    if mistakes:
        raise ConfigurationInvalid(mistakes)
    return built


@dataclass(slots=True)
class _Found:
    source: Source | None
    mistakes: list[Mistake]


def _source(serves: Serves, setting: SourceSettings, edge: EdgeSettings, origin: Origin) -> _Found:
    place = f"source {setting.slug!r}"
    try:
        profile = find(setting.provider, setting.parameters, origin.profiles)
    except ValueError as wrong:
        return _Found(None, [Mistake(f"{place} provider {setting.provider!r}", str(wrong))])
    mistakes = [Mistake(place, message) for message in _unmet(setting, profile)]
    limit = setting.body_bytes_max or body_bytes_max(profile.declaration, edge.body_bytes_max)
    if limit > edge.body_bytes_max:
        above = f"is above the edge's own body_bytes_max, which is {edge.body_bytes_max}"
        mistakes.append(Mistake(f"{place} body_bytes_max", above))
    ring = _Ring(profile)
    for key in setting.key:
        try:
            ring.add(key, origin.base)
        except ValueError as wrong:
            mistakes.append(Mistake(f"{place} key {key.id!r}", str(wrong)))
    try:
        Keyring(tuple(ring.named))
    except ValueError as wrong:
        mistakes.append(Mistake(place, str(wrong)))
    planned = None
    try:
        planned = _plan(setting, profile, ring)
    except ValueError as wrong:
        mistakes.append(Mistake(f"{place} provider {setting.provider!r}", str(wrong)))
    if mistakes:
        return _Found(None, mistakes)
    environment = topics.check_environment(serves.environment)
    source = Source(
        slug=setting.slug,
        profile=profile,
        environment=environment,
        mode=serves.mode,
        account=setting.account,
        uri=setting.public_url or f"urn:sealgate:{environment}:{setting.slug}",
        url=setting.public_url,
        ring=Ring(ring.keys),
        body_bytes_max=limit,
        rate_per_s=setting.rate_per_s,
        setting=setting,
        tokens=tuple(ring.tokens),
        plan=planned,
    )
    return _Found(source, [])


def _unmet(setting: SourceSettings, profile: Profile) -> Iterator[str]:
    """Say what a source must still say before its provider's deliveries can be relied upon."""
    yield from profile.lacking
    says = profile.declaration
    if not profile.is_signed and not setting.accepts_hints:
        yield (
            f"{profile.title} signs nothing: its deliveries are hints to look, and anybody can "
            "send one; say accepts_hints = true if that is what you want"
        )
    if says.confidence == "D" and not setting.experimental:
        yield (
            f"nobody has confirmed how {profile.title} signs; say experimental = true to try the "
            "profile all the same"
        )
    if profile.signs_url and not setting.public_url:
        yield (
            "public_url is needed, exactly as it is registered at the provider: "
            f"{profile.title} signs it"
        )
    has_key = any(key.role == "verify" for key in setting.key)
    if profile.is_signed and not has_key and not _fetches(setting, profile):
        yield "a source needs at least one [[source.key]], with the file that holds it" + (
            "; or the credential with which the provider's keys are fetched, as a key with "
            'role = "api"'
            if says.key_source is not None and setting.fetch_keys
            else ""
        )


def _fetches(setting: SourceSettings, profile: Profile) -> bool:
    """Say whether a source fetches keys: its provider publishes them, and shows them to us."""
    published = profile.declaration.key_source
    if published is None or not setting.fetch_keys:
        return False
    return published.credential == "none" or any(key.role == "api" for key in setting.key)


def _plan(setting: SourceSettings, profile: Profile, ring: "_Ring") -> Plan | None:
    """Return how keys are fetched, if they are. Raises `ValueError`."""
    if not _fetches(setting, profile):
        return None
    return plan(profile.declaration, ring.credential)


class _Ring:
    """The keys of one source, sorted by what they are for."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self.named: list[keyring.Key] = []
        self.keys: list[Live] = []
        self.tokens: list[Key] = []
        self.credential: Secret | None = None

    def add(self, setting: KeySettings, base: Path) -> None:
        """Take one key. Raises `ValueError` for one that cannot be used."""
        try:
            found = secretfiles.read(base, setting.file)
        except ValueError:
            if setting.status is Status.REVOKED:
                # Its secret may be gone, and should be; that it was revoked is still to be known.
                return
            raise
        if found.content == setting.id.encode():
            raise ValueError("its id is the secret itself; an id is shown everywhere")
        if setting.role == "verify":
            key = self._profile.key(found.content, setting.kid)
            if isinstance(key.material, bytes):
                found.check_private()
            self.keys.append(
                Live(
                    setting.id,
                    key,
                    setting.status,
                    _ms(setting.not_before),
                    _ms(setting.not_after),
                )
            )
        else:
            found.check_private()
            if setting.role == "api":
                self.credential = Secret(found.content)
            elif setting.status is not Status.REVOKED:
                self.tokens.append(Key(found.content))
        self.named.append(keyring.Key(setting.id, Secret(found.content)))


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)


def _shared(source: Source, owners: dict[bytes, str]) -> Iterator[Mistake]:
    """Find keys that another source has too: a replay to one would verify at the other."""
    for live in source.ring.keys:
        material = live.key.material
        if not isinstance(material, bytes):
            continue  # a public key is everybody's
        owner = owners.setdefault(material, source.slug)
        if owner != source.slug:
            yield Mistake(
                f"source {source.slug!r} key {live.id!r}",
                f"the same secret is a key of source {owner!r}; every source needs its own",
            )
