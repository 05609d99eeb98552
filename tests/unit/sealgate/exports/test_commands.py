"""`sealgate export`, `export verify` and `close`, typed, on a store of two months.

The ledger is that of tests/support/ledger.py; its figures are worked out in
tests/conformance/test_exports.py. March of it has nothing in its way; April has a reversal.
"""

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from consumers.exceptions import Code
from consumers.store.connect import connect
from consumers.store.polls import Freeze
from consumers.store.port import Anomaly, Changes, EventKey, Resolution, Store
from sealgate.__main__ import application
from tests.support import ledger
from tests.support.audited import tamper
from tests.support.builders import NOW_MS

SETTINGS = """
environment = "sandbox"
[log]
url = "embedded:./log.db"
[store]
url = "sqlite:./store.db"
[consumer.posting]
since = "2026-01-01"
zone = "Europe/Berlin"
[audit]
directory = "checkpoints"
key_file = "audit-key.pem"
"""
MARCH = ("--period", "2026-03")
TWO = ("--by", "ann", "--second", "ben", "--note", "March is whole")
Output = pytest.CaptureFixture[str]
Use = Callable[[Store], Awaitable[None]]
# Made once: to make it takes longer than most commands do.
_application = cache(application)


class Desk:
    """Types commands in a folder of its own, and reads what they answer."""

    def __init__(self, folder: Path, capsys: Output) -> None:
        self.folder, self._capsys = folder, capsys

    def type(self, *words: str) -> tuple[int, str]:
        """Type a command; return its exit code and all that it said."""
        config = ("--config", str(self.folder / "sealgate.toml"))
        code = self.bare(*words, *config)
        said = self._capsys.readouterr()
        return code, said.out + said.err

    def bare(self, *words: str) -> int:
        """Type a command, with no configuration named; return its exit code."""
        try:
            code = _application()(list(words), exit_on_error=False, result_action="return_value")
        except SystemExit as ended:
            code = ended.code
        return int(code or 0)

    def told(self, *words: str) -> tuple[int, Any]:
        """Type a command; return its exit code and its JSON."""
        code, said = self.type(*words, "--json")
        return code, json.loads(said)

    def close(self, out: str, *words: str) -> tuple[int, Any]:
        """Close March into a folder; return the exit code and what was said."""
        given = words if "--by" in words else (*TWO, *words)
        return self.told("close", *MARCH, "--out", self.out(out), *given)

    def out(self, name: str) -> str:
        """Name a folder."""
        return str(self.folder / name)

    def use(self, *ask: Use) -> None:
        """Ask the store."""

        async def ask_it() -> None:
            store = connect(f"sqlite://{self.folder}/store.db")
            await store.open("sandbox")
            for one in ask:
                await one(store)
            await store.close()

        asyncio.run(ask_it())


@pytest.fixture(name="desk")
def _desk(tmp_path: Path, capsys: Output) -> Desk:
    """Make a store in which March is told, and a key for checkpoints."""
    (tmp_path / "sealgate.toml").write_text(SETTINGS)
    desk = Desk(tmp_path, capsys)
    # The transfer of p07 that was dropped pages somebody: they have looked.
    desk.use(ledger.march, raised(Code.FUNDS_REVERSED, 1, of="p07", ended=True))
    assert desk.type("audit", "init")[0] == 0
    return desk


def raised(code: str, severity: int, *, of: str = "p01", ended: bool = False) -> Use:
    """Raise an exception about a payment, or end it again."""

    async def write(store: Store) -> None:
        at_ms, subject = NOW_MS, f"kobbopay/main/{of}"
        item = Anomaly(code, subject, severity, "it is so", None, at_ms)
        ends = [Resolution(code, subject, "mended", at_ms + 1, "cause_mended", "ann")]
        changes = Changes(resolved=ends) if ended else Changes(anomalies=[item])
        await ledger.write(store, EventKey("sealgate", "timer", f"{code}-{of}-{ended}"), changes)

    return write


def said(is_on: int) -> Use:
    """Freeze, or clear it."""

    async def write(store: Store) -> None:
        word = Freeze(bool(is_on), "sources disagree", "ann", "finance", "ben", NOW_MS)
        event = EventKey("sealgate", "operator", f"freeze-{is_on}")
        await ledger.write(store, event, Changes(freezes=[word]))

    return write


def blocked(desk: Desk) -> Sequence[str]:
    """Try to close March; return the codes of what is in the way, or nothing."""
    code, told = desk.close("never")
    codes = [one["code"] for one in told["blockers"]]
    assert (code, told["is_closed"]) == (3, False), told
    assert not (desk.folder / "never").exists()
    return codes


def test_a_month_is_exported_and_the_folder_is_whole_by_itself(desk: Desk) -> None:
    """Finance and an auditor hold the same folder, and neither needs the other's tools."""
    code, said_ = desk.type("export", *MARCH, "--out", desk.out("march"))
    assert code == 0, said_
    assert "250.000000" in said_
    assert sorted(path.name for path in (desk.folder / "march").iterdir()) == sorted(
        [
            f"{name}.{end}"
            for name in ("exceptions", "movements", "payments", "transfers")
            for end in ("csv", "jsonl")
        ]
        + ["manifest.json"]
    )
    code, told = desk.told("export", "verify", desk.out("march"))
    assert (code, told["problems"], told["is_held_against_chain"]) == (0, [], True)
    again = ("export", *MARCH, "--out", desk.out("march"))
    code, said_ = desk.type(*again)
    assert code == 2
    assert "is there already" in said_


def test_the_same_run_is_made_again_byte_for_byte(desk: Desk) -> None:
    """Whatever came since: as of the same entries of the chains it is the same folder."""
    assert desk.type("export", *MARCH, "--out", desk.out("one"))[0] == 0
    desk.use(ledger.april, raised(Code.STUCK_PAID, 2))
    as_of = ("--as-of", desk.out("one"))
    assert desk.type("export", *MARCH, "--out", desk.out("two"), *as_of)[0] == 0
    for path in (desk.folder / "one").iterdir():
        assert path.read_bytes() == (desk.folder / "two" / path.name).read_bytes(), path.name


def test_what_cannot_be_understood_is_refused_before_anything_is_written(desk: Desk) -> None:
    """A wrong month is not a month without money."""
    out = ("--out", desk.out("wrong"))
    for words in (
        (),
        ("--period", "2026-13"),
        ("--period", "March"),
        ("--from", "2026-03-01T00:00:00Z"),
        ("--from", "2026-04-01T00:00:00Z", "--to", "2026-03-01T00:00:00Z"),
        (*MARCH, "--to", "2026-03-01T00:00:00Z"),
        (*MARCH, "--timezone", "Europe/Nowhere"),
        (*MARCH, "--timezone", "../etc/passwd"),
        (*MARCH, "--timezone", "localtime"),
        (*MARCH, "--as-of", desk.out("sealgate.toml")),
        (*MARCH, "--as-of", desk.out("nothing")),
    ):
        code, told = desk.told("export", *out, *words)
        assert (code, told["error"]) == (2, "invalid_request"), words
    assert not (desk.folder / "wrong").exists()


def test_a_month_is_closed_once_and_its_package_made_again(desk: Desk) -> None:
    """The chain keeps who closed what; the package can be lost, and is the same when made anew."""
    code, told = desk.close("march")
    assert (code, told["is_closed"], told["is_repeat"], told["blockers"]) == (0, True, False, [])
    assert {one.name for one in (desk.folder / "march").iterdir()} >= {
        "ageing.csv",
        "approvals.json",
        "checkpoint.json",
    }
    approvals = json.loads((desk.folder / "march/approvals.json").read_bytes())
    assert approvals == {
        "by": "ann",
        "role": "finance",
        "second": "ben",
        "second_role": "operations",
        "note": "March is whole",
    }
    desk.use(ledger.april)
    others = ("--by", "cid", "--second", "dan", "--note", "again")
    code, told = desk.close("again", *others)
    assert (code, told["is_repeat"]) == (0, True), told
    for path in (desk.folder / "march").iterdir():
        if path.name != "checkpoint.json":
            assert path.read_bytes() == (desk.folder / "again" / path.name).read_bytes()
    code, told = desk.told("export", "verify", desk.out("again"))
    assert (code, told["problems"], told["is_close"]) == (0, [], True)
    assert desk.type("audit", "verify")[0] == 0
    # By other clocks the same name is another month.
    code, told = desk.told("export", *MARCH, "--out", desk.out("utc"), "--timezone", "UTC")
    assert (code, told["error"]) == (1, "other_timezone")


def test_a_closed_month_is_not_closed_with_other_contents(desk: Desk) -> None:
    """Broken off behind the chain it is made again; by other terms it would be another package."""
    (desk.folder / "file").write_text("no folder")
    code, said_ = desk.type("close", *MARCH, "--out", desk.out("file/march"), *TWO)
    assert (code, "is closed" in said_) == (1, False)
    code, told = desk.close("march")
    assert (code, told["is_repeat"]) == (0, True)
    assert desk.type("trace", "close/2026-03")[0] == 0
    policy = '[policy]\nversion = "2"\n[[policy.tolerance]]\nasset = "USDT"\namount = "1"\n'
    (desk.folder / "sealgate.toml").write_text(SETTINGS + policy)
    code, told = desk.close("other")
    assert (code, told["error"]) == (1, "closed_otherwise")
    assert not (desk.folder / "other").exists()


def test_late_money_of_a_closed_month_is_the_open_month_s(desk: Desk) -> None:
    """A close that moves afterwards is no close."""
    assert desk.close("march")[0] == 0
    desk.use(ledger.april)
    code, told = desk.told("export", "--period", "2026-04", "--out", desk.out("april"))
    assert (code, told["adjusted_movements"]) == (0, 6)
    figures = {(row["asset"], row["network"]): row for row in told["roll_forward"]}
    assert figures["USDT", "tron"]["opening"] == "250000000"
    assert figures["USDT", "tron"]["closing"] == "218000000"


def test_each_thing_in_the_way_keeps_a_month_open(desk: Desk) -> None:
    """A close over any of these is done twice, and none can be said away."""
    desk.use(raised(Code.FUNDS_REVERSED, 1))
    assert blocked(desk) == ["severity_1_open"]
    desk.use(raised(Code.FUNDS_REVERSED, 1, ended=True), raised(Code.UNMATCHED_DEPOSIT, 3))
    assert blocked(desk) == ["unmatched_without_owner"]
    assigned = ("--to", "kim", "--by", "kim", "--role", "operations", "--reason", "handed_over")
    more = ("--note", "x", "--key", "k-1", "--expect-version", "0")
    number = next(
        one["exception"]
        for one in desk.told("exceptions", "list")[1]["exceptions"]
        if one["code"] == Code.UNMATCHED_DEPOSIT
    )
    assert desk.type("exceptions", "assign", number, *assigned, *more)[0] == 0
    desk.use(said(1))
    assert blocked(desk) == ["frozen"]
    desk.use(said(0))
    assert desk.close("march")[0] == 0
    code, told = desk.told("close", "--period", "2026-05", "--out", desk.out("may"), *TWO)
    assert (code, [one["code"] for one in told["blockers"]]) == (3, ["out_of_order"])


def test_more_in_the_books_than_is_final_keeps_a_month_open(desk: Desk) -> None:
    """What was posted and then reversed is taken back first."""
    desk.use(lambda store: ledger.tell(store, [("p13", [early()])], "early"))
    assert "posted_before_confirmed" in blocked(desk)


def early() -> Any:
    """State an entry of a payment that nobody has paid."""
    return ledger.booked(5, "03-28T12:00Z", "GL-13")


def test_a_chain_that_does_not_hold_keeps_a_month_open(desk: Desk) -> None:
    """A row that somebody changed by hand, and a fact that somebody took away."""
    change = "UPDATE fact SET amount = '99' WHERE reference = 'p01' AND kind = 'final'"
    gone = "DELETE FROM fact WHERE reference = 'p01' AND kind = 'final'"
    for statement in (change, gone):
        asyncio.run(tamper(f"sqlite://{desk.folder}/store.db", statement))
        assert set(blocked(desk)) >= {"chain_broken"}
        code, _ = desk.type("export", *MARCH, "--out", desk.out(f"x{len(statement)}"))
        assert code == 3, statement


def test_what_the_tables_do_not_say_any_more_is_a_difference(desk: Desk) -> None:
    """Movements come from the chain, and what is held from the tables: a word taken out shows."""
    desk.use(ledger.april)
    april = ("--period", "2026-04", "--out")
    assert desk.told("export", *april, desk.out("one"))[0] == 0
    asyncio.run(tamper(f"sqlite://{desk.folder}/store.db", "DELETE FROM mark"))
    code, told = desk.told("export", *april, desk.out("two"))
    assert (code, told["differences"]) == (3, 1)
    [row] = [one for one in told["roll_forward"] if one["difference"] != "0"]
    assert (row["asset"], row["difference"]) == ("USDT", "-90000000")
    code, told = desk.told("export", "verify", desk.out("two"))
    assert code == 3
    assert "kobbopay/main/USDT@tron: the roll-forward differs by -90000000" in told["problems"]
    assert "difference" in blocked(desk)


def test_two_people_of_two_roles_close_a_month(desk: Desk) -> None:
    """One person under two names is one person, and somebody answers for finance."""
    named = ("--note", "x")
    for words, code in (
        (("--by", "ann", "--second", "Ann"), "approval_required"),
        (("--by", "ann", "--second", " "), "approval_required"),
        (("--by", "ann", "--second", "ben", "--second-role", "finance"), "approval_required"),
        (("--by", "ann", "--second", "ben", "--role", "support"), "role_not_allowed"),
        (("--by", "ann", "--second", "ben", "--role", "boss"), "invalid_request"),
        (("--by", "a\nb", "--second", "ben"), "invalid_request"),
    ):
        assert desk.close("never", *words, *named)[1]["error"] == code, words
    configuration = desk.folder / "sealgate.toml"
    configuration.write_text(SETTINGS + '[operators]\npeople = ["ann", "kim"]\n')
    assert desk.close("never")[1]["error"] == "person_unknown"
    assert not (desk.folder / "never").exists()
    later = ("--period", "2999-01", "--out", desk.out("never"), *TWO)
    assert desk.told("close", *later)[1]["error"] == "invalid_request"


def test_a_package_is_held_against_the_chain(desk: Desk) -> None:
    """A package that was made anew, with other figures and all digests right, was not closed."""
    assert desk.type("audit", "checkpoint")[0] == 0
    assert desk.close("march")[0] == 0
    forged = desk.folder / "forged"
    shutil.copytree(desk.folder / "march", forged)
    approvals = json.loads((forged / "approvals.json").read_bytes())
    (forged / "approvals.json").write_text(json.dumps({**approvals, "by": "eve"}))
    _, told = desk.told("export", "verify", str(forged))
    assert "approvals.json: it is not what the manifest says: it was changed" in told["problems"]
    manifest = json.loads((forged / "manifest.json").read_bytes())
    manifest["generator"]["version"] = "9"
    shutil.copy(desk.folder / "march/approvals.json", forged)
    (forged / "manifest.json").write_text(json.dumps(manifest))
    code, told = desk.told("export", "verify", str(forged))
    assert code == 3
    assert [text[:37] for text in told["problems"]] == ["2026-03 was closed with another packa"]
    early = desk.folder / "checkpoints/checkpoint-000000001.json"
    shutil.copy(early, forged / "checkpoint.json")
    _, told = desk.told("export", "verify", str(forged))
    assert told["problems"] == [
        "the audit log knew of no close close/2026-03 when the checkpoint was signed"
    ]
    (forged / "checkpoint.json").write_text("{}\n{}\n")
    _, told = desk.told("export", "verify", str(forged))
    assert told["problems"] == ["checkpoint.json: it is no checkpoint"]
    (forged / "checkpoint.json").unlink()
    _, told = desk.told("export", "verify", str(forged))
    assert told["problems"] == ["checkpoint.json: it is not there"]


def test_a_folder_is_verified_where_there_is_nothing_else(
    desk: Desk, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An auditor has the folder; what only the chain could tell is said to be open."""
    assert desk.type("export", *MARCH, "--out", desk.out("march"))[0] == 0
    (desk.folder / "elsewhere").mkdir()
    monkeypatch.chdir(desk.folder / "elsewhere")
    assert desk.bare("export", "verify", desk.out("march")) == 0
    assert "the folder alone" in capsys.readouterr().out
    assert desk.bare("export", "verify", str(desk.folder / "elsewhere")) == 2
