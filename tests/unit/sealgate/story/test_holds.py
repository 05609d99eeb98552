"""What downstream was told of holds: `sealgate trace` and `sealgate why` name every such notice."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from consumers.facts import OFF, ON, FactKind, HoldKind, simple
from consumers.moving import Said
from consumers.notices import Occasion
from consumers.policy import NO_POLICY
from consumers.stating import OURSELVES, Command, Desk
from consumers.store.port import Cause, Event, EventKey, Store
from ingress.eventlog.port import Position
from sealgate.story.command import Asked, trace, why
from tests.support.builders import TRACEPARENT
from tests.support.exposed import BEGIN_MS, ENVIRONMENT, PARTITION, Shop, payment_key, told

LATER_MS = BEGIN_MS + 200_000
NAME = "btcpay/shop/inv-1"


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Shop:
    """Open a shop: inv-1 is Confirmed, then held, then let go; inv-2 never heard of a hold."""
    shop = Shop(tmp_path)
    shop.apply(
        told("s1", "inv-1", "InvoiceSettled", at_s=60),
        told("s2", "inv-2", "InvoiceSettled", at_s=61),
    )
    shop.use(says(ON, LATER_MS))
    shop.deliver_notices()
    shop.use(says(OFF, LATER_MS + 1))
    return shop


def says(word: str, at_ms: int) -> Callable[[Store], Awaitable[None]]:
    """Let compliance hold inv-1, or let it go."""

    async def say(store: Store) -> None:
        event = Event(
            key=EventKey(OURSELVES, "operator", f"ticket-{word}"),
            event_type="place_hold",
            source="sealgate",
            reference="inv-1",
            key_id="",
            assurance="A",
            correlation_id=f"correlation-{word}",
            body_digest="sha256:7",
            received_ms=at_ms,
            position=Position(PARTITION._replace(topic="sealgate"), 0),
        )
        said = Said(
            event.key,
            payment_key("inv-1"),
            frozenset({simple(FactKind.HOLD, at_ms, key=HoldKind.COMPLIANCE, detail=word)}),
            Occasion(ENVIRONMENT, "place_hold", at_ms, TRACEPARENT),
            event.correlation_id,
            cause=Cause.OPERATOR,
        )
        await Desk(store, NO_POLICY, lambda: at_ms).do(Command(event, said))

    return say


def asked(run: Any, shop: Shop, words: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """Ask for JSON and read it as a stranger would."""
    capsys.readouterr()
    assert run(shop.configuration(), Asked(words, json=True)) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_a_trace_has_each_hold_notice_at_its_place(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """A subscriber that stopped its goods asks who told it to, and whether it was told to go on."""
    entries = asked(trace, shop, NAME, capsys)["entries"]
    placed, let_go = [one for one in entries if one["kind"] == "hold_notice"]
    assert (placed["is_placed"], placed["holds"], placed["state"]) == (
        True,
        ["compliance"],
        "Confirmed",
    )
    assert (placed["at"], placed["version"], placed["cause"]) == (
        "2026-01-01T00:03:20.000Z",
        1,
        "operator",
    )
    assert placed["notice"].startswith(f"{NAME}/1/held-")
    assert (placed["notice_is"], placed["effect_key"]) == ("delivered", None)
    assert (let_go["is_placed"], let_go["holds"], let_go["notice_is"]) == (False, [], "waiting")
    assert let_go["effect_key"] == f"{NAME}/fulfil/1"
    instants = [one["at"] for one in entries]
    assert instants == sorted(instants)


def test_a_hold_notices_id_finds_its_payment(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is what a subscriber holds in its hands: `ce_id`."""
    entries = asked(trace, shop, NAME, capsys)["entries"]
    for one in [one for one in entries if one["kind"] == "hold_notice"]:
        found = asked(trace, shop, one["notice"], capsys)
        assert found["payment"]["payment"] == NAME


@pytest.mark.parametrize("run", [trace, why])
def test_a_person_reads_what_was_said_of_holds(
    shop: Shop, capsys: pytest.CaptureFixture[str], run: Any
) -> None:
    """The question is asked on the telephone: was it held, and does downstream know."""
    capsys.readouterr()
    assert run(shop.configuration(), Asked(NAME)) == 0
    shown = capsys.readouterr().out
    assert "hold placed in Confirmed, version 1; holds now: compliance" in shown
    assert "hold let go in Confirmed, version 1; holds now: none" in shown
    assert "cause operator, by ticket-on" in shown
    [waiting] = [line for line in shown.splitlines() if line.endswith(": waiting")]
    assert f"notice {NAME}/1/held-" in waiting


@pytest.mark.parametrize("run", [trace, why])
def test_a_payment_without_holds_says_nothing_of_them(
    shop: Shop, capsys: pytest.CaptureFixture[str], run: Any
) -> None:
    """An empty heading makes people look for what is not there."""
    capsys.readouterr()
    assert run(shop.configuration(), Asked("btcpay/shop/inv-2")) == 0
    assert "hold" not in capsys.readouterr().out


def test_why_lists_them_for_machines(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reads the document needs no second question."""
    told_of = asked(why, shop, NAME, capsys)["hold_notices"]
    assert [one["is_placed"] for one in told_of] == [True, False]
    assert asked(why, shop, "btcpay/shop/inv-2", capsys)["hold_notices"] == []
