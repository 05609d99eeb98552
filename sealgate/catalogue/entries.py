"""Find profiles: a built-in one by its name, the user's own in a directory, or one by its path.

A user's profile of a built-in one's name takes its place, here as at the edge.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ingress import providers
from ingress.providers import Profile

BUILT_IN, YOURS = "built in", "yours"
_SUFFIX = ".toml"


@dataclass(frozen=True, slots=True)
class Entry:
    """One profile and where it comes from; `mistake` says why it cannot be loaded."""

    name: str
    origin: str
    profile: Profile | None = None
    mistake: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A profile that was asked for."""

    profile: Profile
    origin: str


def find(name: str, parameters: Mapping[str, object], own: Path | None) -> Found:
    """Load a profile by its name, or by its path. Raises `ValueError` with what to change."""
    path = Path(name)
    if name.endswith(_SUFFIX):
        if not path.is_file():
            raise ValueError(f"{name}: there is no such file")
        return Found(providers.load_file(path, parameters), YOURS)
    if own is not None and (own / (name + _SUFFIX)).is_file():
        return Found(providers.load_file(own / (name + _SUFFIX), parameters), YOURS)
    return Found(providers.load(name, parameters), BUILT_IN)


def entries(own: Path | None) -> Iterator[Entry]:
    """Yield every profile in the order of names; one that cannot be loaded with its mistake."""
    mine = {} if own is None else {path.stem: path for path in own.glob(f"*{_SUFFIX}")}
    for name in sorted({*providers.names(), *mine}):
        origin = YOURS if name in mine else BUILT_IN
        try:
            yield Entry(name, origin, find(name, {}, own).profile)
        except ValueError as wrong:
            yield Entry(name, origin, mistake=str(wrong))
