"""What a self-test proves: every claim of it fails where the gateway did what it must not.

The real self-test is played in tests/acceptance/test_evidence.py; here its outcome is spoilt, one
thing at a time, and exactly the claim that is about this must say so.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from consumers.fulfilment import NONE_YET
from consumers.lifecycle import State
from consumers.store.cases import Anomaly, Item, Status
from consumers.store.port import (
    Event,
    EventKey,
    Payment,
    PaymentKey,
    Recorded,
    Transition,
)
from ingress.contract.envelope import Envelope
from ingress.eventlog.port import Partition, Position
from ingress.providers import load
from sealgate.demo.observe import Heard
from sealgate.evidence.acts import Deeds, Sent
from sealgate.evidence.claims import NAMED, Proof, Verdict
from sealgate.evidence.ground import KEY_ID, Subject
from sealgate.evidence.judged import Seen, Shortfall, findings
from sealgate.simulator.keys import SigningKey
from sealgate.simulator.twist import Twist
from sealgate.simulator.wire import Answer
from tests.support.builders import envelope

FORWARDS, BACKWARDS, SHORT = (PaymentKey("kobbopay", "main", name) for name in ("f", "b", "s"))
KEY = SigningKey(b"self-test")
SUBJECT = Subject("shop", load("kobbopay"), "main", "", KEY, KEY)
SELF_TEST = {name for name, claim in NAMED.items() if claim.proof is Proof.SELF_TEST}


def sent(correlation: str, what: Twist = Twist.GENUINE, status: int = 200) -> Sent:
    """Send something, and be answered."""
    return Sent("shop", what, "f", f"evt-{correlation}", Answer(status, correlation, b"", 0.01))


def sealed(correlation: str, event: str = "") -> Envelope:
    """Seal what was accepted."""
    key = event or f"evt-{correlation}"
    return envelope(correlation_id=correlation, key_id=KEY_ID, event_key=key)


def row(correlation: str, verdict: str = "applied") -> Recorded:
    """Keep the event of an envelope."""
    told = sealed(correlation)
    key = EventKey(told.provider, told.account, told.event_key)
    at = Position(Partition("t", 0), 0)
    event = Event(key, "w", "u", "f", KEY_ID, "A", correlation, "sha256:0", 1, at)
    return Recorded(event, verdict)


def moved(payment: PaymentKey, correlation: str, before: State | None, after: State) -> Transition:
    """Move a payment by the event of an answer."""
    return Transition(payment, 1, before, after, row(correlation).event.key, correlation, 1)


def item(status: Status) -> Item:
    """Raise an exception about the shortfall."""
    anomaly = Anomaly("AMOUNT_UNDER", "kobbopay/main/s", 3, "less", None, 1)
    return Item(1, anomaly, 1, 1, status, "", None, 0, 0, None)


def well() -> tuple[Deeds, Seen]:
    """Make a self-test that went well: told twice, attacked once, and an unreadable event."""
    deeds = Deeds(
        genuine=[sent("a")],
        again=[replace(sent("a2"), event="evt-a")],
        attacks=[sent("x", Twist.FORGED, 401)],
        tales=[(SUBJECT, "f", "b")],
        told=[sent("b"), sent("s")],
        broken=sent("z", Twist.BROKEN),
    )
    moves = {
        FORWARDS: [moved(FORWARDS, "a", None, State.PAID)],
        BACKWARDS: [moved(BACKWARDS, "b", None, State.PAID)],
        SHORT: [moved(SHORT, "s", None, State.PAID)],
    }
    rows = {one.event.key: one for one in (row("a"), row("b"), row("s"), row("z", "unparseable"))}
    envelopes = {name: sealed(name) for name in ("a", "b", "s", "z")}
    return deeds, Seen(
        envelopes={**envelopes, "a2": sealed("a2", "evt-a")},
        rows=rows,
        events=4,
        twice=0,
        payments={
            key: Payment(key, State.PAID, 1, frozenset(), 1, None, NONE_YET) for key in moves
        },
        moves=moves,
        heard=[
            Heard("n", key, 1, None, State.PAID, "w", same[0].correlation_id)
            for key, same in moves.items()
        ],
        raised={"SCHEMA_DRIFT", "AMOUNT_UNDER"},
        shortfall=Shortfall(SHORT, [item(Status.OPEN)], [item(Status.AUTO_RESOLVED)]),
        places={key: 2 if key.key == "evt-a" else 1 for key in rows},
    )


def verdicts(deeds: Deeds, seen: Seen) -> dict[str, Verdict]:
    """Judge, and return the verdicts by claim."""
    return {one.name: one.verdict for one in findings(deeds, seen)}


def test_a_self_test_that_went_well_proves_every_claim_of_it() -> None:
    """And no claim of another kind: what was rehearsed did not happen."""
    assert verdicts(*well()) == dict.fromkeys(SELF_TEST, Verdict.PROVEN)


def test_a_self_test_in_which_nothing_was_done_proves_nothing() -> None:
    """No source that could be tried, no proof."""
    nothing = Seen({}, {}, 0, 0, {}, {}, [], [])
    assert verdicts(Deeds(), nothing) == dict.fromkeys(SELF_TEST, Verdict.NOT_YET)


def _moved_to(seen: Seen, payment: PaymentKey, state: State) -> Seen:
    changed = seen.payments[payment]._replace(state=state)
    return replace(seen, payments={**seen.payments, payment: changed})


Spoil = Callable[[Deeds, Seen], tuple[Deeds, Seen]]
SPOILT: dict[str, tuple[str, Spoil]] = {
    "a genuine delivery was refused": (
        "genuine-accepted",
        lambda deeds, seen: (replace(deeds, genuine=[sent("a", status=401)]), seen),
    ),
    "another key is said to have proven it": (
        "genuine-accepted",
        lambda deeds, seen: (
            deeds,
            replace(
                seen,
                envelopes={**seen.envelopes, "a": replace(sealed("a"), key_id="another")},
            ),
        ),
    ),
    "a forgery was accepted": (
        "forgeries-refused",
        lambda deeds, seen: (replace(deeds, attacks=[sent("x", Twist.FORGED)]), seen),
    ),
    "a forgery was refused, and is in the log": (
        "forgeries-refused",
        lambda deeds, seen: (
            deeds,
            replace(seen, envelopes={**seen.envelopes, "x": sealed("x")}),
        ),
    ),
    "the log holds more than was accepted": (
        "forgeries-refused",
        lambda deeds, seen: (
            deeds,
            replace(seen, places={**seen.places, EventKey("kobbopay", "main", "evt-q"): 1}),
        ),
    ),
    "a repetition has a row of its own": (
        "repetitions-change-nothing",
        lambda deeds, seen: (deeds, replace(seen, events=5)),
    ),
    "an event moved a payment twice": (
        "repetitions-change-nothing",
        lambda deeds, seen: (deeds, replace(seen, twice=1)),
    ),
    "a repetition was refused": (
        "repetitions-change-nothing",
        lambda deeds, seen: (
            replace(deeds, again=[replace(sent("a2", status=500), event="evt-a")]),
            seen,
        ),
    ),
    "the order decided": (
        "any-order",
        lambda deeds, seen: (deeds, _moved_to(seen, BACKWARDS, State.LATE)),
    ),
    "a transition is not in the table": (
        "any-order",
        lambda deeds, seen: (
            deeds,
            replace(
                seen,
                moves={
                    **seen.moves,
                    FORWARDS: [moved(FORWARDS, "a", State.CONFIRMED, State.EXPIRED)],
                },
            ),
        ),
    ),
    "an unreadable event raised nothing": (
        "unreadable-becomes-work",
        lambda deeds, seen: (deeds, replace(seen, raised={"AMOUNT_UNDER"})),
    ),
    "an unreadable event was applied": (
        "unreadable-becomes-work",
        lambda deeds, seen: (
            deeds,
            replace(seen, rows={**seen.rows, row("z").event.key: row("z")}),
        ),
    ),
    "the exception stayed open": (
        "shortfall-opens-and-closes",
        lambda deeds, seen: (
            deeds,
            replace(seen, shortfall=Shortfall(SHORT, [item(Status.OPEN)], [item(Status.OPEN)])),
        ),
    ),
    "a notice has another correlation id": (
        "one-correlation-id",
        lambda deeds, seen: (deeds, replace(seen, heard=seen.heard[1:])),
    ),
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_claim_fails_where_the_gateway_did_what_it_must_not(spoilt: str) -> None:
    """A self-test that cannot fail would be a comfort and no proof."""
    name, spoil = SPOILT[spoilt]
    assert verdicts(*spoil(*well()))[name] is Verdict.FAILED


def test_a_shortfall_that_the_policy_tolerates_is_not_proven_and_no_failure() -> None:
    """Whose policy takes 20 of 49 is not told that the gateway is broken."""
    deeds, seen = well()
    none = replace(seen, shortfall=Shortfall(SHORT, [], []))
    assert verdicts(deeds, none)["shortfall-opens-and-closes"] is Verdict.NOT_YET
