"""One suite for both stores: events voided at any moment, among events that go on coming.

The promise is that of the reducer, with one thing more: a payment ends where it would have been if
the void events had never come.
"""

import asyncio
import json
from itertools import permutations
from pathlib import Path

import apsw
import asyncpg
import pytest

from consumers.exceptions import subject_of
from consumers.facts import ON, Fact, FactKind, simple
from consumers.lifecycle import State, Verdict
from consumers.store.connect import connect
from consumers.store.port import (
    Anomaly,
    Changes,
    Judgement,
    Store,
    WrongEnvironment,
)
from consumers.voiding import UnknownEvents, void
from ingress.eventlog.port import Partition
from tests.support.builders import NOW_MS
from tests.support.store_builders import apply, event, mark, tables
from tests.support.store_told import RIM, Teller, key, word

ASKED = Fact(
    FactKind.EXPECTED, "", "EUR", 100, whole=False, late=False, at_ms=0, expires_ms=NOW_MS + 100
)
SEEN = Fact(FactKind.SEEN, "tx:1", "EUR", 100, whole=False, late=False, at_ms=NOW_MS)
FINAL = Fact(FactKind.FINAL, "tx:1", "EUR", 100, whole=False, late=False, at_ms=NOW_MS + 50)
FINAL_LATER = Fact(FactKind.FINAL, "tx:1", "EUR", 100, whole=False, late=False, at_ms=NOW_MS + 60)
LOCKED = simple(FactKind.HOLD, NOW_MS, key="compliance", detail=ON)
PART = Fact(FactKind.SEEN, "tx:2", "EUR", 40, whole=False, late=False, at_ms=NOW_MS)


@pytest.fixture(name="teller")
def _teller(store: Store) -> Teller:
    return Teller(store)


async def test_a_forged_event_is_taken_out_and_downstream_hears_of_it(teller: Teller) -> None:
    """The whole of it: state, history with its cause, the notice, the mark with its reason."""
    await teller.tell(("created", {ASKED}), ("seen", {SEEN}), ("forged", {FINAL}))
    done = await teller.void("forged")
    [correction] = done.corrections
    assert (correction.before.state, correction.after.state) == (State.CONFIRMED, State.PAID)
    assert correction.before.facts - correction.after.facts == {FINAL}
    assert await teller.history() == [
        ("Pending", "event"),
        ("Paid", "event"),
        ("Confirmed", "event"),
        ("Paid", "void"),
    ]
    assert await teller.payment() == correction.after
    notices = [one.notice for one in await teller.store.pending(9)]
    assert [notice.version for notice in notices] == [1, 2, 3, 4]
    assert b'"cause":"void"' in notices[3].value
    assert dict(notices[3].headers)["ce_type"] == b"com.sealgate.payment.paid"
    assert notices[3].key == notices[2].key
    assert await teller.store.marks([key("forged")]) == {key("forged"): [word("forged")]}


async def test_a_hold_that_is_taken_out_is_heard_and_given_back_too(teller: Teller) -> None:
    """Goods wait for it downstream: a hold that nobody stated must not keep them for ever."""
    await teller.tell(("created", {ASKED, FINAL}), ("locked", {LOCKED}))
    await teller.void("locked")
    await teller.judge([word("locked", Judgement.CORROBORATED)])
    notices = [one.notice for one in await teller.store.pending(9)]
    types = [dict(one.headers)["ce_type"].rpartition(b".")[2] for one in notices]
    assert types == [b"confirmed", b"held", b"released", b"held"]
    assert [one.version for one in notices] == [1, 1, 1, 1]
    assert len({one.id for one in notices}) == len(notices)
    assert [json.loads(one.value)["cause"] for one in notices[1:]] == ["event", "void", "restore"]
    assert await teller.history() == [("Confirmed", "event")]


async def test_voiding_twice_writes_nothing(teller: Teller, store_url: str) -> None:
    """Whoever is not sure that it worked does it again."""
    await teller.tell(("created", {ASKED}), ("forged", {FINAL}))
    await teller.void("forged")
    before = await tables(store_url)
    again = await teller.judge([word("forged"), word("forged", Judgement.CONTRADICTED)])
    assert (again.marks, again.corrections) == ((), ())
    assert await tables(store_url) == before


async def test_a_dry_run_shows_what_would_be_done_and_writes_nothing(
    teller: Teller, store_url: str
) -> None:
    """The difference is looked at before it is made."""
    await teller.tell(("created", {ASKED}), ("forged", {FINAL}))
    before = await tables(store_url)
    shown = await teller.void("forged", dry_run=True)
    assert await tables(store_url) == before
    assert shown.corrections
    assert await teller.void("forged") == shown


async def test_a_payment_whose_facts_are_all_void_is_pending_without_any(teller: Teller) -> None:
    """Nothing proven remains; the payment is not forgotten, and begins again where facts come."""
    await teller.tell(("forged", {ASKED, FINAL}))
    await teller.void("forged")
    payment = await teller.payment()
    assert (payment.state, payment.version, payment.facts) == (State.PENDING, 2, frozenset())
    await teller.tell(("real", {ASKED, FINAL}))
    assert await teller.history() == [
        ("Confirmed", "event"),
        ("Pending", "void"),
        ("Confirmed", "event"),
    ]


async def test_an_event_that_comes_after_a_void_is_weighed_without_the_void_facts(
    teller: Teller,
) -> None:
    """The forger's 40 must not make up for what is missing of the real 60."""
    sixty = Fact(FactKind.FINAL, "tx:9", "EUR", 60, whole=False, late=False, at_ms=NOW_MS)
    await teller.tell(("created", {ASKED}), ("forged", {PART}))
    await teller.void("forged")
    await teller.tell(("real", {sixty}))
    assert await teller.state() is State.UNDERPAID
    assert (await teller.payment()).facts == {ASKED, sixty}


async def test_what_the_real_event_said_too_still_stands(teller: Teller) -> None:
    """The forger guessed right and was first: the real event added nothing, and proves it all."""
    await teller.tell(("created", {ASKED}), ("forged", {SEEN, FINAL}), ("real", {FINAL_LATER}))
    done = await teller.void("forged")
    assert await teller.state() is State.CONFIRMED
    assert [one.transition for one in done.corrections] == [None]
    assert (await teller.payment()).facts == {ASKED, FINAL_LATER}


async def test_a_void_is_taken_back_by_a_corroboration(teller: Teller) -> None:
    """An operator's mistake is undone, and the history says both."""
    await teller.tell(("created", {ASKED}), ("real", {FINAL}))
    await teller.void("real")
    done = await teller.judge([word("real", Judgement.CORROBORATED)])
    assert [mark.judgement for mark in done.marks] == [Judgement.CORROBORATED]
    assert await teller.history() == [
        ("Pending", "event"),
        ("Confirmed", "event"),
        ("Pending", "void"),
        ("Confirmed", "restore"),
    ]


@pytest.mark.parametrize("judgement", [Judgement.CORROBORATED, Judgement.CONTRADICTED])
async def test_a_word_that_excludes_nothing_is_a_mark_and_no_more(
    teller: Teller, judgement: Judgement
) -> None:
    """To say that an event is doubtful is not yet to take it out."""
    await teller.tell(("created", {ASKED}), ("real", {FINAL}))
    before = await teller.payment()
    done = await teller.judge([word("real", judgement)])
    assert (len(done.marks), done.corrections) == (1, ())
    assert await teller.payment() == before
    assert len(await teller.store.pending(9)) == 2


async def test_a_mark_on_an_unknown_event_is_refused_and_none_is_written(teller: Teller) -> None:
    """A slip in one id must not leave half of a list done."""
    await teller.tell(("real", {ASKED}))
    with pytest.raises(UnknownEvents, match="kobbopay/main/never") as refused:
        await teller.judge([word("real"), word("never")])
    assert refused.value.keys == [key("never")]
    assert await teller.store.marks([key("real"), key("never")]) == {}


async def test_an_event_about_no_payment_can_be_marked(store: Store) -> None:
    """It moved nothing, and an operator's word on it is still part of the story."""
    await apply(store, Changes(), [event("a", reference="")])
    for marks in (1, 0):
        done = await void(store, [mark("a")], RIM)
        assert (len(done.marks), done.corrections) == (marks, ())


async def test_exceptions_follow_the_state_after_a_void(teller: Teller) -> None:
    """What was late only by a forged event is not late, and what is short now is to be worked."""
    late = Fact(FactKind.SEEN, "tx:9", "EUR", 60, whole=False, late=True, at_ms=NOW_MS)
    await teller.tell(("created", {ASKED}), ("real", {PART}), ("forged", {late}))
    opened = {one.anomaly.code for one in await teller.store.list_anomalies(9)}
    assert opened == {"LATE_FUNDS"}, "what was short is not any more"
    exposure = Anomaly(
        "KEY_EXPOSURE_UNCORROBORATED", subject_of(key("forged")), 1, "x", key("forged"), NOW_MS
    )
    await apply(teller.store, Changes(anomalies=[exposure]))
    await teller.void("forged")
    [short] = await teller.store.list_anomalies(9)
    assert (short.anomaly.code, short.anomaly.subject) == (
        "AMOUNT_UNDER",
        "kobbopay/main/pay_1",
    )


STORY = (
    ("created", {ASKED}),
    ("part", {PART}),
    ("forged", {SEEN, FINAL}),
    ("real", {SEEN, FINAL_LATER}),
)


@pytest.mark.parametrize("after", range(5))
@pytest.mark.parametrize("names", [("forged",), ("real",), ("forged", "created"), ("part", "real")])
async def test_a_payment_ends_as_if_the_void_events_had_never_come(
    store: Store, names: tuple[str, ...], after: int
) -> None:
    """Voided early or late, and in several orders of arrival."""
    for place, order in enumerate(list(permutations(STORY))[:: 7 if after else 3]):
        told, clean = (Teller(store, reference=f"{kind}_{place}") for kind in ("told", "clean"))
        for number, one in enumerate(order):
            if number == after:
                await _void_those_known(told, names, order[:number])
            await told.tell(one)
            if one[0] not in names:
                await clean.tell(one)
        await _void_those_known(told, names, order)
        assert await told.state() is await clean.state(), order
        assert (await told.payment()).facts >= (await clean.payment()).facts


async def _void_those_known(
    teller: Teller, names: tuple[str, ...], come: tuple[tuple[str, set[Fact]], ...]
) -> None:
    known = {name for name, _ in come}
    await teller.void(*(name for name in names if name in known))


async def test_a_worker_and_an_operator_at_once_lose_nothing_of_each_other(
    store: Store, store_url: str
) -> None:
    """Whoever is second waits, and sees what the first has written."""
    other = connect(store_url)
    await other.open("sandbox")
    teller = Teller(store)
    await teller.tell(("created", {ASKED}), ("forged", {FINAL}))
    await asyncio.gather(
        *(void(other, [word("forged")], RIM) for _ in range(3)),
        teller.tell(("real", {SEEN})),
    )
    await other.close()
    assert await teller.state() is State.PAID
    assert (await teller.payment()).facts == {ASKED, SEEN}
    moves = await store.transitions(teller.key)
    assert [move.version for move in moves] == list(range(1, len(moves) + 1))
    assert len((await store.marks([teller.event("forged")]))[teller.event("forged")]) == 1


async def test_a_second_body_under_one_key_cannot_be_kept_out(teller: Teller) -> None:
    """Keys can be foretold: a forger who is first must not make a duplicate of the real event."""
    low = Fact(FactKind.SEEN, "tx:1", "EUR", 1, whole=False, late=False, at_ms=NOW_MS)
    applied = await teller.tell(("created", {ASKED}), ("1:paid", {low}), ("1:paid", {FINAL}))
    assert [one.verdict for one in applied.outcomes] == [Verdict.APPLIED] * 3
    assert await teller.state() is State.CONFIRMED
    codes = {one.anomaly.code for one in await teller.store.list_anomalies(9)}
    assert "CONFLICTING_BODY" in codes
    names = {one.event.key for one in await teller.store.statements(teller.key)}
    assert len(names) == 3
    assert sum(name.startswith("1:paid~") for name in names) == 1


async def test_every_delivery_of_either_body_is_a_duplicate_afterwards(teller: Teller) -> None:
    """Exactly once, for each of the bodies."""
    low = Fact(FactKind.SEEN, "tx:1", "EUR", 1, whole=False, late=False, at_ms=NOW_MS)
    both = (("1:paid", {low}), ("1:paid", {FINAL}))
    await teller.tell(("created", {ASKED}), *both)
    before = await teller.payment()
    again = await teller.tell(*both, *both)
    assert {one.verdict for one in again.outcomes} == {Verdict.DUPLICATE_DELIVERY}
    assert await teller.payment() == before


async def test_a_key_that_was_claimed_for_the_second_body_too_keeps_nothing_out(
    teller: Teller,
) -> None:
    """The forger knows the real body and how we name its variant: the next name is still free."""
    await teller.tell(("created", {ASKED}), ("1:paid", {PART}))
    digest = teller.digest("1:paid", {FINAL})
    await teller.tell((f"1:paid~{digest[:16]}", {PART}))
    await teller.tell(("1:paid", {FINAL}))
    assert await teller.state() is State.CONFIRMED


async def test_a_redelivery_that_its_provider_rendered_anew_raises_nothing(teller: Teller) -> None:
    """BTCPay writes another body at each redelivery, by design."""
    await teller.tell(("created", {ASKED}), ("paid", {PART}))
    before = await teller.payment()
    counted = [one.times for one in await teller.store.list_anomalies(9)]
    again = await teller.tell(("paid", {PART}), rendered="again")
    assert [one.verdict for one in again.outcomes] == [Verdict.DUPLICATE_DELIVERY]
    assert await teller.payment() == before
    assert [one.times for one in await teller.store.list_anomalies(9)] == counted


async def test_voiding_the_first_body_leaves_what_the_second_says(teller: Teller) -> None:
    """The forger is taken out; the real event, which came second, is all there is."""
    forged = Fact(FactKind.FINAL, "tx:1", "EUR", 900, whole=True, late=False, at_ms=NOW_MS)
    await teller.tell(("created", {ASKED}), ("1:paid", {forged}), ("1:paid", {PART}))
    assert await teller.state() is State.CONFIRMED
    await teller.void("1:paid")
    assert await teller.state() is State.UNDERPAID
    assert (await teller.payment()).facts == {ASKED, PART}


async def test_a_copy_of_another_environments_database_is_refused(
    store: Store, store_url: str
) -> None:
    """Copied whole it names its owner; relabelled, its rows still say where they came from."""
    teller = Teller(store, partition=Partition("payments.sandbox.verified", 0))
    await teller.tell(("created", {ASKED}))
    await store.close()
    copy = connect(store_url)
    with pytest.raises(WrongEnvironment, match=r"'sandbox'.*'production'"):
        await copy.open("production")
    await _relabel(store_url, "production")
    with pytest.raises(WrongEnvironment, match=r"payments\.sandbox\.verified"):
        await copy.open("production")
    await copy.close()


async def _relabel(url: str, environment: str) -> None:
    """Write another owner over a database, as whoever clones one for a test would."""
    statement = f"UPDATE meta SET value = '{environment}' WHERE name = 'environment'"
    if url.startswith("sqlite"):
        with apsw.Connection(url.removeprefix("sqlite://")) as connection:
            connection.execute(statement)
        connection.close()
        return
    connected = await asyncpg.connect(url)
    await connected.execute(statement)
    await connected.close()


async def test_a_file_copied_from_production_is_refused_by_a_test(tmp_path: Path) -> None:
    """The commonest leak of all: somebody takes the real file to try something out."""
    store = connect(f"sqlite://{tmp_path}/production.db")
    await store.open("production")
    await store.close()
    (tmp_path / "copy.db").write_bytes((tmp_path / "production.db").read_bytes())
    copy = connect(f"sqlite://{tmp_path}/copy.db")
    with pytest.raises(WrongEnvironment, match=r"'production'.*'test'"):
        await copy.open("test")
    await copy.close()
