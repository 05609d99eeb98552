"""Exports over rows, folders and names that somebody means ill with, or wrote past the program."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from consumers.exceptions import Code
from tests.support import ledger
from tests.support.audited import tamper
from tests.unit.sealgate.exports.test_commands import (
    MARCH,
    SETTINGS,
    TWO,
    Desk,
    Output,
    raised,
)


@pytest.fixture(name="desk")
def _desk(tmp_path: Path, capsys: Output) -> Desk:
    """Make a store in which March is told, and a key for checkpoints."""
    (tmp_path / "sealgate.toml").write_text(SETTINGS)
    desk = Desk(tmp_path, capsys)
    desk.use(ledger.march, raised(Code.FUNDS_REVERSED, 1, of="p07", ended=True))
    assert desk.type("audit", "init")[0] == 0
    return desk


def test_a_name_that_no_folder_can_have_closes_nothing(desk: Desk) -> None:
    """A close is for ever: what can be told of its folder is told before it."""
    (desk.folder / "nowhere").symlink_to(desk.folder / "never")
    for name in ("nowhere", "a" * 300, "a" * 250):
        for command in (("export",), ("close", *TWO)):
            code, told = desk.told(*command, *MARCH, "--out", desk.out(name))
            assert (code, told["error"]) == (2, "invalid_request"), name
    assert desk.told("audit", "decisions")[1]["decisions"] == []
    (desk.folder / "file").write_text("no folder")
    code, said_ = desk.type("close", *MARCH, "--out", desk.out("file/march"), *TWO)
    assert code == 1
    assert "do the same again" in said_


def test_a_manifest_that_is_none_of_ours_is_said_to_be_none(desk: Desk) -> None:
    """What lies in a folder was written by anybody; a directory in it belongs to no run."""
    assert desk.type("export", *MARCH, "--out", desk.out("march"))[0] == 0
    (desk.folder / "march" / "more").mkdir()
    code, told = desk.told("export", "verify", desk.out("march"))
    assert (code, told["problems"]) == (3, ["more: the manifest does not name it"])
    path = desk.folder / "march" / "manifest.json"
    whole = json.loads(path.read_bytes())
    for part in (
        {"period": None},
        {"as_of": None},
        {"environment": 1},
        {"close": ["key"]},
        {"close": {"key": 1}},
    ):
        path.write_text(json.dumps({**whole, **part}))
        assert desk.type("export", "verify", desk.out("march"))[0] == 2, part
    for text in ('{"format": "sealgate.export/1"}', "[" * 100_000):
        path.write_text(text)
        assert desk.type("export", "verify", desk.out("march"))[0] == 2


def test_a_month_that_is_not_over_is_said_to_be_not(desk: Desk) -> None:
    """Figures of a month that still runs look like those of one that is over."""
    word = "no entry is of after its end"
    later = ("--period", "2999-01", "--out", desk.out("later"))
    assert word in desk.type("export", *later)[1]
    assert word not in desk.type("export", *MARCH, "--out", desk.out("march"))[1]


def test_rows_that_the_chain_contradicts_are_no_sound_export(desk: Desk) -> None:
    """Movements and holdings of a row that was changed agree, and so do those of a forged one."""
    assert desk.type("export", *MARCH, "--out", desk.out("before"))[0] == 0
    store = f"sqlite://{desk.folder}/store.db"
    for number, statement in enumerate(
        (
            "UPDATE fact SET amount = '99' WHERE reference = 'p01' AND kind = 'final'",
            "UPDATE fact SET amount = 'abc' WHERE reference = 'p01' AND kind = 'final'",
            "DELETE FROM fact WHERE reference = 'p01' AND kind = 'final'",
            "UPDATE audit SET bytes = x'ff' WHERE seq = 1 AND chain = 'operator'",
        )
    ):
        shutil.copy(desk.folder / "store.db", desk.folder / "kept.db")
        asyncio.run(tamper(store, statement))
        code, said_ = desk.type("export", *MARCH, "--out", desk.out(f"x{number}"))
        assert code == 3, statement
        assert "WRONG the audit chain contradicts the database" in said_
        code, told = desk.told("export", "verify", desk.out("before"))
        assert code == 3, statement
        assert any(text.startswith("the audit chain contr") for text in told["problems"])
        for name in ("store.db", "store.db-wal", "store.db-shm"):
            (desk.folder / name).unlink(missing_ok=True)
        shutil.copy(desk.folder / "kept.db", desk.folder / "store.db")
    assert desk.type("export", "verify", desk.out("before"))[0] == 0
