"""`sealgate why` on a real store: the rule, the evidence of each fact, the policy, the way on."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from consumers.facts import FactKind, simple
from consumers.moving import Moves, Said
from consumers.notices import Occasion
from consumers.policy import NO_POLICY
from consumers.store.port import Judgement, Store
from sealgate.exposure import marking
from sealgate.story.command import Asked, why
from tests.support.builders import TRACEPARENT
from tests.support.exposed import (
    BEGIN_MS,
    ENVIRONMENT,
    Shop,
    event_key,
    payment_key,
    told,
    transfer,
)
from tests.support.store_builders import run

ETHER = "12.000000000000000001"


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Shop:
    """Open a shop: inv-1 is confirmed, inv-2 late, inv-3 holds much ether and no word on it."""
    shop = Shop(tmp_path)
    shop.apply(
        told("c1", "inv-1", "InvoiceCreated", at_s=1),
        told("p1", "inv-1", "InvoiceProcessing", at_s=5),
        told("s1", "inv-1", "InvoiceSettled", at_s=60),
        told("s2", "inv-1", "InvoiceSettled", at_s=61, key="k2"),
        told("x2", "inv-2", "InvoiceExpired", at_s=7),
        told("l2", "inv-2", "InvoicePaidAfterExpiration", at_s=9),
        told("e3", "inv-3", "InvoiceReceivedPayment", **transfer("tx-3", ETHER, "ETH-CHAIN")),
        told("u4", "inv-4", "InvoiceUnheardOf", at_s=10),
    )
    return shop


def ask(shop: Shop, words: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """Ask for JSON and read it as a stranger would."""
    capsys.readouterr()
    assert why(shop.configuration(), Asked(words, json=True)) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def text(shop: Shop, words: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Ask as a person does."""
    capsys.readouterr()
    assert why(shop.configuration(), Asked(words)) == 0
    return capsys.readouterr().out


def test_the_rule_the_facts_and_the_evidence_are_named(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """An auditor asks who says so: the fact, its event, the mapping's row, the key, the time."""
    found = ask(shop, "inv-1", capsys)
    assert (found["payment"]["label"], found["proven"], found["rule"]) == (
        "Confirmed",
        "Confirmed",
        3,
    )
    [carried] = found["decisive"]
    assert (carried["without"], [fact["kind"] for fact in carried["facts"]]) == ("Paid", ["final"])
    [final] = [fact for fact in found["facts"] if fact["kind"] == "final"]
    first, second = final["stated_by"]
    assert (first["event"], first["type"], first["key"]) == (
        "btcpay/shop/s1",
        "InvoiceSettled",
        "k1",
    )
    assert first["mapping"].startswith("btcpay/")
    assert first["received_at"] == "2026-01-01T00:01:00.000Z"
    assert (second["event"], second["key"]) == ("btcpay/shop/s2", "k2")
    assert (second["verdict"], second["mapping"]) == ("duplicate_fact", first["mapping"])


def test_of_events_of_before_their_mapping_was_kept_the_move_still_tells_it(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Until schema 12 a move alone said it; of an event that moved nothing nobody guesses."""
    asyncio.run(run(f"sqlite://{shop.directory}/store.db", "UPDATE event SET mapping = ''"))
    [final] = [fact for fact in ask(shop, "inv-1", capsys)["facts"] if fact["kind"] == "final"]
    first, second = final["stated_by"]
    assert first["mapping"].startswith("btcpay/")
    assert second["mapping"] is None
    shown = text(shop, "inv-1", capsys)
    assert f"row InvoiceSettled of {first['mapping']}; " in shown
    assert "row InvoiceSettled of a mapping that was not kept; " in shown


def test_a_person_reads_the_same(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """The page is what is read aloud in the meeting; the JSON is for machines."""
    shown = text(shop, "inv-1", capsys)
    for words in (
        "now: Confirmed, version 3",
        "because of rule 3, Confirmed: final value meets the price",
        "1 Refunded   no   nothing was given back",
        "Paid       without final agg:btcpay:inv-1 whole",
        "row InvoiceSettled of btcpay/",
        "key k1 of urn:sealgate:test:shop, assurance B",
        "policy: none",
        "Refunded   everything that came is given back",
        "no exception is open",
    ):
        assert words in shown


def test_late_money_says_which_window_and_what_to_do(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """The customer asks why; operations asks what now: both answers stand side by side."""
    found = ask(shop, "inv-2", capsys)
    assert (found["proven"], found["rule"]) == ("Late", 5)
    assert found["numbers"]["is_late"]
    assert found["numbers"]["window_closed_by"] == "the provider's word that it expired"
    [item] = found["exceptions"]
    assert (item["code"], item["owner"]) == ("LATE_FUNDS", "payment operations")
    assert "late" in item["ends_by"]
    assert {"Paid", "Confirmed"} <= {step["to"] for step in found["next"]}
    shown = text(shop, "inv-2", capsys)
    assert f"owner: payment operations; ends by: {item['ends_by']}" in shown


def test_amounts_are_exact_and_in_major_units(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twelve ether are more than 64 bits hold, and one smallest unit lost is a mismatch."""
    assert f"seen: {ETHER} ETH; " not in text(shop, "inv-1", capsys)
    shown = text(shop, "inv-3", capsys)
    assert f"seen: {ETHER} ETH" in shown
    assert ask(shop, "inv-3", capsys)["numbers"]["standing"] == [
        {"asset": "ETH", "atomic": "12000000000000000001", "decimals": 18}
    ]


def test_what_only_void_events_state_is_told_apart(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is in the history and does not count: whoever reads the one must see the other."""
    asked = marking.Asked(Judgement.VOID, ("s1", "s2"), "forged", "kim", is_applied=True)
    assert marking.run(shop.configuration(), asked) == 0
    found = ask(shop, "inv-1", capsys)
    assert found["proven"] == "Paid"
    [excluded] = found["excluded"]
    assert excluded["kind"] == "final"
    assert {(by["event"], by["is_void"]) for by in excluded["stated_by"]} == {
        ("btcpay/shop/s1", True),
        ("btcpay/shop/s2", True),
    }
    assert all(fact["kind"] != "final" for fact in found["facts"])
    assert "what does not count" in text(shop, "inv-1", capsys)


def test_of_two_events_one_of_them_void_the_fact_still_counts(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second key's event bears it out: that is why the state did not move."""
    asked = marking.Asked(Judgement.VOID, ("s1",), "forged", "kim", is_applied=True)
    assert marking.run(shop.configuration(), asked) == 0
    found = ask(shop, "inv-1", capsys)
    assert (found["proven"], found["excluded"]) == ("Confirmed", [])
    assert "by btcpay/shop/s1, VOID" in text(shop, "inv-1", capsys)


def test_a_policy_that_was_changed_since_is_named(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under other terms the same facts prove something else: nobody may take one for the other."""
    shop.use(_late_by_a_minute)
    assert ask(shop, "inv-5", capsys)["proven"] == "Late"
    with shop.config.open("a") as file:
        file.write('\n[policy]\nversion = "2026-02"\ngrace_s = 3600\n')
    found = ask(shop, "inv-5", capsys)
    assert (found["payment"]["state"], found["proven"]) == ("Late", "Confirmed")
    assert found["policy"]["of_last_move"] == ""
    assert found["policy"]["in_force"].startswith("2026-02")
    shown = text(shop, "inv-5", capsys)
    assert "NOTE: its facts prove Confirmed under the policy in force, and Late is written" in shown
    assert "in force; the last move was under (none)" in shown
    assert "with 3600000 ms of grace" in shown


async def _late_by_a_minute(store: Store) -> None:
    """State a price until the beginning, and final money a minute after it."""
    payment, key = payment_key("inv-5"), event_key("f5")
    price = simple(FactKind.EXPECTED, 0, asset="USDT", amount=100)
    came = simple(FactKind.FINAL, BEGIN_MS + 60_000, key="tx:5", asset="USDT", amount=100)
    moves = Moves({}, BEGIN_MS + 70_000, NO_POLICY)
    occasion = Occasion(ENVIRONMENT, "told", BEGIN_MS, TRACEPARENT)
    facts = frozenset({price._replace(expires_ms=BEGIN_MS), came})
    moves.state(Said(key, payment, facts, occasion, "correlation-f5"))
    async with store.transaction() as tx:
        await tx.save(moves.finish())


def test_a_payment_without_facts_has_no_state_to_explain(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pending would be a word that nothing proves; the events that name it are elsewhere."""
    assert why(shop.configuration(), Asked("inv-4")) == 1
    assert "sealgate trace shows the events" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["s1", "btcpay/shop/inv-1/3", "correlation-s1"])
def test_any_id_of_its_story_stands_for_the_payment(
    shop: Shop, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    """What was copied from an alert or a notice is enough."""
    assert ask(shop, words, capsys)["payment"]["payment"] == "btcpay/shop/inv-1"
