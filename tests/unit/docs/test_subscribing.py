"""What other teams build upon: the page says what the records really have, no more and no less."""

import importlib.util
import json
import re
import sqlite3
from pathlib import Path
from types import ModuleType

import pytest

from consumers.lifecycle import State
from consumers.store.history import Cause
from ingress.eventlog.port import RECORD_BYTES_MAX
from sealgate.__main__ import application
from sealgate.tail.proving import SOUND, Word
from tests.support.builders import NOW_MS, TRACEPARENT, envelope
from tests.support.tailed import notice

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/subscribing.md"
EXAMPLES = ROOT / "docs/examples"
_NAME = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\]\(([^)#]+)(#[^)]*)?\)")


def table(heading: str) -> list[list[str]]:
    """Return the rows of the table with this heading, without the heading."""
    lines = PAGE.read_text().splitlines()
    begin = lines.index(heading) + 2
    rows = []
    for line in lines[begin:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def names(cell: str) -> list[str]:
    """Return what a cell names."""
    return _NAME.findall(cell)


def envelope_headers() -> set[str]:
    """Return the names of all headers that an envelope can have."""
    told = envelope(trace_link=TRACEPARENT, signed_ms=NOW_MS, late_ms=NOW_MS + 1, untold=True)
    told.occurred_ms = told.received_ms
    told.signed_headers = (("x-sig", b"1"),)
    return {"signed-…" if name.startswith("signed-") else name for name, _ in told.encode()[1]}


def test_the_headers_are_those_of_the_records() -> None:
    """A header that the page forgets is one that nobody uses; one that it invents breaks code."""
    heard = {name for name, _ in notice("inv-1", 1, None, State.CONFIRMED).headers}
    told = {"verified": set[str](), "lifecycle": set[str]()}
    for cell, verified, lifecycle in table("| header | verified | lifecycle |"):
        is_told = {"verified": verified != "none", "lifecycle": lifecycle != "none"}
        for name in names(cell):
            for topic, holds in is_told.items():
                told[topic] |= {name} if holds else set()
    # Both stand in one row, of which the second topic says that it has the first alone.
    told["lifecycle"].discard("ce_tracelink")
    assert told == {"verified": envelope_headers(), "lifecycle": heard}


def test_the_fields_of_a_notice_are_those_that_it_has() -> None:
    """Every field is always there, says the page; so each of them is promised."""
    content = json.loads(notice("inv-1", 1, None, State.CONFIRMED).value)
    told = [name for row in table("| field | says |") for name in names(row[0])]
    assert sorted(told) == sorted(content)


def test_the_causes_are_all_there_are() -> None:
    """Somebody writes a branch for each of them."""
    (cause,) = [row[1] for row in table("| field | says |") if row[0] == "`cause`"]
    assert names(cause) == [str(one) for one in Cause]


def test_the_proofs_and_their_exit_codes_are_those_of_the_command() -> None:
    """A script decides by the exit code whether somebody is woken."""
    told = {names(row[0])[0]: row[2] for row in table("| proof | means | exit code |")}
    assert told == {word.value: "0" if word in SOUND else "3" for word in Word}


def test_the_largest_record_is_what_the_log_takes() -> None:
    """A client that fetches less stops at it for ever."""
    assert f"{RECORD_BYTES_MAX:,} bytes" in PAGE.read_text()


def test_every_command_of_the_page_can_be_typed() -> None:
    """It is copied from here."""
    found = re.findall(r"^    sealgate (.*?)(?: {2,}#.*)?$", PAGE.read_text(), re.MULTILINE)
    assert len(found) > 5
    for words in found:
        application().parse_args(words, print_error=False, exit_on_error=False)


def test_the_page_points_to_what_is_there() -> None:
    """Its readers belong to other teams and know no other way in."""
    targets = [target for target, _ in _LINK.findall(PAGE.read_text()) if "://" not in target]
    assert [target for target in targets if not (PAGE.parent / target).exists()] == []
    assert len(targets) > 10


def test_the_lock_of_the_example_names_no_registry() -> None:
    """Whoever installs it asks their own."""
    lock = json.loads((EXAMPLES / "node/package-lock.json").read_text())
    packages = lock["packages"]
    assert [name for name, one in packages.items() if "resolved" in one] == []
    assert all("integrity" in one for name, one in packages.items() if name)
    wanted = json.loads((EXAMPLES / "node/package.json").read_text())["dependencies"]
    assert packages[""]["dependencies"] == wanted


@pytest.fixture(name="example", scope="module")
def _example() -> ModuleType:
    return load(EXAMPLES / "subscriber.py")


def load(path: Path) -> ModuleType:
    """Import a file that stands in no package."""
    spec = importlib.util.spec_from_file_location("subscriber_example", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_is_short_enough_to_be_read() -> None:
    """It is read more often than it is run."""
    assert len((EXAMPLES / "subscriber.py").read_text().splitlines()) < 120


def test_the_example_stops_at_a_version_that_it_does_not_know(example: ModuleType) -> None:
    """To guess at a notice is worse than to wait for somebody who can read it."""
    db = sqlite3.connect(":memory:")
    db.executescript(example.SCHEMA)
    one = notice("inv-1", 1, None, State.CONFIRMED)
    headers = {name: text.decode() for name, text in one.headers}
    with pytest.raises(SystemExit, match="does not know"):
        example.take(db, {**headers, "ce_sealgatenotice": "2"}, one.value)
    assert example.take(db, headers, one.value) == "Confirmed, 1"
    assert example.take(db, headers, one.value) == "heard before"
    db.close()
