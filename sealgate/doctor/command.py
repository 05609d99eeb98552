"""Run the doctor, and write the list of fingerprints: from files to printed findings."""

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from ingress.settings import ConfigurationInvalid, Mistake
from ingress.sources import Snapshot
from sealgate import fingerprints, held
from sealgate.building import build_sources
from sealgate.check import faults
from sealgate.commands.context import EXIT_CONFIGURATION, EXIT_OK
from sealgate.config import Configuration, examine
from sealgate.doctor import against, behind, live, still, watched
from sealgate.doctor.findings import Finding, Level, as_json, as_text, exit_code
from sealgate.plain import plain
from sealgate.role import ALL_ROLES, Role


class Asked(NamedTuple):
    """What was asked for on the command line."""

    config: Path
    against: Sequence[Path] = ()
    offline: bool = False
    json: bool = False
    rules: Sequence[Path] = ()
    roles: Sequence[Role] = ALL_ROLES
    """The roles that are looked at: a role is asked only for what it needs."""
    known: watched.Known | None = None
    """What tells the metrics of this version, where `rules` are to be compared with them."""


def doctor(asked: Asked, environ: Mapping[str, str], now_ms: int, out: TextIO) -> int:
    """Look at everything and print it; return the exit code."""
    reading = examine(asked.config, environ)
    configuration = reading.configuration
    mistakes = [*reading.mistakes, *faults(configuration, asked.roles)]
    found = [Finding(Level.MISTAKE, one.place or one.file, one.message) for one in mistakes]
    if not mistakes:
        name, mode = configuration.serves
        found.append(Finding(Level.OK, "configuration", f"is whole; {name!r} is a {mode} one"))
        is_edge = Role.EDGE in asked.roles
        sources = build_sources(configuration) if is_edge else {}
        if is_edge:
            found += _edge(configuration, sources, now_ms)
        found += still.brokers_access(configuration, now_ms)
        found += _neighbours(configuration, sources, asked)
        if not asked.offline:
            found += asyncio.run(_live(configuration, now_ms, asked.roles))
        if asked.known is not None:
            found += watched.compare(asked.rules, asked.known)
    environment = configuration.settings.environment
    print(as_json(environment, found) if asked.json else as_text(found), file=out)
    return exit_code(found)


def _edge(configuration: Configuration, sources: Snapshot, now_ms: int) -> Iterator[Finding]:
    """Look at the files of an edge: of others nothing of it is asked, and may not be there."""
    yield from still.keys(sources, now_ms)
    yield from still.state_file(configuration)
    yield from still.certificate(configuration, now_ms)
    yield from still.journal(configuration)
    yield from still.quarantine(configuration, sources)


async def _live(configuration: Configuration, now_ms: int, roles: Sequence[Role]) -> list[Finding]:
    """Ask what is running; what needs the log and the database together only where both answer."""
    found = await live.look(configuration, now_ms, roles)
    if Role.MONITOR in roles:
        found += behind.checkpoints(configuration, now_ms)
    answers = all(finding.level is not Level.AWAY for finding in found)
    if answers and set(roles) != {Role.EDGE}:
        found += await behind.look(configuration, now_ms, roles)
    return found


def _neighbours(configuration: Configuration, sources: Snapshot, asked: Asked) -> list[Finding]:
    ours = against.Party(configuration, _secrets(configuration, sources))
    found: list[Finding] = []
    for path in asked.against:
        # Without our overrides: they are this process's own, and would make the two look alike.
        reading = examine(path, {})
        if reading.mistakes:
            told = f"was not compared, for it has a mistake: {reading.mistakes[0]}"
            found.append(Finding(Level.AWAY, f"against {path}", told))
            continue
        theirs, wrong = _theirs(reading.configuration)
        if wrong:
            told = f"its secrets were not compared: {wrong[0]}"
            found.append(Finding(Level.AWAY, f"against {path}", told))
        other = against.Party(reading.configuration, _secrets(reading.configuration, theirs))
        # Without the edge's role nobody here knows the keys of the sources.
        is_whole = not wrong and Role.EDGE in asked.roles
        found += against.compare(ours, other, is_whole=is_whole)
    return found


def _theirs(configuration: Configuration) -> tuple[Snapshot, Sequence[Mistake]]:
    try:
        return build_sources(configuration), ()
    except ConfigurationInvalid as invalid:
        return {}, invalid.mistakes


def list_fingerprints(config: Path, environ: Mapping[str, str], out: TextIO) -> int:
    """Print the list that other environments are given; return the exit code."""
    reading = examine(config, environ)
    configuration = reading.configuration
    mistakes = [*reading.mistakes, *faults(configuration, ALL_ROLES)]
    settings = configuration.settings.fingerprints
    if settings is None and not mistakes:
        print(
            "[fingerprints] key_file is needed: the key that all these environments share",
            file=sys.stderr,
        )
        return EXIT_CONFIGURATION
    for mistake in mistakes:
        print(plain(str(mistake)), file=sys.stderr)
    if mistakes or settings is None:
        return EXIT_CONFIGURATION
    key = fingerprints.read_key(configuration.base, settings.key_file)
    everything = _secrets(configuration, build_sources(configuration))
    for line in fingerprints.written(key, configuration.settings.environment, everything):
        print(line, file=out)
    return EXIT_OK


def _secrets(configuration: Configuration, sources: Snapshot) -> list[held.Held]:
    return [*held.of_sources(configuration, sources), *held.of_files(configuration, has_store=True)]
