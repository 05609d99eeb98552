"""What operators and a merchant's backend type about announced payments and about deposits."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from cyclopts import CycloptsError

from consumers.actions import Act
from consumers.store.port import Store
from ingress.contract.envelope import Envelope
from sealgate.__main__ import application
from sealgate.deposits import deciding, expecting, showing
from sealgate.deposits.expecting import Wanted
from sealgate.deposits.showing import Asked
from sealgate.operations import listing
from sealgate.operations import showing as payments_showing
from sealgate.operations.asked import Decision
from sealgate.operations.listing import PaymentsAsked
from sealgate.policies import policy_of
from tests.conformance.test_deposits import SHOP, TX_1, activity, transfer
from tests.support.exposed import Shop, told
from tests.support.kept import Member

Output = pytest.CaptureFixture[str]
CHAIN = '\n[[source]]\nslug = "chain"\nprovider = "alchemy"\naccount = "main"\n'
KEYS = '[[source.key]]\nid = "k3"\nfile = "key-1"\n'
EXPECT_FIRST = '[policy]\nexpect_first = ["shop"]\n'


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Shop:
    """Open a shop with a second source, the chain; the first expects its payments first."""
    shop = Shop(tmp_path)
    text = shop.config.read_text()
    head, mark, rest = text.partition("[[source]]")
    shop.config.write_text(head + EXPECT_FIRST + mark + rest + CHAIN + KEYS)
    # A worker has been there, and made the database.
    apply(shop)
    return shop


def apply(shop: Shop, *events: Envelope) -> None:
    """Let a worker apply events."""

    async def work(store: Store) -> None:
        policy = policy_of(shop.configuration())
        await Member(store, policy, environment="test").apply(*events)

    shop.use(work)


def expect(shop: Shop, wanted: Wanted, capsys: Output) -> Any:
    """Announce a payment, and return what was printed."""
    expecting.expect(shop.configuration(), wanted, dry_run=False, as_json=True)
    return json.loads(capsys.readouterr().out)


def said(key: str, version: str, **changes: Any) -> Decision:
    """Say what kim of operations decides, with ann's agreement."""
    plain = {
        "by": "kim",
        "role": "operations",
        "reason": "check_passed",
        "note": "asked by mail",
        "key": key,
        "expect_version": version,
        "approved_by": "ann",
        "json": True,
    }
    return Decision(**{**plain, **changes})


def test_a_parked_payment_is_listed_shown_and_announced(shop: Shop, capsys: Output) -> None:
    """Whoever looks for it finds it, and is told what to do."""
    apply(shop, told("p1", "inv-1", "InvoiceSettled"))
    listing.payments(shop.configuration(), PaymentsAsked(), as_json=False)
    assert "no payment is so" in capsys.readouterr().out
    listing.payments(shop.configuration(), PaymentsAsked(parked=True), as_json=True)
    [found] = json.loads(capsys.readouterr().out)["payments"]
    assert (found["payment"], found["moves"]) == ("btcpay/shop/inv-1", 0)
    payments_showing.payment(shop.configuration(), "inv-1", as_json=False)
    text = capsys.readouterr().out
    assert "Parked (nobody announced it)" in text
    assert "parked since" in text
    wanted = Wanted("inv-1", "shop", "BTC", "0.5", "2030-01-01T00:00:00Z")
    announced = expect(shop, wanted, capsys)
    assert (announced["was_parked"], announced["state"]) == (True, "Confirmed")
    assert expect(shop, wanted, capsys)["is_repeat"] is True
    other = expect(shop, wanted._replace(amount="0.6"), capsys)
    assert other["error"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"source": "nobody"}, "invalid_request"),
        ({"asset": "NOPE"}, "asset_unknown"),
        ({"amount": "0"}, "invalid_request"),
        ({"amount": "1.000000001"}, "invalid_request"),
        ({"asset": ""}, "invalid_request"),
        ({"expires": "in an hour"}, "invalid_request"),
        ({"reference": "deposit:tx:1"}, "invalid_request"),
        ({"reference": " "}, "invalid_request"),
        ({"reference": "\u3000"}, "invalid_request"),
    ],
)
def test_an_announcement_that_cannot_be_meant_is_refused(
    shop: Shop, capsys: Output, changes: dict[str, str], code: str
) -> None:
    """A typing mistake in an announcement would wait for money that never comes."""
    plain = Wanted("inv-1", "shop", "BTC", "0.5", "2030-01-01T00:00:00Z")
    assert expect(shop, plain._replace(**changes), capsys)["error"] == code


def test_a_backend_announces_line_by_line(
    shop: Shop, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bad line is told with its number, and the others are announced all the same."""
    lines = [
        {"reference": "a", "amount": "1"},
        {"reference": "b", "amount": 1},
        {"reference": "c", "price": "1"},
        {"reference": "a", "amount": "1"},
    ]
    text = "\n".join(json.dumps(line) for line in lines) + "\n\nno json\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    common = Wanted("-", "shop", "BTC")
    assert expecting.expect(shop.configuration(), common, dry_run=False, as_json=True) == 1
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["line"] for one in found] == [1, 2, 3, 4, 6]
    assert [one.get("error", one.get("is_repeat")) for one in found] == [
        False,
        "invalid_request",
        "invalid_request",
        True,
        "invalid_request",
    ]


def test_a_line_that_can_be_read_in_two_ways_is_refused_alone(
    shop: Shop, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A price told twice, a bottomless list, bytes that are no text: what follows is announced."""
    lines = [
        b'{"reference": "a", "amount": "1", "amount": "2"}',
        b'{"reference": ' + b"[" * 9000,
        b'{"reference": "\xff"}',
        b'{"reference": "b"}',
    ]
    stream = io.TextIOWrapper(io.BytesIO(b"\n".join(lines)), encoding="ascii")
    monkeypatch.setattr("sys.stdin", stream)
    common = Wanted("-", "shop", "BTC")
    assert expecting.expect(shop.configuration(), common, dry_run=False, as_json=True) == 1
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one.get("error") for one in found] == [*["invalid_request"] * 3, None]


def test_the_command_line_takes_a_lone_dash_for_standard_input() -> None:
    """As the documents write it, and no misspelt flag is announced as a payment."""
    words = ["payments", "expect", "-", "--source", "shop"]
    _, bound, _ = application().parse_args(words, exit_on_error=False, print_error=False)
    assert bound.args == ("-",)
    for wrong in (["--amountt", "5"], ["--", "-17"]):
        with pytest.raises(CycloptsError, match="a line of standard"):
            application().parse_args(
                ["payments", "expect", *wrong], exit_on_error=False, print_error=False
            )


def test_a_deposit_is_listed_shown_matched_and_let_go(shop: Shop, capsys: Output) -> None:
    """From the queue to the decision and back, all of it by commands."""
    apply(shop, activity(transfer(amount=10_000_000)))
    expect(shop, Wanted("order-1", "chain", "USDC", "10", network="ethereum"), capsys)
    showing.listing(shop.configuration(), Asked("unmatched"), as_json=True)
    [found] = json.loads(capsys.readouterr().out)["deposits"]
    assert (found["state"], found["to"], found["version"]) == ("Unmatched", SHOP, 0)
    showing.one(shop.configuration(), TX_1, as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert [one["score"] for one in shown["candidates"]] == []
    act = Act.MATCH_DEPOSIT
    match = said("m-1", "0", dry_run=True)
    assert deciding.decide(shop.configuration(), act, TX_1, "order-1", match) == 0
    told_dry = json.loads(capsys.readouterr().out)
    assert (told_dry["is_written"], told_dry["after"]["state"]) == (False, "Paid")
    assert deciding.decide(shop.configuration(), act, TX_1, "order-1", said("m-1", "0")) == 0
    assert json.loads(capsys.readouterr().out)["resolved"] == ["UNMATCHED_DEPOSIT"]
    payments_showing.payment(shop.configuration(), "order-1", as_json=False)
    assert "10.000000 USDC" in capsys.readouterr().out
    undo = said("m-2", "1", reason="mistake")
    deciding.decide(shop.configuration(), Act.UNMATCH_DEPOSIT, found["deposit"], "", undo)
    after = json.loads(capsys.readouterr().out)
    assert (after["state"], after["after"]["state"]) == ("Unmatched", "Pending")
    showing.one(shop.configuration(), TX_1, as_json=False)
    text = capsys.readouterr().out
    assert "what was decided" in text
    assert "Unmatched, version 2" in text


def test_a_decision_about_a_deposit_says_what_was_seen(shop: Shop, capsys: Output) -> None:
    """A payment's revision is no deposit's version, and a stale one is refused."""
    apply(shop, activity(transfer()))
    for version, code in (("3.a91f04c2", "invalid_request"), ("7", "version_conflict")):
        said_so = said("h-1", version, role="finance", reason="handed_over")
        deciding.decide(shop.configuration(), Act.HOLD_DEPOSIT, TX_1, "", said_so)
        assert json.loads(capsys.readouterr().out)["error"] == code


def test_a_list_of_deposits_goes_on_where_it_ended(shop: Shop, capsys: Output) -> None:
    """Nothing is told twice and nothing is left out."""
    apply(shop, *(activity(transfer(f"0x{number:064x}")) for number in range(5)))
    seen: list[str] = []
    after = ""
    while after is not None:
        showing.listing(shop.configuration(), Asked(after=after, limit=2), as_json=True)
        page = json.loads(capsys.readouterr().out)
        seen += [one["deposit"] for one in page["deposits"]]
        after = page["next"]
    assert len(seen) == len(set(seen)) == 5
