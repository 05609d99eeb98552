"""What operators see and get back: lists, payments, exceptions, decisions, refusals."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consumers import stating
from consumers.actions import Act
from consumers.casework import Change
from consumers.store.cases import Status
from consumers.store.port import Store
from ingress.contract.cloudevents import attribute
from sealgate.exposure import addresses
from sealgate.operations import deciding, listing, showing
from sealgate.operations.asked import Decision
from sealgate.operations.listing import ItemsAsked, PaymentsAsked
from sealgate.operations.picked import Picked
from sealgate.operations.wanting import Wanted
from tests.support.exposed import Shop, payment_key, told, transfer

Output = pytest.CaptureFixture[str]
NOTHING_MORE = Wanted()
MONEY: dict[str, Any] = transfer("tx", "12.5")


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Shop:
    """Open a shop: one payment that is short, one late, and one of an amount."""
    shop = Shop(tmp_path)
    shop.apply(
        told("u1", "inv-1", "InvoiceExpiredPaidPartial", at_s=10),
        told("l1", "inv-2", "InvoiceExpired", at_s=20),
        told("l2", "inv-2", "InvoicePaidAfterExpiration", at_s=21),
        told("p1", "inv-3", "InvoicePaymentSettled", **MONEY),
    )
    return shop


def said(key: str = "t-1", version: str = "1", **changes: Any) -> Decision:
    """Say what kim of operations decides, with alice's agreement."""
    plain = {
        "by": "kim",
        "role": "operations",
        "reason": "goodwill",
        "note": "asked by mail",
        "key": key,
        "expect_version": version,
        "approved_by": "alice",
        "json": True,
    }
    return Decision(**{**plain, **changes})


def pay(shop: Shop, act: Act, name: str, decision: Decision, wanted: Wanted = NOTHING_MORE) -> int:
    """Decide about a payment, by somebody who has just looked at it if nothing else is said."""
    if decision.expect_version == "1":
        decision = replace(decision, expect_version=revision(shop, name))
    return deciding.pay(shop.configuration(), act, name, decision, wanted)


def revision(shop: Shop, name: str) -> str:
    """Look at a payment; of one that nobody knows there is nothing to be seen."""

    async def look(store: Store) -> str:
        found = await store.payment(payment_key(name.rpartition("/")[2]))
        return "0.00000000" if found is None else stating.revision(found)

    return shop.use(look)


def read(capsys: Output) -> Any:
    """Read what was printed as a script would."""
    return json.loads(capsys.readouterr().out)


def payment(shop: Shop, name: str, capsys: Output) -> Any:
    """Show a payment."""
    assert showing.payment(shop.configuration(), name, as_json=True) == 0
    return read(capsys)


def queue(shop: Shop, capsys: Output, **changes: Any) -> list[Any]:
    """List exceptions."""
    asked = ItemsAsked(Picked(**changes))
    assert listing.items(shop.configuration(), asked, as_json=True) == 0
    found: list[Any] = read(capsys)["exceptions"]
    return found


def test_payments_are_listed_with_their_labels_and_amounts(shop: Shop, capsys: Output) -> None:
    """The words are those of every other surface, the amounts whole and exact."""
    assert listing.payments(shop.configuration(), PaymentsAsked(), as_json=True) == 0
    found = {one["payment"]: one for one in read(capsys)["payments"]}
    assert {name: one["label"] for name, one in found.items()} == {
        "btcpay/shop/inv-1": "Underpaid (window_closed)",
        "btcpay/shop/inv-2": "Late",
        "btcpay/shop/inv-3": "Underpaid",
    }
    assert found["btcpay/shop/inv-3"]["amounts"]["confirmed"] == [
        {"asset": "USDT", "atomic": "12500000", "decimals": 6}
    ]


@pytest.mark.parametrize("reference", ["r" * 3000, "one\u202etwo\nthree"], ids=["long", "odd"])
def test_a_reference_that_is_kept_as_its_digest_is_found_as_it_was_told(
    shop: Shop, capsys: Output, reference: str
) -> None:
    """People hold what the provider told, and not what became of it here."""
    shop.apply(told("o1", attribute(reference), "InvoiceExpired", at_s=30))
    assert showing.payment(shop.configuration(), reference, as_json=True) == 0
    assert read(capsys)["payment"] == addresses.write(payment_key(attribute(reference)))


def test_a_list_goes_on_where_it_ended(shop: Shop, capsys: Output) -> None:
    """What the first page tells as next is what the second one takes."""
    names: list[str] = []
    after = ""
    while True:
        asked = PaymentsAsked(after=after, limit=1)
        assert listing.payments(shop.configuration(), asked, as_json=True) == 0
        page = read(capsys)
        names += [one["payment"] for one in page["payments"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert sorted(names) == [f"btcpay/shop/inv-{number}" for number in (1, 2, 3)]


def test_the_queue_is_narrowed_as_people_say_it(shop: Shop, capsys: Output) -> None:
    """By payment, by owner, by age: each in the words of the documentation."""
    assert [one["code"] for one in queue(shop, capsys)] == ["AMOUNT_UNDER", "LATE_FUNDS"]
    assert [one["code"] for one in queue(shop, capsys, payment="inv-2")] == ["LATE_FUNDS"]
    assert len(queue(shop, capsys, owner="operations", age=">30d", severity=3)) == 2
    assert queue(shop, capsys, age="<1h") == []
    assert queue(shop, capsys, owner="finance") == []


@pytest.mark.parametrize(
    "picked",
    [{"code": "x"}, {"owner": "x"}, {"status": "x"}, {"age": "2h"}],
    ids=lambda picked: next(iter(picked)),
)
def test_a_word_that_is_none_is_refused(shop: Shop, capsys: Output, picked: dict[str, Any]) -> None:
    """A misspelt filter must not read as an empty queue."""
    asked = ItemsAsked(Picked(**picked))
    assert listing.items(shop.configuration(), asked, as_json=True) == 2
    assert read(capsys)["error"] == "invalid_request"


def test_an_underpayment_is_accepted_and_shown_with_who_did_it(shop: Shop, capsys: Output) -> None:
    """The payment, its history, the exception and the action tell one story."""
    assert pay(shop, Act.ACCEPT_UNDERPAID, "inv-1", said()) == 0
    done = read(capsys)
    assert (done["is_written"], done["notice"]) == (True, "com.sealgate.payment.paid")
    assert done["resolved"] == ["AMOUNT_UNDER"]
    shown = payment(shop, "btcpay/shop/inv-1", capsys)
    assert shown["label"] == "Paid (accepted_underpaid)"
    assert shown["transitions"][-1]["cause"] == "operator"
    assert (shown["actions"][0]["by"], shown["actions"][0]["approved_by"]) == ("kim", "alice")
    [item] = shown["exceptions"]
    assert (item["status"], item["resolved_by"], item["resolution_code"]) == (
        "resolved",
        "kim",
        "goodwill",
    )


REFUSALS = [
    (Act.ACCEPT_LATE, "inv-1", said(), "illegal_transition"),
    (Act.MARK_CANCELLED, "inv-1", said(reason="duplicate"), "illegal_transition"),
    (Act.ACCEPT_UNDERPAID, "inv-1", said(version="7.00000000"), "version_conflict"),
    (Act.ACCEPT_UNDERPAID, "inv-1", said(role="support"), "role_not_allowed"),
    (Act.ACCEPT_UNDERPAID, "inv-1", said(approved_by=""), "approval_required"),
    (Act.ACCEPT_UNDERPAID, "inv-1", said(approved_by="Kim"), "approval_required"),
    (Act.ACCEPT_UNDERPAID, "inv-1", said(role="king"), "invalid_request"),
    (Act.ACCEPT_UNDERPAID, "inv-1", said(reason="because"), "invalid_request"),
    (Act.ACCEPT_UNDERPAID, "inv-9", said(), "not_found"),
    (Act.ACCEPT_UNDERPAID, "inv-1", said(version="2"), "invalid_request"),
    (Act.ACCEPT_UNDERPAID, "inv-1", said(version="latest"), "invalid_request"),
]


@pytest.mark.parametrize(("act", "name", "decision", "code"), REFUSALS)
def test_a_refusal_has_a_code_and_writes_nothing(
    shop: Shop, capsys: Output, act: Act, name: str, decision: Decision, code: str
) -> None:
    """A script tells them apart without reading a sentence."""
    assert pay(shop, act, name, decision) in {1, 2}
    assert read(capsys)["error"] == code
    assert payment(shop, "inv-1", capsys)["actions"] == []


def test_a_refund_is_stated_in_whole_units(shop: Shop, capsys: Output) -> None:
    """10.50 is 10500000 of a token of six decimals, by the registry and not by the operator."""
    wanted = Wanted(refund="re_1", asset="usdt", amount="10.50")
    assert pay(shop, Act.RECORD_REFUND, "inv-3", said(role="finance"), wanted) == 0
    after = read(capsys)["after"]
    assert after["amounts"]["refunded"] == [{"asset": "USDT", "atomic": "10500000", "decimals": 6}]
    unknown = Wanted(refund="re_2", asset="NOPE", amount="1")
    assert pay(shop, Act.RECORD_REFUND, "inv-3", said("t-2", role="finance"), unknown) == 1
    assert read(capsys)["error"] == "asset_unknown"
    finer = Wanted(refund="re_2", asset="USDT", amount="0.0000001")
    assert pay(shop, Act.RECORD_REFUND, "inv-3", said("t-2", role="finance"), finer) == 2


def test_what_one_person_may_decide_is_configured(shop: Shop, capsys: Output) -> None:
    """Below the limit nobody has to be woken up."""
    with shop.config.open("a") as file:
        file.write('[operators.alone_up_to]\nUSDT = "12.5"\n')
    assert pay(shop, Act.ACCEPT_UNDERPAID, "inv-3", said(approved_by="")) == 0
    assert read(capsys)["after"]["label"] == "Confirmed (accepted_underpaid)"


def test_an_exception_is_worked_by_its_name(shop: Shop, capsys: Output) -> None:
    """Assigned, set to wait, and shown with its evidence and every step."""
    [item] = queue(shop, capsys, payment="inv-2")
    name, found = item["exception"], shop.configuration()
    assigned = deciding.work(found, Act.ASSIGN, name, said(version="0"), lambda _: Change("lee"))
    assert (assigned, read(capsys)["after"]["assignee"]) == (0, "lee")
    waits = deciding.waiting("customer", "4h")
    assert deciding.work(found, Act.WAIT, name, said("t-2", "1"), waits) == 0
    assert read(capsys)["after"]["status"] == Status.WAITING_CUSTOMER
    assert showing.item(found, name, as_json=True) == 0
    shown = read(capsys)
    assert (shown["evidence"], shown["version"]) == (
        "the full amount came after the window closed",
        2,
    )
    assert [one["action"] for one in shown["actions"]] == ["assign", "wait"]
    assert (
        deciding.work(found, Act.RESOLVE, name, said("t-3", "2", reason="false_alarm"), waits) == 1
    )
    assert read(capsys)["error"] == "closes_by_facts"


def test_text_says_what_json_does(shop: Shop, capsys: Output) -> None:
    """An operator reads a screen, and no stranger's text moves its cursor."""
    assert showing.payment(shop.configuration(), "inv-3", as_json=False) == 0
    shown = capsys.readouterr().out
    assert "12.500000 USDT" in shown
    assert "sealgate payments accept-underpaid: " in shown
    assert listing.items(shop.configuration(), ItemsAsked(Picked()), as_json=False) == 0
    assert "AMOUNT_UNDER" in capsys.readouterr().out
    assert pay(shop, Act.ACCEPT_LATE, "inv-3", said(json=False)) == 1
    assert capsys.readouterr().err.startswith("illegal_transition: ")
    assert pay(shop, Act.ACCEPT_UNDERPAID, "inv-3", said(json=False, dry_run=True)) == 0
    assert "nothing was written" in capsys.readouterr().out
