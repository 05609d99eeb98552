"""Why money is not final: the provider's word, and the row of the policy with its line in the file.

The files and what follows from them are worked out by hand from docs/policy.md.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from consumers.apply import Applier
from consumers.store.port import Store
from ingress.contract.envelope import Envelope
from sealgate.exposure import showing
from sealgate.policies import policy_of
from sealgate.story.command import Asked, trace, why
from tests.support.builders import record
from tests.support.exposed import BEGIN_MS, ENVIRONMENT, GROUP, PARTITION, Shop, told, transfer

NEVER_ON_BASE = """
[policy]
version = "2026-11"

[[policy.final]]
network = "base"
asset = "USDC"
amount_from = "1000"
rule = "never"
"""
THREE = """
[policy]
[[policy.final]]
provider = "btcpay"
confirmations = 3
"""
# The shop itself writes 13 lines; then come an empty one, the table, its version, an empty one.
LINE = 18


def shop_with(directory: Path, policy: str) -> Shop:
    """Open a shop under a policy."""
    shop = Shop(directory)
    with shop.config.open("a") as file:
        file.write(policy)
    return shop


def apply(shop: Shop, *envelopes: Envelope) -> None:
    """Apply events under the shop's policy, as its worker would."""

    async def work(store: Store) -> None:
        policy = policy_of(shop.configuration())
        clock = BEGIN_MS + 90_000
        applier = Applier(store, ENVIRONMENT, GROUP, clock=lambda: clock, policy=policy)
        claims = await store.claim_partitions(GROUP, [PARTITION], "me")
        records = [record(one, shop.applied + n, PARTITION) for n, one in enumerate(envelopes)]
        await applier.apply(records, claims)
        shop.applied += len(records)

    shop.use(work)


def kobbopay(name: str, word: str, /, **facts: Any) -> Envelope:
    """Seal one Kobbopay event about pay-1: its body names a network, and its mapping reads none."""
    content = {"payment_id": "pay-1", "amount": "49.00", "currency": "USDC", "network": "base"}
    sealed = told(name, "pay-1", word, at_s=5, **facts, **content)
    return replace(sealed, provider="kobbopay", type=f"com.kobbopay.{word}")


def ask(shop: Shop, words: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """Ask why, and read it as a machine does."""
    capsys.readouterr()
    assert why(shop.configuration(), Asked(words, json=True)) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def shown(shop: Shop, words: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Ask as a person does, in the three commands that people ask with."""
    capsys.readouterr()
    configuration = shop.configuration()
    assert why(configuration, Asked(words)) == 0
    explained = capsys.readouterr().out
    assert trace(configuration, Asked(words)) == 0
    story = capsys.readouterr().out
    assert showing.run(configuration, words, as_json=False) == 0
    return [explained, story, capsys.readouterr().out]


def test_a_row_for_one_network_is_named_where_the_event_names_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row for large sums on one network held back every payment, and nobody was told."""
    shop = shop_with(tmp_path, NEVER_ON_BASE)
    apply(shop, kobbopay("e1", "payment.confirmed", amount_received="49.00"))
    found = ask(shop, "pay-1", capsys)
    assert found["payment"]["state"] == "Paid"
    [one] = found["not_final"]
    assert (one["event"], one["type"], one["means_final"]) == (
        "kobbopay/shop/e1",
        "payment.confirmed",
        "always",
    )
    assert (one["policy_row"], one["line"], one["rule"]) == (1, LINE, "never")
    assert one["untold"] == ["network"]
    [confirmed] = [step["by"] for step in found["next"] if step["to"] == "Confirmed"]
    assert confirmed.endswith(
        "nothing that the provider says makes it final, by [[policy.final]] number 1 in"
        f" sealgate.toml, line {LINE}"
    )


def test_all_three_commands_say_that_the_provider_said_final(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`payment.confirmed` that states "seen" reads like a fault, unless the row is there."""
    shop = shop_with(tmp_path, NEVER_ON_BASE)
    apply(shop, kobbopay("e1", "payment.confirmed", amount_received="49.00"))
    row = 'network = "base", asset = "USDC", amount_from = "1000", rule = "never"'
    for text in shown(shop, "kobbopay/shop/e1", capsys):
        assert "payment.confirmed means final money" in text
        assert f"[[policy.final]] number 1 in sealgate.toml, line {LINE}: {row}" in text
        assert "the event tells no network, so the strictest row" in text
        assert "its amount is not compared with amount_from" in text


def test_a_number_of_confirmations_says_that_no_such_event_names_any(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever waits for the third confirmation of a provider that counts none waits for ever."""
    shop = shop_with(tmp_path, THREE)
    paid = transfer("0xabc", "5")
    apply(shop, told("r1", "inv-1", "InvoicePaymentSettled", at_s=5, **paid))
    [one] = ask(shop, "inv-1", capsys)["not_final"]
    assert one["rule"] == "3 confirmations"
    assert "such events name no confirmations" in one["says"]


def test_a_word_that_means_seen_is_not_blamed_on_the_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The provider is asked for its next word, and not the merchant for another policy."""
    shop = shop_with(tmp_path, '[policy]\n[[policy.final]]\nrule = "trust_provider"\n')
    apply(shop, told("p1", "inv-1", "InvoiceProcessing", at_s=5))
    [one] = ask(shop, "inv-1", capsys)["not_final"]
    assert one["says"].startswith("InvoiceProcessing means money that was seen, not final;")
    assert "leaves this to the provider, by [[policy.final]] number 1" in one["says"]
    assert trace(shop.configuration(), Asked("inv-1")) == 0
    assert "seen and not final" not in capsys.readouterr().out


def test_what_an_earlier_policy_held_back_is_said_to_be_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A new policy judges what comes from then on; nobody may think that it failed."""
    shop = shop_with(tmp_path, THREE)
    apply(shop, told("s1", "inv-1", "InvoiceSettled", at_s=5))
    plain = shop.config.read_text().replace("confirmations = 3", 'rule = "trust_provider"')
    shop.config.write_text(plain)
    [one] = ask(shop, "inv-1", capsys)["not_final"]
    assert "judged under an earlier policy" in one["says"]


def test_a_confirmed_payment_waits_for_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A section that is always there is not read when it matters."""
    shop = shop_with(tmp_path, '[policy]\n[[policy.final]]\nrule = "trust_provider"\n')
    apply(shop, told("p1", "inv-1", "InvoiceProcessing"), told("s1", "inv-1", "InvoiceSettled"))
    assert ask(shop, "inv-1", capsys)["not_final"] == []


def test_late_money_that_is_final_waits_for_people_and_not_for_the_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sighting beside it is no reason: accepting it confirms the payment at once."""
    shop = shop_with(tmp_path, '[policy]\n[[policy.final]]\nrule = "trust_provider"\n')
    late = {**transfer("0xabc", "5"), "afterExpiration": True}
    apply(
        shop,
        told("r1", "inv-1", "InvoiceReceivedPayment", **late),
        told("l1", "inv-1", "InvoicePaidAfterExpiration"),
        told("s1", "inv-1", "InvoiceSettled"),
    )
    found = ask(shop, "inv-1", capsys)
    assert (found["payment"]["state"], found["numbers"]["is_final"]) == ("Late", True)
    assert found["not_final"] == []


def test_without_a_policy_there_is_no_row_to_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a provider calls final is final then, and what it does not is not."""
    shop = Shop(tmp_path)
    shop.apply(told("p1", "inv-1", "InvoiceProcessing"))
    assert ask(shop, "inv-1", capsys)["not_final"] == []
