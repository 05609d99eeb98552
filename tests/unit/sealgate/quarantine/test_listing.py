"""What is kept is listed so that somebody can tell at a glance what went wrong, and for whom."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingress.contract.quarantined import Release
from sealgate.quarantine.asked import Selection
from sealgate.quarantine.command import Means, list_kept
from tests.support.builders import NOW_MS
from tests.support.quarantined import ENVIRONMENT, LATER_MS, Ground, kept, number, refused


@pytest.fixture(name="ground")
def _ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def _list(
    ground: Ground, limit: int = 50, *, every: bool = False, as_json: bool = False, **words: Any
) -> str:
    out = io.StringIO()
    means = Means(ground.write(), {}, lambda: LATER_MS, out)
    assert list_kept(means, Selection(**words), limit, every=every, as_json=as_json) == 0
    return out.getvalue()


def _release(count: int) -> Release:
    return Release(number(count), ENVIRONMENT, "shop", f"evt-{count}", "k1", LATER_MS)


def test_the_newest_comes_first_with_all_that_tells_it_apart(ground: Ground) -> None:
    """At three in the morning the last thing that happened is the first thing to see."""
    ground.keep(
        kept(refused(b"12345", received_ms=NOW_MS), 1),
        replace(kept(refused(received_ms=NOW_MS + 60_000), 2, "timestamp_too_old"), seal="q1"),
    )
    head, newest, oldest, blank, sums, *counts = _list(ground).splitlines()
    assert head.split() == [
        "id", "received", "source", "provider", "reason", "network", "bytes", "sealed", "released",
    ]  # fmt: skip
    assert newest.split() == [
        number(2), "2026-01-01", "00:01:00", "UTC", "shop", "btcpay", "timestamp_too_old",
        "192.0.2.0/24", "2", "q1", "no",
    ]  # fmt: skip
    assert oldest.split() == [
        number(1), "2026-01-01", "00:00:00", "UTC", "shop", "btcpay", "no_matching_signature",
        "192.0.2.0/24", "5", "no", "no",
    ]  # fmt: skip
    assert blank == ""
    assert sums.split() == ["source", "reason", "kept", "released"]
    assert [line.split() for line in counts] == [
        ["shop", "no_matching_signature", "1", "0"],
        ["shop", "timestamp_too_old", "1", "0"],
    ]


def test_what_was_released_is_counted_and_listed_only_when_asked_for(ground: Ground) -> None:
    """What is left to do is what one wants to see; what was done can be looked up."""
    ground.keep(kept(refused(), 1), kept(refused(), 2), _release(1))
    assert number(1) not in _list(ground)
    assert "no_matching_signature  2     1" in _list(ground)
    told = _list(ground, every=True)
    assert "evt-1" in next(line for line in told.splitlines() if line.startswith(number(1)))


def test_the_limit_holds_for_the_newest_and_not_for_the_sums(ground: Ground) -> None:
    """A flood of a million is a million in the sums, and fifty lines on the screen."""
    ground.keep(
        *(kept(refused(received_ms=NOW_MS + count), count) for count in range(200)),
        _release(199),
    )
    found = json.loads(_list(ground, 3, as_json=True))
    assert [item["id"] for item in found["items"]] == [number(198), number(197), number(196)]
    (summary,) = found["summary"]
    assert (summary["kept"], summary["released"]) == (200, 1)
    assert json.loads(_list(ground, 0, as_json=True))["items"] == []


def test_json_says_the_same_to_a_machine(ground: Ground) -> None:
    """Its names are a promise: a dashboard is built on them."""
    ground.keep(kept(refused(), 1))
    assert json.loads(_list(ground, as_json=True)) == {
        "items": [
            {
                "id": number(1),
                "received": "2026-01-01T00:00:00.000Z",
                "source": "shop",
                "provider": "btcpay",
                "reason": "no_matching_signature",
                "network": "192.0.2.0/24",
                "bytes": 2,
                "seal": None,
                "released_as": None,
            }
        ],
        "summary": [
            {"source": "shop", "reason": "no_matching_signature", "kept": 1, "released": 0}
        ],
        "unreadable": 0,
    }


def test_only_what_is_asked_for_is_listed(ground: Ground) -> None:
    """One source's trouble is looked at without everybody else's."""
    ground.keep(kept(refused(), 1), kept(replace(refused(), source="till"), 2))
    told = _list(ground, source="till")
    assert number(2) in told
    assert number(1) not in told
    assert "shop" not in told


def test_an_empty_quarantine_says_that_it_is(ground: Ground) -> None:
    """An empty screen would leave open whether it was looked at."""
    ground.keep(_release(1))
    assert _list(ground) == "nothing is kept of what was asked for\n"


def test_what_a_terminal_would_obey_is_escaped(ground: Ground) -> None:
    """Whoever can write to the log must not be able to write on the screen of its operator."""
    ground.keep(replace(kept(refused()), network="\x1b[2J\u202e"))
    told = _list(ground)
    assert "\\x1b[2J\\u202e" in told
    assert "\x1b" not in told


def test_what_cannot_be_read_is_told(ground: Ground) -> None:
    """A newer gateway beside an older command line: what it keeps is there all the same."""
    key, headers, value = kept(refused()).encode()
    newer = tuple(
        (name, b"9" if name == "ce_sealgatequarantine" else text) for name, text in headers
    )
    ground.put([(key, newer, value)])
    assert "1 records cannot be read here" in _list(ground)


def test_no_key_is_needed_to_see_what_is_there(ground: Ground) -> None:
    """Who is on call may look without being able to read a secret."""
    ground.source("shop", "btcpay", {"k1": b"a secret of a test"})
    ground.tables = '[[quarantine.key]]\nid = "k"\nfile = "absent"'
    (ground.directory / "shop-k1").unlink()
    ground.keep(kept(refused()))
    assert number(1) in _list(ground)


def test_a_source_that_is_misspelt_is_not_listed_as_empty(
    ground: Ground, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty list says that nothing waits there."""
    ground.keep(kept(refused(), 1))
    means = Means(ground.write(), {}, lambda: LATER_MS, io.StringIO())
    selection = Selection(source="shpo")
    assert list_kept(means, selection, 50, every=False, as_json=False) == 2
    assert "there is no source 'shpo'" in capsys.readouterr().err
