"""What stands beside a payment's word: flags, concerns, the books, milestones; all by hand."""

import pytest

from consumers import standing
from consumers.exceptions import Code
from consumers.facts import (
    ANNOUNCED,
    OFF,
    ON,
    Fact,
    FactKind,
    Failure,
    HoldKind,
    Note,
    OwnNote,
    simple,
)
from consumers.lifecycle import State, reduce
from consumers.standing import Amounts, Milestones, Posting
from consumers.weighing import Terms, Tolerance

ASKED = simple(FactKind.EXPECTED, 0, asset="USDT", amount=100)._replace(expires_ms=1000)
EXPIRED = simple(FactKind.EXPIRED, 1000)
CANCELLED = simple(FactKind.CANCELLED, 600)
REJECTED = simple(FactKind.FAILED, 900, detail=Failure.REJECTED)
UNCONFIRMED = simple(FactKind.FAILED, 900, detail=Failure.UNCONFIRMED)
ACCEPT_LATE = simple(FactKind.ACCEPT_LATE, 3000)
ACCEPT_UNDER = simple(FactKind.ACCEPT_UNDER, 3000)


def seen(amount: int | None, key: str = "tx:1", at_ms: int = 500, asset: str = "USDT") -> Fact:
    """Observe a transfer."""
    return simple(FactKind.SEEN, at_ms, key=key, asset=asset, amount=amount)


def final(amount: int | None, key: str = "tx:1", at_ms: int = 700, asset: str = "USDT") -> Fact:
    """Make a transfer final."""
    return seen(amount, key, at_ms, asset)._replace(kind=FactKind.FINAL)


def back(amount: int, at_ms: int = 2000) -> Fact:
    """Give money back."""
    return simple(FactKind.REFUND, at_ms, key="re", asset="USDT", amount=amount, detail="succeeded")


def hold(kind: HoldKind, word: str = ON, at_ms: int = 800) -> Fact:
    """Hold, or let go."""
    return simple(FactKind.HOLD, at_ms, key=kind, detail=word)


def note(what: Note) -> Fact:
    """Say a word beside the money."""
    return simple(FactKind.NOTE, 800, detail=what)


def posted(amount: int, word: str = ON, at_ms: int = 5000, key: str = "gl:1") -> Fact:
    """Book an amount, or take the entry back."""
    return simple(FactKind.POSTED, at_ms, key=key, asset="USDT", amount=amount, detail=word)


def wanted(amount: int, at_ms: int = 1000) -> Fact:
    """Decide that money is to be given back."""
    told = OwnNote.REFUND_REQUESTED
    return simple(FactKind.NOTE, at_ms, key="t-1", asset="USDT", amount=amount, detail=told)


WHOLE = final(None, "agg:1")._replace(asset="", whole=True)
PAID = (ASKED, final(100))
LATE = (ASKED, final(100, at_ms=1500))
FLAGS = [
    ("plain", PAID, ()),
    ("more than asked", (ASKED, final(140)), ("overpaid",)),
    ("more, by the provider's word alone", (*PAID, note(Note.OVERPAID)), ("overpaid",)),
    ("a part went back", (*PAID, back(40)), ("partially_refunded",)),
    ("all went back", (*PAID, back(100)), ()),
    ("a refund has begun", (*PAID, back(40)._replace(detail="pending")), ()),
    ("taken late", (*LATE, ACCEPT_LATE), ("accepted_late",)),
    ("taken late, and it was not late", (*PAID, ACCEPT_LATE), ()),
    ("the lower amount was taken", (ASKED, final(60), ACCEPT_UNDER), ("accepted_underpaid",)),
    ("a part, and the window closed", (ASKED, seen(60), EXPIRED), ("window_closed",)),
    ("the window closed on a whole payment", (*PAID, EXPIRED), ()),
    ("failed, and final after all", (*PAID, UNCONFIRMED), ("recovered",)),
    ("failed, and not recovered", (ASKED, seen(100), UNCONFIRMED), ()),
    ("two transfers", (ASKED, final(60), final(40, "tx:2")), ("multiple_transfers",)),
    ("a total is no second transfer", (*PAID, final(100, "agg:1")), ()),
    ("marked by hand", (*PAID, note(Note.MANUALLY_MARKED)), ("manually_marked",)),
    ("inferred", (*PAID, note(Note.INFERRED)), ("inferred",)),
    ("disputed", (*PAID, hold(HoldKind.DISPUTE)), ("disputed",)),
    ("held", (*PAID, hold(HoldKind.FINANCE)), ("hold: finance",)),
    ("held and let go", (*PAID, hold(HoldKind.FINANCE), hold(HoldKind.FINANCE, OFF, 900)), ()),
    (
        "let go by another kind",
        (*PAID, hold(HoldKind.COMPLIANCE), hold(HoldKind.OPERATOR, OFF, 900)),
        ("hold: compliance",),
    ),
    (
        "two words at one instant: the hold counts",
        (*PAID, hold(HoldKind.SECURITY, OFF), hold(HoldKind.SECURITY)),
        ("hold: security",),
    ),
    (
        "called off, and paid in time: held until somebody looks",
        (*PAID[:1], seen(100), CANCELLED),
        ("hold: operator",),
    ),
    (
        "in the fixed order",
        (
            *(hold(kind) for kind in reversed(HoldKind)),
            *PAID,
            final(100, "tx:2"),
            back(1),
            note(Note.INFERRED),
        ),
        (
            *("overpaid", "partially_refunded", "multiple_transfers", "inferred", "disputed"),
            *("hold: compliance", "hold: finance", "hold: security", "hold: outage"),
            "hold: operator",
        ),
    ),
]


@pytest.mark.parametrize(
    ("facts", "flags"), [row[1:] for row in FLAGS], ids=[row[0] for row in FLAGS]
)
def test_a_payment_has_the_adjectives_worked_out_by_hand(
    facts: tuple[Fact, ...], flags: tuple[str, ...]
) -> None:
    """The word alone ships the goods; with a hold beside it, it must not."""
    assert standing.flags(facts) == flags


def test_a_label_is_the_word_and_its_adjectives() -> None:
    """The same string in every screen, document and export."""
    assert standing.label(State.PAID, ()) == "Paid"
    told = standing.label(State.CONFIRMED, ("overpaid", "hold: compliance"))
    assert told == "Confirmed (overpaid, hold: compliance)"


UNDER, OVER, TWICE = Code.AMOUNT_UNDER, Code.AMOUNT_OVER, Code.DUPLICATE_PAYMENT
X = Code.CONTRADICTORY_OUTCOME
WANTED = Code.REFUND_REQUESTED
EARLY = Code.POSTED_BEFORE_CONFIRMED
SAID = final(60, "agg:1")._replace(whole=True)
OURS = ASKED._replace(detail=ANNOUNCED)
OURS_ON_TRON = OURS._replace(asset="USDT@tron")
OURS_IN_EUR = OURS._replace(asset="EUR")
THEIRS = ASKED._replace(asset="USDC")
IN_USDC = SAID._replace(asset="USDC")
TWO = (ASKED, final(140), final(30, "tx:3", at_ms=9000))
ALL_BACK = back(1)._replace(asset="", amount=None, whole=True)
BOUNCED = back(40, at_ms=3000)._replace(detail="failed")
BOTH = (ASKED, final(140), note(Note.OVERPAID))
CONCERNS = [
    ("plain", PAID, set()),
    ("less than asked", (ASKED, seen(60)), {UNDER}),
    ("no price known, and nothing closed", (seen(60),), set()),
    ("no price known, and the window closed", (seen(60), EXPIRED), {UNDER}),
    ("more than asked", (ASKED, final(140)), {OVER}),
    ("more, by the provider's word", (*PAID, note(Note.OVERPAID)), {OVER}),
    ("the whole price, twice", (*PAID, final(100, "tx:2")), {OVER, TWICE}),
    ("a top-up that is too much", (ASKED, final(60), final(60, "tx:2")), {OVER}),
    ("too late", LATE, {Code.LATE_FUNDS}),
    ("too late, and taken", (*LATE, ACCEPT_LATE), set()),
    ("gone", (*PAID, simple(FactKind.REMOVED, 900, key="tx:1")), {Code.FUNDS_REVERSED}),
    ("held for a check", (*PAID, hold(HoldKind.COMPLIANCE)), {Code.COMPLIANCE_HOLD}),
    ("held for something else", (*PAID, hold(HoldKind.FINANCE)), set()),
    ("refused, and final", (*PAID, REJECTED), {X}),
    ("refused, and only seen", (ASKED, seen(100), REJECTED), set()),
    ("not confirmed in time, and final", (*PAID, UNCONFIRMED), set()),
    ("called off, and paid in time", (ASKED, seen(100), CANCELLED), {X}),
    ("called off, and paid too late", (ASKED, final(100), CANCELLED), {Code.LATE_FUNDS}),
    ("called off, and taken late", (ASKED, final(100), CANCELLED, ACCEPT_LATE), set()),
    ("called off, and a part came", (ASKED, seen(60), CANCELLED), {UNDER}),
    ("more went back than came", (*PAID, back(120)), {X}),
    ("one transfer in two assets", (*PAID, final(100, asset="EUR")), {X, Code.ASSET_MISMATCH}),
    ("the wrong asset", (ASKED, final(100, asset="EUR")), {UNDER, Code.ASSET_MISMATCH}),
    (
        "the wrong network",
        (ASKED._replace(asset="USDT@tron"), final(100, asset="USDT@ethereum")),
        {UNDER, Code.NETWORK_MISMATCH},
    ),
    ("a network, where none was asked", (ASKED, final(100, asset="USDT@tron")), set()),
    ("nothing came, and some went back", (ASKED, back(5)), {Code.REFUND_WITHOUT_FUNDS}),
    ("booked before it was final", (ASKED, seen(100), posted(100)), {EARLY}),
    ("booked once it was", (*PAID, posted(100)), set()),
    (
        "booked too much",
        (*PAID, posted(70), posted(70, key="gl:2")),
        {EARLY},
    ),
    ("booked too little", (*PAID, posted(70)), {Code.POSTED_MISMATCH}),
    ("booked in two parts", (*PAID, posted(70), posted(30, key="gl:2")), set()),
    ("booked a part, and the money is late", (*LATE, posted(70)), {Code.LATE_FUNDS}),
    ("final by a word without a figure, and booked", (ASKED, WHOLE, posted(100)), set()),
    ("final by a word, and booked too little", (ASKED, WHOLE, posted(9)), {Code.POSTED_MISMATCH}),
    ("final by a word, and booked too much", (ASKED, WHOLE, posted(101)), {EARLY}),
    ("a refund was decided", (*PAID, wanted(40)), {Code.REFUND_REQUESTED}),
    ("a refund was decided, and half is back", (*PAID, wanted(40), back(20)), {WANTED}),
    ("a refund was decided, and is back", (*PAID, wanted(40), back(40)), set()),
    ("a refund was decided after another", (*PAID, back(40), wanted(40, 3000)), {WANTED}),
    (
        "all was given back, and then money came",
        (*PAID, back(100), final(30, "tx:9", at_ms=5000)),
        {Code.UNMATCHED_DEPOSIT},
    ),
    ("too much, and the surplus is back", (ASKED, final(140), back(40)), set()),
    ("too much, and the surplus went back first", (ASKED, final(140), back(40, at_ms=1)), set()),
    ("too much, and a part of it is back", (ASKED, final(140), back(39)), {OVER}),
    (
        "too much, and the refund is on its way",
        (ASKED, final(140), back(40)._replace(detail="pending")),
        {OVER},
    ),
    ("too much, and the refund bounced", (ASKED, final(140), back(40), BOUNCED), {OVER}),
    ("too much, and more came once it was back", (*TWO, back(40)), {OVER}),
    ("too much, and all is back", (ASKED, final(140), back(140)), set()),
    ("twice, and one is back", (*PAID, final(100, "tx:2"), back(100)), set()),
    ("twice, and a part of one is back", (*PAID, final(100, "tx:2"), back(40)), {OVER, TWICE}),
    ("over by a word alone, and some is back", (*PAID, note(Note.OVERPAID), back(5)), {OVER}),
    ("over by a word alone, and all is back", (*PAID, note(Note.OVERPAID), back(100)), set()),
    ("too much, and all is back by a word", (ASKED, final(140), ALL_BACK), set()),
    ("announced, by word and less, and booked", (OURS, SAID, posted(60)), {UNDER}),
    (
        "announced with a network, and the provider took another asset",
        (OURS_ON_TRON, THEIRS, IN_USDC),
        {Code.ASSET_MISMATCH},
    ),
    (
        "announced with a network, and the provider took it on another",
        (OURS_ON_TRON, ASKED._replace(asset="USDT@solana"), SAID._replace(asset="USDT@solana")),
        {Code.NETWORK_MISMATCH},
    ),
    (
        "announced in euros, and paid in what the provider takes",
        (OURS_IN_EUR, THEIRS, IN_USDC),
        set(),
    ),
    ("over by word and figure, and is back", (*BOTH, back(40)), set()),
    ("booked too much, and taken back", (*PAID, posted(170), posted(170, OFF, 6000)), set()),
]


WORDS = [
    ("the provider's own price, and its word", (ASKED, SAID), State.CONFIRMED),
    ("announced, and its figure says less", (OURS, SAID), State.UNDERPAID),
    ("announced with a network, and its figure says less", (OURS_ON_TRON, SAID), State.UNDERPAID),
    ("announced, and no figure at all", (OURS, WHOLE), State.CONFIRMED),
    ("announced in another asset", (OURS._replace(asset="EUR"), SAID), State.CONFIRMED),
    ("announced, and the rest came beside", (OURS, SAID, final(100)), State.CONFIRMED),
    ("announced, and the lower amount was taken", (OURS, SAID, ACCEPT_UNDER), State.CONFIRMED),
]


@pytest.mark.parametrize(
    ("facts", "state"), [row[1:] for row in WORDS], ids=[row[0] for row in WORDS]
)
def test_a_word_on_the_whole_beats_no_figure_of_the_merchants(
    facts: tuple[Fact, ...], state: State
) -> None:
    """Whoever announced 100 must not send goods for 60 because the provider says "paid"."""
    assert reduce(facts) is state


@pytest.mark.parametrize(
    ("facts", "codes"), [row[1:] for row in CONCERNS], ids=[row[0] for row in CONCERNS]
)
def test_facts_are_reason_for_the_exceptions_worked_out_by_hand(
    facts: tuple[Fact, ...], codes: set[Code]
) -> None:
    """What is missing in this list is money that nobody looks for."""
    found = standing.concerns(reduce(facts), facts)
    assert {one.code for one in found} == codes
    assert len(found) == len(codes)
    assert all(one.evidence for one in found)
    assert codes <= set(standing.OF_FACTS)


def test_every_exception_of_facts_has_its_line_in_the_table() -> None:
    """A code that no set of facts can raise is one that never ends either."""
    told = {code for _, _, codes in CONCERNS for code in codes}
    assert told | {Code.ILLEGAL_TRANSITION} == set(standing.OF_FACTS)


def test_a_surplus_within_the_tolerance_worries_nobody() -> None:
    """The same tolerance below and above the price."""
    terms = Terms(tolerances={"USDT": Tolerance(atomic=2)})
    facts = (ASKED, final(102))
    assert standing.flags(facts, terms) == ()
    assert standing.concerns(reduce(facts, terms), facts, terms) == ()


GONE = simple(FactKind.REMOVED, 6000, key="tx:1")
BOOKS = [
    ("nothing is final", (ASKED, seen(100)), Posting.NOT_DUE),
    ("final, and not booked", PAID, Posting.UNPOSTED),
    ("booked", (*PAID, posted(100)), Posting.POSTED),
    ("taken out of the books", (*PAID, posted(100), posted(100, OFF, 6000)), Posting.UNPOSTED),
    ("booked, and the money is gone", (*PAID, posted(100), GONE), Posting.REVERSAL_DUE),
    ("booked, and given back", (*PAID, posted(100), back(100, 6000)), Posting.REVERSAL_DUE),
    (
        "gone, and taken out of the books",
        (*PAID, posted(100), GONE, posted(100, OFF, 7000)),
        Posting.REVERSED,
    ),
    ("late money is not due", LATE, Posting.NOT_DUE),
]


@pytest.mark.parametrize(
    ("facts", "where"), [row[1:] for row in BOOKS], ids=[row[0] for row in BOOKS]
)
def test_the_books_are_where_finance_put_them(facts: tuple[Fact, ...], where: Posting) -> None:
    """No event of a provider moves this axis; a reversal that is due must be seen."""
    assert standing.posting(facts) is where


def test_milestones_are_when_something_first_happened() -> None:
    """Confirmed is when final money first met the price, not when the last of it came."""
    facts = (
        *(ASKED, seen(60, at_ms=300), seen(60, at_ms=200), final(60, at_ms=400)),
        *(final(50, "tx:2", 500), final(9, "tx:3", 600)),
        *(EXPIRED, CANCELLED, UNCONFIRMED, back(10), GONE),
        *(simple(FactKind.SETTLED, 950), simple(FactKind.SETTLED, 940)),
        *(posted(9, ON, 7000), posted(50, ON, 7500, "gl:2")),
        *(posted(1, ON, 6500, "gl:3"), posted(1, OFF, 6600, "gl:3")),
    )
    assert standing.milestones(facts) == Milestones(
        detected_ms=200,
        confirmed_ms=500,
        settled_ms=940,
        expired_ms=1000,
        cancelled_ms=600,
        failed_ms=900,
        reversed_ms=6000,
        refunded_ms=2000,
        posted_ms=7000,
    )
    assert standing.milestones((ASKED,)) == Milestones(*[None] * 9)


def test_amounts_are_what_stands_of_each() -> None:
    """Asked, seen, final, given back, booked: the figures of every screen and export."""
    gone = simple(FactKind.DROPPED, 900, key="tx:3")
    facts = (ASKED, final(60), seen(50, "tx:2"), seen(7, "tx:3"), gone, back(10), posted(60))
    told = ({"USDT": 100}, {"USDT": 110}, {"USDT": 60}, {"USDT": 10}, {"USDT": 60})
    assert standing.amounts(facts) == Amounts(*told)
