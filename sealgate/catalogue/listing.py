"""The list of profiles: one row each, as a table as wide as the terminal, or as JSON."""

import textwrap
from collections.abc import Iterable

from ingress.providers import Profile
from sealgate.catalogue.entries import YOURS, Entry
from sealgate.plain import in_json

WIDTH = 100
_TITLE = 1
_HEAD = ("name", "title", "class", "cover", "conf", "scheme", "refusal", "ok", "needs")
LEGEND = (
    "needs, beside a key: URL is public_url, params are parameters, keys are fetched, experimental "
    "and hints are said as experimental = true and accepts_hints = true"
)
_SIZES = (24, 17, 5, 5, 4, 12, 7, 3)


def needs(profile: Profile) -> tuple[str, ...]:
    """Name what a source must say for this profile beside its key."""
    said = profile.declaration
    found = ["URL"] if profile.signs_url else []
    if profile.lacking:
        found.append("parameters")
    if said.key_source is not None:
        found.append("fetched keys")
    if said.confidence == "D":
        found.append("experimental")
    if not profile.is_signed:
        found.append("hints")
    return tuple(found)


def refusal(profile: Profile) -> str:
    """Write what a forgery hears, and a stale delivery where that is another status."""
    status, stale = profile.refusal_status, profile.stale_status
    return str(status) if status == stale else f"{status}/{stale}"


def row(entry: Entry) -> dict[str, object]:
    """Return one profile as an object of the JSON list."""
    profile = entry.profile
    if profile is None:
        return {"name": entry.name, "origin": entry.origin, "mistake": entry.mistake}
    return {
        "name": entry.name,
        "origin": entry.origin,
        "title": profile.title,
        "class": profile.assurance.value,
        "coverage": profile.coverage.value,
        "confidence": profile.declaration.confidence,
        "scheme": profile.scheme,
        "refusal_status": profile.refusal_status,
        "stale_status": profile.stale_status,
        "success_status": profile.success_status,
        "needs": list(needs(profile)),
    }


def as_json(entries: Iterable[Entry]) -> str:
    """Write the list for a machine."""
    return in_json({"items": [row(entry) for entry in entries]}, indent=2)


def as_text(entries: Iterable[Entry], columns: int = WIDTH) -> str:
    """Write the list for a person; where there is little room, without the titles."""
    listed = list(entries)
    usable = sum(entry.profile is not None for entry in listed)
    mine = sum(entry.origin == YOURS for entry in listed)
    last = f"{usable} profiles, {mine} of them yours (*)" if mine else f"{usable} profiles"
    lines = [_line(cells, columns) for cells in [_HEAD, *(_cells(one) for one in listed)]]
    return "\n".join([*lines, "", *textwrap.wrap(LEGEND, min(columns, WIDTH)), "", last])


def _cells(entry: Entry) -> tuple[str, ...]:
    name = entry.name + ("*" if entry.origin == YOURS else "")
    profile = entry.profile
    if profile is None:
        return (f"{name}: cannot be used: {entry.mistake.replace(chr(10), '; ')}",)
    return (
        name,
        profile.title,
        profile.assurance.value,
        profile.coverage.value[:4],
        profile.declaration.confidence,
        profile.scheme,
        refusal(profile),
        str(profile.success_status),
        ",".join(needs(profile)).replace("fetched keys", "keys").replace("parameters", "params"),
    )


def _line(cells: tuple[str, ...], columns: int) -> str:
    if len(cells) == 1:
        return cells[0]
    fitted = [
        (cell if len(cell) <= size else cell[: size - 1] + "…").ljust(size)
        for cell, size in zip(cells, _SIZES, strict=False)
    ]
    if columns < WIDTH:
        del fitted[_TITLE]
    return " ".join([*fitted, cells[-1]]).rstrip()
