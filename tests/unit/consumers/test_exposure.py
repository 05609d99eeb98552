"""What a key proved, weighed: twelve events of two keys, every answer worked out by hand.

Key k1 leaked; the window is [1000, 2000). Received at, key, payment, what is stated:

| event | at | key | payment | states | expected |
| --- | --- | --- | --- | --- | --- |
| e1 | 1100 | k1 | inv-1 | tx:a 1000 USDT seen | corroborated: e2, of another key |
| e2 | 1300 | k2 | inv-1 | tx:a 1000 USDT seen, the same | not listed: another key |
| e3 | 1200 | k1 | inv-2 | tx:b 5000 USDT final | contradicted: e4 tells 3000 |
| e4 | 1250 | k2 | inv-2 | tx:b 3000 USDT final | not listed: another key |
| e5 | 1300 | k1 | inv-3 | whole, final, no amount | uncorroborated: e12 tells something else |
| e6 | 900 | k1 | inv-4 | tx:d 12e18 wei final | not listed: before the window |
| e7 | 1400 | k1 | inv-4 | tx:d 12e18 wei final, the same | corroborated: e6, before the leak |
| e8 | 1500 | k1 | inv-5 | tx:e 700 USDT final | corroborated: an operator looked |
| e9 | 1600 | k1 | inv-5 | tx:f 800 USDT final | contradicted: an operator looked |
| e10 | 1700 | k1 | inv-6 | tx:g 9 satoshi final | void |
| e11 | 1800 | k1 | - | nothing: a hint | no effect |
| e12 | 2000 | k1 | inv-3 | tx:c 1 USDT seen | not listed: at the window's end |
"""

from collections.abc import Sequence

import pytest

from consumers.exposure import Marks, Stake, Standing, Story, Window, tally, weigh
from consumers.facts import Fact, FactKind
from consumers.ledger import Ledger, Row
from consumers.lifecycle import State
from consumers.store.port import (
    Event,
    EventKey,
    Judgement,
    Mark,
    PaymentKey,
    Recorded,
    Statement,
    Transition,
)
from ingress.eventlog.port import Partition, Position

URI = "urn:sealgate:test:shop"
WINDOW = Window(frozenset({URI}), "k1", 1000, 2000)
ETHER_12 = 12_000_000_000_000_000_000


def key(name: str) -> EventKey:
    """Name an event."""
    return EventKey("btcpay", "shop", name)


def payment(name: str) -> PaymentKey:
    """Name a payment."""
    return PaymentKey("btcpay", "shop", name)


def event(name: str, at_ms: int, key_id: str, reference: str, source: str = URI) -> Recorded:
    """Make a stored event."""
    return Recorded(
        Event(
            key=key(name),
            event_type="InvoiceSettled",
            source=source,
            reference=reference,
            key_id=key_id,
            assurance="B",
            correlation_id=f"c-{name}",
            body_digest=f"sha256:{name}",
            received_ms=at_ms,
            position=Position(Partition("payments.test.verified", 0), at_ms),
        ),
        "applied" if reference else "hint",
    )


def final(transfer: str, amount: int | None, asset: str = "USDT", **changes: object) -> Fact:
    """State a final transfer; all at the instant 50 unless told otherwise."""
    told = {"kind": FactKind.FINAL, "whole": False, "late": False, "at_ms": 50, **changes}
    return Fact(key=transfer, asset=asset, amount=amount, **told)


def story(reference: str, *told: tuple[Recorded, Fact]) -> Story:
    """Tell a payment: each event with what it stated, and one transition by the first."""
    first = told[0][0].event
    return Story(
        payment(reference),
        [recorded for recorded, _ in told],
        [Statement(fact, recorded.event.key) for recorded, fact in told],
        [Transition(payment(reference), 1, None, State.CONFIRMED, first.key, "c", 60)],
    )


def mark(name: str, judgement: Judgement, at_ms: int = 3000) -> Mark:
    """Mark an event."""
    return Mark(key(name), judgement, "looked at the dashboard", "kim", at_ms)


SEEN_A = final("tx:a", 1000, kind=FactKind.SEEN)
WHOLE = final("agg:btcpay:inv-3", None, asset="", whole=True)
STORIES = [
    story(
        "inv-1",
        (event("e1", 1100, "k1", "inv-1"), SEEN_A),
        (event("e2", 1300, "k2", "inv-1"), SEEN_A),
    ),
    story(
        "inv-2",
        (event("e3", 1200, "k1", "inv-2"), final("tx:b", 5000)),
        (event("e4", 1250, "k2", "inv-2"), final("tx:b", 3000)),
    ),
    story(
        "inv-3",
        (event("e5", 1300, "k1", "inv-3"), WHOLE),
        (event("e12", 2000, "k1", "inv-3"), final("tx:c", 1, kind=FactKind.SEEN)),
    ),
    story(
        "inv-4",
        (event("e6", 900, "k1", "inv-4"), final("tx:d", ETHER_12, "ETH")),
        (event("e7", 1400, "k1", "inv-4"), final("tx:d", ETHER_12, "ETH")),
    ),
    story(
        "inv-5",
        (event("e8", 1500, "k1", "inv-5"), final("tx:e", 700)),
        (event("e9", 1600, "k1", "inv-5"), final("tx:f", 800)),
    ),
    story("inv-6", (event("e10", 1700, "k1", "inv-6"), final("tx:g", 9, "BTC"))),
    Story(payment(""), [event("e11", 1800, "k1", "")]),
]
MARKS: Marks = {
    key("e8"): [mark("e8", Judgement.CORROBORATED)],
    # Of two words the last counts.
    key("e9"): [mark("e9", Judgement.CORROBORATED), mark("e9", Judgement.CONTRADICTED, 3001)],
    key("e10"): [mark("e10", Judgement.VOID)],
}


def weighed(ledger: Ledger | None = None, marks: Marks = MARKS) -> list[Stake]:
    """Weigh the twelve events."""
    return [weigh(WINDOW, told, marks, ledger) for told in STORIES]


def standings(stakes: Sequence[Stake]) -> dict[str, str]:
    """Return the standing of each listed event by its name."""
    return {
        one.recorded.event.key.key: one.standing.value for stake in stakes for one in stake.events
    }


def test_every_event_of_the_table_stands_as_worked_out_by_hand() -> None:
    """The report decides what is taken back and what is delivered: one wrong class costs money."""
    assert standings(weighed()) == {
        "e1": "corroborated",
        "e3": "contradicted",
        "e5": "uncorroborated",
        "e7": "corroborated",
        "e8": "corroborated",
        "e9": "contradicted",
        "e10": "void",
        "e11": "no effect",
    }


@pytest.mark.parametrize(
    ("standing", "events", "payments", "amounts", "unpriced"),
    [
        (Standing.CORROBORATED, 3, 3, {"USDT": 1700, "ETH": ETHER_12}, 0),
        (Standing.CONTRADICTED, 2, 2, {"USDT": 5800}, 0),
        (Standing.UNCORROBORATED, 1, 1, {}, 1),
        (Standing.NO_EFFECT, 1, 0, {}, 0),
        (Standing.VOID, 1, 1, {"BTC": 9}, 0),
    ],
)
def test_the_totals_of_the_table_are_those_added_up_by_hand(
    standing: Standing, events: int, payments: int, amounts: dict[str, int], unpriced: int
) -> None:
    """Finance books from the totals; 12e18 is more than 64 bits hold."""
    found = tally(weighed(), standing)
    assert (found.events, found.payments, found.amounts, found.unpriced) == (
        events,
        payments,
        amounts,
        unpriced,
    )


def test_what_a_payment_is_without_its_unsupported_events() -> None:
    """What is at risk is what would be gone, not all that was ever told of the payment."""
    by_name = {stake.key.reference: stake for stake in weighed()}
    # inv-2: 5000 told, 3000 left by k2; inv-5: 1500 told, 700 left; inv-3: no amount either way.
    assert by_name["inv-2"].unsupported == {"USDT": 2000}
    assert by_name["inv-5"].unsupported == {"USDT": 800}
    assert by_name["inv-3"].unsupported == {}
    assert (by_name["inv-3"].state, by_name["inv-3"].without) == (State.CONFIRMED, State.UNDERPAID)
    assert by_name["inv-4"].state is by_name["inv-4"].without


def test_an_event_tells_what_it_moved_and_who_bears_it_out() -> None:
    """Whoever reads the report must be able to follow every claim to its evidence."""
    (exposed,) = weigh(WINDOW, STORIES[0], {}).events
    assert [move.version for move in exposed.transitions] == [1]
    assert [(one.key.key, one.key_id) for one in exposed.witnesses] == [("e2", "k2")]
    assert exposed.facts == (SEEN_A,)


def test_two_forgeries_do_not_bear_each_other_out() -> None:
    """Whoever has the key can say everything twice."""
    twice = story(
        "p", (event("f1", 1100, "k1", "p"), SEEN_A), (event("f2", 1200, "k1", "p"), SEEN_A)
    )
    assert set(standings([weigh(WINDOW, twice, {})]).values()) == {"uncorroborated"}


@pytest.mark.parametrize("judgement", [Judgement.VOID, Judgement.CONTRADICTED])
def test_an_event_that_is_false_itself_bears_nothing_out(judgement: Judgement) -> None:
    """A second leaked key must not vouch for the first once its events are known as forged."""
    marks = {key("e2"): [mark("e2", judgement)]}
    assert standings([weigh(WINDOW, STORIES[0], marks)]) == {"e1": "uncorroborated"}


def test_a_key_of_the_same_name_at_another_source_is_another_key() -> None:
    """Key ids are chosen per source: `k1` everywhere is the usual case."""
    other = event("e2", 1300, "k1", "inv-1", source="urn:sealgate:test:other")
    told = story("inv-1", (event("e1", 1100, "k1", "inv-1"), SEEN_A), (other, SEEN_A))
    assert standings([weigh(WINDOW, told, {})]) == {"e1": "corroborated"}


@pytest.mark.parametrize(
    ("change", "standing"),
    [
        ({"at_ms": 50}, "corroborated"),
        ({"at_ms": 49}, "corroborated"),
        # The forged instant is earlier than the true one: it turns a late payment into one on time.
        ({"at_ms": 51}, "uncorroborated"),
        ({"late": True}, "uncorroborated"),
        ({"whole": True}, "uncorroborated"),
        ({"key": "tx:other"}, "uncorroborated"),
        ({"asset": "USDC"}, "contradicted"),
        ({"amount": 999}, "contradicted"),
        ({"amount": None}, "uncorroborated"),
        # What is final was seen; what was only seen is not final.
        ({"kind": FactKind.SEEN}, "uncorroborated"),
    ],
)
def test_a_witness_must_state_at_least_as_much(change: dict[str, object], standing: str) -> None:
    """Whatever the forged event adds to what others say is not borne out by them."""
    told = {"transfer": "tx:a", "amount": 1000, **change}
    told["transfer"] = told.pop("key", told["transfer"])
    witness = final(told.pop("transfer"), told.pop("amount"), **told)
    both = story(
        "p",
        (event("e1", 1100, "k1", "p"), final("tx:a", 1000)),
        (event("w", 1200, "k2", "p"), witness),
    )
    assert standings([weigh(WINDOW, both, {})]) == {"e1": standing}


def test_one_fact_alone_leaves_the_whole_event_in_doubt() -> None:
    """A forger wraps one false statement in true ones."""
    forged = event("e1", 1100, "k1", "p")
    told = story(
        "p",
        (forged, final("tx:a", 1000)),
        (forged, final("tx:z", 5)),
        (event("w", 1200, "k2", "p"), final("tx:a", 1000)),
    )
    two = Story(told.key, [forged, told.events[2]], told.statements, told.transitions)
    assert standings([weigh(WINDOW, two, {})]) == {"e1": "uncorroborated"}


def test_a_running_total_is_contradicted_only_by_a_smaller_one_that_is_not_older() -> None:
    """Totals grow: 400 and then 1000 is a payment in two parts, not a contradiction."""
    claimed = final("agg:btcpay:p", 1000, at_ms=50)
    for amount, at_ms, standing in ((400, 40, "uncorroborated"), (400, 60, "contradicted")):
        told = story(
            "p",
            (event("e1", 1100, "k1", "p"), claimed),
            (event("w", 1200, "k2", "p"), final("agg:btcpay:p", amount, at_ms=at_ms)),
        )
        assert standings([weigh(WINDOW, told, {})]) == {"e1": standing}


def test_a_complete_ledger_settles_what_the_events_leave_open() -> None:
    """The provider's own list is the usual end of an incident: e5 is in it, or was never sent."""
    holds = Ledger([Row(2, payment="inv-3", status=State.CONFIRMED)], is_complete=True)
    assert standings(weighed(holds))["e5"] == "corroborated"
    lacks = Ledger([Row(2, payment="inv-9", status=State.CONFIRMED)], is_complete=True)
    assert standings(weighed(lacks))["e5"] == "contradicted"
    partial = Ledger([Row(2, payment="inv-9", status=State.CONFIRMED)], is_complete=False)
    assert standings(weighed(partial))["e5"] == "uncorroborated"


def test_an_operators_word_goes_before_the_ledgers() -> None:
    """A person who looked knows of the row that the export has lost."""
    lacks = Ledger([Row(2, payment="inv-9", status=State.CONFIRMED)], is_complete=True)
    found = standings(weighed(lacks))
    assert (found["e8"], found["e9"]) == ("corroborated", "contradicted")
    # What the ledger denies is contradicted, though another event states it.
    assert found["e1"] == "contradicted"


def test_an_id_that_came_with_two_bodies_is_not_proven_by_the_id() -> None:
    """A forger may take a real event's id, and the ledger knows nothing but the id."""
    variant = "e1~0123456789abcdef"
    told = story(
        "p",
        (event("e1", 1100, "k1", "p"), final("tx:a", 1000)),
        (event(variant, 1200, "k1", "p"), final("tx:a", 1)),
    )
    listed = Ledger([Row(2, event="e1")], is_complete=True)
    assert standings([weigh(WINDOW, told, {}, listed)]) == {
        "e1": "uncorroborated",
        variant: "uncorroborated",
    }
    alone = Story(told.key, told.events[:1], told.statements[:1], told.transitions)
    assert standings([weigh(WINDOW, alone, {}, listed)]) == {"e1": "corroborated"}
