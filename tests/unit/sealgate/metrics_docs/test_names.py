"""The names of metrics wherever anybody reads one: in rules, on boards, in the documents."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.metrics_docs import catalogue
from sealgate.metrics_docs.catalogue import named

ROOT = Path(__file__).parents[4]
# Not a part of a recording rule's name, nor of a path; and no beginning such as `sealgate_timers_`.
_NAME = re.compile(r"(?<![:\w/])sealgate(?:_[a-z0-9]+)+(?![:\w*])")
# The users of the database.
_USERS = {"sealgate_app", "sealgate_audit"}


def _files() -> Iterator[Path]:
    yield ROOT / "README.md"
    yield from sorted((ROOT / "docs").rglob("*.md"))
    yield from sorted((ROOT / "dashboards").rglob("*.rules.yml"))
    yield from sorted((ROOT / "dashboards").rglob("boards/*.json"))


def _names(file: Path) -> set[str]:
    return set(_NAME.findall(file.read_text("utf-8"))) - _USERS


@pytest.mark.parametrize("file", list(_files()), ids=lambda file: str(file.relative_to(ROOT)))
def test_a_name_that_anybody_reads_is_that_of_a_metric(file: Path) -> None:
    """Whoever copies it into a query gets an empty graph else, and takes it for good news."""
    assert {one for one in _names(file) if named(one) is None and one not in catalogue()} == set()


def test_every_metric_is_of_use_to_a_rule_or_a_board() -> None:
    """What nobody looks at costs every Prometheus its series, for nothing."""
    used = {name for file in _files() if file.suffix != ".md" for name in _names(file)}
    told = {one.name for one in map(named, used) if one is not None}
    assert set(catalogue()) - told == set()
