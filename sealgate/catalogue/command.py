"""`sealgate providers list`, `show` and `test`: print, and say with the exit code how it went."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

from ingress.providers import Profile
from sealgate.building import PROFILES
from sealgate.catalogue import listing, showing
from sealgate.catalogue.entries import entries, find
from sealgate.explain.asked import Keys, Question
from sealgate.explain.command import run as run_verify
from sealgate.explain.question import parameters
from sealgate.plain import block, plain

DONE = 0
FAILED = 1
UNUSABLE = 2
USUAL = Path("sealgate.toml")
_SECOND_MS = 1000


def own_profiles(config: Path | None) -> Path | None:
    """Return the directory of the user's own profiles, beside the configuration file.

    Where none is named, it is the usual one, if that is there.
    """
    file = config or (USUAL if USUAL.is_file() else None)
    return None if file is None else file.parent / PROFILES


def list_all(
    config: Path | None, *, as_json: bool, out: TextIO, columns: int = listing.WIDTH
) -> int:
    """Print every profile; return 1 if one of the user's own cannot be used."""
    listed = list(entries(own_profiles(config)))
    text = listing.as_json(listed) if as_json else block(listing.as_text(listed, columns))
    print(text, file=out)
    return FAILED if any(entry.mistake for entry in listed) else DONE


def show(name: str, config: Path | None, out: TextIO) -> int:
    """Print all about one profile; return 2 if there is no such one."""
    try:
        found = find(name, {}, own_profiles(config))
    except ValueError as wrong:
        print(plain(f"sealgate providers: {wrong}"), file=sys.stderr)
        return UNUSABLE
    print(block(showing.as_text(found.profile, found.origin)), file=out)
    return DONE


def test(name: str, config: Path | None, asked: Question | None, keys: Keys, now_ms: int) -> int:
    """Check a profile; with a question, explain a captured request by it."""
    try:
        profile = find(name, parameters(keys.parameter), own_profiles(config)).profile
    except ValueError as wrong:
        print(plain(f"sealgate providers: {wrong}"), file=sys.stderr)
        return UNUSABLE
    if flaws := list(_flaws(profile, now_ms)):
        for flaw in flaws:
            print(plain(f"sealgate providers: {profile.name}: {flaw}"), file=sys.stderr)
        return UNUSABLE
    if asked is not None:
        return run_verify(asked, {}, now_ms, sys.stdout)
    told = f"{profile.name}: the profile is whole ({profile.scheme}, class {profile.assurance})"
    print(plain(told))
    for message in profile.lacking:
        print(plain(f"  a source must say: {message}"))
    return DONE


def _flaws(profile: Profile, now_ms: int) -> Iterator[str]:
    """Yield what no schema finds: what needs a calendar, and what could never be read."""
    said = profile.declaration
    # A day more, for an author whose day has begun.
    tomorrow = datetime.fromtimestamp(now_ms / _SECOND_MS, UTC).date() + timedelta(days=1)
    for number, one in enumerate(said.evidence):
        if one.read > tomorrow:
            yield f"evidence.{number}.read: {one.read} is yet to come; say when it was read"
    if said.freshness is not None and (said.freshness.header or "").endswith("*"):
        yield "freshness.header: name one header: a timestamp stands in no family of them"
