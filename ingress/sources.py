"""`Source`: a slug, a provider's profile, an account and live keys; and the snapshot of them all.

Settings flow in and an immutable snapshot flows out, or every mistake at once. The edge holds one
reference to the snapshot and looks slugs up in it; nothing else about sources is ever asked while
a request runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingress import keyring
from ingress.contract import topics
from ingress.fetching import Plan, plan
from ingress.keyring import Keyring, Secret, secret_from_file_bytes
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

SECRET_BYTES_MAX = 64 * 1024
UNSIGNED = "none"
"""The key id of what nobody signed."""
FETCHED = "fetched"
"""The metric label of all keys that were fetched."""


@dataclass(frozen=True, slots=True)
class Source:
    """One configured endpoint, ready to verify.

    `keys` are decoded once, in the order of `key_ids`; `tokens` prove a handshake. `plan` is how
    more keys are fetched, where they are.
    """

    slug: str
    profile: Profile
    environment: str
    account: str
    uri: str
    url: str
    key_ids: tuple[str, ...]
    keys: tuple[Key, ...] = field(repr=False)
    body_bytes_max: int
    rate_per_s: float | None
    tokens: tuple[Key, ...] = field(default=(), repr=False)
    plan: Plan | None = field(default=None, repr=False)

    @property
    def key_labels(self) -> tuple[str, ...]:
        """What metrics tell keys by: the configured ids, and one word for all that is fetched."""
        return self.key_ids if self.plan is None else (*self.key_ids, FETCHED)


Snapshot = Mapping[str, Source]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the settings came from: key files are relative to `base`; slugs stand in `files`.

    `profiles` is the directory of the user's own profiles.
    """

    base: Path
    files: Mapping[str, str] = field(default_factory=dict)
    profiles: Path | None = None


def build(
    environment: str, settings: Sequence[SourceSettings], edge: EdgeSettings, origin: Origin
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
            found = _source(environment, setting, edge, origin)
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


def _source(
    environment: str, setting: SourceSettings, edge: EdgeSettings, origin: Origin
) -> _Found:
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
            ring.add(key, _key_secret(key, origin.base))
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
    topics.check_environment(environment)
    source = Source(
        slug=setting.slug,
        profile=profile,
        environment=environment,
        account=setting.account,
        uri=setting.public_url or f"urn:sealgate:{environment}:{setting.slug}",
        url=setting.public_url,
        key_ids=tuple(ring.ids) if profile.is_signed else (UNSIGNED,),
        keys=tuple(ring.keys),
        body_bytes_max=limit,
        rate_per_s=setting.rate_per_s,
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
        self.ids: list[str] = []
        self.keys: list[Key] = []
        self.tokens: list[Key] = []
        self.credential: Secret | None = None

    def add(self, setting: KeySettings, secret: bytes) -> None:
        """Take one key. Raises `ValueError` for one that cannot be used."""
        if setting.role == "handshake":
            self.tokens.append(Key(secret))
        elif setting.role == "api":
            self.credential = Secret(secret)
        else:
            self.keys.append(self._profile.key(secret, setting.kid))
            self.ids.append(setting.id)
        self.named.append(keyring.Key(setting.id, Secret(secret)))


def _key_secret(key: KeySettings, base: Path) -> bytes:
    secret = read_secret_file(base, key.file)
    if secret == key.id.encode():
        raise ValueError("its id is the secret itself; an id is shown everywhere")
    return secret


def read_secret_file(base: Path, name: Path) -> bytes:
    """Read a secret from the file `name`, counted from `base`. Raises `ValueError`.

    What is wrong with the file is said without its name: it may be the secret, put there instead.
    """
    path = base / name
    try:
        if path.exists() and not path.is_file():
            # A pipe would wait for ever, and a directory holds no secret.
            raise ValueError("what is named there is not a regular file")
        with path.open("rb") as file:
            raw = file.read(SECRET_BYTES_MAX + 1)
    except OSError as wrong:
        counted = "" if name.is_absolute() else f" (its path counts from {base})"
        raise ValueError(
            f"the file named there cannot be read: {wrong.strerror}{counted}"
        ) from None
    if len(raw) > SECRET_BYTES_MAX:
        raise ValueError(f"the file named there is larger than {SECRET_BYTES_MAX} bytes")
    try:
        return secret_from_file_bytes(raw)
    except ValueError as wrong:
        raise ValueError(f"the file named there cannot be used: {wrong}") from None


def _shared(source: Source, owners: dict[bytes, str]) -> Iterator[Mistake]:
    """Find keys that another source has too: a replay to one would verify at the other."""
    for key_id, key in zip(source.key_ids, source.keys, strict=False):
        if not isinstance(key.material, bytes):
            continue  # a public key is everybody's
        owner = owners.setdefault(key.material, source.slug)
        if owner != source.slug:
            yield Mistake(
                f"source {source.slug!r} key {key_id!r}",
                f"the same secret is a key of source {owner!r}; every source needs its own",
            )
