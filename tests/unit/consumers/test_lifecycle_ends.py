"""Failed, Cancelled, Reversed, Refunded: sentences that finance signs, each worked out by hand."""

import pytest

from consumers.facts import OPEN, Fact, FactKind, Failure, RefundStatus, simple
from consumers.lifecycle import State, Verdict, decide, reduce
from consumers.weighing import Terms, Tolerance

WINDOW_MS = 1000
ASKED = simple(FactKind.EXPECTED, 0, asset="USDC", amount=100)._replace(expires_ms=WINDOW_MS)
ANY = simple(FactKind.EXPECTED, 0, detail=OPEN)
EXPIRED = simple(FactKind.EXPIRED, WINDOW_MS)
CANCELLED = simple(FactKind.CANCELLED, 600)
CANCELLED_AFTER = simple(FactKind.CANCELLED, 1600)
UNCONFIRMED = simple(FactKind.FAILED, 900, detail=Failure.UNCONFIRMED)
AML = simple(FactKind.FAILED, 900, detail=Failure.AML)
ACCEPT_LATE = simple(FactKind.ACCEPT_LATE, 3000)
ACCEPT_UNDER = simple(FactKind.ACCEPT_UNDER, 3000)


def seen(amount: int | None, at_ms: int = 500, key: str = "tx:1", block: str = "") -> Fact:
    """Observe a transfer."""
    kind = FactKind.SEEN
    return simple(kind, at_ms, key=key, asset="USDC", amount=amount, detail=block)


def final(amount: int | None, at_ms: int = 700, key: str = "tx:1", block: str = "") -> Fact:
    """Make a transfer final."""
    return seen(amount, at_ms, key, block)._replace(kind=FactKind.FINAL)


def removed(block: str = "", key: str = "tx:1") -> Fact:
    """Take a block away."""
    return simple(FactKind.REMOVED, 800, key=key, detail=block)


def dropped(key: str = "tx:1") -> Fact:
    """Let a transfer vanish before it is in a block."""
    return simple(FactKind.DROPPED, 800, key=key)


def back(amount: int | None, at_ms: int = 2000, key: str = "re:1", done: str = "succeeded") -> Fact:
    """Give money back."""
    return simple(FactKind.REFUND, at_ms, key=key, asset="USDC", amount=amount, detail=done)


ALL = back(None, key="agg:shop:1")._replace(whole=True)

SCENARIOS = [
    # Failed: before Paid in weight, and after Confirmed.
    ("refused before money", {ASKED, AML}, State.FAILED),
    ("refused, and the money is only seen", {ASKED, seen(100), UNCONFIRMED}, State.FAILED),
    ("unconfirmed in time, and final after all", {ASKED, UNCONFIRMED, final(100)}, State.CONFIRMED),
    ("unconfirmed, final too late", {ASKED, UNCONFIRMED, final(100, 1500)}, State.LATE),
    ("failed, and only a part is final", {ASKED, UNCONFIRMED, final(60)}, State.FAILED),
    ("failed and expired", {ASKED, EXPIRED, UNCONFIRMED}, State.FAILED),
    ("failed and called off", {ASKED, CANCELLED, AML}, State.FAILED),
    ("refused by checks, and final all the same", {ASKED, AML, final(100)}, State.CONFIRMED),
    # Cancelled: less than any money.
    ("called off before money", {ASKED, CANCELLED}, State.CANCELLED),
    ("called off and expired", {ASKED, EXPIRED, CANCELLED}, State.CANCELLED),
    ("called off, and a part came", {ASKED, CANCELLED, seen(60)}, State.UNDERPAID),
    ("called off, and paid before that", {ASKED, CANCELLED, seen(100)}, State.PAID),
    ("called off, and paid after that", {ASKED, CANCELLED, seen(100, 700)}, State.LATE),
    (
        "called off, paid after that, and taken late",
        {ASKED, CANCELLED, final(100), ACCEPT_LATE},
        State.CONFIRMED,
    ),
    ("called off after the window: the window counts", {ASKED, CANCELLED_AFTER}, State.CANCELLED),
    (
        "a payment without a window is late after it was called off",
        {ASKED._replace(expires_ms=None), CANCELLED, seen(100, 601)},
        State.LATE,
    ),
    # Reversed: by block, by sighting, before and after it was final.
    ("seen, and dropped", {ASKED, seen(100), dropped()}, State.REVERSED),
    ("dropped before it was seen", {dropped(), ASKED, seen(100)}, State.REVERSED),
    ("dropped, and nothing was seen", {ASKED, dropped()}, State.PENDING),
    ("a part was seen, and dropped", {ASKED, seen(60), dropped()}, State.REVERSED),
    (
        "dropped, and in a block after all",
        {ASKED, seen(100), dropped(), seen(100, 900, block="A")},
        State.PAID,
    ),
    ("its block was removed", {ASKED, final(100, block="A"), removed("A")}, State.REVERSED),
    ("another block was removed", {ASKED, final(100, block="A"), removed("B")}, State.CONFIRMED),
    (
        "removed after it was final: an old sighting outside a block is no evidence",
        {ASKED, seen(100), final(100, block="A"), removed("A")},
        State.REVERSED,
    ),
    (
        "removed before it was final: the sighting outside a block stands",
        {ASKED, seen(100), seen(100, block="A"), removed("A")},
        State.PAID,
    ),
    (
        "final was lost, and it is in a block again",
        {ASKED, final(100, block="A"), removed("A"), seen(100, 900, block="B")},
        State.REVERSED,
    ),
    (
        "mined again, and final again",
        {ASKED, final(100, block="A"), removed("A"), final(100, 1900, block="B")},
        State.CONFIRMED,
    ),
    (
        "more than the price came, and the surplus was dropped",
        {ASKED, final(100), seen(40, key="tx:2"), dropped("tx:2")},
        State.CONFIRMED,
    ),
    ("dropped, and failed", {ASKED, seen(100), dropped(), UNCONFIRMED}, State.REVERSED),
    (
        "dropped, and paid again by another transfer",
        {ASKED, seen(100), dropped(), seen(100, 900, "tx:2")},
        State.PAID,
    ),
    (
        "dropped, and paid again too late",
        {ASKED, seen(100), dropped(), seen(100, 1900, "tx:2")},
        State.LATE,
    ),
    # Refunded: hard.
    ("all was given back", {ASKED, final(100), back(100)}, State.REFUNDED),
    ("a part was given back", {ASKED, final(100), back(40)}, State.CONFIRMED),
    (
        "given back in two parts",
        {ASKED, final(100), back(40), back(60, key="re:2")},
        State.REFUNDED,
    ),
    ("one refund told twice", {ASKED, final(100), back(60), back(60, 2500)}, State.CONFIRMED),
    ("a refund has begun", {ASKED, final(100), back(100, done="pending")}, State.CONFIRMED),
    ("a refund has failed", {ASKED, final(100), back(100, done="failed")}, State.CONFIRMED),
    ("what was underpaid was given back", {ASKED, final(60), back(60)}, State.REFUNDED),
    ("the surplus was given back", {ASKED, final(140), back(40)}, State.CONFIRMED),
    ("given back, by the provider's word alone", {ASKED, final(100), ALL}, State.REFUNDED),
    ("given back, and nothing had come", {ASKED, back(100)}, State.PENDING),
    (
        "all was given back, and the money was reversed before",
        {ASKED, seen(100), dropped(), back(100)},
        State.REFUNDED,
    ),
    (
        "money that came after everything was given back is another matter",
        {ASKED, final(100), back(100), final(100, 2500, "tx:2")},
        State.REFUNDED,
    ),
    (
        "and so is what is given back of that",
        {ASKED, final(100), back(100), final(100, 2500, "tx:2"), back(10, 2600, "re:2")},
        State.REFUNDED,
    ),
    (
        "money that had come before, and was told later",
        {ASKED, final(100), back(100), final(40, 1900, "tx:2")},
        State.CONFIRMED,
    ),
    # What operators say, and payments of any amount.
    ("taken late", {ASKED, seen(100, 1500), ACCEPT_LATE}, State.PAID),
    ("taken late, and final", {ASKED, final(100, 1500), ACCEPT_LATE}, State.CONFIRMED),
    ("the lower amount was taken", {ASKED, final(60), ACCEPT_UNDER}, State.CONFIRMED),
    ("nothing came, whatever is taken", {ASKED, ACCEPT_UNDER, ACCEPT_LATE}, State.PENDING),
    ("any amount will do", {ANY, final(1)}, State.CONFIRMED),
    ("any amount, and none came", {ANY, final(0)}, State.PENDING),
    (
        "another network than asked",
        {ASKED._replace(asset="USDT@tron"), final(100)},
        State.UNDERPAID,
    ),
]


@pytest.mark.parametrize(
    ("facts", "state"), [row[1:] for row in SCENARIOS], ids=[r[0] for r in SCENARIOS]
)
def test_a_set_of_facts_proves_the_state_worked_out_by_hand(facts: set[Fact], state: State) -> None:
    """Where money vanishes or goes back, a wrong word ships goods or books revenue."""
    assert reduce(frozenset(facts)) is state


def test_a_tolerance_is_the_larger_of_units_and_basis_points() -> None:
    """Of 100: 2 units, or 150 hundredths of a percent, which is one unit."""
    terms = Terms(tolerances={"USDC": Tolerance(atomic=2, bps=150)})
    assert reduce({ASKED, final(98)}, terms) is State.CONFIRMED
    assert reduce({ASKED, final(97)}, terms) is State.UNDERPAID
    large = ASKED._replace(amount=100_000)
    assert reduce({large, final(98_500)}, terms) is State.CONFIRMED
    assert reduce({large, final(98_499)}, terms) is State.UNDERPAID


CONFIRMED = frozenset({ASKED, seen(100), final(100)})
PAID = frozenset({ASKED, seen(100)})
VERDICTS = [
    ("unconfirmed, overtaken", CONFIRMED, UNCONFIRMED, Verdict.SUPERSEDED, State.CONFIRMED),
    ("unconfirmed, in time", PAID, UNCONFIRMED, Verdict.APPLIED, State.FAILED),
    ("called off, too late for that", CONFIRMED, CANCELLED, Verdict.SUPERSEDED, State.CONFIRMED),
    ("a refund has begun", CONFIRMED, back(9, done="pending"), None, State.CONFIRMED),
    ("a part went back", CONFIRMED, back(40), None, State.CONFIRMED),
    ("all went back", CONFIRMED, back(100), Verdict.APPLIED, State.REFUNDED),
    ("dropped, and final long since", CONFIRMED, dropped(), None, State.CONFIRMED),
    ("taken back", CONFIRMED, removed(), Verdict.APPLIED, State.REVERSED),
    ("credited to our balance", CONFIRMED, simple(FactKind.SETTLED, 9), None, State.CONFIRMED),
    (
        "held",
        CONFIRMED,
        simple(FactKind.HOLD, 9, key="finance", detail="on"),
        None,
        State.CONFIRMED,
    ),
]


@pytest.mark.parametrize(
    ("known", "told", "verdict", "after"),
    [row[1:] for row in VERDICTS],
    ids=[r[0] for r in VERDICTS],
)
def test_an_event_gets_the_verdict_its_news_deserve(
    known: frozenset[Fact], told: Fact, verdict: Verdict | None, after: State
) -> None:
    """`None` is news that moves nothing: a refund that begins must not look like old news."""
    decision = decide(reduce(known), known, frozenset({told}))
    expected = verdict or Verdict.APPLIED_NO_CHANGE
    assert (decision.verdict, decision.after) == (expected, after)
    assert decision.moves is (decision.after is not reduce(known))


def test_a_refund_that_is_only_pending_is_none() -> None:
    """Of the three words on a refund only one is money."""
    for status in RefundStatus:
        is_back = reduce({ASKED, final(100), back(100, done=status)}) is State.REFUNDED
        assert is_back is (status is RefundStatus.SUCCEEDED)
