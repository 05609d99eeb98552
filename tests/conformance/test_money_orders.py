"""One suite for both stores: orders about money are held against the money that there is."""

import pytest

from consumers import standing
from consumers.actions import Act, Role
from consumers.facts import Fact, FactKind, HoldKind, OwnNote, RefundStatus, simple
from consumers.lifecycle import State
from consumers.operating import ApprovalRequired, Order, Particulars, WrongWords
from consumers.refusals import Held, OutOfBounds, PostingDiffers
from consumers.standing import Posting
from consumers.stating import (
    AlreadyThere,
    IllegalTransition,
    Refused,
    VersionConflict,
    revision,
)
from consumers.store.cases import AtRisk, ItemFilter
from consumers.store.port import PaymentKey, Store
from tests.support.builders import NOW_MS
from tests.support.ordered import LATER_MS, decide, decide_at, order
from tests.support.store_builders import tables
from tests.support.store_told import PAYMENT, Teller

PRICE = Fact(FactKind.EXPECTED, "", "USDT", 100, False, False, 0, NOW_MS + 1000)
CAME = simple(FactKind.FINAL, NOW_MS, key="tx:1", asset="USDT", amount=100)
POSTED = Particulars(posting="gl-1", asset="USDT", amount=100)
NEW = PaymentKey(*PAYMENT[:2], "pay_2")


def finance(act: Act, key: str = "t-1", **changes: object) -> Order:
    """Say what kim of finance wants."""
    return order(act, key, role=Role.FINANCE, **changes)


def refund(amount: int, name: str = "re_1", asset: str = "USDT") -> Particulars:
    """Say what went back."""
    return Particulars(refund=name, asset=asset, amount=amount)


async def told(store: Store, *facts: Fact) -> Teller:
    """Make a payment of 100 USDT, with these facts beside."""
    teller = Teller(store)
    await teller.tell(("created", [PRICE]), ("paid", facts))
    return teller


async def codes(store: Store) -> list[str]:
    """Name the open exceptions."""
    return [one.anomaly.code for one in await store.cases.items(ItemFilter(), None, 99)]


SAID_SINCE = [
    ("a hold", order(Act.PLACE_HOLD, "a"), Particulars(hold=HoldKind.FINANCE)),
    ("a part given back", finance(Act.RECORD_REFUND, "a"), refund(5)),
    ("a posting", finance(Act.RECORD_POSTING, "a"), POSTED),
    (
        "a refund asked for",
        finance(Act.REQUEST_REFUND, "a", approved_by="alice"),
        Particulars(asset="USDT", amount=5, address="T9yD"),
    ),
]


@pytest.mark.parametrize(
    ("since", "more"), [row[1:] for row in SAID_SINCE], ids=[row[0] for row in SAID_SINCE]
)
async def test_who_has_not_seen_what_moved_nothing_is_refused(
    store: Store, store_url: str, since: Order, more: Particulars
) -> None:
    """Two clerks, one refund under two ids: the second looked before the first one wrote."""
    teller = await told(store, CAME)
    seen = await teller.payment()
    version, digest = revision(seen).split(".")
    await decide(store, since, more)
    assert (await teller.payment()).version == seen.version
    before = await tables(store_url)
    stale = finance(Act.RECORD_REFUND, expected_version=int(version), expected_facts=digest)
    with pytest.raises(VersionConflict, match="it has not moved"):
        await decide(store, stale, refund(5, "re_2"))
    assert await tables(store_url) == before
    _, digest = revision(await teller.payment()).split(".")
    await decide(store, stale._replace(expected_facts=digest), refund(5, "re_2"))


async def test_a_fact_of_a_provider_is_news_too(store: Store) -> None:
    """A second transfer that moves nothing changes what there is to give back."""
    teller = await told(store, CAME)
    version, digest = revision(await teller.payment()).split(".")
    await teller.tell(("more", [CAME._replace(key="tx:2", amount=1)]))
    stale = order(Act.PLACE_HOLD, expected_version=int(version), expected_facts=digest)
    with pytest.raises(VersionConflict):
        await decide(store, stale, Particulars(hold=HoldKind.FINANCE))


async def test_a_fact_told_again_is_no_news(store: Store) -> None:
    """A provider that repeats itself must not make every decision a conflict."""
    teller = await told(store, CAME)
    seen = revision(await teller.payment())
    await teller.tell(("again", [CAME]))
    assert revision(await teller.payment()) == seen


# What a provider calls the whole, without a figure.
WHOLE = CAME._replace(key="agg:kobbopay:pay_1", asset="", amount=None, whole=True)
PART = simple(FactKind.REFUND, NOW_MS, key="re_0", asset="USDT", amount=60, detail="succeeded")
BEYOND = [
    ("more than came", (CAME,), refund(101), "101 USDT .* more than is left: 100 USDT"),
    ("more than is left", (CAME, PART), refund(41), "60 USDT .* went back .* 40 USDT .* left"),
    (
        "more than is left of what is on its way",
        (CAME, PART._replace(detail="pending")),
        refund(41),
        "40 USDT .* left",
    ),
    ("another asset", (CAME,), refund(5, asset="EUR"), "none of this asset .* 100 USDT"),
    ("nothing came", (), refund(5), "what came is nothing"),
    (
        "paid by a word, and the transfer is known",
        (CAME._replace(amount=90), WHOLE),
        refund(101),
        "100 USDT .* came",
    ),
    ("paid by a word alone, at a price", (WHOLE,), refund(101), "100 USDT .* came"),
    ("paid by a word alone, in another asset", (WHOLE,), refund(1, asset="EUR"), "none of this"),
    (
        "another network",
        (CAME._replace(asset="USDT@tron"),),
        refund(5, asset="USDT@ethereum"),
        "none of this asset",
    ),
    (
        "begun, and more than came",
        (CAME,),
        refund(101)._replace(status=RefundStatus.PENDING),
        "101 USDT",
    ),
]


@pytest.mark.parametrize(
    ("facts", "more", "why"), [row[1:] for row in BEYOND], ids=[row[0] for row in BEYOND]
)
async def test_more_than_came_is_not_given_back(
    store: Store, store_url: str, facts: tuple[Fact, ...], more: Particulars, why: str
) -> None:
    """A slip of a digit pages nobody: it is refused, in the dry run and when it is done."""
    await told(store, *facts)
    before = await tables(store_url)
    for dry_run in (True, False):
        with pytest.raises(OutOfBounds, match=why):
            await decide(store, finance(Act.RECORD_REFUND), more, dry_run=dry_run)
    assert await tables(store_url) == before


WITHIN = [
    ("all of it", (CAME,), refund(100)),
    ("all that is left", (CAME, PART), refund(40)),
    ("the same refund, told again", (CAME, PART), refund(60, "re_0")),
    ("a refund that failed", (CAME, PART), refund(60)._replace(status=RefundStatus.FAILED)),
    ("where its network is not told", (CAME._replace(asset="USDT@tron"),), refund(100)),
    ("paid by a word alone, at a price", (WHOLE,), refund(100)),
    ("of what nobody knows the amount", (CAME._replace(amount=None),), refund(10**30)),
    (
        "of an amount that no integer of a machine holds",
        (CAME._replace(amount=10**30),),
        refund(10**30),
    ),
]


@pytest.mark.parametrize(
    ("facts", "more"), [row[1:] for row in WITHIN], ids=[row[0] for row in WITHIN]
)
async def test_what_came_is_given_back(
    store: Store, facts: tuple[Fact, ...], more: Particulars
) -> None:
    """The limit is what came and is left, to the unit."""
    await told(store, *facts)
    assert not (await decide(store, finance(Act.RECORD_REFUND), more)).is_repeat


async def test_what_is_promised_is_not_promised_twice(store: Store) -> None:
    """Two requests for one surplus would send it twice."""
    await told(store, CAME)
    more = Particulars(asset="USDT", amount=60, address="T9yD")
    with pytest.raises(ApprovalRequired):
        await decide(store, finance(Act.REQUEST_REFUND), more)
    wanted = finance(Act.REQUEST_REFUND, approved_by="alice")
    await decide(store, wanted, more)
    with pytest.raises(OutOfBounds, match="40 USDT"):
        await decide(store, wanted._replace(key="t-2"), more)
    await decide(store, wanted._replace(key="t-2"), more._replace(amount=40))


async def test_a_request_waits_until_the_money_is_back(store: Store) -> None:
    """It moves no money and no state; an item of finance's waits, and ends by the refund."""
    teller = await told(store, CAME)
    more = Particulars(asset="USDT", amount=60, address="T9yD")
    await decide(store, finance(Act.REQUEST_REFUND, approved_by="alice"), more)
    payment = await teller.payment()
    assert (payment.state, payment.version) == (State.CONFIRMED, 2)
    assert standing.flags(payment.facts) == ()
    assert await codes(store) == ["REFUND_REQUESTED"]
    # What is at risk is what was promised, and not all that the payment is about.
    [item] = await store.list_anomalies(9)
    assert item.anomaly.at_risk == AtRisk("USDT", 60)
    later = NOW_MS + 90_000
    half = simple(FactKind.REFUND, later, key="re", asset="USDT", amount=30, detail="succeeded")
    await teller.tell(("half", [half]))
    assert await codes(store) == ["REFUND_REQUESTED"]
    await teller.tell(("rest", [half._replace(key="re_2", amount=30)]))
    assert await codes(store) == []
    [action] = await store.cases.actions(PAYMENT)
    assert '"address": "T9yD"' in action.detail


async def books(store: Store) -> Posting:
    """Say where the books are."""
    found = await store.payment(PAYMENT)
    assert found is not None
    return standing.posting(found.facts)


async def test_a_posting_is_told_once_under_its_id(store: Store, store_url: str) -> None:
    """Books send a batch again; whatever the ticket, the posting is one."""
    await told(store, CAME)
    await decide(store, finance(Act.RECORD_POSTING), POSTED)
    assert await books(store) is Posting.POSTED
    before = await tables(store_url)
    for key in ("t-1", "t-2"):
        again = await decide_at(store, LATER_MS + 5, finance(Act.RECORD_POSTING, key), POSTED)
        assert again.is_repeat
    other = POSTED._replace(amount=99)
    with pytest.raises(PostingDiffers, match="in the books with 100 USDT"):
        await decide(store, finance(Act.RECORD_POSTING, "t-3"), other)
    assert await tables(store_url) == before


async def test_a_posting_is_reversed_and_told_again(store: Store, store_url: str) -> None:
    """What the books say last is so: taken out, and in again after that."""
    await told(store, CAME)
    with pytest.raises(PostingDiffers, match="never told"):
        await decide(store, finance(Act.RECORD_UNPOSTING), POSTED)
    await decide(store, finance(Act.RECORD_POSTING, "p-1"), POSTED)
    gone = finance(Act.RECORD_UNPOSTING, "p-2")
    with pytest.raises(WrongWords, match="not older"):
        await decide(store, gone, POSTED)
    with pytest.raises(PostingDiffers, match="all of it"):
        await decide_at(store, LATER_MS + 1, gone, POSTED._replace(amount=50))
    await decide_at(store, LATER_MS + 1, gone, POSTED)
    assert await books(store) is Posting.UNPOSTED
    before = await tables(store_url)
    assert (await decide_at(store, LATER_MS + 2, gone._replace(key="p-3"), POSTED)).is_repeat
    assert await tables(store_url) == before
    await decide_at(store, LATER_MS + 3, finance(Act.RECORD_POSTING, "p-4"), POSTED)
    assert await books(store) is Posting.POSTED


async def test_finance_does_not_book_what_is_held(store: Store) -> None:
    """Books wait for a hold as goods do; an entry is reversed all the same."""
    await told(store, CAME)
    await decide(store, finance(Act.RECORD_POSTING), POSTED)
    await decide(store, order(Act.PLACE_HOLD, "h-1"), Particulars(hold=HoldKind.DISPUTE))
    more = POSTED._replace(posting="gl-2", amount=1)
    with pytest.raises(Held, match="disputed"):
        await decide(store, finance(Act.RECORD_POSTING, "t-2"), more)
    await decide_at(store, LATER_MS + 1, finance(Act.RECORD_UNPOSTING, "t-3"), POSTED)


MISBOOKED = [
    ("less than is final", (CAME,), 60, ["POSTED_MISMATCH"]),
    ("more than is final", (CAME,), 101, ["POSTED_BEFORE_CONFIRMED"]),
    ("before it is final", (CAME._replace(kind=FactKind.SEEN),), 100, ["POSTED_BEFORE_CONFIRMED"]),
    ("all of it", (CAME,), 100, []),
]


@pytest.mark.parametrize(
    ("facts", "amount", "raised"), [row[1:] for row in MISBOOKED], ids=[r[0] for r in MISBOOKED]
)
async def test_books_that_differ_are_an_exception_until_they_do_not(
    store: Store, facts: tuple[Fact, ...], amount: int, raised: list[str]
) -> None:
    """What finance booked is so, right or wrong: it is told, and somebody is called."""
    await told(store, *facts)
    posting = POSTED._replace(amount=amount)
    await decide(store, finance(Act.RECORD_POSTING), posting)
    assert await codes(store) == raised
    await decide_at(store, LATER_MS + 1, finance(Act.RECORD_UNPOSTING, "t-2"), posting)
    assert await codes(store) == []


@pytest.mark.parametrize("act", [Act.RECORD_POSTING, Act.RECORD_UNPOSTING])
@pytest.mark.parametrize("more", [POSTED._replace(posting=" "), POSTED._replace(amount=0)])
async def test_a_posting_says_which_and_how_much(store: Store, act: Act, more: Particulars) -> None:
    """Without its id it would count again each time that it is told."""
    with pytest.raises(WrongWords):
        await decide(store, finance(act), more)
    with pytest.raises(WrongWords, match="has not been yet"):
        await decide(store, finance(act), POSTED._replace(at_ms=LATER_MS + 1))


async def test_a_payment_is_asked_for_again(store: Store) -> None:
    """The new one asks the same, for a new while; each names the other."""
    teller = await told(store)
    more = Particulars(asset="USDT", amount=100, replacement=NEW, window_ms=5000)
    await decide(store, order(Act.REISSUE_REFERENCE), more)
    found = await store.payment(NEW)
    assert found is not None
    assert (found.state, found.version) == (State.PENDING, 1)
    asked = simple(FactKind.EXPECTED, 0, asset="USDT", amount=100)
    assert found.facts == {
        asked._replace(expires_ms=LATER_MS + 5000),
        simple(FactKind.NOTE, LATER_MS, key="/".join(PAYMENT), detail=OwnNote.REPLACES),
    }
    old = await teller.payment()
    notes = {(one.key, one.detail) for one in old.facts if one.kind is FactKind.NOTE}
    assert notes == {("/".join(NEW), OwnNote.REPLACED_BY)}
    assert old.version == 1
    assert [one.notice.payment for one in await store.pending(9)] == [PAYMENT, NEW]
    assert (await decide(store, order(Act.REISSUE_REFERENCE), more)).is_repeat


NOT_AGAIN = [
    ("money came", (CAME,), NEW, IllegalTransition),
    ("it is there already", (), PAYMENT, AlreadyThere),
]


@pytest.mark.parametrize(
    ("facts", "new", "why"), [row[1:] for row in NOT_AGAIN], ids=[row[0] for row in NOT_AGAIN]
)
async def test_what_is_not_asked_for_again(
    store: Store, store_url: str, facts: tuple[Fact, ...], new: PaymentKey, why: type[Refused]
) -> None:
    """Who has paid is not asked again, and no payment is asked for under another's name."""
    await told(store, *facts)
    before = await tables(store_url)
    more = Particulars(asset="USDT", amount=100, replacement=new)
    with pytest.raises(why):
        await decide(store, order(Act.REISSUE_REFERENCE), more)
    assert await tables(store_url) == before
