"""How one environment's settings get into another: what tells, before anything is started.

A configuration and its sources flow in, mistakes flow out. A label that differs, a word of the
other mode in the name of a host, a database or a secret's file, a credential that was made for the
other mode, a placeholder where a secret should be, a secret that another environment holds too:
each has been seen in somebody's incident. Words can mislead, so each message says how to overrule
it: `accepts_labels` lists the words that are meant.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ingress.contract.envelope import Mode
from ingress.settings import Mistake, SourceSettings
from ingress.sources import Serves, Snapshot, Source
from sealgate import credentials, fingerprints, held
from sealgate.config import Configuration
from sealgate.environment import STRAY_WORDS, host, stray, stray_in_host

_FILE_URLS = frozenset({"embedded", "sqlite"})
_HOSTS = re.compile(r"[^,/?]+")
_Found = Iterator[tuple[str, str]]


def leaks(
    configuration: Configuration, sources: Snapshot | None, *, is_edge: bool, has_store: bool
) -> list[Mistake]:
    """List what contradicts the environment that a process with this configuration serves.

    `sources` is None where they could not be built: what needs no key is looked at all the same.
    """
    watch = _watch(configuration)
    if watch.serves.mode is Mode.UNKNOWN:
        return []  # the configuration itself is a mistake, and told
    file = str(configuration.file)
    found = [Mistake(place, message, file) for place, message in watch.shared(has_store=has_store)]
    if is_edge:
        for setting in configuration.settings.source:
            where = configuration.files.get(setting.slug, file)
            found += [Mistake(place, message, where) for place, message in watch.source(setting)]
        for source in (sources or {}).values():
            where = configuration.files.get(source.slug, file)
            found += [Mistake(place, message, where) for place, message in watch.fetched(source)]
    secrets = list(held.of_sources(configuration, sources or {})) if is_edge else []
    secrets += held.of_files(configuration, has_store=has_store)
    found += watch.secrets(secrets)
    found += fingerprints.shared(configuration, secrets)
    return found


def _watch(configuration: Configuration) -> "_Watch":
    serves = configuration.serves
    accepts = frozenset(configuration.settings.accepts_labels)
    return _Watch(configuration, serves, accepts, STRAY_WORDS[serves.mode] - accepts)


@dataclass(frozen=True, slots=True)
class _Watch:
    """The questions, asked for one environment; `words` are those of the other mode."""

    configuration: Configuration
    serves: Serves
    accepts: frozenset[str]
    words: frozenset[str]

    def shared(self, *, has_store: bool) -> _Found:
        """Ask what all sources share: the log, the database, the group, the files of secrets."""
        settings = self.configuration.settings
        yield from self._url("log.url", settings.log.url)
        yield from self._name("consumer.group", "the group", settings.consumer.group)
        if has_store:
            yield from self._url("store.url", settings.store.url)
            if settings.store.password_file is not None:
                yield from self._file("store.password_file", settings.store.password_file)
        sasl = settings.log.sasl
        if sasl is not None and sasl.password_file is not None:
            yield from self._file("log.sasl.password_file", sasl.password_file)
        for key in settings.quarantine.key:
            yield from self._file(f"quarantine.key {key.id!r}", key.file)

    def source(self, setting: SourceSettings) -> _Found:
        """Ask one source, as it is written."""
        place = f"source {setting.slug!r}"
        if setting.environment and setting.environment != self.serves.environment:
            ours = self.serves.environment
            told = f"is {setting.environment!r}, and this process serves {ours!r}"
            yield f"{place} environment", f"{told}: the source was meant for another one"
        yield from self._host(f"{place} public_url", host(setting.public_url))
        for key in setting.key:
            yield from self._file(f"{place} key {key.id!r}", key.file)
        for name, value in setting.parameters.items():
            if isinstance(value, str):
                yield from self._parameter(f"{place} parameters.{name}", value)

    def fetched(self, source: Source) -> _Found:
        """Ask from where a source fetches keys: a sandbox's keys prove a sandbox's deliveries."""
        said = source.profile.declaration.key_source
        if said is not None and source.plan is not None:
            yield from self._host(f"source {source.slug!r} key_source", host(said.url))

    def secrets(self, secrets: Sequence[held.Held]) -> Iterator[Mistake]:
        """Ask every secret what it says of itself."""
        for one in secrets:
            flaw = credentials.flaw(one.secret.reveal(), self.serves.mode, self.accepts)
            if flaw:
                yield Mistake(one.place, f"its secret {flaw}", one.file)

    def _parameter(self, place: str, value: str) -> _Found:
        if "://" in value:
            yield from self._host(place, host(value))
        elif value.lower() in self.words:
            yield from self._name(place, "the value", value)

    def _url(self, place: str, url: str) -> _Found:
        scheme, _, rest = url.partition(":")
        if scheme in _FILE_URLS:
            yield from self._name(place, "the file", Path(rest.partition("?")[0]).name)
            return
        try:
            parts = urlsplit(url)
        except ValueError:
            return
        for name in _HOSTS.findall(parts.netloc.rpartition("@")[2]):
            yield from self._host(place, name.rpartition(":")[0] or name)
        yield from self._name(place, "the database", parts.path)

    def _file(self, place: str, file: Path) -> _Found:
        # A device's directory is no word about anybody's environment.
        parts = [part for part in file.parts if part not in {"/", ".", ".."}]
        if file.is_absolute() and parts[:1] == ["dev"]:
            del parts[0]
        yield from self._name(place, "the path of its file", "/".join(parts))

    def _host(self, place: str, name: str) -> _Found:
        yield from self._said(place, "the host", stray_in_host(name, self.words))

    def _name(self, place: str, what: str, name: str) -> _Found:
        yield from self._said(place, what, stray(name, self.words))

    def _said(self, place: str, what: str, word: str) -> _Found:
        if not word:
            return
        name, mode = self.serves
        told = f"{what} has the word '{word}' in its name, and {name!r} is a {mode} environment"
        remedy = f'correct it; if it means something else there, say accepts_labels = ["{word}"]'
        yield place, f"{told}: {remedy}"
