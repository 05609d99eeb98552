"""Every id that people hold finds its story: of exceptions, commands, refunds, notices, odd ones.

Commands are written as the desk writes them, on a real store.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consumers.exceptions import Code
from consumers.facts import FactKind, simple
from consumers.lifecycle import State
from consumers.moving import Said, anomaly
from consumers.notices import Occasion
from consumers.policy import NO_POLICY
from consumers.stating import OURSELVES, Command, Desk
from consumers.store.cases import Action
from consumers.store.kept import Kept
from consumers.store.port import (
    Cause,
    Changes,
    Event,
    EventKey,
    Payment,
    PaymentKey,
    Saved,
    Store,
)
from ingress.contract import cloudevents
from ingress.eventlog.port import Partition, Position
from sealgate.exposure import showing
from sealgate.story import ours
from sealgate.story.command import Asked, trace, why
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
from tests.support.store_builders import apply, saved

LATER_MS = BEGIN_MS + 200_000
LONG = "r" * 3000
ODD = "one\u202etwo\x1b[2J\nthree"


@pytest.fixture(name="shop")
def _shop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    """Open a shop: inv-1 came late, and finance gave a part of it back."""
    shop = Shop(tmp_path)
    shop.apply(
        told("r1", "inv-1", "InvoiceReceivedPayment", at_s=5, **transfer("0xAA11bb22cc33", "20")),
        told("x1", "inv-1", "InvoiceExpired", at_s=7),
        told("l1", "inv-1", "InvoicePaidAfterExpiration", at_s=9),
    )
    shop.use(_give_back)
    shop.use(_work)
    capsys.readouterr()
    return shop


def _event(key: str, word: str, reference: str) -> Event:
    """Make the event that a command is claimed as."""
    return Event(
        key=EventKey(OURSELVES, "operator", key),
        event_type=f"operator.{word}",
        source=OURSELVES,
        reference=reference,
        key_id="",
        assurance="",
        correlation_id=f"correlation-{key}",
        body_digest=f"sha256:{key}",
        received_ms=LATER_MS,
        position=Position(Partition("", 0), 0),
    )


def _action(key: str, name: str, payment: PaymentKey | None, item: int | None) -> Action:
    who = ("kim", "finance", "lee", "customer_asked", "as agreed")
    return Action(key, name, payment, item, *who, "{}", LATER_MS)


async def _give_back(store: Store) -> None:
    """Record a refund of 5 of the 20, as T-1."""
    payment, event = payment_key("inv-1"), _event("T-1", "record_refund", "inv-1")
    back = simple(FactKind.REFUND, LATER_MS, key="RF-1", asset="USDT", amount=5, detail="succeeded")
    said = Said(
        event.key,
        payment,
        frozenset({back}),
        Occasion(ENVIRONMENT, event.event_type, LATER_MS, TRACEPARENT),
        event.correlation_id,
        cause=Cause.OPERATOR,
    )
    action = _action("T-1", "record_refund", payment, None)
    await Desk(store, NO_POLICY, lambda: LATER_MS).do(Command(event, said, action=action))


async def _work(store: Store) -> None:
    """Work the exception of inv-1, as T-2: such a command names no payment."""
    async with store.transaction() as tx:
        await tx.claim([_event("T-2", "wait", "")])
        await tx.save(Changes(actions=[_action("T-2", "wait", None, 1)]))


def ask(shop: Shop, text: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """Ask for the story and read it as a machine does."""
    assert trace(shop.configuration(), Asked(text, json=True)) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("ex-1", "an exception"),
        ("EX-1", "an exception"),
        ("RF-1", "a refund's id"),
        ("T-1", "a command's key"),
        ("T-2", "a command's key"),
        ("sealgate/operator/T-2", "an event"),
        ("btcpay/shop/inv-1/1", "the notice of version 1"),
    ],
)
def test_what_an_operator_holds_finds_the_payment(
    shop: Shop, capsys: pytest.CaptureFixture[str], text: str, by: str
) -> None:
    """These are the ids in the queue, in the ticket and in the bank's own list."""
    found = ask(shop, text, capsys)
    assert found["payment"]["payment"] == "btcpay/shop/inv-1"
    assert found["found_by"] == by
    assert why(shop.configuration(), Asked(text)) == 0
    assert "payment btcpay/shop/inv-1 in test" in capsys.readouterr().out


def test_a_posting_is_found_by_its_id(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """The ledger names its entry, and whoever doubts the entry asks for its payment."""
    posted = simple(FactKind.POSTED, BEGIN_MS, key="JE-9", asset="USDT", amount=1, detail="on")

    async def post(store: Store) -> None:
        key = payment_key("inv-2")
        facts = [(key, posted, event_key("p9"))]
        await apply(store, Changes(payments=[saved(key)], facts=facts))

    shop.use(post)
    assert ask(shop, "JE-9", capsys)["found_by"] == "a posting's id"


def test_the_kind_of_a_hold_is_no_id(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Every held payment has it: it would list a hundred of them."""
    assert trace(shop.configuration(), Asked("compliance")) == 1
    assert "nothing in the store is known by this" in capsys.readouterr().err


def test_an_exception_about_no_payment_says_where_it_is_shown(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has no story of a payment; where it is worked is told instead."""

    async def raise_(store: Store) -> None:
        raised = anomaly(Code.ENV_MISMATCH, "urn:x", "of another environment", None, BEGIN_MS)
        async with store.transaction() as tx:
            await tx.save(Changes(anomalies=[raised]))

    shop.use(raise_)
    number = shop.use(_last_item)
    assert trace(shop.configuration(), Asked(f"ex-{number}")) == 1
    assert f"`sealgate exceptions show ex-{number}` shows it" in capsys.readouterr().err


async def _last_item(store: Store) -> int:
    """Find the latest exception's number."""
    number = 1
    while await store.cases.item(number + 1) is not None:
        number += 1
    return number


def test_an_exception_that_is_not_there_stands_for_nothing(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """A number from another environment must not show a stranger's payment."""
    assert trace(shop.configuration(), Asked("ex-999")) == 1
    told = capsys.readouterr().err
    assert "nothing in the store is known by this" in told
    assert "`sealgate quarantine show`" in told, "a refusal's id is what people hold most often"


@pytest.mark.parametrize("reference", [LONG, ODD], ids=["long", "odd"])
@pytest.mark.parametrize("prefix", ["", "btcpay/shop/"], ids=["alone", "whole"])
def test_a_reference_that_is_kept_as_its_digest_is_found_by_its_own_text(
    shop: Shop, capsys: pytest.CaptureFixture[str], reference: str, prefix: str
) -> None:
    """The provider's dashboard shows the reference, and nobody computes a digest by hand."""
    stored = cloudevents.attribute(reference)
    assert stored.startswith("sha256:")
    shop.apply(told("odd", stored, "InvoiceCreated", at_s=20))
    found = ask(shop, prefix + reference, capsys)
    assert found["payment"]["payment"] == f"btcpay/shop/{stored}"
    assert why(shop.configuration(), Asked(prefix + reference)) == 0


def test_a_payment_and_a_notice_of_one_name_are_both_told(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Payment inv-1/1 is what was asked for, and notice 1 of inv-1 goes by the same words."""
    shop.apply(told("c9", "inv-1/1", "InvoiceCreated", at_s=20))
    found = ask(shop, "btcpay/shop/inv-1/1", capsys)
    assert found["payment"]["payment"] == "btcpay/shop/inv-1/1"
    assert found["also"] == ["the notice of version 1: btcpay/shop/inv-1"]
    assert trace(shop.configuration(), Asked("btcpay/shop/inv-1/1")) == 0
    shown = capsys.readouterr().out
    assert "the same words stand for the notice of version 1: btcpay/shop/inv-1" in shown


Show = Callable[[Shop], int]
SHOWN: dict[str, Show] = {
    "trace": lambda shop: trace(shop.configuration(), Asked("inv-1")),
    "why": lambda shop: why(shop.configuration(), Asked("inv-1")),
    "events show": lambda shop: showing.run(
        shop.configuration(), "sealgate/operator/T-1", as_json=False
    ),
}


@pytest.mark.parametrize("command", SHOWN)
def test_what_we_stated_ourselves_says_who_as_what_and_why(
    shop: Shop, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    """No key proves it: what stands for it is a person, a role and a reason."""
    assert SHOWN[command](shop) == 0
    shown = capsys.readouterr().out
    assert "stated by ourselves: kim (finance) did record_refund, approved by lee" in shown
    assert "reason customer_asked: as agreed" in shown
    for empty in ("key  of", "scheme unknown", "/0/0\n", "assurance ,"):
        assert empty not in shown.replace(f"{_PLACE}/0/0", "")


_PLACE = "payments.test.verified"


def test_a_timers_word_is_no_providers_and_an_answer_was_asked_for() -> None:
    """Nobody signed them, and nobody decided them: time did, or the provider when it was asked."""
    ticked = _event("btcpay/shop/inv-1", "expired", "inv-1")
    ticked = ticked._replace(key=ticked.key._replace(account="timer"))
    polled = ticked._replace(key=event_key("poll:x"), source="poll")
    sent = ticked._replace(key=event_key("r1"), source="urn:shop")
    assert list(ours.lines(ours.document(ticked, ()) or {})) == [
        "stated by ourselves (timer): no provider sent it"
    ]
    assert list(ours.lines(ours.document(polled, ()) or {})) == [
        "read from the provider itself, which was asked: nobody sent it"
    ]
    assert ours.document(sent, ()) is None


def test_a_payment_that_is_parked_has_a_story_and_no_state(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Money came for it, and nobody announced it: that is the answer, and not a word like Paid."""

    async def park(store: Store) -> None:
        key, came = payment_key("inv-7"), simple(FactKind.SEEN, BEGIN_MS, key="tx:7", asset="USDT")
        row = Payment(key, State.PENDING, 0, frozenset(), BEGIN_MS, Kept.PARKED)
        facts = [(key, came._replace(amount=7_000_000), event_key("p7"))]
        await apply(store, Changes(payments=[Saved(row, 0)], facts=facts))

    shop.use(park)
    found = ask(shop, "inv-7", capsys)
    assert (found["payment"]["kept"], found["payment"]["state"]) == ("Parked", None)
    assert trace(shop.configuration(), Asked("inv-7")) == 0
    assert "now: Parked since 2026-01-01T00:00:00.000Z: its source expects" in (
        capsys.readouterr().out
    )
    assert why(shop.configuration(), Asked("inv-7")) == 1
    assert "`sealgate payments expect`" in capsys.readouterr().err


def test_an_action_that_is_an_event_is_told_once(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two entries for one decision read like two decisions."""
    assert trace(shop.configuration(), Asked("inv-1")) == 0
    assert capsys.readouterr().out.count("did record_refund") == 1
    kinds = [entry["kind"] for entry in ask(shop, "inv-1", capsys)["entries"]]
    assert kinds.count("action") == 1
