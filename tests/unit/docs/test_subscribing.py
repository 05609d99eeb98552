"""What other teams build upon: the page says what the records really have, no more and no less."""

import importlib.util
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from consumers.lifecycle import State
from consumers.store.history import Cause
from ingress.eventlog.port import RECORD_BYTES_MAX
from sealgate.__main__ import application
from sealgate.tail.proving import SOUND, Word
from tests.support.builders import NOW_MS, TRACEPARENT, envelope
from tests.support.tailed import held, notice

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


TRUE = notice("inv-1", 1, None, State.CONFIRMED)
ENVIRONMENT = dict(TRUE.headers)["ce_environment"].decode()


def record(value: Any = TRUE.value, headers: Any = TRUE.headers, offset: int = 0) -> Any:
    """Read a record as the example's client does."""
    return ConsumerRecord(TRUE.topic, 0, offset, 0, 1, TRUE.key, value, None, 0, 0, headers)


def saying(**told: object) -> Any:
    """Write a notice that says other things; its version and environment are in its headers too."""
    value = json.loads(TRUE.value) | told
    fits = {
        "ce_paymentversion": str(value["version"]).encode(),
        "ce_environment": value["environment"].encode(),
    }
    return record(json.dumps(value).encode(), tuple({**dict(TRUE.headers), **fits}.items()))


def but(**headers: bytes | None) -> Any:
    """Write the notice with other headers; without those that are None."""
    told = {**dict(TRUE.headers), **headers}
    return record(headers=tuple((name, text) for name, text in told.items() if text is not None))


NO_NOTICES = {
    "a tombstone": record(None),
    "nothing": record(b""),
    "no text": record(b"\xfe\xff\xfe"),
    "no object": record(b"[]"),
    "null": record(b"null"),
    "a million brackets": record(b"[" * 1_000_000),
    "no headers": record(headers=()),
    "a header without a value": record(headers=(*TRUE.headers, ("x", None))),
    "a header that is no text": but(x=b"\xff"),
    "no id": but(ce_id=None),
    "an empty id": but(ce_id=b""),
    "no version of notices": but(ce_sealgatenotice=None),
    "another environment": saying(environment="prod"),
    "another environment in its headers": but(ce_environment=b"prod"),
    "another environment in its value": record(TRUE.value.replace(b'"test"', b'"prod"')),
    "an effect key of its value alone": but(ce_effectkey=None),
    "another effect key": saying(effect_key="btcpay/shop/inv-1/fulfil/2"),
    "another version": but(ce_paymentversion=b"2"),
    "version zero": saying(version=0),
    "below zero": saying(version=-1),
    "a thousand and one": saying(version=1001),
    "more than a database counts": saying(version=2**63),
    "half a version": saying(version=1.5),
    "a version as text": saying(version="1"),
    "a payment that is no text": saying(payment=["btcpay"]),
    "a payment that is half a character": saying(payment="\ud800"),
    "a state that is no text": saying(after={}),
}


def test_what_is_no_notice_moves_nothing_and_is_kept(example: ModuleType) -> None:
    """A record that ended the example would end it again for ever; one skipped would be lost."""
    db = sqlite3.connect(":memory:")
    db.executescript(example.SCHEMA)
    for offset, (name, one) in enumerate(NO_NOTICES.items()):
        said = example.handle(db, ENVIRONMENT, record(one.value, one.headers, offset))
        assert said.startswith(f"STRANGE, and set aside: {TRUE.topic}/0/{offset}: "), name
    kept = db.execute("SELECT value FROM strange ORDER BY rowid").fetchall()
    assert kept == [(one.value,) for one in NO_NOTICES.values()]
    for table_ in ("heard", "payments", "missing", "shipments", "recalls"):
        assert db.execute(f"SELECT * FROM {table_}").fetchall() == [], table_
    assert example.handle(db, ENVIRONMENT, record()) == "btcpay/shop/inv-1/1: Confirmed, 1"
    db.close()


def test_a_database_that_cannot_be_written_to_is_no_fault_of_a_record(
    example: ModuleType, tmp_path: Path
) -> None:
    """To set true notices aside while somebody else holds the lock would be to lose them."""
    with closing(sqlite3.connect(tmp_path / "shop.db", timeout=0)) as db:
        db.executescript(example.SCHEMA)
        with closing(sqlite3.connect(tmp_path / "shop.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                example.handle(db, ENVIRONMENT, record())
        assert example.handle(db, ENVIRONMENT, record()).endswith(": Confirmed, 1")


def test_goods_that_wait_are_no_more_due(example: ModuleType) -> None:
    """A hold, and money that goes back, must reach goods that nobody has sent yet."""
    db = sqlite3.connect(":memory:")
    db.executescript(example.SCHEMA)
    key = "btcpay/shop/inv-1/fulfil/1"
    due = []
    for message in (
        TRUE,
        held("inv-1", 1),
        notice("inv-1", 2, State.CONFIRMED, State.REVERSED),
        # What a relay says again changes nothing.
        TRUE,
    ):
        example.handle(db, ENVIRONMENT, record(message.value, message.headers))
        due += db.execute("SELECT due FROM payments").fetchall()
    assert due == [(key,), (None,), (None,), (None,)]
    assert db.execute("SELECT * FROM shipments").fetchall() == [(key, "btcpay/shop/inv-1")]
    db.close()
