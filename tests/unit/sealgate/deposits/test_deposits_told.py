"""What is told of a match afterwards: who decided, what really ended, and how to go on."""

import json
from pathlib import Path
from typing import Any

import pytest

from consumers.actions import Act
from sealgate.deposits import deciding
from sealgate.deposits.expecting import Wanted
from sealgate.operations import deciding as paying
from sealgate.operations import documents, showing, wanting
from sealgate.story.command import Asked, trace
from tests.conformance.test_deposits import TX_1, activity, transfer
from tests.support.exposed import Shop
from tests.unit.sealgate.deposits.test_deposit_commands import CHAIN, KEYS, apply, expect, said

Output = pytest.CaptureFixture[str]
DEPOSIT = f"alchemy/main/deposit:tx:ETH_MAINNET:{TX_1}:0x1"
UNTIL = "2030-01-01T12:00:00Z"


@pytest.fixture(name="shop")
def _shop(tmp_path: Path, capsys: Output) -> Shop:
    """Open a shop with an announced payment, and money that names none."""
    shop = Shop(tmp_path)
    shop.config.write_text(shop.config.read_text() + CHAIN + KEYS)
    apply(shop, activity(transfer(amount=10_000_000)))
    expect(shop, Wanted("order-1", "chain", "USDC", "10", UNTIL, network="ethereum"), capsys)
    return shop


def decide(shop: Shop, capsys: Output, act: Act, key: str, version: str, **more: str) -> Any:
    """Decide about the deposit; return what was printed."""
    payment = "order-1" if act is Act.MATCH_DEPOSIT else ""
    deciding.decide(shop.configuration(), act, TX_1, payment, said(key, version, **more))
    return json.loads(capsys.readouterr().out)


def text(shop: Shop, capsys: Output, asked: str) -> str:
    """Trace something, as people read it."""
    trace(shop.configuration(), Asked(asked))
    return capsys.readouterr().out


def test_letting_a_deposit_go_tells_only_what_ended(shop: Shop, capsys: Output) -> None:
    """A controller who reads COMPLIANCE_HOLD there would believe that money was set free."""
    assert decide(shop, capsys, Act.MATCH_DEPOSIT, "m-1", "0")["resolved"] == ["UNMATCHED_DEPOSIT"]
    undone = decide(shop, capsys, Act.UNMATCH_DEPOSIT, "m-2", "1", reason="mistake")
    assert (undone["resolved"], undone["raised"]) == ([], ["UNMATCHED_DEPOSIT"])


def test_what_the_match_was_a_reason_for_is_told_to_end(shop: Shop, capsys: Output) -> None:
    """And what did end is named: here money beyond the price, which goes with the deposit."""
    apply(shop, activity(transfer("0x" + "7" * 64, 12_000_000)))
    over = "0x" + "7" * 64
    deciding.decide(shop.configuration(), Act.MATCH_DEPOSIT, over, "order-1", said("m-1", "0"))
    assert json.loads(capsys.readouterr().out)["raised"] == ["AMOUNT_OVER"]
    deciding.decide(
        shop.configuration(), Act.UNMATCH_DEPOSIT, over, "", said("m-2", "1", reason="mistake")
    )
    assert json.loads(capsys.readouterr().out)["resolved"] == ["AMOUNT_OVER"]


def test_a_trace_names_who_matched_what_and_why(shop: Shop, capsys: Output) -> None:
    """Whoever asks a year later why the payment is paid is told by whom, and with which money."""
    decide(shop, capsys, Act.MATCH_DEPOSIT, "m-1", "0")
    story = text(shop, capsys, "order-1")
    for words in (
        f"deposit:tx:ETH_MAINNET:{TX_1}:0x1 is Matched",
        "kim (operations) did match_deposit, approved by ann",
        "reason check_passed: asked by mail",
    ):
        assert words in story
    assert "Matched with alchemy/main/order-1" in text(shop, capsys, DEPOSIT).rpartition("now: ")[2]
    decide(shop, capsys, Act.UNMATCH_DEPOSIT, "m-2", "1", reason="mistake")
    story = text(shop, capsys, "order-1")
    assert "kim (operations) did unmatch_deposit, approved by ann" in story
    assert "reason mistake: asked by mail" in story
    assert "Unmatched" in text(shop, capsys, DEPOSIT).rpartition("now: ")[2]


def test_a_part_of_the_hash_of_a_matched_deposit_leads_to_its_payment(
    shop: Shop, capsys: Output
) -> None:
    """The customer sends a hash, and asks for the order: that is whose story it is."""
    decide(shop, capsys, Act.MATCH_DEPOSIT, "m-1", "0")
    story = text(shop, capsys, TX_1[:20])
    assert story.startswith("payment alchemy/main/order-1 ")
    assert f"the deposit that is matched with it: {DEPOSIT}" in story


def test_a_match_by_a_rule_is_not_called_a_providers_word() -> None:
    """Nobody at the provider said whose the money is: the rule did, and is named."""
    by_rule = documents.cause_text("event", "sealgate/match/alchemy%2Fmain%2Fdeposit/0/Matched")
    assert by_rule == "a rule matched a deposit (event)"
    assert documents.cause_text("event", "alchemy/main/whevt_1") == "an event said so (event)"


def test_what_was_parked_and_counts_is_not_called_time_that_is_up() -> None:
    """A controller who reads "time was up" beside Confirmed looks for a window that closed."""
    assert documents.cause_text("timer", "kobbopay/shop/ev-1").startswith("what was parked counts")
    expired = documents.cause_text("timer", "sealgate/timer/kobbopay%2Fshop%2Fp-1/expired")
    assert expired == "time was up (timer)"


def test_the_version_that_a_document_tells_is_taken_by_an_order(shop: Shop, capsys: Output) -> None:
    """A script passes `version` on to `--expect-version`: it must not need a second word for it."""
    showing.payment(shop.configuration(), "order-1", as_json=True)
    shown = json.loads(capsys.readouterr().out)
    held = said("h-1", shown["version"], role="compliance", reason="compliance_check")
    wanted = wanting.Wanted(hold="compliance")
    assert paying.pay(shop.configuration(), Act.PLACE_HOLD, "order-1", held, wanted) == 0
    assert shown["moves"] == 1


def test_a_payment_shows_its_window_and_why_it_moved(shop: Shop, capsys: Output) -> None:
    """A window that is not shown looks like none, and a match taken back is no false event."""
    decide(shop, capsys, Act.MATCH_DEPOSIT, "m-1", "0")
    decide(shop, capsys, Act.UNMATCH_DEPOSIT, "m-2", "1", reason="mistake")
    showing.payment(shop.configuration(), "order-1", as_json=False)
    shown = capsys.readouterr().out
    assert "until 2030-01-01T12:00:00.000Z" in shown
    assert "announced before any money (event)" in shown
    assert "a person took a deposit back (unmatch), by sealgate/operator/m-2" in shown
