"""`Source`: a slug, a provider's profile, an account and live keys; and the snapshot of them all.

Settings flow in and an immutable snapshot flows out, or every mistake at once. The edge holds one
reference to the snapshot and looks slugs up in it; nothing else about sources is ever asked while
a request runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingress.contract import topics
from ingress.keyring import Key, Keyring, Secret, secret_from_file_bytes
from ingress.providers import Profile, load
from ingress.settings import (
    ConfigurationInvalid,
    EdgeSettings,
    KeySettings,
    Mistake,
    SourceSettings,
)

SECRET_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Source:
    """One configured endpoint, ready to verify. `materials` are the decoded keys, in key order."""

    slug: str
    profile: Profile
    environment: str
    account: str
    uri: str
    url: str
    key_ids: tuple[str, ...]
    materials: tuple[bytes, ...] = field(repr=False)
    body_bytes_max: int
    rate_per_s: float | None


Snapshot = Mapping[str, Source]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the settings came from: key files are relative to `base`; slugs stand in `files`."""

    base: Path
    files: Mapping[str, str] = field(default_factory=dict)


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
            found = _source(environment, setting, edge, origin.base)
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


def _source(environment: str, setting: SourceSettings, edge: EdgeSettings, base: Path) -> _Found:
    place = f"source {setting.slug!r}"
    try:
        profile = load(setting.provider, setting.parameters)
    except ValueError as wrong:
        return _Found(None, [Mistake(f"{place} provider {setting.provider!r}", str(wrong))])
    mistakes: list[Mistake] = []
    limit = setting.body_bytes_max or edge.body_bytes_max
    if limit > edge.body_bytes_max:
        above = f"is above the edge's own body_bytes_max, which is {edge.body_bytes_max}"
        mistakes.append(Mistake(f"{place} body_bytes_max", above))
    keys: list[Key] = []
    materials: list[bytes] = []
    for key in setting.key:
        try:
            secret = _key_secret(key, base)
            materials.append(profile.key_material(secret))
            keys.append(Key(key.id, Secret(secret)))
        except ValueError as wrong:
            mistakes.append(Mistake(f"{place} key {key.id!r}", str(wrong)))
    try:
        Keyring(tuple(keys))
    except ValueError as wrong:
        mistakes.append(Mistake(place, str(wrong)))
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
        key_ids=tuple(key.id for key in keys),
        materials=tuple(materials),
        body_bytes_max=limit,
        rate_per_s=setting.rate_per_s,
    )
    return _Found(source, [])


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
    for key_id, material in zip(source.key_ids, source.materials, strict=True):
        owner = owners.setdefault(material, source.slug)
        if owner != source.slug:
            yield Mistake(
                f"source {source.slug!r} key {key_id!r}",
                f"the same secret is a key of source {owner!r}; every source needs its own",
            )
