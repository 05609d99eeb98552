"""Sets of facts that nobody chose, for tests that must hold for every set.

The world is small on purpose: few transfers, few instants, amounts that nearly meet the price. In a
large one nothing ever meets anything. The unit is drawn once for a set, so that the same stories
happen in cents and beyond what 64 bits hold.
"""

from hypothesis import strategies as st

from consumers.facts import OFF, ON, OPEN, Fact, FactKind, Failure, HoldKind, Note, RefundStatus
from consumers.facts import simple as say
from tests.support.naive import Merchant

UNITS = (1, 10**18, 10**39)
ASSETS = ("USDT", "USDT", "USDT", "USDT@tron", "USDT@ethereum", "USDT@bsc", "EUR")
TRANSFERS = ("tx:1", "tx:1", "tx:2", "tx:3", "agg:shop:1", "agg:shop:1")
BLOCKS = ("", "", "A", "B")
INSTANTS = st.integers(1, 9)


def values(unit: int) -> st.SearchStrategy[Fact]:
    """Draw observations of value."""
    amounts = st.sampled_from([None, 0, 30, 40, 60, 99, 100, 100, 100, 101, 140])
    told = st.builds(
        Fact,
        kind=st.sampled_from([FactKind.SEEN, FactKind.FINAL]),
        key=st.sampled_from(TRANSFERS),
        asset=st.sampled_from(ASSETS),
        amount=amounts.map(lambda amount: None if amount is None else amount * unit),
        whole=st.sampled_from([False, False, False, False, True]),
        late=st.sampled_from([False, False, False, False, True]),
        at_ms=INSTANTS,
        detail=st.sampled_from(BLOCKS),
    )
    return maybe_untold(told)


def maybe_untold(told: st.SearchStrategy[Fact]) -> st.SearchStrategy[Fact]:
    """Draw an instant that nobody told for some: it is then the receipt."""
    untold = st.sampled_from([False, False, False, True])
    return st.builds(lambda fact, is_so: fact._replace(untold=is_so), told, untold)


def asked(unit: int) -> st.SearchStrategy[Fact]:
    """Draw what was asked for; of one asset one price, as no price is ever raised here."""
    price = say(FactKind.EXPECTED, 0, asset="USDT", amount=100 * unit)
    return st.sampled_from(
        [
            price,
            price._replace(expires_ms=5),
            price._replace(expires_ms=7),
            price._replace(asset="EUR", amount=90 * unit),
            price._replace(asset="USDT@tron", amount=60 * unit, expires_ms=5),
            price._replace(asset="", amount=None),
            price._replace(asset="", amount=None, detail=OPEN),
        ]
    )


def losses() -> st.SearchStrategy[Fact]:
    """Draw what takes observations away."""
    removed = st.builds(
        lambda at, key, block: say(FactKind.REMOVED, at, key=key, detail=block),
        INSTANTS,
        st.sampled_from(TRANSFERS),
        st.sampled_from(BLOCKS),
    )
    dropped = st.builds(
        lambda at, key: say(FactKind.DROPPED, at, key=key), INSTANTS, st.sampled_from(TRANSFERS)
    )
    return removed | dropped


def lost_for_good(unit: int) -> st.SearchStrategy[Fact]:
    """Draw one of a few that belong together: final in a block, removed from it, mined again.

    Of facts drawn each for itself a final one and the removal of its own block seldom meet.
    """
    mined = say(FactKind.FINAL, 3, key="tx:1", asset="USDT", amount=100 * unit, detail="A")
    removed = say(FactKind.REMOVED, 4, key="tx:1", detail="A")
    again = mined._replace(at_ms=6, detail="B")
    return st.sampled_from([mined, mined, removed, removed, again])


def ends() -> st.SearchStrategy[Fact]:
    """Draw ends, and what operators and providers say beside the money."""
    words = [
        (FactKind.EXPIRED, "", ""),
        (FactKind.CANCELLED, "", ""),
        *((FactKind.FAILED, "", reason.value) for reason in Failure),
        (FactKind.ACCEPT_LATE, "", ""),
        (FactKind.ACCEPT_UNDER, "", ""),
        *((FactKind.NOTE, "", note.value) for note in Note),
        *((FactKind.HOLD, kind.value, word) for kind in HoldKind for word in (ON, OFF)),
    ]
    ended = st.builds(
        lambda at, word: say(word[0], at, key=word[1], detail=word[2]),
        INSTANTS,
        st.sampled_from(words),
    )
    return maybe_untold(ended)


def credits_(unit: int) -> st.SearchStrategy[Fact]:
    """Draw refunds and postings."""
    refund = st.builds(
        lambda at, key, amount, status, is_whole: say(
            FactKind.REFUND, at, key=key, asset="USDT", amount=amount, detail=status
        )._replace(whole=is_whole),
        INSTANTS,
        st.sampled_from(["re:1", "re:2", "tx:1", "agg:shop:1"]),
        st.sampled_from([None, 10 * unit, 40 * unit, 100 * unit]),
        st.sampled_from([*RefundStatus, RefundStatus.SUCCEEDED, RefundStatus.SUCCEEDED]),
        st.sampled_from([False, False, False, True]),
    )
    posted = st.builds(
        lambda at, key, amount, word: say(
            FactKind.POSTED, at, key=key, asset="USDT", amount=amount, detail=word
        ),
        INSTANTS,
        st.sampled_from(["gl:1", "gl:2"]),
        st.sampled_from([40 * unit, 100 * unit]),
        st.sampled_from([ON, ON, OFF]),
    )
    return maybe_untold(refund) | posted


@st.composite
def fact_sets(draw: st.DrawFn, size_max: int = 9) -> set[Fact]:
    """Draw a set of facts."""
    unit = draw(st.sampled_from(UNITS))
    return draw(st.sets(facts(unit), max_size=size_max))


def facts(unit: int) -> st.SearchStrategy[Fact]:
    """Draw one fact: as often about money as about everything else."""
    money = values(unit)
    return st.one_of(
        money, money, money, asked(unit), losses(), lost_for_good(unit), ends(), credits_(unit)
    )


def merchants() -> st.SearchStrategy[Merchant]:
    """Draw a policy: mostly the strict one."""
    tolerances = st.sampled_from([{}, {}, {"USDT": (1, 0)}, {"USDT": (0, 150), "EUR": (3, 10)}])
    return st.builds(Merchant, st.sampled_from([0, 0, 0, 1, 3]), tolerances)
