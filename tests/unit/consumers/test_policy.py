"""What is final under a policy: tables worked out by hand; and that no order can matter."""

from collections.abc import Mapping, Sequence
from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.facts import Fact, FactKind, simple
from consumers.lifecycle import State, Verdict, decide
from consumers.policy import NEVER, NO_POLICY, Corridor, Final, Policy, order, versioned
from consumers.weighing import Terms, Tolerance

SEEN, FINAL = FactKind.SEEN, FactKind.FINAL
AT_MS = 5_000
SATOSHI = 100_000_000


def value(kind: FactKind, key: str = "tx:1", asset: str = "BTC", amount: int | None = 100) -> Fact:
    """Observe money."""
    return simple(kind, 1_000, key=key, asset=asset, amount=amount)


def whole(kind: FactKind) -> Fact:
    """Let the provider call the payment whole, without a figure."""
    return simple(kind, 1_000, key="agg:shop:1")._replace(whole=True)


def under(*rows: Final) -> Policy:
    """Make a policy of rows."""
    return Policy(finals=order(rows))


def judged(
    policy: Policy, facts: Sequence[Fact], confirmations: Mapping[str, int] | None = None
) -> list[tuple[FactKind, str, int]]:
    """Judge one event; return what its facts are, where, and when."""
    found = policy.judge("shop", frozenset(facts), confirmations or {}, AT_MS)
    return sorted((fact.kind, fact.key, fact.at_ms) for fact in found)


# From the most specific shape of a row to the least: whether it names the provider, the network,
# the asset, and from which amount on it is for.
SHAPES = [
    ("shop", "bitcoin", "BTC", 10),
    ("shop", "bitcoin", "BTC", 0),
    ("shop", "bitcoin", "*", 0),
    ("shop", "*", "BTC", 10),
    ("shop", "*", "BTC", 0),
    ("shop", "*", "*", 0),
    ("*", "bitcoin", "BTC", 10),
    ("*", "bitcoin", "BTC", 0),
    ("*", "bitcoin", "*", 0),
    ("*", "*", "BTC", 10),
    ("*", "*", "BTC", 0),
    ("*", "*", "*", 0),
]


@pytest.mark.parametrize(("strong", "weak"), list(combinations(range(len(SHAPES)), 2)))
def test_of_two_rows_that_fit_the_more_specific_is_followed(strong: int, weak: int) -> None:
    """All pairs of shapes, in both orders of the file: nobody reads a policy with a debugger."""
    rows = [Final(strong + 1, *SHAPES[strong]), Final(weak + 1, *SHAPES[weak])]
    for told in (rows, rows[::-1]):
        assert under(*told).needed("shop", "BTC@bitcoin", 10) == strong + 1


# Cryptopay's own table for bitcoin: 1, 3 and 6 by size; the sizes are ours.
TIERS = (
    Final(1, asset="BTC"),
    Final(3, asset="BTC", amount_from=SATOSHI // 10),
    Final(6, asset="BTC", amount_from=SATOSHI),
)
SIZES = [
    (1, 1),
    (9_999_999, 1),
    (10_000_000, 3),
    (99_999_999, 3),
    (100_000_000, 6),
    (10**30, 6),
]


@pytest.mark.parametrize(("amount", "needed"), SIZES)
def test_a_larger_amount_needs_more_confirmations(amount: int, needed: int) -> None:
    """The edges of the tiers, one satoshi to either side."""
    assert under(*TIERS).needed("shop", "BTC", amount) == needed


FOREIGN = [
    ("other", "BTC@bitcoin", 100),
    ("shop", "BTC@lightning", 100),
    ("shop", "LTC@bitcoin", 100),
    ("shop", "BTC@bitcoin", 9),
]


@pytest.mark.parametrize(("provider", "asset", "amount"), FOREIGN)
def test_a_row_is_for_nothing_but_its_own_money(provider: str, asset: str, amount: int) -> None:
    """A column that were not compared would hold another corridor's money back, or let it go."""
    policy = under(Final(6, "shop", "bitcoin", "BTC", 10))
    assert policy.needed(provider, asset, amount) == 0


UNTOLD = [
    # What is not told could be anything: the strictest that it could be.
    (TIERS, "", None, 6),
    (TIERS, "BTC", None, 6),
    (TIERS, "BTC", 5, 1),
    ((Final(19, network="tron"), Final(2)), "USDT", 5, 19),
    ((Final(1, network="tron"), Final(2)), "USDT", 5, 2),
    # A row that surely fits hides those behind it, and not those before it.
    ((Final(4, "shop"), Final(19, network="tron")), "", None, 4),
    ((Final(4, "shop"), Final(19, "shop", "tron")), "", None, 19),
    # A row for what is not told is as good as told, and is for nothing else.
    ((Final(0, network=""), Final(19, network="tron")), "USDT", 5, 0),
    ((Final(0, network=""), Final(19, network="tron")), "USDT@tron", 5, 19),
    ((Final(0, network=""), Final(2)), "USDT@bsc", 5, 2),
    ((Final(0, asset=""), *TIERS), "", None, 0),
    ((Final(0, asset=""), *TIERS), "BTC", 5, 1),
    # The smallest unit may be another on the network that it could be on.
    ((Final(9, network="bsc", asset="USDT", amount_from=10**18),), "USDT", 5, 9),
    # Without any row that could fit, the provider's word.
    ((Final(9, "other"),), "", None, 0),
]


@pytest.mark.parametrize(("rows", "asset", "amount", "needed"), UNTOLD)
def test_what_an_event_does_not_tell_is_judged_strictly(
    rows: tuple[Final, ...], asset: str, amount: int | None, needed: int
) -> None:
    """BTCPay's word that an invoice is settled names no coin: it must not slip past its tiers."""
    assert under(*rows).needed("shop", asset, amount) == needed


DEPTHS = [
    (FINAL, 2, [(SEEN, 1_000)]),
    (FINAL, 3, [(FINAL, 1_000)]),
    (SEEN, 2, [(SEEN, 1_000)]),
    (SEEN, 3, [(FINAL, AT_MS), (SEEN, 1_000)]),
]


@pytest.mark.parametrize(("kind", "depth", "facts"), DEPTHS)
def test_a_transfer_is_final_at_the_third_confirmation_and_not_before(
    kind: FactKind, depth: int, facts: list[tuple[FactKind, int]]
) -> None:
    """Whatever the provider calls it. When it was seen stays when it was seen."""
    found = judged(under(Final(3)), [value(kind)], {"tx:1": depth})
    assert found == [(one, "tx:1", at_ms) for one, at_ms in facts]


def test_without_a_number_of_confirmations_a_word_is_not_enough() -> None:
    """A row that asks for a number and is told none would else ask for nothing."""
    assert judged(under(Final(1)), [value(FINAL)]) == [(SEEN, "tx:1", 1_000)]


def test_never_is_not_even_for_the_oldest_transaction() -> None:
    """For money that people release one by one."""
    facts = [value(FINAL, "tx:1"), value(SEEN, "tx:2")]
    found = judged(under(Final(NEVER)), facts, {"tx:1": 10**9, "tx:2": 10**9})
    assert found == [(SEEN, "tx:1", 1_000), (SEEN, "tx:2", 1_000)]


def test_a_word_is_enough_where_a_row_trusts_it_and_makes_no_sighting_final() -> None:
    """Trust is in the provider's word, so the depth of a transfer says nothing more."""
    policy = under(Final(0, "shop"), Final(6))
    facts = [value(FINAL, "tx:1"), value(SEEN, "tx:2")]
    found = judged(policy, facts, {"tx:1": 0, "tx:2": 99})
    assert found == [(FINAL, "tx:1", 1_000), (SEEN, "tx:2", 1_000)]


def test_many_small_transfers_are_judged_by_what_they_come_to() -> None:
    """Else a bitcoin in twenty parts would need one confirmation, and lose them all at once."""
    parts = [value(FINAL, f"tx:{number}", amount=SATOSHI // 20) for number in range(20)]
    depths = {fact.key: 5 for fact in parts}
    assert {kind for kind, _, _ in judged(under(*TIERS), parts, depths)} == {SEEN}
    assert {kind for kind, _, _ in judged(under(*TIERS), parts[:19], depths)} == {FINAL}


def test_a_part_of_a_large_price_is_judged_by_the_price() -> None:
    """The event tells how much the payment is about, and the first part is not all of it."""
    price = simple(FactKind.EXPECTED, 0, asset="BTC", amount=2 * SATOSHI)
    found = judged(under(*TIERS), [price, value(FINAL, amount=5)], {"tx:1": 5})
    assert (SEEN, "tx:1", 1_000) in found


WORDS = [
    # Nothing but the word: it could be about anything.
    ([], {}, SEEN),
    # As good as the weakest transfer that the event names.
    ([value(FINAL, "tx:1"), value(FINAL, "tx:2")], {"tx:1": 1, "tx:2": 1}, FINAL),
    ([value(FINAL, "tx:1"), value(FINAL, "tx:2")], {"tx:1": 1, "tx:2": 0}, SEEN),
    ([value(FINAL, "tx:1"), value(FINAL, "tx:2")], {"tx:1": 9}, SEEN),
    # An asset of which no row speaks is final by the provider's word.
    ([value(FINAL, "tx:1", "LTC")], {}, FINAL),
    ([value(FINAL, "tx:1", "LTC"), value(FINAL, "tx:2")], {}, SEEN),
]


@pytest.mark.parametrize(("transfers", "depths", "kind"), WORDS)
def test_a_word_on_the_whole_is_as_good_as_its_transfers(
    transfers: list[Fact], depths: Mapping[str, int], kind: FactKind
) -> None:
    """A status cannot know more than the money that it is about."""
    found = judged(under(*TIERS), [*transfers, whole(FINAL)], depths)
    assert (kind, "agg:shop:1", 1_000) in found
    assert len(found) == len(transfers) + 1


def test_a_sighting_of_the_whole_is_never_made_final() -> None:
    """The provider called it seen, and no depth of one transfer says that the rest has come."""
    found = judged(under(*TIERS), [value(SEEN), whole(SEEN)], {"tx:1": 9, "agg:shop:1": 9})
    assert (FINAL, "agg:shop:1", AT_MS) not in found
    assert (FINAL, "tx:1", AT_MS) in found


def test_a_fact_keeps_everything_but_its_kind() -> None:
    """The block, the amount, the word on wholeness and lateness are the provider's, still."""
    fact = value(FINAL)._replace(detail="block 7", whole=True, late=True)
    [found] = under(Final(2)).judge("shop", frozenset({fact}), {}, AT_MS)
    assert found == fact._replace(kind=SEEN)


def test_what_is_no_observation_is_not_judged() -> None:
    """A policy on finality neither refunds nor expires anything."""
    facts = {simple(kind, 1_000, key="tx:1") for kind in FactKind} - {value(SEEN), value(FINAL)}
    others = frozenset(fact for fact in facts if fact.kind not in {SEEN, FINAL})
    assert under(Final(NEVER)).judge("shop", others, {"tx:1": 9}, AT_MS) == others


def test_without_rows_every_word_stands() -> None:
    """What a provider calls final is final: documented, and the same objects."""
    facts = frozenset({value(FINAL), whole(FINAL)})
    assert NO_POLICY.judge("shop", facts, {"tx:1": 0}, AT_MS) is facts


CORRIDORS = (Corridor("USDT", network="tron"), Corridor("EUR", provider="stripe"))
MONEY = [
    ("shop", "USDT@tron", ""),
    ("shop", "USDT@bsc", "USDT@bsc"),
    # Not told is not allowed by a name.
    ("shop", "USDT", "USDT"),
    ("stripe", "EUR", ""),
    ("shop", "EUR", "EUR"),
    ("shop", "", ""),
]


@pytest.mark.parametrize(("provider", "asset", "denied"), MONEY)
def test_with_one_corridor_nothing_else_may_come(provider: str, asset: str, denied: str) -> None:
    """Default deny: a corridor is opened by people, and not by the first customer who uses it."""
    policy = Policy(corridors=CORRIDORS)
    assert policy.denied(provider, [value(SEEN, asset=asset)]) == denied
    assert NO_POLICY.denied(provider, [value(SEEN, asset=asset)]) == ""


def test_what_is_asked_for_is_no_money_that_came() -> None:
    """A price in euros is paid in what the corridors allow."""
    price = simple(FactKind.EXPECTED, 0, asset="USD", amount=100)
    assert Policy(corridors=CORRIDORS).denied("shop", [price]) == ""


CHANGES = [
    Policy(terms=Terms(grace_ms=1)),
    Policy(terms=Terms(tolerances={"USDT": Tolerance(1)})),
    Policy(terms=Terms(tolerances={"USDT": Tolerance(bps=1)})),
    Policy(terms=Terms(tolerances={"USDC": Tolerance(1)})),
    under(Final(1)),
    under(Final(2)),
    under(Final(1, "shop")),
    under(Final(1, network="shop")),
    under(Final(1, amount_from=1)),
    Policy(corridors=CORRIDORS),
    Policy(corridors=CORRIDORS[:1]),
    NO_POLICY,
]


def test_two_policies_never_have_one_version() -> None:
    """Under an unchanged name, too: the auditor reads the transition, and not the commit."""
    for name in ("", "2026-11"):
        versions = {versioned(name, policy).version for policy in CHANGES}
        assert len(versions) == len(CHANGES)
    assert versioned("", NO_POLICY) == NO_POLICY


def test_one_policy_has_one_version_in_whatever_order_it_was_written() -> None:
    """And in the next release: a version in a transition must be found again years later."""
    terms = Terms(1_000, {"USDT": Tolerance(1), "BTC": Tolerance(2, 3)})
    other = Terms(1_000, {"BTC": Tolerance(2, 3), "USDT": Tolerance(1)})
    one = versioned("2026-11", Policy("", terms, order(TIERS), CORRIDORS))
    two = versioned("2026-11", Policy("", other, order(TIERS[::-1]), CORRIDORS[::-1]))
    assert one.version == two.version
    # By sha256sum, of [1000, [["BTC", 2, 3], ["USDT", 1, 0]], and so on, written by hand.
    assert one.version == "2026-11+dba022819d4a"


DEPTH = st.sampled_from([0, 1, 3, 6])
ROWS = st.lists(
    st.builds(
        Final,
        confirmations=st.sampled_from([0, 1, 3, 6, NEVER]),
        provider=st.sampled_from(["*", "shop", "other"]),
        network=st.sampled_from(["*", "", "bitcoin", "tron"]),
        asset=st.sampled_from(["*", "", "BTC", "LTC"]),
        amount_from=st.sampled_from([0, 40, 100]),
    ),
    max_size=4,
).map(order)
FACT = st.builds(
    Fact,
    kind=st.sampled_from([SEEN, FINAL]),
    key=st.sampled_from(["tx:1", "tx:2", "agg:shop:1"]),
    asset=st.sampled_from(["BTC", "BTC@bitcoin", "LTC"]),
    amount=st.sampled_from([None, 40, 100]),
    whole=st.sampled_from([False, False, True]),
    late=st.just(value=False),
    at_ms=st.sampled_from([500, 1_500]),
) | st.sampled_from(
    [
        simple(FactKind.EXPECTED, 0, asset="BTC", amount=100)._replace(expires_ms=1_000),
        simple(FactKind.EXPIRED, 1_000),
        simple(FactKind.REMOVED, 900, key="tx:1"),
    ]
)
EVENT = st.tuples(
    st.frozensets(FACT, min_size=1, max_size=3),
    st.dictionaries(st.sampled_from(["tx:1", "tx:2"]), DEPTH),
    st.sampled_from([600, 1_600]),
)


def last(policy: Policy, events: Sequence[tuple[frozenset[Fact], Mapping[str, int], int]]) -> State:
    """Apply events in their order as a worker does; return the state at the end."""
    state, known = None, frozenset[Fact]()
    for facts, depths, at_ms in events:
        judged_facts = policy.judge("shop", facts, depths, at_ms)
        decision = decide(state, known, judged_facts, policy.terms)
        assert decision.verdict is not Verdict.ILLEGAL
        state, known = decision.after, known | decision.facts
    assert state is not None
    return state


@given(
    rows=ROWS, events=st.lists(EVENT, min_size=1, max_size=4), grace_ms=st.sampled_from([0, 700])
)
def test_under_any_policy_all_orders_of_events_end_alike(
    rows: tuple[Final, ...],
    events: list[tuple[frozenset[Fact], Mapping[str, int], int]],
    grace_ms: int,
) -> None:
    """The policy looks at one event at a time, so it cannot bring an order into the set."""
    policy = Policy("p", Terms(grace_ms, {"BTC": Tolerance(1)}), rows)
    assert len({last(policy, order_) for order_ in permutations(events)}) == 1


@given(rows=ROWS, event=EVENT)
def test_a_policy_takes_nothing_away_and_judges_once(
    rows: tuple[Final, ...], event: tuple[frozenset[Fact], Mapping[str, int], int]
) -> None:
    """Every fact is still there as seen or final; what is judged again stays as it is."""
    facts, depths, at_ms = event
    policy = Policy(finals=rows)
    found = policy.judge("shop", facts, depths, at_ms)
    for fact in facts:
        assert fact in found or fact._replace(kind=SEEN) in found
    assert policy.judge("shop", found, depths, at_ms) == found
