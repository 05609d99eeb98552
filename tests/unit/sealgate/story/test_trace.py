"""`sealgate trace` on a real store: any id finds the story, and the story is whole and in order."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from consumers.facts import FactKind, simple
from consumers.moving import Said
from consumers.notices import Occasion
from consumers.policy import NO_POLICY
from consumers.stating import OURSELVES, Command, Desk
from consumers.store.port import (
    Cause,
    Changes,
    DeadLetter,
    Event,
    EventKey,
    Judgement,
    Mark,
    Store,
)
from ingress.contract.envelope import Envelope
from ingress.eventlog.port import Position
from sealgate.exposure import marking, showing
from sealgate.story.command import Asked, trace, why
from tests.support.builders import TRACEPARENT
from tests.support.exposed import (
    BEGIN_MS,
    CANARY,
    ENVIRONMENT,
    PARTITION,
    Shop,
    event_key,
    payment_key,
    told,
    transfer,
)
from tests.support.store_builders import tables

HASH = "0xA1b2C3d4e5f60718"
LATER_MS = BEGIN_MS + 200_000
IDS = {
    "payment": "btcpay/shop/inv-1",
    "reference": "inv-1",
    "event": "btcpay/shop/r1",
    "event key": "r1",
    "correlation": "correlation-r1",
    "hash": HASH,
    "part of a hash": "c3d4e5f60718",
    "place": f"{PARTITION.topic}/0/1",
    "notice": "btcpay/shop/inv-1/2",
}


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Shop:
    """Open a shop: inv-1 is paid in full, inv-2 late, inv-3 by the transaction of inv-4 too."""
    shop = Shop(tmp_path)
    both = transfer("0xBB00000000bb", "3")
    shop.apply(
        told("c1", "inv-1", "InvoiceCreated", at_s=1),
        told("r1", "inv-1", "InvoiceReceivedPayment", at_s=5, **transfer(HASH, "10.5")),
        told("s1", "inv-1", "InvoiceSettled", at_s=60),
        told("s2", "inv-1", "InvoiceSettled", at_s=61, key="k2"),
        told("x2", "inv-2", "InvoiceExpired", at_s=7),
        told("l2", "inv-2", "InvoicePaidAfterExpiration", at_s=9),
        told("r3", "inv-3", "InvoiceReceivedPayment", at_s=10, **both),
        told("r4", "inv-4", "InvoiceReceivedPayment", at_s=11, **both),
    )
    return shop


def ask(shop: Shop, text: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """Ask for JSON and read it as a stranger would."""
    capsys.readouterr()
    assert trace(shop.configuration(), Asked(text, json=True)) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def refused(shop: Shop, text: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Ask for what has no single answer, and return what is said about it."""
    capsys.readouterr()
    assert trace(shop.configuration(), Asked(text)) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    return shown.err


def kinds(story: Any) -> list[str]:
    """Name what happened, in the order of the story."""
    return [entry["kind"] for entry in story["entries"]]


@pytest.mark.parametrize("by", IDS)
def test_every_id_that_a_person_holds_finds_the_same_story(
    shop: Shop, capsys: pytest.CaptureFixture[str], by: str
) -> None:
    """Nobody retypes ids from a screenshot until one of them fits."""
    found = ask(shop, IDS[by], capsys)
    assert found["payment"]["payment"] == "btcpay/shop/inv-1"
    whole = ask(shop, "btcpay/shop/inv-1", capsys)
    assert kinds(found) == kinds(whole)


def test_the_story_is_whole_and_in_the_order_of_time(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is missing in it is looked for elsewhere, and what is out of order misleads."""
    found = ask(shop, "inv-1", capsys)
    instants = [entry["at"] for entry in found["entries"]]
    assert instants == sorted(instants)
    assert kinds(found) == ["event"] * 4 + ["transition"] * 3
    moves = [one for one in found["entries"] if one["kind"] == "transition"]
    assert [(one["before"], one["after"], one["version"]) for one in moves] == [
        (None, "Pending", 1),
        ("Pending", "Underpaid", 2),
        ("Underpaid", "Confirmed", 3),
    ]
    assert all(re.fullmatch(r"btcpay/[0-9]+", one["mapping"]) for one in moves)
    events = [one["mapping"] for one in found["entries"] if one["kind"] == "event"]
    assert events == [moves[0]["mapping"]] * 4
    assert [one["event"] for one in moves] == [f"btcpay/shop/{name}" for name in ("c1", "r1", "s1")]
    assert found["payment"]["label"] == "Confirmed"
    assert found["payment"]["amounts"]["detected"] == [
        {"asset": "USDT", "atomic": "10500000", "decimals": 6}
    ]


def test_an_event_is_told_with_its_proof_its_place_and_its_facts(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever doubts a fact asks which delivery it came with, and which key proved that."""
    found = ask(shop, "r1", capsys)
    [event] = [one for one in found["entries"] if one.get("is_asked")]
    assert (event["event"], event["key"], event["assurance"]) == ("btcpay/shop/r1", "k1", "B")
    assert event["position"] == f"{PARTITION.topic}/0/1"
    assert event["body_digest"].startswith("sha256:")
    assert event["verdict"] == "applied"
    [fact] = event["facts"]
    assert (fact["kind"], fact["transfer"], fact["atomic"]) == ("seen", f"tx:{HASH}", "10500000")


def test_an_event_that_moved_nothing_tells_which_mapping_read_it(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mapping was wrong: which events did it read? Most of them moved nothing."""
    configuration, words = shop.configuration(), "btcpay/shop/s2"
    assert showing.run(configuration, words, as_json=True) == 0
    told_of = json.loads(capsys.readouterr().out)
    mapping = told_of["mapping"]
    assert told_of["verdict"] == "duplicate_fact"
    assert re.fullmatch(r"btcpay/[0-9]+", mapping)
    assert showing.run(configuration, words, as_json=False) == 0
    assert f"  verdict    duplicate_fact, by mapping {mapping}\n" in capsys.readouterr().out
    assert trace(configuration, Asked(words)) == 0
    assert f"      verdict duplicate_fact, by mapping {mapping}\n" in capsys.readouterr().out


def test_a_fact_that_was_known_is_told_as_such(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second event corroborates the first: it is no second payment."""
    found = ask(shop, "inv-1", capsys)
    stated = {
        entry["event"]: [fact["is_first"] for fact in entry["facts"]]
        for entry in found["entries"]
        if entry["kind"] == "event"
    }
    assert stated["btcpay/shop/s1"] == [True]
    assert stated["btcpay/shop/s2"] == [False]


def test_a_notice_is_waiting_until_it_has_gone_out(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first question of a downstream team is whether they were told."""
    assert "notice btcpay/shop/inv-1/3: waiting" in text(shop, "inv-1", capsys)
    shop.deliver_notices()
    assert "notice btcpay/shop/inv-1/3: delivered" in text(shop, "inv-1", capsys)


def text(shop: Shop, words: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Ask for the story as a person reads it."""
    capsys.readouterr()
    assert trace(shop.configuration(), Asked(words)) == 0
    return capsys.readouterr().out


def test_an_exception_is_told_with_its_owner_and_its_end(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whose turn it is stands in the story, and after it the way in which it ended."""
    found = ask(shop, "inv-2", capsys)
    [opened] = [one for one in found["entries"] if one["kind"] == "exception_opened"]
    assert (opened["code"], opened["owner"]) == ("LATE_FUNDS", "payment operations")
    assert found["payment"]["label"] == "Late"
    shop.use(_accept_late)
    after = ask(shop, "inv-2", capsys)
    assert "exception_closed" in kinds(after)
    assert after["payment"]["label"] == "Paid (accepted_late)"


async def _accept_late(store: Store) -> None:
    """Let an operator take the late money of inv-2, as the command does."""
    payment = payment_key("inv-2")
    event = Event(
        key=EventKey(OURSELVES, "operator", "ticket-7"),
        event_type="accept_late",
        source="sealgate",
        reference=payment.reference,
        key_id="",
        assurance="A",
        correlation_id="correlation-ticket-7",
        body_digest="sha256:7",
        received_ms=LATER_MS,
        position=Position(PARTITION._replace(topic="sealgate"), 0),
    )
    said = Said(
        event.key,
        payment,
        frozenset({simple(FactKind.ACCEPT_LATE, LATER_MS)}),
        Occasion(ENVIRONMENT, "accept_late", LATER_MS, TRACEPARENT),
        event.correlation_id,
        cause=Cause.OPERATOR,
    )
    done = await Desk(store, NO_POLICY, lambda: LATER_MS).do(Command(event, said))
    assert done.transition is not None


def test_an_operators_command_is_shown_and_explained_with_its_payment(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no word of a provider's, and it moved the payment: both commands must say so."""
    shop.use(_accept_late)
    capsys.readouterr()
    assert showing.run(shop.configuration(), "sealgate/operator/ticket-7", as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["payment"]["payment"] == "btcpay/shop/inv-2"
    assert [one["kind"] for one in found["statements"] if one["by_this_event"]] == ["accept_late"]
    assert [one["after"] for one in found["transitions"] if one["by_this_event"]] == ["Paid"]
    assert why(shop.configuration(), Asked("inv-2")) == 0
    told_of = capsys.readouterr().out.partition("sealgate/operator/ticket-7\n")[2]
    assert (
        told_of.splitlines()[0].strip().startswith("accept_late, stated by ourselves (operator):")
    )


@pytest.mark.parametrize(
    "words", ["sealgate/operator/ticket-7", "ticket-7", "correlation-ticket-7"]
)
def test_an_operators_command_is_part_of_the_story_and_finds_it(
    shop: Shop, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    """A command names the payment's reference alone: its story is still that of the payment."""
    shop.use(_accept_late)
    found = ask(shop, words, capsys)
    assert found["payment"]["payment"] == "btcpay/shop/inv-2"
    [event] = [one for one in found["entries"] if one.get("is_asked")]
    assert [fact["kind"] for fact in event["facts"]] == ["accept_late"]
    assert any(
        one["kind"] == "transition" and one["cause"] == "operator" for one in found["entries"]
    )


def test_a_mark_and_what_it_took_back_are_told(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """A state that went backwards without a word would look like a fault."""
    asked = marking.Asked(Judgement.VOID, ("s1", "s2"), "forged", "kim", is_applied=True)
    assert marking.run(shop.configuration(), asked) == 0
    found = ask(shop, "inv-1", capsys)
    marks = [one for one in found["entries"] if one["kind"] == "mark"]
    assert {(one["event"], one["judgement"], one["by"]) for one in marks} == {
        ("btcpay/shop/s1", "void", "kim"),
        ("btcpay/shop/s2", "void", "kim"),
    }
    assert [one["cause"] for one in found["entries"] if one["kind"] == "transition"][-1] == "void"
    assert found["payment"]["label"] == "Underpaid"


def test_of_several_payments_none_is_guessed_and_each_is_named(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """To show one customer's payment for another's is worse than to ask again."""
    listed = refused(shop, "0xBB00000000bb", capsys)
    assert "stands for 2 things" in listed
    names = re.findall(r"btcpay/shop/inv-[0-9]", listed)
    assert names == ["btcpay/shop/inv-3", "btcpay/shop/inv-4"]
    assert [ask(shop, name, capsys)["payment"]["payment"] for name in names] == names


def test_an_unknown_id_is_answered_with_where_to_look(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is in the quarantine, not read yet, or of another environment: all three happen."""
    said = refused(shop, "019b0000-0000-7000-8000-000000000009", capsys)
    for word in ("quarantine", "no worker has read", "another environment"):
        assert word in said


@pytest.mark.parametrize("words", ["", "x" * 3000, "%", "'; DROP TABLE event; --", "\x1b[2J", "/"])
def test_odd_words_stand_for_nothing(
    shop: Shop, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    """What is pasted into a terminal at night is not always an id."""
    said = refused(shop, words, capsys)
    assert all(char.isprintable() or char == "\n" for char in said)


def unmatched(name: str) -> Envelope:
    """Seal an event that names no payment."""
    return told(name, "", "InvoiceSettled", at_s=3)


def test_an_event_that_concerns_no_payment_has_a_story_too(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Money without a name is what most of the searching is about."""
    shop.apply(unmatched("lost"), told("odd", "inv-9", "InvoiceUnheardOf", at_s=4))
    found = ask(shop, "lost", capsys)
    assert found["payment"] is None
    assert kinds(found)[0] == "event"
    assert found["entries"][0]["verdict"] == "unmatched"
    unheard = ask(shop, "inv-9", capsys)
    assert unheard["payment"]["state"] is None
    codes = [one["code"] for one in unheard["entries"] if one["kind"] == "exception_opened"]
    assert codes == ["UNKNOWN_TYPE"]
    assert "no fact of this payment was ever stated" in text(shop, "inv-9", capsys)


def test_a_record_that_was_buried_is_found_by_its_place(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has no event, no payment and no story but this one."""

    async def bury(store: Store) -> None:
        letter = DeadLetter(Position(PARTITION, 99), "no envelope", b"", b"x", (), BEGIN_MS)
        async with store.transaction() as tx:
            await tx.save(Changes(dead_letters=[letter]))

    shop.use(bury)
    assert "because no envelope" in text(shop, f"{PARTITION.topic}/0/99", capsys)


def test_nothing_in_a_story_moves_the_cursor(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """A provider's text, or an operator's, must not rewrite what the next operator reads."""

    async def judge(store: Store) -> None:
        mark = Mark(event_key("r1"), Judgement.CORROBORATED, "\x1b]0;x\x07", "k\nim", BEGIN_MS)
        async with store.transaction() as tx:
            await tx.save(Changes(marks=[mark]))

    shop.use(judge)
    shown = text(shop, "r1", capsys)
    assert "]0;x" in shown
    assert all(char.isprintable() or char == "\n" for char in shown)


def test_to_look_changes_nothing(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """A report that writes could hide what it reports on."""
    url = f"sqlite://{shop.directory}/store.db"
    before = asyncio.run(tables(url))
    assert text(shop, "inv-1", capsys)
    assert asyncio.run(tables(url)) == before


def test_a_database_that_is_not_there_is_no_empty_story(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An answer that nothing is known would be believed."""
    assert trace(Shop(tmp_path).configuration(), Asked("inv-1")) == 69
    assert not (tmp_path / "store.db").exists()
    assert CANARY not in capsys.readouterr().err
