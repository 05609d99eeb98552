"""`Source`: a slug, a provider's profile, an account and live keys; and the snapshot of them all.

Settings flow in and an immutable snapshot flows out, or every mistake at once. The edge holds one
reference to the snapshot and looks slugs up in it; nothing else about sources is ever asked while
a request runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ingress import keyring, secretfiles
from ingress.allowlist import Access, published
from ingress.contract import topics
from ingress.contract.envelope import Mode
from ingress.fetching import Plan, plan
from ingress.filestate import Memory, look
from ingress.keyring import Keyring, Live, Ring, Secret, Status
from ingress.networks import Networks
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
    `access` is who may deliver; None for anybody.
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
    access: Access | None = None

    @property
    def key_labels(self) -> tuple[str, ...]:
        """What metrics tell keys by: the configured ids, and one word for all that is fetched."""
        ids: tuple[str, ...] = (UNSIGNED,)
        if self.profile.is_signed:
            # One that is revoked too, though its file may be gone: what it proved stays counted.
            ids = tuple(key.id for key in self.setting.key if key.role == "verify")
        return ids if self.plan is None else (*ids, FETCHED)


Snapshot = Mapping[str, Source]


class Owner(NamedTuple):
    """The source that has a secret, and whether it is revoked there."""

    slug: str
    is_revoked: bool


class Serves(NamedTuple):
    """What a process is for: one environment, and whether money is real there."""

    environment: str
    mode: Mode


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the settings came from: key files are relative to `base`; slugs stand in `files`.

    `profiles` is the directory of the user's own profiles. `memory` holds what was built before:
    only what changed since is built again.
    """

    base: Path
    files: Mapping[str, str] = field(default_factory=dict)
    profiles: Path | None = None
    memory: "Memory[Source]" = field(default_factory=Memory)


def build(
    serves: Serves, settings: Sequence[SourceSettings], edge: EdgeSettings, origin: Origin
) -> Snapshot:
    """Load every source's profile and keys. Raises `ConfigurationInvalid` with all mistakes."""
    mistakes: list[Mistake] = []
    built: dict[str, Source] = {}
    owners: dict[bytes, Owner] = {}
    profiles = _Profiles(origin.profiles)
    origin.memory.depend(serves, edge.body_bytes_max, edge.tls, origin.base)
    for setting in settings:
        found = _NOTHING
        if setting.slug in built:
            place = f"source {setting.slug!r}"
            here = [Mistake(place, "the slug is used twice; each source needs its own")]
        else:
            found = _found(_Wanted(serves, setting, edge, origin), profiles)
            here = found.mistakes
        if found.source is not None:
            here = here + _shared(found.source, owners)
            built[setting.slug] = found.source
        if here:
            file = origin.files.get(setting.slug, "")
            mistakes += [replace(mistake, file=file) for mistake in here]
    origin.memory.keep_only(built)
    if mistakes:
        raise ConfigurationInvalid(mistakes)
    return built


class _Found(NamedTuple):
    source: Source | None
    mistakes: list[Mistake]


_NOTHING = _Found(None, [])


class _Profiles:
    """The profiles of one look: each is asked for once, however many sources have it."""

    def __init__(self, own: Path | None) -> None:
        self._own = own
        self._found: dict[tuple[str, str], tuple[Profile | None, str]] = {}

    def find(self, setting: SourceSettings) -> tuple[Profile | None, str]:
        """Return a source's profile, or what is wrong with it."""
        asked = (setting.provider, repr(setting.parameters) if setting.parameters else "")
        found = self._found.get(asked)
        if found is None:
            try:
                found = find(setting.provider, setting.parameters, self._own), ""
            except ValueError as wrong:
                found = None, str(wrong)
            self._found[asked] = found
        return found


class _Wanted(NamedTuple):
    """One source to build, and what goes into it."""

    serves: Serves
    setting: SourceSettings
    edge: EdgeSettings
    origin: Origin


def _found(wanted: _Wanted, profiles: _Profiles) -> _Found:
    """Return the source as it was built before, if nothing changed, or build it."""
    _, setting, _, origin = wanted
    profile, wrong = profiles.find(setting)
    if profile is None:
        place = f"source {setting.slug!r} provider {setting.provider!r}"
        return _Found(None, [Mistake(place, wrong)])
    inputs = (setting, profile)
    known = origin.memory.recall(setting.slug, inputs)
    if known is not None:
        return _Found(known, [])
    seen = look(tuple(str(origin.base / key.file) for key in setting.key))
    built = _source(wanted, profile)
    if built.source is not None:
        origin.memory.keep(setting.slug, inputs, seen, built.source)
    return built


def _source(wanted: _Wanted, profile: Profile) -> _Found:
    serves, setting, edge, origin = wanted
    place = f"source {setting.slug!r}"
    mistakes = [Mistake(place, message) for message in _unmet(setting, profile)]
    limit = setting.body_bytes_max or body_bytes_max(profile.declaration, edge.body_bytes_max)
    mistakes += [
        Mistake(f"{place} {name}", told) for name, told in _unmatched(setting, limit, edge)
    ]
    ring = _Ring(profile)
    mistakes += [Mistake(place + name, told) for name, told in ring.fill(setting, origin.base)]
    planned = None
    try:
        planned = _plan(setting, profile, ring)
    except ValueError as wrong:
        mistakes.append(Mistake(f"{place} provider {setting.provider!r}", str(wrong)))
    access = None
    try:
        access = _access(serves, setting, profile)
    except ValueError as wrong:
        mistakes.append(Mistake(f"{place} allow_published", str(wrong)))
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
        access=access,
    )
    return _Found(source, [])


def _unmatched(
    setting: SourceSettings, limit: int, edge: EdgeSettings
) -> Iterator[tuple[str, str]]:
    """Say where a source asks for more than its edge has."""
    if limit > edge.body_bytes_max:
        above = f"is above the edge's own body_bytes_max, which is {edge.body_bytes_max}"
        yield "body_bytes_max", above
    if setting.client_names and (edge.tls is None or edge.tls.client_ca_file is None):
        nobody = (
            "no client can show a certificate here: that needs TLS on this port, and "
            "edge.tls.client_ca_file to say who issues such certificates"
        )
        yield "client_names", nobody


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
    return published.credential == "none" or any(
        key.role == "api" and key.status is not Status.REVOKED for key in setting.key
    )


def _access(serves: Serves, setting: SourceSettings, profile: Profile) -> Access | None:
    """Return who may deliver, if not anybody. Raises `ValueError`."""
    if not setting.allow_published:
        return Access(Networks.of(setting.allow), None) if setting.allow else None
    said = profile.declaration.addresses
    if said is None:
        raise ValueError(
            f"{profile.title} publishes no list of addresses that is known here; "
            "write its networks into allow"
        )
    url = said.test_url if serves.mode is Mode.TEST and said.test_url else said.url
    listed = published(profile.name, url, said.places, float(said.refresh_s))
    return Access(Networks.of(setting.allow), listed)


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
        self._revoked: list[Secret] = []

    def fill(self, source: SourceSettings, base: Path) -> Iterator[tuple[str, str]]:
        """Take all keys of a source, and say which of them cannot be used, and why."""
        for key in source.key:
            try:
                self._add(key, base)
            except ValueError as wrong:
                yield f" key {key.id!r}", str(wrong)
        try:
            Keyring(tuple(self.named))
        except ValueError as wrong:
            yield "", str(wrong)

    def _add(self, setting: KeySettings, base: Path) -> None:
        """Take one key. Raises `ValueError` for one that cannot be used, unless it is revoked."""
        if setting.status is Status.REVOKED:
            # Its file may be gone, overwritten or open to everybody: no reason to go on with it.
            with suppress(ValueError):
                self._note(setting, base)
            return
        found = secretfiles.read(base, setting.file)
        if found.content == setting.id.encode():
            raise ValueError("its id is the secret itself; an id is shown everywhere")
        if setting.role == "verify":
            key = self._profile.key(found.content, setting.kid)
            if isinstance(key.material, bytes):
                found.check_private()
            self._take(setting, key)
        else:
            found.check_private()
            if setting.role == "api":
                self.credential = Secret(found.content)
            else:
                self.tokens.append(Key(found.content))
        self.named.append(keyring.Key(setting.id, Secret(found.content)))

    def _take(self, setting: KeySettings, key: Key) -> None:
        opens, closes = moment_ms(setting.not_before), moment_ms(setting.not_after)
        self.keys.append(Live(setting.id, key, setting.status, opens, closes))

    def _note(self, setting: KeySettings, base: Path) -> None:
        """Know a revoked key, so that no other holds the same. Raises `ValueError`."""
        secret = Secret(secretfiles.read(base, setting.file).content)
        if setting.role == "verify":
            self._take(setting, self._profile.key(secret.reveal(), setting.kid))
        if not any(secret == known for known in self._revoked):
            # Two that were overwritten with the same word are no mistake.
            self._revoked.append(secret)
            self.named.append(keyring.Key(setting.id, secret))


def moment_ms(moment: datetime | None) -> int | None:
    """Return a moment in milliseconds since the epoch."""
    return None if moment is None else round(moment.timestamp() * 1000)


def _shared(source: Source, owners: dict[bytes, Owner]) -> list[Mistake]:
    """Find keys that another source has too: a replay to one would verify at the other.

    Of two that are both revoked neither does, and whoever overwrites secrets may use one word.
    """
    found = []
    for live in source.ring.keys:
        material = live.key.material
        if not isinstance(material, bytes):
            continue  # a public key is everybody's
        mine = Owner(source.slug, live.status is Status.REVOKED)
        owner = owners.setdefault(material, mine)
        if owner.slug != source.slug and not (owner.is_revoked and mine.is_revoked):
            told = f"the same secret is a key of source {owner.slug!r}; every source needs its own"
            found.append(Mistake(f"source {source.slug!r} key {live.id!r}", told))
    return found
