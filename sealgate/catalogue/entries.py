"""Find profiles: a built-in one by its name, the user's own in a directory, or one by its path.

A user's profile of a built-in one's name takes its place, here as at the edge.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ingress import providers
from ingress.providers import Profile
from ingress.providers.explain import near

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
    origin = BUILT_IN if providers.own_file(name, own) is None else YOURS
    mine = () if own is None else tuple(file.stem for file in own.glob(f"*{_SUFFIX}"))
    known = (*providers.names(), *mine)
    if name not in known:
        where = "from providers/ beside the --config file" if own is None else f"from {own}"
        raise ValueError(
            f"there is no provider profile {name!r}; {near(name, known)}`sealgate providers list` "
            f"shows all, and your own are read {where}"
        )
    return Found(providers.find(name, parameters, own), origin)


def entries(own: Path | None) -> Iterator[Entry]:
    """Yield every profile in the order of names; one that cannot be loaded with its mistake."""
    mine = {} if own is None else {path.stem: path for path in own.glob(f"*{_SUFFIX}")}
    for name in sorted({*providers.names(), *mine}):
        origin = YOURS if name in mine else BUILT_IN
        try:
            yield Entry(name, origin, find(name, {}, own).profile)
        except ValueError as wrong:
            yield Entry(name, origin, mistake=str(wrong))
