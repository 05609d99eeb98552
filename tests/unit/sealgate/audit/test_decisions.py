"""`sealgate audit decisions` over a real file: who decided what, and what somebody took out."""

import asyncio
import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consumers.store.cases import Action
from consumers.store.connect import connect
from consumers.store.polls import Freeze
from consumers.store.port import Changes, Judgement, Mark
from sealgate.audit import decisions
from sealgate.audit.decisions import Asked, run
from sealgate.config import Configuration, read
from tests.support.audited import tamper
from tests.support.store_builders import PAYMENT, apply, event, event_key

HOUR_MS = 3_600_000
BEGIN_MS = 1_793_491_200_000  # 2026-11-01T00:00:00Z
SETTINGS = """
environment = "sandbox"
mode = "test"
[log]
url = "embedded:./log.db"
[store]
url = "sqlite:./store.db"
"""
ACCEPTED = Action(
    "T-1",
    "accept_late",
    PAYMENT,
    None,
    "ann",
    "operations",
    "kim",
    "goodwill",
    "=HYPERLINK(1)",
    "",
    BEGIN_MS,
)
POSTED = ACCEPTED._replace(
    key="T-2",
    name="record_posting",
    by="lee",
    role="finance",
    approved_by="",
    reason="booked",
    note="batch 7",
    detail='{"posting": "gl-1"}',
    at_ms=BEGIN_MS + HOUR_MS,
)
RESOLVED = ACCEPTED._replace(
    key="T-3",
    name="resolve",
    payment=None,
    item=4,
    note="looked\x1b[2Jinto",
    at_ms=BEGIN_MS + 2 * HOUR_MS,
)
REPLAYED = POSTED._replace(
    key="T-4", name="replay", payment=None, by="Ann", at_ms=BEGIN_MS + 3 * HOUR_MS
)
VOIDED = Mark(event_key("evt-1"), Judgement.VOID, "never came", "kim", BEGIN_MS + 4 * HOUR_MS)
SEEN = replace(VOIDED, judgement=Judgement.CORROBORATED, at_ms=BEGIN_MS + 5 * HOUR_MS)
FROZEN = Freeze(
    is_on=True,
    reason="outage",
    by="lee",
    role="engineering",
    approved_by="",
    at_ms=BEGIN_MS + 6 * HOUR_MS,
)
# What a reviewer must see, worked by hand: who, with whom, as what, the command, what about.
EXPECTED = [
    ("ann", "kim", "operations", "payments accept-late", "stripe/main/pay-1", "T-1"),
    ("lee", "", "finance", "payments posted", "stripe/main/pay-1", "T-2"),
    ("ann", "kim", "operations", "exceptions resolve", "ex-4", "T-3"),
    ("Ann", "", "finance", "replay", "", "T-4"),
    ("kim", "", "", "events void", "stripe/main/evt-1", ""),
    ("kim", "", "", "events mark", "stripe/main/evt-1", ""),
    ("lee", "", "engineering", "freeze on", "", ""),
]
ADDED = (
    "INSERT INTO operator_action (key, name, done_by, role, approved_by, reason, note, detail,"
    " at_ms) VALUES ('T-9', 'note', 'eve', 'finance', '', '', '', '', 5)"
)
Output = pytest.CaptureFixture[str]


@pytest.fixture(name="configuration")
def _configuration(tmp_path: Path) -> Configuration:
    """Open a store in which seven things were decided, one in each transaction."""
    (tmp_path / "sealgate.toml").write_text(SETTINGS)
    asyncio.run(_decide(f"sqlite://{tmp_path}/store.db"))
    return read(tmp_path / "sealgate.toml", {})


async def _decide(url: str) -> None:
    store = connect(url)
    await store.open("sandbox")
    await apply(store, Changes(), [event("evt-1")])
    for action in (ACCEPTED, POSTED, RESOLVED, REPLAYED):
        await apply(store, Changes(actions=[action]))
    for mark in (VOIDED, SEEN):
        await apply(store, Changes(marks=[mark]))
    await apply(store, Changes(freezes=[FROZEN]))
    await store.close()


def listed(configuration: Configuration, capsys: Output, **asked: str) -> tuple[int, Any]:
    """Ask for decisions as JSON."""
    code = run(configuration, Asked(**asked), output="json")
    return code, json.loads(capsys.readouterr().out)


def keys(told: Any) -> list[str]:
    """Say which decisions a document has, by their number in the order they were made."""
    names = [(one["command"], one["key"]) for one in told["decisions"]]
    order = [(command, key) for *_, command, _, key in EXPECTED]
    return [str(order.index(name) + 1) for name in names]


def test_every_kind_of_decision_is_told_with_its_entry(
    configuration: Configuration, capsys: Output
) -> None:
    """Whoever reviews rights asks people about what they did, and not about their rights."""
    code, told = listed(configuration, capsys)
    found = told["decisions"]
    assert code == 0
    assert [
        tuple(one[name] for name in ("by", "approved_by", "role", "command", "subject", "key"))
        for one in found
    ] == EXPECTED
    # Entry 0 is the beginning, and 1 the event; each decision was a transaction of its own.
    assert [one["entry"] for one in found] == list(range(2, 9))
    assert found[0]["at"] == "2026-11-01T00:00:00.000Z"
    assert found[1]["detail"] == '{"posting": "gl-1"}'
    assert (found[4]["reason"], found[4]["note"]) == ("void", "never came")
    assert found[6]["note"] == "outage"
    assert all(one["is_kept"] and one["chain"] == "operator" for one in found)


@pytest.mark.parametrize(
    ("asked", "which"),
    [
        # A name is one person's however it is spelt, and who agreed has decided, too.
        ({"by": "ANN "}, "134"),
        ({"by": "kim"}, "1356"),
        ({"role": "finance"}, "24"),
        ({"since": "2026-11-01T01:00:00Z", "until": "2026-11-01T03:00:00Z"}, "23"),
        ({"by": "kim", "since": "2026-11-01T04:00:00+01:00"}, "56"),
        ({"by": "nobody"}, ""),
    ],
)
def test_decisions_are_chosen(
    configuration: Configuration, capsys: Output, asked: dict[str, str], which: str
) -> None:
    """A month ends before the first instant of the next one, which is the next month's."""
    code, told = listed(configuration, capsys, **asked)
    assert (code, "".join(keys(told))) == (0, which)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"role": "boss"}, "--role: one of support"),
        ({"since": "yesterday"}, "--since: 'yesterday' is no instant"),
        ({"until": "2026-11-01T00:00:00"}, "--until"),
        ({"since": "2026-11-02T00:00:00Z", "until": "2026-11-01T00:00:00Z"}, "not before"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    configuration: Configuration, capsys: Output, asked: dict[str, str], says: str
) -> None:
    """An empty list would say that nobody decided anything."""
    assert run(configuration, Asked(**asked), output="table") == 2
    assert says in capsys.readouterr().err
    code, told = listed(configuration, capsys, **asked)
    assert (code, told["error"]) == (2, "invalid_request")


@pytest.mark.parametrize(
    ("edit", "gone", "strange"),
    [
        ("DELETE FROM operator_action WHERE key = 'T-2'", [3], 0),
        ("UPDATE operator_action SET done_by = 'bob' WHERE key = 'T-2'", [3], 1),
        ("UPDATE operator_action SET at_ms = 1 WHERE key = 'T-2'", [3], 1),
        ("DELETE FROM mark", [6, 7], 0),
        ("UPDATE freeze_word SET approved_by = 'kim'", [8], 1),
        (
            ADDED,
            [],
            1,
        ),
    ],
)
def test_what_was_edited_past_the_program_is_in_the_list(
    configuration: Configuration, capsys: Output, edit: str, gone: list[int], strange: int
) -> None:
    """Whoever has something to hide from a review would begin with this list."""
    asyncio.run(tamper(f"sqlite://{configuration.base / 'store.db'}", edit))
    code = run(configuration, Asked(), output="json")
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert code == 3
    assert [one["entry"] for one in told["decisions"] if not one["is_kept"]] == gone
    assert sum(one["entry"] is None for one in told["decisions"]) == strange
    assert told["contradicted"] == len(gone) + strange
    assert "sealgate audit verify" in err


def test_decisions_of_before_the_chain_are_listed_and_no_contradiction(tmp_path: Path) -> None:
    """An upgrade is no forgery; of these the chain has the number alone."""
    (tmp_path / "sealgate.toml").write_text(SETTINGS)
    url = f"sqlite://{tmp_path}/store.db"
    asyncio.run(_decide(url))
    # As an older version left it: rows, and no chain. The next start begins one.
    asyncio.run(tamper(url, "DELETE FROM audit"))
    asyncio.run(_decide_more(url))
    assert run(read(tmp_path / "sealgate.toml", {}), Asked(), output="table") == 0


async def _decide_more(url: str) -> None:
    store = connect(url)
    await store.open("sandbox")
    await apply(store, Changes(actions=[ACCEPTED._replace(key="T-8")]))
    await store.close()


def test_a_sheet_has_no_formula_and_a_table_no_control_character(
    configuration: Configuration, capsys: Output
) -> None:
    """A note is what somebody typed, and is opened by whoever reviews them."""
    assert run(configuration, Asked(), output="csv") == 0
    out = capsys.readouterr().out
    assert out.count("\r\n") == len(EXPECTED) + 1
    [head, *rows] = csv.reader(io.StringIO(out, newline=""))
    assert tuple(head) == decisions.COLUMNS
    by_name = [dict(zip(head, row, strict=True)) for row in rows]
    assert by_name[0]["note"] == "'=HYPERLINK(1)"
    assert (by_name[0]["entry"], by_name[0]["is_kept"]) == ("2", "yes")
    assert run(configuration, Asked(), output="table") == 0
    out = capsys.readouterr().out
    assert out.startswith("decisions of sandbox: 7\n")
    assert "\x1b" not in out
    assert "payments accept-late" in out


def test_too_many_are_refused_and_not_cut_off(
    configuration: Configuration, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that ends somewhere would look like all there is."""
    monkeypatch.setattr(decisions, "DECISIONS_MAX", 6)
    assert run(configuration, Asked(), output="table") == 1
    out, err = capsys.readouterr()
    assert (out, "too_many: more than 6 decisions" in err) == ("", True)
    assert run(configuration, Asked(role="finance"), output="table") == 0
