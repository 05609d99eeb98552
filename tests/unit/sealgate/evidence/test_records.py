"""`sealgate evidence` on a real store and a real log: what it proves of them, prints and keeps."""

import asyncio
import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ingress.contract import topics
from ingress.eventlog import connect
from sealgate.drills import recording as drills
from sealgate.drills.sheet import Sheet
from sealgate.drills.told import Told as DrillTold
from sealgate.evidence import lately
from sealgate.evidence.command import Asked, run
from sealgate.evidence.judging import DRILLS
from sealgate.evidence.told import Told
from tests.support.audited import tamper
from tests.support.exposed import ENVIRONMENT, Shop
from tests.support.records_of_shop import prove, signed, write

Output = pytest.CaptureFixture[str]
RECORD = Told(record=True, by="ann", role="engineering", note="go-live", key="GL-12")


def test_what_happened_here_is_proven_and_what_did_not_is_not(shop: Shop, capsys: Output) -> None:
    """A shop without a checkpoint, a drill and a posting has these left to do, and only these."""
    code, claims = prove(shop, capsys)
    records = {name: one["verdict"] for name, one in claims.items() if one["proof"] == "records"}
    wanting = {"exceptions-closed-by-name", "audit-chain", "drills-passed", "postings-joined"}
    assert code == 3
    assert {name for name, verdict in records.items() if verdict == "proven"} == {
        name for name in records if name not in wanting
    }
    assert {records[name] for name in wanting} == {"not_proven_yet"}
    tested = [one for one in claims.values() if one["proof"] == "self_test"]
    assert {one["verdict"] for one in tested} == {"not_proven_yet"}


def test_a_claim_says_what_was_looked_at(shop: Shop, capsys: Output) -> None:
    """An acceptance without figures is an opinion."""
    _, claims = prove(shop, capsys)

    def found(name: str) -> dict[str, str]:
        return {one["what"]: one["found"] for one in claims[name]["looked_at"]}

    assert found("verified-deliveries") == {
        f"urn:sealgate:{ENVIRONMENT}:shop, key k1, assurance B": (
            "3 events, 2026-01-01T00:00:01.000Z to 2026-01-01T00:00:03.000Z"
        )
    }
    assert found("refusals-kept")["shop, signature_mismatch"] == "1 kept"
    assert found("one-row-each")["events delivered more than once"] == "1"
    assert found("one-row-each")["of these looked up, one row each"] == "1"
    assert found("notices-told")["transitions without a notice"] == "0"


def test_what_was_written_past_the_edge_is_found(shop: Shop, capsys: Output) -> None:
    """Whoever may write to the topic can write anything but a signature."""
    forged = signed("e9", "inv-9", "InvoiceSettled", at_s=9, secret="another")
    asyncio.run(write(shop.directory / "log.db", forged))
    _, claims = prove(shop, capsys)
    assert claims["verified-again"]["verdict"] == "failed"
    assert "btcpay/shop/e9" in claims["verified-again"]["why"]


def test_what_names_a_key_that_nobody_knows_is_not_proven(shop: Shop, capsys: Output) -> None:
    """Else a forger would only have to name one, and would be taken for an old key."""
    forged = signed("e9", "inv-9", "InvoiceSettled", at_s=9, secret="another")
    asyncio.run(write(shop.directory / "log.db", replace(forged, key_id="of-nobody")))
    _, claims = prove(shop, capsys)
    assert claims["verified-again"]["verdict"] == "not_proven_yet"
    assert claims["verified-again"]["why"].startswith("1 records name a key")


def test_without_the_edges_keys_nothing_is_verified_again(shop: Shop, capsys: Output) -> None:
    """A worker's machine has no webhook key, and says where to ask instead."""
    (shop.directory / "key-1").unlink()
    _, claims = prove(shop, capsys)
    assert claims["verified-again"]["verdict"] == "not_proven_yet"
    assert "run it where the edge's keys are" in claims["verified-again"]["why"]


def test_the_latest_records_are_read_and_no_others(shop: Shop) -> None:
    """A log of years is not read for a report; the newest of each partition are."""

    async def read_some(records_max: int) -> list[int]:
        log = connect.connect(f"embedded://{shop.directory / 'log.db'}")
        found = lately.latest(log, topics.verified(ENVIRONMENT), records_max)
        offsets = [record.position.offset async for record in found]
        await log.close()
        return offsets

    assert asyncio.run(read_some(2)) == [2, 3]
    assert asyncio.run(read_some(100)) == [0, 1, 2, 3]


def test_a_row_that_is_of_a_later_place_than_the_event_is_found(shop: Shop, capsys: Output) -> None:
    """A second effect of a repetition would leave the row where the repetition was."""
    asyncio.run(tamper(_url(shop), "UPDATE event SET record_offset = 99 WHERE event_key = 'e2'"))
    _, claims = prove(shop, capsys)
    assert claims["one-row-each"]["verdict"] == "failed"
    assert "btcpay/shop/e2" in claims["one-row-each"]["why"]


def test_a_state_set_by_hand_is_found(shop: Shop, capsys: Output) -> None:
    """Whoever sets a payment to Confirmed in the table must not get a signature for it."""
    asyncio.run(tamper(_url(shop), "UPDATE payment SET state = 'Confirmed'"))
    _, claims = prove(shop, capsys)
    assert claims["connected-histories"]["verdict"] == "failed"
    assert claims["states-from-facts"]["verdict"] == "not_proven_yet"
    assert "btcpay/shop/inv-2" in claims["states-from-facts"]["why"]


def test_a_chain_that_was_changed_is_found(shop: Shop, capsys: Output) -> None:
    """Evidence from a history that was rewritten is none."""
    asyncio.run(tamper(_url(shop), "UPDATE audit SET at_ms = at_ms + 1 WHERE seq = 1"))
    _, claims = prove(shop, capsys)
    assert claims["audit-chain"]["verdict"] == "failed"
    assert "docs/audit.md" in claims["audit-chain"]["why"]


def test_drills_that_were_recorded_are_evidence(shop: Shop, capsys: Output) -> None:
    """A rehearsal of this version is part of what is accepted, by the digest of its sheet."""
    for name in DRILLS:
        sheet = Sheet(name, "drill-1", {"held": "it does"})
        sheet.check("held", "it does", holds=True)
        said = DrillTold(record=True, by="ann", role="security", note="before", key=f"DR-{name}")
        assert drills.run(shop.configuration(), sheet.json(), said, sys.stdout) == 0
    capsys.readouterr()
    _, claims = prove(shop, capsys)
    assert claims["drills-passed"]["verdict"] == "proven"
    assert [one["what"] for one in claims["drills-passed"]["looked_at"]] == sorted(DRILLS)


def test_a_report_is_kept_and_written_down_once(shop: Shop, capsys: Output, tmp_path: Path) -> None:
    """Whoever is shown the report later can tell whether it is the one."""
    kept = tmp_path / "go-live"
    assert run(shop.configuration(), Asked(self_test=False, output=kept, told=RECORD)) == 3
    out, err = capsys.readouterr()
    digest = "sha256:" + hashlib.sha256((kept / "evidence.json").read_bytes()).hexdigest()
    assert err == f"written in the audit log, as GL-12: {digest}\n"
    assert (kept / "evidence.md").read_text() == out
    assert digest in out
    action = shop.use(lambda store: store.cases.action("GL-12"))
    assert action is not None
    assert (action.name, action.reason, action.by) == ("evidence", "evidence_open", "ann")
    written = json.loads(action.detail)
    assert written["evidence"] == digest
    assert "any-order" in written["unproven"]
    again = run(shop.configuration(), Asked(self_test=False, json=True, told=RECORD))
    assert again == 1
    assert "another command was done as GL-12" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "says", "code"),
    [
        (Asked(self_test=False, told=RECORD), "must then be kept", 2),
        (Asked(self_test=False, json=True, told=Told(record=True)), "--role", 2),
        (Asked(self_test=False, output=Path(__file__).parent), "name a new directory", 1),
    ],
)
def test_what_was_asked_for_wrongly_is_said_at_once(
    shop: Shop, capsys: Output, asked: Asked, says: str, code: int
) -> None:
    """A self-test of seconds, and then a refusal, is no way to treat anybody."""
    assert run(shop.configuration(), asked) == code
    out, err = capsys.readouterr()
    assert (out, says in err) == ("", True)


def test_without_a_database_there_is_nothing_to_prove(tmp_path: Path, capsys: Output) -> None:
    """A database that is made for the question would answer that nothing ever went wrong."""
    assert run(Shop(tmp_path).configuration(), Asked(self_test=False)) == 69
    assert "the first worker that starts makes it" in capsys.readouterr().err
    assert not (tmp_path / "store.db").exists()


def test_without_a_log_there_is_nothing_to_prove(shop: Shop, capsys: Output) -> None:
    """The same is true of the log."""
    (shop.directory / "log.db").unlink()
    assert run(shop.configuration(), Asked(self_test=False)) == 69
    assert "the log is not available" in capsys.readouterr().err
    assert not (shop.directory / "log.db").exists()


def _url(shop: Shop) -> str:
    return f"sqlite://{shop.directory / 'store.db'}"
