"""`sealgate keys exposure` on a real store: what it prints, raises and answers."""

import asyncio
import csv
import io
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consumers.store.port import Judgement, Mark, OpenItem, Store
from sealgate.exposure import command, sheet
from sealgate.exposure.command import Asked
from sealgate.exposure.gather import outbox
from tests.support.exposed import (
    BEGIN_MS,
    CANARY,
    URI,
    Shop,
    event_key,
    payment_key,
    told,
    transfer,
)
from tests.support.store_builders import make_first_version, tables

NOW_MS = BEGIN_MS + 3_600_000
# 12 units of 18 decimals are more than 64 bits hold.
ETHER_12 = "12000000000000000000"


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Shop:
    """Open a shop: one true payment, one forged, one of two keys, and a word without facts."""
    shop = Shop(tmp_path)
    shop.apply(
        told("t1", "inv-1", "InvoiceSettled", at_s=10),
        told("f1", "inv-2", "InvoiceSettled", at_s=20),
        told("p1", "inv-3", "InvoicePaymentSettled", at_s=30, **transfer("tx", "12", "ETH-CHAIN")),
        told(
            "p2",
            "inv-3",
            "InvoicePaymentSettled",
            at_s=31,
            key="k2",
            **transfer("tx", "12", "ETH-CHAIN"),
        ),
        told("n1", "inv-4", "InvoiceAnnotated", at_s=40),
    )
    return shop


def ask(shop: Shop, **changes: Any) -> int:
    """Ask about key k1 of the shop."""
    return command.run(shop.configuration(), Asked("shop", "k1", **changes), NOW_MS)


def report(shop: Shop, capsys: pytest.CaptureFixture[str], **changes: Any) -> Any:
    """Ask for JSON and read it as a stranger would."""
    ask(shop, output="json", **changes)
    return json.loads(capsys.readouterr().out)


def standings(told_of: Any) -> dict[str, str]:
    """Return the standing of each event in a report."""
    return {one["event"].rpartition("/")[2]: one["standing"] for one in told_of["events"]}


def test_the_report_tells_every_event_of_the_key(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is not listed is not looked at: everything the key proved must be there."""
    found = report(shop, capsys)
    assert standings(found) == {
        "t1": "uncorroborated",
        "f1": "uncorroborated",
        "p1": "corroborated",
        "n1": "no effect",
    }
    assert (found["from"], found["key"]) == ("2026-01-01T00:00:10.000Z", "k1")
    assert found["format"] == "sealgate.exposure/1"


def test_an_event_is_told_whole_and_exactly(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever decides must see what it stated, moved and told downstream, to the last digit."""
    shop.deliver_notices()
    (paid,) = [one for one in report(shop, capsys)["events"] if one["event"].endswith("/p1")]
    assert paid["facts"][0] == {
        "kind": "final",
        "transfer": "tx:tx",
        "asset": "ETH",
        "atomic": ETHER_12,
        "decimals": 18,
        "whole": False,
        "late": False,
        "at": "2026-01-01T00:00:00.000Z",
        "expires_at": None,
    }
    (move,) = paid["transitions"]
    assert (move["before"], move["after"], move["notice"]) == (None, "Underpaid", "delivered")
    assert paid["witnesses"] == [{"event": "btcpay/shop/p2", "key": "k2"}]
    assert (paid["payment"], paid["correlation_id"]) == ("btcpay/shop/inv-3", "correlation-p1")
    assert (paid["signed_at"], paid["late_verified"]) == (None, False)


def test_events_under_a_former_address_are_no_all_clear(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The public_url was changed once, and what the leaked key proved before it is not seen."""
    former = "https://hooks.example.com/before"
    shop = Shop(tmp_path)
    forged = replace(told("f1", "inv-7", "InvoiceSettled", at_s=5), source=former)
    shop.apply(forged, told("n1", "inv-8", "InvoiceAnnotated", at_s=10))
    assert ask(shop) == 3
    shown = capsys.readouterr()
    assert "NOT in this report" in shown.err
    assert former in shown.err
    assert command.run(shop.configuration(), Asked(former, "k1"), NOW_MS) == 3
    assert "f1" in capsys.readouterr().out


def test_a_notice_that_waits_is_not_said_to_have_gone_out(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether goods may have moved is decided by whether anybody was told."""
    found = report(shop, capsys)
    assert found["totals"]["notices_of_unsupported"] == {"delivered": 0, "waiting": 2, "unknown": 0}
    shop.deliver_notices()
    found = report(shop, capsys)
    assert found["totals"]["notices_of_unsupported"] == {"delivered": 2, "waiting": 0, "unknown": 0}


def test_the_residual_risk_is_a_plain_sentence(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """The person who must decide tonight reads one sentence."""
    said = report(shop, capsys)["residual_risk"]
    assert said.startswith("2 of 4 events, about 2 payments, rest on this key alone")
    assert "2 payments would be in another state" in said
    settled = shop.ledger(
        [{"payment": "inv-1", "status": "Confirmed"}] * 1
        + [
            {"payment": "inv-2", "status": "Confirmed"},
            {"payment": "inv-3", "status": "Confirmed", "asset": "ETH", "amount": ETHER_12},
        ]
    )
    assert report(shop, capsys, ledger=settled)["residual_risk"].startswith("No residual risk")


def test_a_signature_without_a_time_gets_its_warning(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """A body captured a year ago is as good today: the window is the key's life."""
    assert any("hold no time" in note for note in report(shop, capsys)["notes"])


@pytest.mark.parametrize("output", ["table", "json", "csv"])
def test_the_exit_code_says_whether_anything_is_open(shop: Shop, output: str) -> None:
    """A script that closes the incident reads the code, whatever is printed."""
    assert ask(shop, output=output) == 3
    settled = shop.ledger(
        [{"payment": name, "status": "confirmed"} for name in ("inv-1", "inv-2")]
        + [{"payment": "inv-3", "status": "confirmed", "asset": "ETH", "amount": ETHER_12}]
    )
    assert ask(shop, output=output, ledger=settled) == 0


def test_a_complete_ledger_names_the_forged_event(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """This is what the report is for: exactly the forged events, and no true one."""
    listed = shop.ledger([{"event": "t1"}, {"event": "p1"}, {"event": "p2"}])
    found = report(shop, capsys, ledger=listed)
    assert standings(found)["f1"] == "contradicted"
    assert standings(found)["t1"] == "corroborated"
    part = standings(report(shop, capsys, ledger=listed, is_partial=True))
    assert part["f1"] == "uncorroborated"


def test_the_window_ends_before_its_end(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Two windows side by side must share no event and lose none."""
    edge = "2026-01-01T00:00:20Z"
    before = standings(report(shop, capsys, end=edge))
    after = standings(report(shop, capsys, begin=edge))
    assert (set(before), set(after)) == ({"t1"}, {"f1", "p1", "n1"})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"begin": "yesterday"}, "--from"),
        ({"end": "2026-01-01T00:00:00"}, "--to"),
        ({"begin": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}, "empty"),
        ({"ledger": Path("/nonexistent/ledger")}, "cannot be read"),
        ({"is_partial": True}, "--ledger"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    shop: Shop, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], words: str
) -> None:
    """An answer to another question than the one meant would be believed."""
    assert ask(shop, **changes) == 78
    assert words in capsys.readouterr().err


def test_a_misspelt_key_is_no_all_clear(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """An empty report for `K1` instead of `k1` would end an incident nobody has looked at."""
    asked = Asked("shop", "K1")
    assert command.run(shop.configuration(), asked, NOW_MS) == 78
    assert "k1, k2" in capsys.readouterr().err


def test_a_configured_key_that_proved_nothing_is_an_empty_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key that leaked before it was used is the lucky case, and must be told as such."""
    shop = Shop(tmp_path)
    shop.apply(told("t1", "inv-1", "InvoiceSettled", key="k2"))
    assert report(shop, capsys)["totals"]["events"] == 0
    assert ask(shop) == 0


def test_the_events_of_a_source_that_is_gone_are_found_by_its_address(shop: Shop) -> None:
    """A compromised source is often taken out of the configuration first."""
    assert command.run(shop.configuration(), Asked(URI, "k1"), NOW_MS) == 3


def test_a_database_that_is_not_there_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A new, empty database says that nothing ever happened."""
    shop = Shop(tmp_path)
    assert ask(shop) == 69
    assert "there is no file" in capsys.readouterr().err
    assert not (tmp_path / "store.db").exists()


def test_a_database_of_an_older_version_is_left_to_its_workers(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """A report must not stop the workers, and one that raises exceptions must not either."""
    url = f"sqlite://{shop.directory}/store.db"
    (shop.directory / "store.db").unlink()
    asyncio.run(make_first_version(url))
    before = asyncio.run(tables(url))
    assert (ask(shop), ask(shop, is_raised=True)) == (78, 78)
    assert "start the workers of this version first" in capsys.readouterr().err
    assert asyncio.run(tables(url)) == before


def test_a_database_of_another_environment_is_refused(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sandbox's evidence must not clear a key of production."""
    shop.config.write_text(shop.config.read_text().replace('"test"', '"production"'))
    assert ask(shop) == 78
    assert "production" in capsys.readouterr().err


def test_the_csv_is_exact_and_runs_nothing(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Evidence is opened in a spreadsheet: no text of the attacker may be a formula."""

    async def mark(store: Store) -> None:
        from consumers.store.port import Changes

        said = Mark(event_key("f1"), Judgement.CONTRADICTED, '=HYPERLINK("x"),\r\n-1', "@kim", 1)
        async with store.transaction() as tx:
            await tx.save(Changes(marks=[said]))

    shop.apply(told("e9", "inv-9", "=cmd|calc", at_s=50))
    shop.use(mark)
    ask(shop, output="csv")
    text = capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    assert "'=cmd|calc" in {row["type"] for row in rows}
    assert [row["atomic"] for row in rows if row["asset"] == "ETH"] == [ETHER_12]
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@"))]
    assert text.count("\r\n") == len(rows) + 2


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@x", " =1", "\t=1", "\r=1", "\n=1", "\uff1d1"]
)
def test_every_beginning_of_a_formula_is_defused(text: str) -> None:
    """Each spreadsheet has its own idea of what begins a formula."""
    assert sheet.harmless(text) == "'" + text
    assert sheet.harmless("a" + text) == "a" + text


def test_an_outbox_that_is_not_seen_whole_says_so(shop: Shop) -> None:
    """With a relay that has been down for days, "delivered" would be a guess."""

    async def fates(store: Store, notices_max: int) -> set[str]:
        seen = await outbox(store, notices_max)
        names = ("inv-1", "inv-2", "inv-3")
        return {seen.fate(payment_key(name), 1) for name in names}

    assert shop.use(lambda store: fates(store, 2)) == {"waiting", "unknown"}
    assert shop.use(lambda store: fates(store, 100)) == {"waiting"}
    shop.deliver_notices()
    assert shop.use(lambda store: fates(store, 100)) == {"delivered"}


def items(shop: Shop) -> list[OpenItem]:
    """Read the open exceptions about exposed keys."""

    async def read(store: Store) -> list[OpenItem]:
        listed = await store.list_anomalies(100)
        return [one for one in listed if one.anomaly.code == "KEY_EXPOSURE_UNCORROBORATED"]

    return shop.use(read)


def test_raising_opens_one_severe_exception_for_each_open_event_once(shop: Shop) -> None:
    """The queue must hold every event somebody has to look at, and none of them twice."""
    ask(shop)
    assert items(shop) == []
    for _ in range(2):
        ask(shop, is_raised=True)
        opened = items(shop)
        assert {one.anomaly.subject for one in opened} == {"btcpay/shop/t1", "btcpay/shop/f1"}
        assert {(one.anomaly.severity, one.times) for one in opened} == {(1, 1)}


def test_what_a_ledger_bears_out_leaves_the_queue(shop: Shop) -> None:
    """An item that is answered and stays open teaches people to pass over the queue."""
    ask(shop, is_raised=True)
    ask(shop, is_raised=True, ledger=shop.ledger([{"event": "t1"}, {"event": "p1"}]))
    assert [one.anomaly.subject for one in items(shop)] == ["btcpay/shop/f1"]


@pytest.mark.parametrize("output", ["table", "json", "csv"])
def test_no_report_holds_a_secret_or_a_body(
    shop: Shop, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    """The report is mailed around: it must be harmless to whoever gets it."""
    ask(shop, output=output)
    printed = "".join(capsys.readouterr())
    assert CANARY not in printed
    assert "storeId" not in printed


def test_ten_thousand_events_are_answered_in_bounded_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four times the events of a key may take four times as long, and not sixteen."""
    shop, took = Shop(tmp_path), []
    words = [
        told(f"e{n}", f"inv-{n % 4000}", "InvoicePaymentSettled", at_s=n, **transfer(f"t{n}", "1"))
        for n in range(10_000)
    ]
    for begin, end in ((0, 2_500), (2_500, 10_000)):
        shop.apply(*words[begin:end], batch=1_000)
        started = time.process_time()
        found = report(shop, capsys)
        took.append(time.process_time() - started)
        assert found["totals"]["events"] == end
        uncorroborated = found["totals"]["by_standing"]["uncorroborated"]
        assert uncorroborated["amounts"][0]["atomic"] == str(end * 1_000_000)
    assert took[1] < 10 * took[0]


@pytest.mark.parametrize("later", ["k1", "k2"])
@pytest.mark.parametrize("first", ["inv-8", "inv-9"])
def test_an_id_that_came_with_two_bodies_vouches_for_neither_of_two_payments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], first: str, later: str
) -> None:
    """A forger who has seen a real event's id uses it for a payment of their own."""
    other = "inv-9" if first == "inv-8" else "inv-8"
    shop = Shop(tmp_path)
    shop.apply(
        told("seen", first, "InvoiceSettled", at_s=10),
        told("seen", other, "InvoiceSettled", at_s=20, key=later),
    )
    ledger = tmp_path / "events.csv"
    ledger.write_text("event\nseen\n")
    found = report(shop, capsys, ledger=ledger)
    assert set(standings(found).values()) == {"uncorroborated"}
    assert all("came with two bodies" in one["reasons"][0] for one in found["events"])
