"""What is asked: a capture, a profile, keys, a URL and a moment, from the command line's words.

Files flow in, a `Subject` flows out, or `Unusable` with what to change. The keys come from a
configured source or from files named one by one; both are read as the gateway reads them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ingress.providers import Profile
from ingress.secretfiles import read_secret_file
from ingress.settings import SourceSettings
from sealgate.building import PROFILES
from sealgate.catalogue.entries import find
from sealgate.config import Configuration, examine
from sealgate.explain.asked import Question
from sealgate.explain.capture import Unusable
from sealgate.explain.case import Held


@dataclass(frozen=True, slots=True)
class Subject:
    """Who judges: a profile, its keys and URL. `others` are keys of the same configuration."""

    profile: Profile
    origin: str
    held: tuple[Held, ...] = field(repr=False)
    url: str = ""
    others: tuple[Held, ...] = field(default=(), repr=False)


def subject(question: Question, environ: Mapping[str, str]) -> Subject:
    """Read profile and keys. Raises `Unusable`."""
    if bool(question.source) == bool(question.provider):
        raise Unusable("say who judges: either --source SLUG --config FILE, or --provider NAME")
    try:
        if question.source:
            return _configured(question, environ)
        return _named(question)
    except ValueError as wrong:
        raise Unusable(str(wrong)) from None


def parameters(words: Sequence[str]) -> dict[str, str | int]:
    """Read ``name=value``. Raises `ValueError`."""
    found: dict[str, str | int] = {}
    for word in words:
        name, assigned, value = word.partition("=")
        if not assigned:
            raise ValueError(f"--parameter {word}: write it as name=value")
        found[name] = int(value) if value.isdecimal() else value
    return found


def _named(question: Question) -> Subject:
    found = find(question.provider, parameters(question.keys.parameter), question.own)
    held = tuple(_from_file(word, number) for number, word in enumerate(question.keys.key_file, 1))
    return Subject(found.profile, found.origin, held, question.keys.url)


def _from_file(word: str, number: int) -> Held:
    """Read ``FILE`` or ``KID=FILE``, where KID is the provider's name of the key."""
    kid, assigned, name = word.partition("=")
    if not assigned or Path(word).is_file():
        kid, name = "", word
    try:
        secret = read_secret_file(Path.cwd(), Path(name))
    except ValueError as wrong:
        raise ValueError(f"--key-file number {number}: {wrong}") from None
    return Held(Path(name).name, secret, kid)


def _configured(question: Question, environ: Mapping[str, str]) -> Subject:
    reading = examine(question.config, environ)
    configuration = reading.configuration
    known = {setting.slug: setting for setting in configuration.settings.source}
    setting = known.get(question.source)
    if setting is None:
        mistakes = "".join(f"\n  {mistake}" for mistake in reading.mistakes)
        there = ", ".join(known) or "none"
        raise Unusable(
            f"{question.config} has no usable source {question.source!r}; there are: {there}"
            + mistakes
        )
    given = {**setting.parameters, **parameters(question.keys.parameter)}
    found = find(setting.provider, given, configuration.base / PROFILES)
    held = [*_keys(setting, configuration)]
    held += [_from_file(word, number) for number, word in enumerate(question.keys.key_file, 1)]
    others = [
        Held(f"{key.id!r} of the source {other.slug!r}", key.secret, key.kid)
        for other in known.values()
        if other.slug != setting.slug
        for key in _readable(other, configuration)
    ]
    url = question.keys.url or setting.public_url
    return Subject(found.profile, found.origin, tuple(held), url, tuple(others))


def _keys(setting: SourceSettings, configuration: Configuration) -> Iterator[Held]:
    for key in setting.key:
        if key.role != "verify":
            continue
        try:
            secret = read_secret_file(configuration.base, key.file)
        except ValueError as wrong:
            raise ValueError(f"key {key.id!r} of the source {setting.slug!r}: {wrong}") from None
        yield Held(key.id, secret, key.kid)


def _readable(setting: SourceSettings, configuration: Configuration) -> list[Held]:
    """Return another source's keys; what is wrong with them is not asked here."""
    try:
        return list(_keys(setting, configuration))
    except ValueError:
        return []
