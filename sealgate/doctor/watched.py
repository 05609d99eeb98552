"""What Prometheus and Grafana ask for, held against what this version tells.

Rules and boards that were installed for another version ask for metrics that are not there, and say
nothing: a rule without data never fires. Their files flow in, findings flow out.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sealgate.doctor.findings import Finding, Level

SUFFIXES = frozenset({".json", ".yaml", ".yml"})
NAMED_MAX = 5
# A name with a colon is a recording rule's own, and told by Prometheus.
_NAME = re.compile(r"(?<![A-Za-z0-9_:/-])sealgate_[a-z0-9_]*[a-z0-9](?![A-Za-z0-9_:])")


Known = Callable[[str], object]
"""Gives something for a name that is told, and None for another: of the catalogue, `named`."""


def compare(paths: Sequence[Path], known: Known) -> Iterator[Finding]:
    """Look at each file, and at those in each folder."""
    for path in paths:
        subject = f"rules {path}"
        try:
            asked = set().union(*(_asked(file) for file in _files(path)))
        except OSError as wrong:
            yield Finding(Level.AWAY, subject, f"cannot be read: {wrong.strerror}")
            continue
        yield _judged(subject, asked, known)


def _judged(subject: str, asked: set[str], known: Known) -> Finding:
    if not asked:
        told = "asks for no metric of ours: name rules (.yml) or boards (.json), or their folder"
        return Finding(Level.FAIL, subject, told)
    strange = sorted(name for name in asked if known(name) is None)
    if not strange:
        return Finding(Level.OK, subject, f"asks for {len(asked)} metrics, all of this version")
    more = f" and {len(strange) - NAMED_MAX} more" if len(strange) > NAMED_MAX else ""
    told = (
        f"asks for {', '.join(strange[:NAMED_MAX])}{more}, which this version does not tell, and so"
        " never fires: install the rules and boards that came with it"
    )
    return Finding(Level.FAIL, subject, told)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES)


def _asked(file: Path) -> set[str]:
    return set(_NAME.findall(file.read_text("utf-8", "replace")))
