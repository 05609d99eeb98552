"""A small ledger of two months, as events and decisions tell it to a store, in order.

March holds eleven payments and a deposit. Then March is closed, and April takes some of it back,
brings what is late, and matches the deposit. What it all comes to is worked out by hand in
tests/conformance/test_exports.py; amounts are in whole units there, and atomic here.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from consumers.facts import OFF, ON, Fact, FactKind, RefundStatus, simple
from consumers.lifecycle import State
from consumers.store.deposits import Deposit, DepositMove, DepositState, Matching
from consumers.store.kept import Kept
from consumers.store.port import (
    Changes,
    Event,
    EventKey,
    Handled,
    Judgement,
    Mark,
    Payment,
    PaymentKey,
    Saved,
    Store,
)
from consumers.voiding import Rim, void
from ingress.eventlog.port import Partition, Position
from tests.support.builders import TRACEPARENT
from tests.support.store_told import Teller

TRON, BSC, ETHEREUM = "USDT@tron", "USDT@bsc", "USDC@ethereum"
UNIT = 10**6
HUGE = 12 * 10**18  # beyond 2^63
DEPOSIT = PaymentKey("alchemy", "main", "deposit:tx:ETH_MAINNET:0xd1:0x1")
PAYS = PaymentKey("kobbopay", "main", "p06")
ZONE = "Europe/Berlin"


def at(text: str) -> int:
    """Read an instant of 2026, such as 03-05T12:00Z."""
    return round(datetime.fromisoformat(f"2026-{text}").timestamp() * 1000)


def seen(amount: int, when: str, key: str = "tx:1", asset: str = TRON) -> Fact:
    """State money that was seen."""
    return simple(FactKind.SEEN, at(when), key=key, asset=asset, amount=amount)


def final(amount: int, when: str, key: str = "tx:1", asset: str = TRON, detail: str = "") -> Fact:
    """State final money."""
    return simple(FactKind.FINAL, at(when), key=key, asset=asset, amount=amount, detail=detail)


def booked(amount: int, when: str, key: str, detail: str = ON) -> Fact:
    """State what finance booked, or took back."""
    return simple(FactKind.POSTED, at(when), key=key, asset=TRON, amount=amount, detail=detail)


def credited(amount: int, when: str, part: str) -> Fact:
    """State what the provider credited, or kept."""
    return simple(
        FactKind.SETTLED, at(when), key="agg:kobbopay:p10", asset=TRON, amount=amount, detail=part
    )


MARCH: Sequence[tuple[str, Sequence[Fact]]] = (
    ("p01", [final(100 * UNIT, "03-05T12:00Z")]),
    ("p01", [booked(100 * UNIT, "03-06T12:00Z", "GL-1")]),
    ("p02", [final(50 * UNIT, "03-10T12:00Z", detail="block-2")]),
    ("p03", [seen(33 * UNIT, "03-31T21:59:59.999Z")]),
    ("p04", [final(70 * UNIT, "03-12T12:00Z")]),
    (
        "p04",
        [
            simple(
                FactKind.REFUND,
                at("03-20T12:00Z"),
                key="re-4",
                asset=TRON,
                amount=30 * UNIT,
                detail=RefundStatus.SUCCEEDED,
            )
        ],
    ),
    ("p05", [final(HUGE, "03-15T12:00Z", asset=BSC)]),
    (
        "p06",
        [
            simple(FactKind.EXPECTED, 0, asset=TRON, amount=100 * UNIT),
            final(40 * UNIT, "03-08T12:00Z"),
        ],
    ),
    ("p07", [seen(25 * UNIT, "03-09T12:00Z")]),
    ("p07", [simple(FactKind.DROPPED, at("03-11T12:00Z"), key="tx:1")]),
    ("p08", [final(60 * UNIT, "03-06T12:00Z")]),
    ("p08", [booked(60 * UNIT, "03-07T12:00Z", "GL-8")]),
    (
        "p09",
        [
            final(10 * UNIT, "03-18T12:00Z"),
            final(5 * UNIT, "03-19T12:00Z", key="tx:2", asset=ETHEREUM),
        ],
    ),
    ("p10", [final(20 * UNIT, "03-24T12:00Z")]),
    ("p10", [credited(20 * UNIT, "03-25T12:00Z", "gross"), credited(UNIT, "03-25T12:00Z", "fee")]),
    ("p11", [final(90 * UNIT, "03-21T12:00Z")]),
)
APRIL: Sequence[tuple[str, Sequence[Fact]]] = (
    ("p02", [simple(FactKind.REMOVED, at("04-02T12:00Z"), key="tx:1", detail="block-2")]),
    ("p03", [final(33 * UNIT, "03-31T22:30Z")]),
    ("p08", [booked(60 * UNIT, "04-03T12:00Z", "GL-8", OFF)]),
    ("p12", [final(15 * UNIT, "03-30T12:00Z")]),
)


async def tell(store: Store, told: Sequence[tuple[str, Sequence[Fact]]], month: str) -> None:
    """Tell events, one batch for each."""
    tellers: dict[str, Teller] = {}
    for number, (reference, facts) in enumerate(told):
        teller = tellers.setdefault(reference, Teller(store, reference=reference))
        await teller.tell((f"{month}-{number}", facts))


async def march(store: Store) -> None:
    """Tell March, the deposit last."""
    await tell(store, MARCH, "march")
    event = EventKey("alchemy", "main", "whevt-1")
    when = at("03-17T12:00Z")
    fact = final(10 * UNIT, "03-17T12:00Z", key="ETH_MAINNET:0xd1:0x1", asset=ETHEREUM)
    kept = Payment(DEPOSIT, State.PENDING, 0, frozenset({fact}), when, Kept.DEPOSIT)
    row = Deposit(DEPOSIT, "ethereum", "0xd1", "0xshop", "0xpayer", "", "", event, when)
    changes = Changes(
        verdicts={event: Handled("unmatched")},
        facts=[(DEPOSIT, fact, event)],
        payments=[Saved(kept, 0)],
        matching=Matching(deposits=[row]),
    )
    await write(store, event, changes)


async def april(store: Store) -> None:
    """Tell April: events, an event that is void, and whose the deposit is."""
    await tell(store, APRIL, "april")
    clock = at("04-04T12:00Z")
    mark = Mark(
        Teller(store, reference="p11").event("march-15"),
        Judgement.VOID,
        "the provider does not know it",
        "alice",
        clock,
    )
    await void(store, [mark], Rim("sandbox", lambda: clock, lambda: TRACEPARENT))
    await match(store, 1, PAYS)


async def match(store: Store, version: int, payment: PaymentKey | None) -> None:
    """Say whose the deposit is; None: nobody's."""
    event = EventKey("sealgate", "operator", f"match-{version}")
    state = DepositState.MATCHED if payment else DepositState.UNMATCHED
    move = DepositMove(DEPOSIT, version, state, payment, "{}", event, at("04-05T12:00Z"))
    await write(store, event, Changes(matching=Matching(moves=[move])))


async def write(store: Store, key: EventKey, changes: Changes) -> None:
    """Write what one event leads to."""
    plain = Event(key, "t", "s", "", "", "", "c-1", "d", at("03-17T12:00Z"), _NOWHERE)
    async with store.transaction() as tx:
        assert await tx.claim([plain])
        await tx.save(replace(changes, verdicts={key: Handled("applied_no_change")}))


_NOWHERE = Position(Partition("", 0), 0)
