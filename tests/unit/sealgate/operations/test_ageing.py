"""The ageing report as people and spreadsheets get it."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from consumers.ageing import Aged, Ageing, Closed
from consumers.store.cases import Anomaly, AtRisk
from consumers.store.port import Changes, Resolution, Store
from ingress import telemetry
from sealgate.exposure.instants import show
from sealgate.operations import ageing_sheet
from sealgate.operations.ageing import ReportAsked, document, report
from tests.support.exposed import Shop

Output = pytest.CaptureFixture[str]
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
# The first of December 2026, at nine in the morning.
NOW_MS = 1_796_115_600_000
FORMULA = "=HYPERLINK(1)"


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Shop:
    """Open a shop with a queue: late, short and ended ones."""
    shop = Shop(tmp_path)

    async def fill(store: Store) -> None:
        money = AtRisk("USDT", 12_500_000)
        now_ms = telemetry.now_ms()
        raised = [
            Anomaly("LATE_FUNDS", "a", 3, "late", None, now_ms - 2 * HOUR_MS, money),
            Anomaly("LATE_FUNDS", "b", 3, "late", None, now_ms - 40 * DAY_MS, money),
            Anomaly("UNKNOWN_TYPE", "c", 4, "what is it", None, now_ms - DAY_MS - HOUR_MS),
            Anomaly("AMOUNT_UNDER", "d", 3, "less", None, now_ms - 9 * DAY_MS, money),
            Anomaly("AMOUNT_UNDER", "e", 3, "less", None, now_ms - 9 * DAY_MS, money),
        ]
        ended = [
            Resolution("AMOUNT_UNDER", "d", "paid", now_ms - 2 * DAY_MS),
            Resolution("AMOUNT_UNDER", "e", "taken", now_ms - DAY_MS, "goodwill", "kim"),
        ]
        async with store.transaction() as tx:
            await tx.save(Changes(anomalies=raised))
        async with store.transaction() as tx:
            await tx.save(Changes(resolved=ended))

    shop.use(fill)
    return shop


def told(shop: Shop, output: Output, **asked: str) -> Any:
    """Ask for the report as a document."""
    assert report(shop.configuration(), ReportAsked(**asked), output="json") == 0
    return json.loads(output.readouterr().out)


def test_the_queue_is_told_by_code_age_and_asset(shop: Shop, capsys: Output) -> None:
    """What finance reviews before a close: not how many, but how old and how much."""
    found = told(shop, capsys)
    assert found["open"] == 3
    assert [
        (one["code"], one["bucket"], one["asset"], one["count"], one["atomic"])
        for one in found["rows"]
    ] == [
        ("LATE_FUNDS", "1-4h", "USDT", 1, "12500000"),
        ("LATE_FUNDS", ">30d", "USDT", 1, "12500000"),
        ("UNKNOWN_TYPE", "1-3d", "", 1, None),
    ]
    assert found["rows"][1]["crosses_period_end"] == 1


def test_what_ended_by_itself_is_told_beside_what_people_ended(shop: Shop, capsys: Output) -> None:
    """Whether the queue is worked by the program or by people is the figure that must move."""
    [ended] = told(shop, capsys)["closed"]["codes"]
    assert ended == {
        "code": "AMOUNT_UNDER",
        "by_itself": 1,
        "by_people": 1,
        "by_itself_percent": 50,
    }


def test_a_report_of_an_earlier_instant_has_what_was_open_then(shop: Shop, capsys: Output) -> None:
    """The close is of an instant; who asks on the fifth gets what was open on the first."""
    found = told(shop, capsys, as_of=_instant(36 * HOUR_MS), by="code")
    assert [(one["code"], one["count"]) for one in found["rows"]] == [
        ("AMOUNT_UNDER", 1),
        ("LATE_FUNDS", 1),
    ]
    assert [one["by_itself"] for one in found["closed"]["codes"]] == [1]


def test_without_the_asset_no_amounts_are_added(shop: Shop, capsys: Output) -> None:
    """Ten dollars and ten bitcoins are not twenty of anything."""
    found = told(shop, capsys, by="bucket,code")
    assert "atomic" not in found["rows"][0]
    assert "asset" not in found["rows"][0]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"by": "severity"}, "--by: one or several of code, bucket, asset"),
        ({"by": "code,code"}, "--by: one or several of code, bucket, asset"),
        ({"by": ""}, "--by: one or several of code, bucket, asset"),
        ({"as_of": "yesterday"}, "--as-of: 'yesterday' is no instant"),
        ({"as_of": "2999-01-01T00:00:00Z"}, "--as-of: nobody knows yet"),
        ({"closed_within": "long"}, "--closed-within: write a length of time"),
    ],
)
def test_a_wrong_question_is_answered_with_what_to_write(
    shop: Shop, capsys: Output, asked: dict[str, str], said: str
) -> None:
    """Nobody guesses the words of a report twice a month."""
    assert report(shop.configuration(), ReportAsked(**asked), output="table") == 2
    assert said in capsys.readouterr().err


def test_a_person_reads_it_as_a_table(shop: Shop, capsys: Output) -> None:
    """Amounts in units of the asset, and the ends below."""
    assert report(shop.configuration(), ReportAsked(), output="table") == 0
    text = capsys.readouterr().out
    assert "3 open" in text
    assert "12.5" in text
    assert "not known" in text
    assert "by itself, %" in text


def test_a_sheet_is_rfc_4180_and_exact(shop: Shop, capsys: Output) -> None:
    """A spreadsheet reads it as it was written: one header, ends of lines, empty for unknown."""
    assert report(shop.configuration(), ReportAsked(), output="csv") == 0
    text = capsys.readouterr().out
    assert text.count("\r\n") == text.count("\n") == 4
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [(one["code"], one["amount_atomic"], one["amount"]) for one in rows] == [
        ("LATE_FUNDS", "12500000", "12.500000"),
        ("LATE_FUNDS", "12500000", "12.500000"),
        ("UNKNOWN_TYPE", "", ""),
    ]


def test_a_sheet_executes_nothing_and_loses_no_digit() -> None:
    """Thirty digits stay thirty digits; a name that is a formula is a text."""
    ageing = Ageing(NOW_MS, NOW_MS)
    ageing.add(Aged("LATE_FUNDS", "p", NOW_MS, FORMULA, 7))
    ageing.add(Aged("LATE_FUNDS", "q", NOW_MS, "ETH", 10**30 + 1))
    found = document(ageing, Closed(0, NOW_MS), ("code", "bucket", "asset"), "sandbox", {"ETH": 18})
    rows = list(csv.DictReader(io.StringIO(ageing_sheet.sheet(found), newline="")))
    assert [(one["asset"], one["amount"]) for one in rows] == [
        (f"'{FORMULA}", ""),
        ("ETH", "1000000000000.000000000000000001"),
    ]


def test_an_empty_queue_says_so(tmp_path: Path, capsys: Output) -> None:
    """Nothing open is an answer, and not a fault."""
    shop = Shop(tmp_path)

    async def nothing(store: Store) -> None:
        assert await store.cases.item(1) is None

    shop.use(nothing)
    assert report(shop.configuration(), ReportAsked(), output="table") == 0
    assert "0 open" in capsys.readouterr().out


def _instant(ago_ms: int) -> str:
    return str(show(telemetry.now_ms() - ago_ms))
