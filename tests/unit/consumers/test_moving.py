"""What follows from facts: rows, history, notices, exceptions raised and ended, verdicts."""

import pytest

from consumers.exceptions import Code
from consumers.facts import OFF, ON, Fact, FactKind, Failure, Note, simple
from consumers.fulfilment import Fulfilment
from consumers.lifecycle import State, Verdict
from consumers.moving import Moves
from consumers.policy import Policy
from consumers.store.port import Cause, Payment
from consumers.weighing import Terms, Tolerance
from tests.support.told_world import NOW_MS, PAYMENT, SUBJECT, World, said

ASKED = simple(FactKind.EXPECTED, 0, asset="USDT", amount=100)._replace(expires_ms=1000)
SEEN = simple(FactKind.SEEN, 500, key="tx:1", asset="USDT", amount=100)
FINAL = SEEN._replace(kind=FactKind.FINAL, at_ms=700)
SHORT = SEEN._replace(amount=60)
REST = SEEN._replace(amount=40, key="tx:2")
REJECTED = simple(FactKind.FAILED, 900, detail=Failure.REJECTED)
CANCELLED = simple(FactKind.CANCELLED, 600)
UNSIZED = simple(FactKind.SEEN, 500, key="agg:1")
WORD = simple(FactKind.NOTE, 500, detail=Note.UNDERPAID)


def test_a_move_is_a_row_a_line_of_history_and_a_notice() -> None:
    """The three are written together, and name the table, the policy and the event."""
    world = World(Policy("policy-7"))
    world.tell("e1", ASKED)
    world.tell("e2", SEEN, FINAL)
    [first, second] = world.transitions
    assert (first.before, first.after, first.version) == (None, State.PENDING, 1)
    assert (second.before, second.after, second.version) == (State.PENDING, State.CONFIRMED, 2)
    assert (second.mapping, second.policy, second.cause) == ("kobbopay/1", "policy-7", Cause.EVENT)
    assert (second.event.key, second.correlation_id, second.at_ms) == ("e2", "c-e2", NOW_MS)
    facts = frozenset({ASKED, SEEN, FINAL})
    goods = Fulfilment(generation=1, is_due=True)
    assert world.payments[PAYMENT] == Payment(
        PAYMENT, State.CONFIRMED, 2, facts, NOW_MS, fulfilment=goods
    )
    world.check_history()


def test_news_that_moves_nothing_writes_facts_and_no_notice() -> None:
    """Downstream hears of moves; what is only known better is read, not announced."""
    world = World()
    world.tell("e1", ASKED, SEEN)
    stated = world.tell("e2", simple(FactKind.SETTLED, 900))
    assert stated.decision.verdict is Verdict.APPLIED_NO_CHANGE
    assert (world.last.payments, world.last.transitions, world.last.notices) == ([], [], [])
    assert [fact.kind for _, fact, _ in world.last.facts] == [FactKind.SETTLED]


def test_what_was_known_is_kept_as_a_restatement() -> None:
    """Should the first event turn out false, this one still proves the fact."""
    world = World()
    world.tell("e1", ASKED, SEEN)
    world.tell("e2", SEEN, FINAL)
    assert [(fact, by.key) for _, fact, by in world.last.facts] == [(FINAL, "e2")]
    assert [(fact, by.key) for _, fact, by in world.last.restated] == [(SEEN, "e2")]


def test_several_events_of_one_batch_make_one_row_and_every_line_of_history() -> None:
    """The row is written once, with the version it replaces; no version is skipped."""
    world = World()
    world.batch([said("e1", frozenset({ASKED})), said("e2", frozenset({SEEN}))])
    [row] = world.last.payments
    assert (row.was, row.payment.version, row.payment.state) == (0, 2, State.PAID)
    world.check_history()


def test_a_notice_carries_the_flags_of_its_instant() -> None:
    """A payment called Confirmed without its hold would ship the goods."""
    world = World()
    world.tell("e1", ASKED, SEEN)
    world.tell("e2", FINAL, simple(FactKind.HOLD, 1, key="compliance", detail=ON))
    assert [notice["flags"] for notice in world.notices] == [[], ["hold: compliance"]]


@pytest.mark.parametrize("kind", [FactKind.SEEN, FactKind.FINAL])
def test_a_zero_that_a_provider_called_the_whole_can_be_taken_back(kind: FactKind) -> None:
    """It moved the payment, so its loss is one: there is no way back to Pending."""
    paid = simple(kind, 500, key="agg:1", asset="USDT", amount=0)._replace(whole=True)
    gone = simple(FactKind.REMOVED, 900, key="agg:1")
    for told in ([paid, gone], [gone, paid]):
        world = World()
        for number, fact in enumerate(told):
            world.tell(f"e{number}", fact)
        assert (world.state, Verdict.ILLEGAL in world.verdicts) == (State.REVERSED, False)


U = Code.AMOUNT_UNDER
GONE = simple(FactKind.REMOVED, 9, key="tx:1", detail="A")
HEALING = [
    ("the rest came", [(ASKED, SHORT)], (REST,), {U}, set()),
    (
        "still short",
        [(ASKED, SHORT)],
        (REST._replace(amount=1),),
        {"AMOUNT_UNDER"},
        {"AMOUNT_UNDER"},
    ),
    (
        "late money is taken",
        [(ASKED, FINAL._replace(at_ms=1500))],
        (simple(FactKind.ACCEPT_LATE, 2000),),
        {Code.LATE_FUNDS},
        set(),
    ),
    (
        "a deposit of before the window was found",
        [(ASKED, FINAL._replace(at_ms=1500))],
        (SEEN,),
        {Code.LATE_FUNDS},
        set(),
    ),
    (
        "reversed, and mined again",
        [
            (ASKED, FINAL._replace(detail="A")),
            (simple(FactKind.REMOVED, 9, key="tx:1", detail="A"),),
        ],
        (FINAL._replace(detail="B"),),
        {Code.FUNDS_REVERSED},
        set(),
    ),
    (
        "let go by compliance",
        [(ASKED, simple(FactKind.HOLD, 1, key="compliance", detail=ON))],
        (simple(FactKind.HOLD, 2, key="compliance", detail="off"),),
        {Code.COMPLIANCE_HOLD},
        set(),
    ),
    (
        "money came for the refund after all",
        [(simple(FactKind.REFUND, 9, key="r", asset="USDT", amount=5, detail="succeeded"),)],
        (ASKED, FINAL),
        {Code.REFUND_WITHOUT_FUNDS},
        set(),
    ),
]


@pytest.mark.parametrize(
    ("events", "then", "opened", "left"), [row[1:] for row in HEALING], ids=[r[0] for r in HEALING]
)
def test_an_exception_ends_with_its_reason(
    events: list[tuple[Fact, ...]], then: tuple[Fact, ...], opened: set[str], left: set[str]
) -> None:
    """A queue that does not empty itself is one that nobody reads."""
    world = World()
    for number, facts in enumerate(events):
        world.tell(f"e{number}", *facts)
    assert world.open == opened
    world.tell("then", *then)
    assert world.open == left


CONFLICTS = [
    ("refused after it was final", [(ASKED, FINAL)], (REJECTED,), False),
    ("final after it was refused", [(ASKED, REJECTED)], (FINAL,), True),
    ("called off after it was paid", [(ASKED, SEEN)], (CANCELLED,), False),
    ("paid before it was called off", [(ASKED, CANCELLED)], (SEEN,), True),
    ("both at once, at first sight", [], (ASKED, FINAL, REJECTED), True),
    (
        "more given back than came",
        [(ASKED, FINAL)],
        (simple(FactKind.REFUND, 9, key="r", asset="USDT", amount=120, detail="succeeded"),),
        False,
    ),
    ("another asset for one transfer", [(ASKED, FINAL)], (FINAL._replace(asset="EUR"),), False),
]


@pytest.mark.parametrize(
    ("events", "then", "moves"), [row[1:] for row in CONFLICTS], ids=[r[0] for r in CONFLICTS]
)
def test_news_that_contradicts_is_a_conflict_and_follows_the_rules_all_the_same(
    events: list[tuple[Fact, ...]], then: tuple[Fact, ...], moves: bool
) -> None:
    """The state by precedence, goods and books held, people called: and nothing is lost."""
    world = World()
    for number, facts in enumerate(events):
        world.tell(f"e{number}", *facts)
    stated = world.tell("then", *then)
    assert stated.decision.verdict is Verdict.CONFLICT
    assert stated.decision.moves is moves
    assert bool(world.last.transitions) is moves
    assert "CONTRADICTORY_OUTCOME" in world.open
    assert "hold: operator" in world.picture()[1]
    world.check_history()
    # What comes then is judged by what it brings, not by what was wrong before.
    again = world.tell("later", simple(FactKind.SETTLED, 9000))
    assert again.decision.verdict is Verdict.APPLIED_NO_CHANGE


def test_a_blank_move_keeps_the_state_and_what_it_raised_ends_with_it() -> None:
    """A price raised after payment, and then met: only the fault of the mapping stays open."""
    world = World()
    world.tell("e1", ASKED, SEEN)
    stated = world.tell("e2", ASKED._replace(amount=150))
    assert (stated.decision.verdict, world.state) == (Verdict.ILLEGAL, State.PAID)
    assert world.open == {"ILLEGAL_TRANSITION", "AMOUNT_UNDER"}
    [anomaly] = [one for one in world.last.anomalies if one.code == "ILLEGAL_TRANSITION"]
    assert (anomaly.severity, anomaly.subject) == (2, SUBJECT)
    assert "150 USDT (atomic units) is asked" in anomaly.evidence
    assert "100 USDT (atomic units) was asked and met before" in anomaly.evidence
    world.tell("e3", SEEN._replace(key="tx:2", amount=50))
    assert world.open == {"ILLEGAL_TRANSITION"}


@pytest.mark.parametrize("is_first", [True, False])
def test_a_word_that_money_is_missing_does_not_outlive_the_money(is_first: bool) -> None:
    """Out of order, "underpaid" comes last: nobody must be sent after money that is here."""
    world = World()
    events = [("e1", (ASKED, SHORT, WORD)), ("e2", (REST,))]
    for name, facts in events if is_first else events[::-1]:
        world.tell(name, *facts)
    assert (world.state, world.open) == (State.PAID, set())
    world.tell("e3", SHORT._replace(at_ms=400), WORD._replace(at_ms=400))
    assert (world.state, world.open) == (State.PAID, set())


def test_a_word_that_money_is_missing_stays_while_nothing_else_is_known() -> None:
    """No price is known, so the word is the only reason; more money of unknown size is none."""
    world = World()
    world.tell("e1", UNSIZED, WORD)
    world.tell("e2", UNSIZED._replace(key="tx:9"))
    assert (world.state, world.open) == (State.UNDERPAID, {"AMOUNT_UNDER"})


def test_what_an_older_version_raised_by_a_word_alone_ends_when_the_rest_comes() -> None:
    """It kept no fact of the word: what is open of it would stay open for ever."""
    world = World()
    world.tell("e1", UNSIZED)
    world.open.add("AMOUNT_UNDER")
    world.tell("e2", UNSIZED._replace(whole=True))
    assert (world.state, world.open) == (State.PAID, set())


def test_another_policy_ends_what_is_no_reason_any_more() -> None:
    """A tolerance raised by review heals the payment at its next event, and not before."""
    world = World()
    world.tell("e1", ASKED, SEEN._replace(amount=99))
    assert world.open == {"AMOUNT_UNDER"}
    world.policy = Policy("2", Terms(tolerances={"USDT": Tolerance(atomic=1)}))
    world.tell("e2", FINAL._replace(amount=99))
    assert (world.state, world.open) == (State.CONFIRMED, set())
    assert world.transitions[-1].policy == "2"


def test_what_a_policy_moves_without_a_new_fact_ends_what_was_open() -> None:
    """A repeated word moves the payment under the new tolerance: nobody works on it any more."""
    world = World()
    short = SEEN._replace(amount=99)
    world.tell("e1", ASKED, short)
    assert (world.state, world.open) == (State.UNDERPAID, {"AMOUNT_UNDER"})
    world.policy = Policy("2", Terms(tolerances={"USDT": Tolerance(atomic=1)}))
    world.tell("e2", short, WORD)
    assert (world.state, world.open) == (State.PAID, set())


HELD = simple(FactKind.HOLD, 800, key="compliance", detail=ON)
LET_GO = simple(FactKind.HOLD, 900, key="compliance", detail=OFF)


def kinds(world: World) -> list[str]:
    """Return the types of the notices that the last batch wrote."""
    headers = [dict(notice.headers) for notice in world.last.notices]
    return [header["ce_type"].decode().removeprefix("com.sealgate.payment.") for header in headers]


def test_a_hold_that_moves_nothing_is_heard_downstream_as_what_it_is() -> None:
    """Goods leave the house on a notice: they must stay on one too, and never go twice."""
    world = World()
    world.tell("e1", ASKED, FINAL)
    world.tell("e2", HELD)
    [notice] = world.last.notices
    assert kinds(world) == ["held"]
    assert (notice.version, notice.payment) == (1, PAYMENT)
    assert notice.id.startswith(f"{SUBJECT}/1/held-")
    [told] = world.held
    assert (told["before"], told["after"]) == ("Confirmed", "Confirmed")
    assert (told["version"], told["event"], told["holds"]) == (1, "e2", ["compliance"])
    assert told["flags"] == ["hold: compliance"]
    world.tell("e3", LET_GO)
    assert kinds(world) == ["released"]
    assert (world.held[-1]["holds"], world.held[-1]["flags"]) == ([], [])
    assert world.last.notices[0].id != notice.id
    world.check_history()


def test_a_hold_is_told_once_however_often_it_is_said() -> None:
    """The same event again, the same word in another: nobody downstream hears it twice."""
    world = World()
    world.tell("e1", ASKED, FINAL)
    word = said("e2", frozenset({HELD}))
    world.batch([word, word])
    world.batch([word])
    world.tell("e3", HELD)
    world.tell("e4", HELD._replace(at_ms=850))
    assert [told["event"] for told in world.held] == ["e2"]


def test_a_hold_that_comes_with_a_move_is_in_the_notice_of_the_move() -> None:
    """One event, one notice: two would race each other."""
    world = World()
    world.tell("e1", ASKED)
    world.tell("e2", FINAL, HELD)
    assert kinds(world) == ["confirmed"]
    assert world.notices[-1]["holds"] == ["compliance"]


def test_facts_that_disagree_hold_and_are_heard() -> None:
    """Final, and then refused for laundering: nothing moves, and the goods must stop."""
    world = World()
    world.tell("e1", ASKED, FINAL)
    world.tell("e2", REJECTED)
    assert kinds(world) == ["held"]
    assert world.held[-1]["holds"] == ["operator"]


def test_of_two_holds_one_may_go_and_the_other_stays() -> None:
    """What is still on stands in the notice: released does not say that goods may leave."""
    world = World()
    world.tell("e1", ASKED, FINAL)
    world.tell("e2", HELD, HELD._replace(key="dispute"))
    world.tell("e3", LET_GO)
    assert (kinds(world), world.held[-1]["holds"]) == (["released"], ["dispute"])


def test_of_what_is_open_people_are_told_again_only_where_its_figures_are_others() -> None:
    """A hold on a payment that is short is no second shortage; less money is."""
    world = World()
    world.tell("e1", ASKED, SHORT)
    for number, fact in enumerate((HELD, LET_GO, simple(FactKind.SETTLED, 900))):
        world.tell(f"hold-{number}", fact)
        assert "AMOUNT_UNDER" not in {one.code for one in world.last.anomalies}
    world.tell("e2", REST._replace(amount=1))
    [again] = world.last.anomalies
    told = "less came than was asked: 61 of 100 USDT (atomic units)"
    assert (again.code, again.evidence) == ("AMOUNT_UNDER", told)


def test_sentences_for_people_have_the_units_that_people_know() -> None:
    """Twenty dollars that read as twenty million make somebody call the bank."""
    world = World(Policy("1", Terms(decimals={"USDT": 6})))
    price = ASKED._replace(amount=20_000_000)
    world.tell("e1", price, SHORT._replace(amount=9_500_001))
    [short] = world.last.anomalies
    assert short.evidence == "less came than was asked: 9.500001 of 20 USDT"
    world.tell("e2", REST._replace(amount=10**40))
    [over] = [one for one in world.last.anomalies if one.code == "AMOUNT_OVER"]
    assert over.evidence == (
        "9999999999999999999999999999999989.500001 USDT more came than was asked for"
    )


def test_two_payments_of_a_batch_do_not_meet() -> None:
    """What one brings must not end what is open about the other."""
    world = World()
    other = PAYMENT._replace(reference="pay_2")
    world.tell("e1", ASKED, SHORT)
    moves = said("e2", frozenset({ASKED, FINAL}))._replace(payment=other)
    world.batch([moves])
    assert world.open == {"AMOUNT_UNDER"}
    assert {key.reference: one.state for key, one in world.payments.items()} == {
        "pay_1": State.UNDERPAID,
        "pay_2": State.CONFIRMED,
    }


def test_a_payment_that_is_confirmed_again_repeats_its_goods_unless_they_were_called_back() -> None:
    """How often the second barrier was needed: the notice has the effect key of the first time."""
    window, taken = ASKED._replace(expires_ms=5), simple(FactKind.ACCEPT_LATE, 901)
    removed = simple(FactKind.REMOVED, 902, key="tx:1")
    again = FINAL._replace(at_ms=903, key="tx:2")
    world, found = World(), []
    for number, facts in enumerate(
        ({ASKED, SEEN, FINAL}, {window}, {taken}, {removed}, {again}), start=1
    ):
        word = said(f"e{number}", frozenset(facts))
        moves = Moves(dict(world.payments), NOW_MS + number, world.policy)
        moves.state(word)
        found += [(one.before, one.after, one.repeats) for one in moves.passages]
        world.batch([word])
    assert found == [
        (State.CONFIRMED, State.LATE, False),
        (State.LATE, State.CONFIRMED, True),
        (State.CONFIRMED, State.REVERSED, False),
        (State.REVERSED, State.CONFIRMED, False),
    ]
