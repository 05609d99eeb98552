"""One suite for both stores: what an export says of a small ledger, worked out by hand.

The ledger is in tests/support/ledger.py. Months are those of Berlin, where the 31st of March ends
at 22:00 UTC. Of March, of `kobbopay/main` in USDT on Tron, in whole units:

    confirmed  p01 100, p02 50, p04 70, p06 40, p08 60, p09 10, p10 20, p11 90        = 440
    refunded   p04 30                                                                 =  30
    posted     p01 100, p08 60                                                        = 160
    closing    0 + 440 - 0 - 30 - 160                                                 = 250

p03 was seen a millisecond before midnight and became final after it: its money is April's. Of
April, as March was closed before anybody knew of it:

    confirmed  p03 33, p12 15 (of March, told too late)                               =  48
    reversed   p02 50                                                                 =  50
    unposted   p08 60                                                                 =  60
    adjustments  p11 -90, whose event is void                                         = -90
    closing    250 + 48 - 50 - 0 + 60 - 90                                            = 218
    held       p03 33, p04 70 - 30, p06 40, p08 60, p09 10, p10 20, p12 15            = 218

The deposit is 10 USDC on Ethereum of another account. In April it is matched with p06.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from consumers.interpret import assets
from consumers.operating import Occurrence
from consumers.policy import NO_POLICY
from consumers.store.port import (
    Changes,
    EventKey,
    Judgement,
    Mark,
    PaymentKey,
    Resolution,
    Store,
)
from consumers.store.readings import Reread, Retraction
from consumers.voiding import Rim, void
from sealgate.audit.folder import make_key
from sealgate.audit.keeping import Desk
from sealgate.config import read
from sealgate.exports import closes, closing, folder, kept, making, periods, reading, sheets
from sealgate.exports.asked import ToClose
from sealgate.exports.held import Held
from sealgate.exports.making import MANIFEST, Made, Terms
from sealgate.exports.movements import Teller as MovementTeller
from sealgate.exports.periods import Closed
from sealgate.exports.reading import NotThere
from sealgate.exports.recorded import AsOf, Recorded, Seen
from tests.support import ledger
from tests.support.audited import audit
from tests.support.builders import TRACEPARENT
from tests.support.store_told import Teller

# Kind, payment, asset, atomic amount, when it happened, and the transfer, refund or posting.
MARCH = """
detected  p01 USDT 100000000 2026-03-05 tx:1
confirmed p01 USDT 100000000 2026-03-05 tx:1
posted    p01 USDT 100000000 2026-03-06 GL-1
detected  p02 USDT 50000000 2026-03-10 tx:1
confirmed p02 USDT 50000000 2026-03-10 tx:1
detected  p03 USDT 33000000 2026-03-31 tx:1
detected  p04 USDT 70000000 2026-03-12 tx:1
confirmed p04 USDT 70000000 2026-03-12 tx:1
refund    p04 USDT 30000000 2026-03-20 re-4
detected  p05 USDT 12000000000000000000 2026-03-15 tx:1
confirmed p05 USDT 12000000000000000000 2026-03-15 tx:1
detected  p06 USDT 40000000 2026-03-08 tx:1
confirmed p06 USDT 40000000 2026-03-08 tx:1
detected  p07 USDT 25000000 2026-03-09 tx:1
detected  p07 USDT -25000000 2026-03-11 tx:1
detected  p08 USDT 60000000 2026-03-06 tx:1
confirmed p08 USDT 60000000 2026-03-06 tx:1
posted    p08 USDT 60000000 2026-03-07 GL-8
detected  p09 USDC 5000000 2026-03-19 tx:2
detected  p09 USDT 10000000 2026-03-18 tx:1
confirmed p09 USDC 5000000 2026-03-19 tx:2
confirmed p09 USDT 10000000 2026-03-18 tx:1
detected  p10 USDT 20000000 2026-03-24 tx:1
confirmed p10 USDT 20000000 2026-03-24 tx:1
fee       p10 USDT 1000000 2026-03-25 agg:kobbopay:p10
settled   p10 USDT 20000000 2026-03-25 agg:kobbopay:p10
detected  p11 USDT 90000000 2026-03-21 tx:1
confirmed p11 USDT 90000000 2026-03-21 tx:1
detected  d01 USDC 10000000 2026-03-17 ETH_MAINNET:0xd1:0x1
confirmed d01 USDC 10000000 2026-03-17 ETH_MAINNET:0xd1:0x1
"""
# The same, with the day in the books, the month that it really is of, and the reason.
APRIL = """
detected   p02 USDT -50000000 2026-04-02 2026-04-02 -
reversal   p02 USDT -50000000 2026-04-02 2026-04-02 -
confirmed  p03 USDT 33000000 2026-03-31 2026-04-01 -
unposted   p08 USDT -60000000 2026-04-03 2026-04-03 -
detected   p12 USDT 15000000 2026-03-30 2026-04-01 2026-03
confirmed  p12 USDT 15000000 2026-03-30 2026-04-01 2026-03
detected   p11 USDT -90000000 2026-04-04 2026-04-04 void
adjustment p11 USDT -90000000 2026-04-04 2026-04-04 void
detected   d01 USDC -10000000 2026-03-17 2026-04-01 2026-03deposit_matched
adjustment d01 USDC -10000000 2026-03-17 2026-04-01 2026-03deposit_matched
detected   p06 USDC 10000000 2026-03-17 2026-04-01 2026-03deposit_matched
adjustment p06 USDC 10000000 2026-03-17 2026-04-01 2026-03deposit_matched
"""
# By account, asset and network: opening, confirmed, reversed, refunded, posted, unposted,
# adjustments, closing, and what payments and deposits hold as of the run.
M = 10**6
HUGE = 12 * 10**18
MARCH_ROLLS = {
    ("alchemy", "USDC", "ethereum"): (0, 10 * M, 0, 0, 0, 0, 0, 10 * M, 0, 10 * M),
    ("kobbopay", "USDC", "ethereum"): (0, 5 * M, 0, 0, 0, 0, 0, 5 * M, 5 * M, 0),
    ("kobbopay", "USDT", "bsc"): (0, HUGE, 0, 0, 0, 0, 0, HUGE, HUGE, 0),
    ("kobbopay", "USDT", "tron"): (0, 440 * M, 0, 30 * M, 160 * M, 0, 0, 250 * M, 250 * M, 0),
}
APRIL_ROLLS = {
    ("alchemy", "USDC", "ethereum"): (10 * M, 0, 0, 0, 0, 0, -10 * M, 0, 0, 0),
    ("kobbopay", "USDC", "ethereum"): (5 * M, 0, 0, 0, 0, 0, 10 * M, 15 * M, 15 * M, 0),
    ("kobbopay", "USDT", "bsc"): (HUGE, 0, 0, 0, 0, 0, 0, HUGE, HUGE, 0),
    ("kobbopay", "USDT", "tron"): (
        *(250 * M, 48 * M, 50 * M, 0, 0, 60 * M, -90 * M, 218 * M),
        *(218 * M, 0),
    ),
}
FIGURES = (
    *("opening", "confirmed", "reversed", "refunded", "posted", "unposted", "adjustments"),
    *("closing", "held_payments", "held_deposits"),
)


async def recorded(store: Store, as_of: AsOf | None = None) -> Recorded:
    """Read the store, as of some entries or of the last ones."""
    async with store.auditing() as moment:
        return await reading.read(moment, "sandbox", as_of)


def run(found: Recorded, month: str, closed: Sequence[Closed] = ()) -> Made:
    """Make the export of a month."""
    period = periods.month(month, ledger.ZONE)
    return making.make(found, Terms(period, closed, NO_POLICY, assets.load().decimals, "1"))


def sheet(made: Made, name: str) -> list[dict[str, str]]:
    """Read a sheet back."""
    return list(sheets.read_csv(made.files[f"{name}.csv"].decode()))


def who(row: Mapping[str, str]) -> str:
    """Name what a movement is of, shortly."""
    return "d01" if row["deposit_id"] else row["payment_id"].rpartition("/")[2]


def moved(row: Mapping[str, str], *more: str) -> list[str]:
    """Write a movement as the tables above do."""
    return [row["kind"], who(row), row["asset"], row["amount_atomic"], *more]


def rolls(made: Made) -> dict[tuple[str, str, str], tuple[int, ...]]:
    """Read the figures of a manifest."""
    rows = json.loads(making.written(made.manifest))["roll_forward"]
    assert all(row["difference"] == "0" for row in rows)
    return {
        (row["provider"], row["asset"], row["network"]): tuple(int(row[one]) for one in FIGURES)
        for row in rows
    }


def words(table: str) -> list[list[str]]:
    """Read a table that was written by hand, in any order."""
    return sorted(line.split() for line in table.strip().splitlines())


async def test_two_months_come_to_what_was_worked_out_by_hand(store: Store) -> None:
    """Every movement of both months, and the figures that they roll forward to, to the unit."""
    await ledger.march(store)
    at_close = await recorded(store)
    march = run(at_close, "2026-03")
    shown = [
        moved(row, row["accounting_date"], row["transfer_key"]) for row in sheet(march, "movements")
    ]
    assert sorted(shown) == words(MARCH)
    assert rolls(march) == MARCH_ROLLS
    closed = [Closed("2026-03", ledger.ZONE, at_close.as_of, "", "close/2026-03")]
    await ledger.april(store)
    now = await recorded(store)
    april = run(now, "2026-04", closed)
    shown = [
        moved(
            row,
            row["occurred_at"][:10],
            row["accounting_date"],
            f"{row['period_adjusted_from']}{row['reason_code']}" or "-",
        )
        for row in sheet(april, "movements")
    ]
    assert sorted(shown) == words(APRIL)
    assert rolls(april) == APRIL_ROLLS
    # March stays what it was: byte for byte as of its entries, and its movements as of today.
    again = run(await recorded(store, at_close.as_of), "2026-03")
    assert again.sealed() == march.sealed()
    today = run(now, "2026-03", closed)
    assert today.files["movements.csv"] == march.files["movements.csv"]
    assert april.lost == []
    assert april.differences == []


async def test_what_stands_is_what_the_store_says(store: Store) -> None:
    """Whatever was voided, given back, matched and unmatched: one rule, told in two ways."""
    await ledger.march(store)
    await ledger.april(store)
    clock = ledger.at("04-06T12:00Z")
    rim = Rim("sandbox", lambda: clock, lambda: TRACEPARENT)
    p01 = Teller(store, reference="p01")
    await p01.tell(("again", [ledger.final(100 * M, "03-05T12:00Z")]))
    for name, said in (("march-0", Judgement.VOID), ("march-0", Judgement.CORROBORATED)):
        await _stands(store)
        await void(store, [Mark(p01.event(name), said, "looked", "alice", clock)], rim)
    await void(store, [Mark(p01.event("march-0"), Judgement.VOID, "no", "bo", clock)], rim)
    await ledger.match(store, 2, None)
    await _stands(store)
    await ledger.match(store, 3, PaymentKey("kobbopay", "main", "p01"))
    await _stands(store)


async def _stands(store: Store) -> None:
    found = await recorded(store)
    told = MovementTeller(found, [], ledger.ZONE)
    assert list(told.tell())
    for held in (told.held, Held.of_tables(found)):
        assert len(held.subjects) == 13
        for subject in held.subjects:
            kept_ = await store.payment(subject)
            assert kept_ is not None
            if subject != ledger.DEPOSIT:
                assert held.standing(subject) == kept_.facts, subject


async def test_a_folder_is_held_against_its_own_figures(store: Store, tmp_path: Path) -> None:
    """A cell that somebody changed is found, also where they wrote its digest anew."""
    await ledger.march(store)
    made = run(await recorded(store), "2026-03")
    folder.place(tmp_path / "march", made.sealed())
    found = kept.read(tmp_path / "march")
    assert kept.problems(found) == []
    with pytest.raises(folder.Taken):
        folder.place(tmp_path / "march", made.sealed())
    changed = {name: made.files[name] for name in made.files}
    for name in ("movements.csv", "movements.jsonl"):
        changed[name] = changed[name].replace(b"30000000", b"31000000")
    (tmp_path / "march" / "movements.csv").write_bytes(changed["movements.csv"])
    assert kept.problems(kept.read(tmp_path / "march")) == [
        "movements.csv: it is not what the manifest says: it was changed"
    ]
    manifest = json.loads(made.sealed()[MANIFEST])
    for one in manifest["files"]:
        one["sha256"] = making.digest(changed[one["name"]]).removeprefix("sha256:")
    folder.place(tmp_path / "forged", {**changed, MANIFEST: making.written(manifest)})
    assert kept.problems(kept.read(tmp_path / "forged")) == [
        "kobbopay/main/USDT@tron: refunded is not the sum of the movements"
    ]
    only = {**changed, "movements.jsonl": made.files["movements.jsonl"]}
    for one in manifest["files"]:
        one["sha256"] = making.digest(only[one["name"]]).removeprefix("sha256:")
    folder.place(tmp_path / "half", {**only, MANIFEST: making.written(manifest)})
    (tmp_path / "half" / "notes.txt").write_text("mine")
    told = kept.problems(kept.read(tmp_path / "half"))
    assert told == ["notes.txt: the manifest does not name it"]
    (tmp_path / "half" / "notes.txt").unlink()
    told = kept.problems(kept.read(tmp_path / "half"))
    assert told[0].startswith("movements: line ")
    (tmp_path / "half" / "payments.csv").unlink()
    assert kept.problems(kept.read(tmp_path / "half")) == ["payments.csv: it is not there"]


async def test_an_export_of_another_history_is_refused(store: Store) -> None:
    """As of entries that the chains do not hold nothing is told: a backup forgot them."""
    await ledger.march(store)
    as_of = dict((await recorded(store)).as_of)
    name, seen = max(as_of.items())
    for wrong in (Seen(seen.seq + 1, seen.hash), Seen(seen.seq, "0" * 64)):
        with pytest.raises(NotThere, match=name.rpartition("/")[0]):
            await recorded(store, {**as_of, name: wrong})


async def test_what_is_read_otherwise_is_an_adjustment(store: Store) -> None:
    """A mapping was wrong, and the event says nothing any more: the money goes as it came."""
    await ledger.march(store)
    found = await recorded(store)
    [(place, told)] = [one for one in found.facts.items() if one[0][0].reference == "p05"]
    gone = Retraction(place[0], bytes.fromhex(place[1]), is_retracted=True)
    when = ledger.at("04-07T12:00Z")
    again = Reread(told.event, 1, "kobbopay/9", "applied", "applied", "ENG-1", when, (gone,))
    await ledger.write(store, EventKey("sealgate", "operator", "ENG-1"), Changes(readings=[again]))
    now = await recorded(store)
    teller = MovementTeller(now, [], ledger.ZONE)
    last = list(teller.tell())[-2:]
    assert [(one.kind, one.amount, one.reason) for one in last] == [
        ("detected", -HUGE, "replayed"),
        ("adjustment", -HUGE, "replayed"),
    ]
    kept_ = await store.payment(place[0])
    assert kept_ is not None
    assert teller.held.standing(place[0]) == kept_.facts == frozenset()
    assert run(now, "2026-03").differences == []


async def test_a_month_is_closed_on_either_database(store: Store, tmp_path: Path) -> None:
    """The chain has the close, the checkpoint has seen it, and the same command makes it again."""
    await ledger.march(store)
    when = ledger.at("04-01T00:00Z")
    dropped = Resolution("FUNDS_REVERSED", "kobbopay/main/p07", "looked at", when)
    event = EventKey("sealgate", "operator", "looked")
    await ledger.write(store, event, Changes(resolved=[dropped]))
    (tmp_path / "sealgate.toml").write_text(
        'environment = "sandbox"\n[audit]\nkey_file = "key.pem"\ndirectory = "checkpoints"\n'
    )
    assert make_key(tmp_path / "key.pem") is not None
    configuration = read(tmp_path / "sealgate.toml", {})
    desk = Desk.of(configuration)
    assert desk is not None
    now = Occurrence("sandbox", "test", ledger.at("04-02T00:00Z"), "c-1", TRACEPARENT)
    packages = []
    for name in ("first", "again"):
        asked = ToClose(
            period="2026-03",
            out=tmp_path / name,
            by="ann",
            second="ben",
            note="whole",
            timezone=ledger.ZONE,
        )
        packages.append(await closing.begin(configuration, asked, now, desk).run(store))
    assert packages[0].files["manifest.json"] == packages[1].files["manifest.json"]
    assert [one.is_repeat for one in packages] == [False, True]
    assert kept.problems(kept.read(tmp_path / "again")) == []
    assert [one.period for one in closes.closed_of(await recorded(store))] == ["2026-03"]
    assert (await audit(store)).problems == []
