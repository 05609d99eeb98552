"""What the audit chain takes from a finding: an edit past the program proves nothing.

The edits are those with which somebody who may write the database would make a false claim hold.
"""

import asyncio
import json
from collections import Counter

import pytest

from consumers.chainwalk import Problem, Report
from consumers.store.cases import Anomaly
from consumers.store.port import Changes, Store
from consumers.store.told import TOLD
from sealgate.audit import command
from sealgate.audit.command import Checkpoints
from sealgate.evidence import history
from sealgate.evidence.claims import CLAIMS, Finding, Proof, Verdict
from sealgate.evidence.command import Asked, run
from sealgate.evidence.history import History, Progress
from sealgate.evidence.vouching import counted, vouched
from tests.support.audited import tamper
from tests.support.exposed import BEGIN_MS, Shop
from tests.support.records_of_shop import prove

Output = pytest.CaptureFixture[str]
LOG_ALONE = {"refusals-kept", "verified-again"}
# Of each edit, in SQL: the claims that hold without a look at the chain, and are false.
EDITS = (
    ("DELETE FROM anomaly", {"nothing-severe-open"}),
    ("UPDATE anomaly SET severity = 4", {"nothing-severe-open"}),
    (
        "UPDATE anomaly SET status = 'resolved', closed_ms = 1, resolution_code = 'no'",
        {"nothing-severe-open"},
    ),
    ("UPDATE event SET key_id = 'k2'", {"verified-deliveries", "moved-once", "one-row-each"}),
    ("DELETE FROM event WHERE event_key = 'e3'", {"verified-deliveries"}),
    (
        "UPDATE transition SET cause = 'void'",
        {"moved-once", "declared-transitions", "connected-histories", "notices-told"},
    ),
    ("UPDATE notice SET value = x'00'", {"notices-told"}),
    ("UPDATE fact SET at_ms = at_ms + 1", {"states-from-facts"}),
)


async def _alarm(store: Store) -> None:
    """Raise what is of severity 1, as a worker would."""
    alarm = Anomaly("CHAIN_INTEGRITY", "operator", 1, "entry 3", None, BEGIN_MS)
    async with store.transaction() as tx:
        await tx.save(Changes(anomalies=[alarm]))


def test_rows_that_the_chain_does_not_bear_out_prove_nothing(shop: Shop, capsys: Output) -> None:
    """Whoever empties the table of exceptions must not get a signature under it."""
    shop.use(_alarm)
    file = shop.directory / "store.db"
    _, before = prove(shop, capsys)
    assert before["nothing-severe-open"]["verdict"] == "not_proven_yet"
    assert before["audit-chain"]["verdict"] == "not_proven_yet"
    kept = {path: path.read_bytes() for path in shop.directory.glob("store.db*")}
    for edit, names in EDITS:
        for path in shop.directory.glob("store.db*"):
            path.unlink()
        for path, content in kept.items():
            path.write_bytes(content)
        asyncio.run(tamper(f"sqlite://{file}", edit))
        _, claims = prove(shop, capsys)
        for name in names:
            assert claims[name]["verdict"] == "failed", (edit, name)
            assert "not as the audit chain says" in claims[name]["why"], (edit, name)
        assert claims["audit-chain"]["verdict"] == "failed", edit


def test_a_history_with_a_checkpoint_is_proven_by_entries_and_rows(
    shop: Shop, capsys: Output
) -> None:
    """The report says how many rows were held; and where the checkpoints cannot be read, why."""
    text = shop.config.read_text()
    shop.config.write_text(f'{text}[audit]\nkey_file = "audit.pem"\ndirectory = "audit"\n')
    assert command.init(shop.configuration()) == 0
    assert command.checkpoint(shop.configuration(), BEGIN_MS) == 0
    capsys.readouterr()
    assert command.verify(shop.configuration(), None, None, as_json=True) == 0
    rows = json.loads(capsys.readouterr().out)["tables"]
    _, claims = prove(shop, capsys)
    assert claims["audit-chain"]["verdict"] == "proven"
    told = {one["what"]: one["found"] for one in claims["audit-chain"]["looked_at"]}
    assert told["rows held against them"] == str(sum(one["rows"] for one in rows))
    assert told["table event"] == "3 rows"
    assert told["checkpoints that agree"].startswith("1, the last of 2026-01-01")
    (shop.directory / "audit.pem.pub").unlink()
    _, claims = prove(shop, capsys)
    assert claims["audit-chain"]["verdict"] == "not_proven_yet"
    assert "the checkpoints could not be read here: " in claims["audit-chain"]["why"]


def test_an_event_received_after_its_key_was_over_is_found(shop: Shop, capsys: Output) -> None:
    """Whoever wrote it past the edge, and had it applied, is in every table and in the chain."""
    text = shop.config.read_text()
    over = 'status = "revoked"\nnot_after = 2025-12-31T23:59:00Z'
    shop.config.write_text(text.replace('file = "key-1"', f'file = "key-1"\n{over}'))
    _, claims = prove(shop, capsys)
    assert claims["verified-deliveries"]["verdict"] == "failed"
    assert "received after the key was over" in claims["verified-deliveries"]["why"]
    assert claims["verified-again"]["verdict"] == "failed"


def test_every_claim_of_rows_names_tables_that_the_chain_knows() -> None:
    """A claim that forgot a table would be proven of rows that nobody vouches for."""
    for claim in CLAIMS:
        rests = claim.proof is Proof.RECORDS and claim.name not in {history.NAME, *LOG_ALONE}
        assert bool(claim.tables) == rests, claim.name
        assert set(claim.tables) <= TOLD.keys(), claim.name


def test_what_is_contradicted_fails_and_what_nobody_vouches_for_is_open() -> None:
    """Of every claim and every one of its tables; what was open before keeps its reason."""
    for claim in CLAIMS:
        proven = Finding(claim.name, Verdict.PROVEN)
        wanting = Finding(claim.name, Verdict.NOT_YET, why="too little")
        assert vouched([proven], Counter({"anomaly": 0}), is_whole=True) == [proven]
        [unsure] = vouched([proven], {}, is_whole=False)
        assert (unsure.verdict is Verdict.NOT_YET) == bool(claim.tables)
        for table in TOLD:
            [one] = vouched([proven], {table: 2}, is_whole=True)
            [other] = vouched([wanting], {table: 2}, is_whole=True)
            assert (one.verdict is Verdict.FAILED) == (table in claim.tables)
            assert other.verdict is Verdict.NOT_YET
            assert (f"2 of {table}" in other.why) == (table in claim.tables)
            assert other.why.startswith("too little")


def test_groups_that_nobody_saw_prove_nothing() -> None:
    """With ten thousand sources the last of them may be the one whose events name no key."""
    proven = Finding("verified-deliveries", Verdict.PROVEN)
    assert counted(proven, [0] * 9_999) is proven
    assert counted(proven, [0] * 10_000).verdict is Verdict.NOT_YET
    wrong = Finding("verified-deliveries", Verdict.FAILED, why="3 events name no key")
    assert counted(wrong, [0] * 10_000) is wrong


def test_a_chain_is_whole_where_only_tables_are_wrong() -> None:
    """Else one row that was changed would take the proof from all the others, too."""
    row = Problem("operator", 3, "actions: not there", "operator_action")
    assert History(Report(problems=[row]), Checkpoints()).is_whole
    cut = Problem("operator", 3, "entry 3 is not there")
    assert not History(Report(problems=[row, cut]), Checkpoints()).is_whole
    assert not History(Report(), Checkpoints(problems=["checkpoint 1 is not there"])).is_whole


def test_how_far_it_is_is_said_beside_the_report(
    shop: Shop, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard output is the report's alone: its digest must be that of the file."""
    monkeypatch.setattr(history, "TELL_EVERY_S", 0.0)
    assert run(shop.configuration(), Asked(self_test=False, json=True)) == 3
    out, err = capsys.readouterr()
    assert json.loads(out)["format"] == "sealgate.evidence/1"
    assert err.startswith("audit chain: 1 entries hashed, 0 rows held against them\n")


async def test_whoever_waits_is_told_how_far_it_is() -> None:
    """A database of years takes minutes, and silence looks like a fault; a small one says none."""
    told: list[str] = []
    now_s = [100.0]
    progress = Progress(told.append, lambda: now_s[0])
    report = Report(entries=1200, rows={"event": 3000})
    for at_s in (100.0, 104.9, 105.0, 109.9, 110.0):
        now_s[0] = at_s
        await progress(report)
    assert told == ["audit chain: 1,200 entries hashed, 3,000 rows held against them"] * 2
