"""From the configuration to the places where payments are asked for, or every mistake in it.

Two endpoints may be of one account: payments are of the account, so that one of them says where it
is asked, or both say the same. What an environment may not ask is found here too: a sandbox's API
says of a payment what nobody ever paid.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from consumers.interpret.mapping import Snapshot
from ingress import secretfiles
from ingress.contract.envelope import Mode
from ingress.keyring import Secret
from ingress.settings import FetchSettings, Mistake, SourceSettings
from sealgate import credentials, mappings
from sealgate.config import Configuration
from sealgate.environment import STRAY_WORDS, stray, stray_in_host
from sealgate.fetching.origin import Base, read


class Reached(NamedTuple):
    """A source whose payments can be asked for, and everything that it needs."""

    source: SourceSettings
    fetch: FetchSettings
    base: Base
    answers: Snapshot
    key: Secret | None


def reached(configuration: Configuration) -> list[Reached]:
    """Return the sources that can be asked. Nothing is wrong with them: see `faults`."""
    known = mappings.snapshots(configuration)
    found = []
    for source, fetch in _asking(configuration):
        key = _key(configuration.base, fetch)
        found.append(Reached(source, fetch, read(fetch.base_url), known[source.provider], key))
    return found


def faults(configuration: Configuration) -> list[Mistake]:
    """List what is wrong with what the sources say about their APIs."""
    asking = list(_asking(configuration))
    # A folder that cannot be read says itself what is wrong with it.
    if not asking or mappings.faults(configuration):
        return []
    known = mappings.snapshots(configuration)
    found: list[Mistake] = []
    accounts: dict[tuple[str, str], FetchSettings] = {}
    for source, fetch in asking:
        file = configuration.files.get(source.slug, str(configuration.file))
        told = list(_wrong(configuration, source, fetch, known))
        same = accounts.setdefault((source.provider, source.account), fetch)
        if same != fetch:
            told.append(
                ("", "another source of this account is asked elsewhere: write the same at both")
            )
        for name, message in told:
            place = f"source {source.slug!r} fetch{'.' + name if name else ''}"
            found.append(Mistake(place, message, file))
    return found


def _asking(configuration: Configuration) -> Iterator[tuple[SourceSettings, FetchSettings]]:
    for source in configuration.settings.source:
        if source.fetch is not None:
            yield source, source.fetch


def _key(base: Path, fetch: FetchSettings) -> Secret | None:
    if fetch.key_file is None:
        return None
    return Secret(secretfiles.read_secret_file(base, fetch.key_file))


def _wrong(
    configuration: Configuration,
    source: SourceSettings,
    fetch: FetchSettings,
    known: Mapping[str, Snapshot],
) -> Iterator[tuple[str, str]]:
    if source.provider not in known:
        names = ", ".join(sorted(known))
        yield "", f"nobody has said how {source.provider} is asked; known are {names}"
        return
    yield from _wrong_base(configuration, fetch)
    yield from _wrong_key(configuration, fetch, known[source.provider])


def _wrong_base(configuration: Configuration, fetch: FetchSettings) -> Iterator[tuple[str, str]]:
    try:
        base = read(fetch.base_url)
    except ValueError as wrong:
        yield "base_url", str(wrong)
        return
    if base.scheme == "http" and not fetch.private:
        yield "base_url", "the key would go in the clear: write https://"
    word = stray_in_host(base.host, _stray_words(configuration))
    if word:
        yield "base_url", _meant(configuration, f"the host has the word '{word}' in its name", word)


def _wrong_key(
    configuration: Configuration, fetch: FetchSettings, answers: Snapshot
) -> Iterator[tuple[str, str]]:
    if fetch.key_file is None:
        if answers.header:
            yield "key_file", "name the file that holds the API's key: one that may only read"
        return
    if not answers.header:
        yield "key_file", "this API is asked without a key: leave the file out"
        return
    word = stray("/".join(fetch.key_file.parts), _stray_words(configuration))
    if word:
        yield "key_file", _meant(configuration, f"the path has the word '{word}' in it", word)
    try:
        key = _key(configuration.base, fetch)
    except ValueError as wrong:
        yield "key_file", str(wrong)
        return
    if key is not None:
        yield from _flaws(configuration, key.reveal())


def _flaws(configuration: Configuration, key: bytes) -> Iterator[tuple[str, str]]:
    if not (key.isascii() and key.decode().isprintable()):
        yield "key_file", "a key goes into a header: one line of printable ASCII"
    accepts = frozenset(configuration.settings.accepts_labels)
    flaw = credentials.flaw(key, configuration.serves.mode, accepts)
    if flaw:
        yield "key_file", f"its secret {flaw}"


def _stray_words(configuration: Configuration) -> frozenset[str]:
    mode = configuration.serves.mode
    if mode is Mode.UNKNOWN:
        return frozenset()
    return frozenset(STRAY_WORDS[mode]) - frozenset(configuration.settings.accepts_labels)


def _meant(configuration: Configuration, told: str, word: str) -> str:
    name, mode = configuration.serves
    return (
        f"{told}, and {name!r} is a {mode} environment: correct it; if it means something else"
        f' there, say accepts_labels = ["{word}"]'
    )
