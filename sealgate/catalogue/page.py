"""`docs/providers.md`, written from the profiles by ``make docs``.

Profiles flow in, Markdown flows out, in the order of names. A test compares the file with this.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ingress.providers import Profile
from sealgate.catalogue.entries import Entry, entries
from sealgate.catalogue.listing import needs, refusal
from sealgate.catalogue.showing import (
    ASSURANCE,
    CONFIDENCE,
    dedupe,
    handshakes,
    mode,
    signed,
    window,
)

_HEAD = (
    "name",
    "provider",
    "class",
    "coverage",
    "confidence",
    "signed",
    "window",
    "refusal",
    "event id",
    "live or test",
    "handshake",
    "needs",
    "source",
)


_NONE = "none"
_INTRODUCTION = (
    "Generated from the profiles by `make docs`. `sealgate providers show NAME` tells more of one, "
    "with a block to paste; [how a profile reads](providers-format.md) is for authors."
)


def page(listed: Sequence[Entry]) -> str:
    """Write the page."""
    profiles = [entry.profile for entry in listed if entry.profile is not None]
    return "\n".join(
        [
            "# Providers",
            "",
            _INTRODUCTION,
            "",
            f"{len(profiles)} profiles: {_counts(profiles)}.",
            "",
            *(f"- class **{grade}**: {text}" for grade, text in ASSURANCE.items()),
            *(f"- confidence **{grade}**: {text}" for grade, text in CONFIDENCE.items()),
            "- refusal: what a forgery hears, and what a stale delivery hears where that differs",
            "",
            f"| {' | '.join(_HEAD)} |",
            f"|{'---|' * len(_HEAD)}",
            *(_row(profile) for profile in profiles),
            "",
            *_notes(profiles),
            "",
        ]
    )


def _counts(profiles: Sequence[Profile]) -> str:
    grades = [profile.assurance.value for profile in profiles]
    return ", ".join(f"{grades.count(grade)} of class {grade}" for grade in ASSURANCE)


def _row(profile: Profile) -> str:
    said = profile.declaration
    newest = max(said.evidence, key=lambda one: one.read)
    cells = (
        f"`{profile.name}`",
        profile.title,
        profile.assurance.value,
        profile.coverage.value,
        said.confidence,
        "<br>".join(f"`{line}`" for line in signed(profile)),
        window(profile),
        refusal(profile),
        f"`{dedupe(profile)}`",
        f"`{mode(profile)}`" if said.mode else "not told",
        handshakes(profile) or _NONE,
        ", ".join(needs(profile)) or _NONE,
        f"{newest.what} ({newest.read})",
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _notes(profiles: Sequence[Profile]) -> Iterator[str]:
    yield "## Notes"
    yield ""
    for profile in profiles:
        if profile.declaration.note:
            yield f"- **{profile.title}** (`{profile.name}`): {profile.declaration.note.strip()}"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(list(entries(None))), encoding="utf-8")
