"""One suite for both stores: events read again, under another mapping, at any moment.

The promise is the reducer's once more: a payment ends where it would be had its events been read so
from the beginning. What was written stays; what counts no more is said by other rows.
"""

from pathlib import Path

import pytest

from consumers.interpret import interpreter
from consumers.interpret.interpreter import Interpreters
from consumers.lifecycle import State
from consumers.replaying import Still
from consumers.stating import KeyReused
from consumers.store.port import Judgement, Mark, Store
from consumers.store.rereads import Rereads
from consumers.voiding import Rim, void
from tests.support.audited import audit
from tests.support.builders import TRACEPARENT, envelope, record
from tests.support.replayed import (
    LATER_MS,
    NEW,
    NEW_ROW,
    OLD,
    ORDER,
    PAID_IS_FINAL,
    SWEPT_IS_FINAL,
    Ground,
    candidate,
    history,
    key,
    payment,
    sealed,
    state,
    states,
)
from tests.support.store_builders import tables

RIM = Rim("sandbox", lambda: LATER_MS, lambda: TRACEPARENT)


@pytest.fixture(name="ground")
def _ground(store: Store) -> Ground:
    return Ground(store)


@pytest.fixture(name="paid_final")
def _paid_final(tmp_path: Path) -> Interpreters:
    return interpreter.load(candidate(tmp_path / "paid", PAID_IS_FINAL))


@pytest.fixture(name="swept")
def _swept(tmp_path: Path) -> Interpreters:
    return interpreter.load(candidate(tmp_path / "swept", SWEPT_IS_FINAL, NEW_ROW))


async def open_codes(store: Store) -> list[str]:
    """Name the open exceptions."""
    return sorted(one.anomaly.code for one in await store.list_anomalies(99))


async def test_a_look_says_what_would_change_and_writes_nothing(
    ground: Ground, store_url: str, paid_final: Interpreters
) -> None:
    """Whoever approves a replay decides by the look: it must be free, and it must be true."""
    await ground.apply(sealed("e1", "payment.pending"), sealed("e2", "payment.paid"))
    before = await tables(store_url)
    looked = await ground.look(paid_final)
    assert states(looked) == (State.PAID, State.CONFIRMED)
    assert looked is not None
    [change] = looked.readings
    assert change.event == key("e2")
    assert [str(one.fact.kind) for one in change.gone] == ["seen"]
    assert [str(fact.kind) for fact in change.new] == ["final"]
    assert await tables(store_url) == before


async def test_what_was_shown_is_what_is_written(ground: Ground, paid_final: Interpreters) -> None:
    """One correction, with its cause and its mapping; downstream hears of it; nothing is lost."""
    await ground.apply(sealed("e1", "payment.pending"), sealed("e2", "payment.paid"))
    looked = await ground.look(paid_final)
    done = await ground.replay(paid_final)
    assert done is not None
    assert looked is not None
    assert (done.before, done.after) == (looked.before, looked.after)
    stored = await ground.store.payment(payment())
    assert stored is not None
    assert (stored.state, stored.facts) == (State.CONFIRMED, done.after.facts)
    assert await history(ground) == [
        ("Pending", "event", OLD),
        ("Paid", "event", OLD),
        ("Confirmed", "replay", NEW),
    ]
    last = (await ground.store.pending(9))[-1].notice
    assert b'"cause":"replay"' in last.value
    assert dict(last.headers)["ce_type"] == b"com.sealgate.payment.confirmed"
    [reading] = await Rereads.of(ground.store).readings(key("e2"))
    assert reading[1:7] == (1, NEW, "applied", "applied", "ENG-1", LATER_MS)
    [action] = [one for one in await _actions(ground.store) if one[0] == "ENG-1"]
    assert action == ("ENG-1", "replay", "kim", "alice", "cause_mended")


async def _actions(store: Store) -> list[tuple[str, ...]]:
    found = await store.finder.read(
        "SELECT key, name, done_by, approved_by, reason FROM operator_action ORDER BY id"
    )
    return [tuple(row) for row in found]


async def test_a_replay_done_again_does_nothing(
    ground: Ground, store_url: str, paid_final: Interpreters
) -> None:
    """Whoever is not sure that it worked, or had it broken off, does it again."""
    await ground.apply(sealed("e1", "payment.paid"))
    await ground.replay(paid_final)
    before = await tables(store_url)
    assert await ground.replay(paid_final) is None
    assert await ground.look(paid_final) is None
    assert await tables(store_url) == before


async def test_another_replay_under_the_same_key_is_refused(
    ground: Ground, paid_final: Interpreters
) -> None:
    """One key is one decision, with the words of whoever made it."""
    await ground.apply(sealed("e1", "payment.paid"), sealed("e2", "payment.paid", "pay_2"))
    await ground.replay(paid_final)
    other = ORDER._replace(note="something else")
    with pytest.raises(KeyReused):
        await ground.replay(paid_final, "pay_2", order=other)
    assert await state(ground, "pay_2") is State.PAID


async def test_an_unknown_word_is_applied_once_when_it_is_known(
    ground: Ground, store_url: str, swept: Interpreters
) -> None:
    """R7: what nobody could read is kept, and read when the mapping knows it, as if it came now."""
    await ground.apply(sealed("e1", "payment.swept"))
    assert await state(ground) is None
    assert await open_codes(ground.store) == ["UNKNOWN_TYPE"]
    done = await ground.replay(swept)
    assert states(done) == (State.PENDING, State.CONFIRMED)
    assert await history(ground) == [("Confirmed", "event", NEW)]
    recorded = await ground.store.event(key("e1"))
    assert recorded is not None
    assert recorded.verdict == "applied"
    before = await tables(store_url)
    assert await ground.replay(swept) is None
    assert await tables(store_url) == before
    assert (await audit(ground.store)).problems == []


async def test_exceptions_about_a_kind_of_event_end_when_nothing_of_it_is_left(
    ground: Ground, swept: Interpreters
) -> None:
    """One item stands for all events of the kind: the last one that is read ends it."""
    await ground.apply(
        sealed("e1", "payment.swept"),
        sealed("e2", "payment.swept", "pay_2"),
        sealed("e3", "payment.odd", "pay_3"),
    )
    replayer = ground.replayer(swept)
    await ground.replay(swept)
    assert await replayer.end({"kobbopay": Still()}) == []
    await ground.replay(swept, "pay_2")
    assert await replayer.end({"btcpay": Still()}) == []
    assert await replayer.end({"kobbopay": Still()}) == ["UNKNOWN_TYPE kobbopay/payment.swept"]
    [left] = await ground.store.list_anomalies(9)
    assert left.anomaly.subject == "kobbopay/payment.odd"


async def test_an_event_that_an_operator_excluded_is_not_read_again(
    ground: Ground, paid_final: Interpreters
) -> None:
    """What was forged stays out, whatever a mapping makes of it."""
    await ground.apply(sealed("e1", "payment.pending"), sealed("e2", "payment.paid"))
    await void(ground.store, [Mark(key("e2"), Judgement.VOID, "forged", "kim", LATER_MS)], RIM)
    assert await ground.look(paid_final) is None
    assert await ground.replay(paid_final) is None
    assert await state(ground) is State.PENDING


async def test_an_event_read_again_can_be_excluded_with_all_its_readings(
    ground: Ground, paid_final: Interpreters
) -> None:
    """A key that leaked proves neither reading; taking the mark back gives the last one back."""
    await ground.apply(sealed("e1", "payment.pending"), sealed("e2", "payment.paid"))
    await ground.replay(paid_final)
    await void(ground.store, [Mark(key("e2"), Judgement.VOID, "forged", "kim", LATER_MS)], RIM)
    assert await state(ground) is State.PENDING
    true = Mark(key("e2"), Judgement.CORROBORATED, "seen there", "kim", LATER_MS)
    await void(ground.store, [true], RIM)
    assert await state(ground) is State.CONFIRMED
    stored = await ground.store.payment(payment())
    assert stored is not None
    assert "seen" not in {str(fact.kind) for fact in stored.facts}


async def test_a_mapping_that_reads_less_corrects_the_payment_and_says_why(
    ground: Ground, paid_final: Interpreters
) -> None:
    """Confirmed by mistake: books and goods are told, and the statements are kept as they were."""
    ground.interpreters = paid_final
    await ground.apply(sealed("e1", "payment.paid"))
    assert await state(ground) is State.CONFIRMED
    assert states(await ground.replay(interpreter.load())) == (State.CONFIRMED, State.PAID)
    assert [one.fact.kind.value for one in await ground.store.statements(payment())] == [
        "expected",
        "seen",
    ]


async def test_a_move_that_no_table_has_ends_when_its_words_are_read_right(
    ground: Ground, tmp_path: Path
) -> None:
    """A later word raised the price of what was paid: it was no price, the new mapping says."""
    dearer = {"id": "e2", "amount": "20.00", "currency": "USDC"}
    told = envelope(dearer, event_key="e2", event_type="payment.pending", payment_ref="pay_1")
    await ground.apply(sealed("e1", "payment.underpaid"), record(told))
    assert "ILLEGAL_TRANSITION" in await open_codes(ground.store)
    row = 'words = ["payment.pending", "Pending"]\nsay = ["expected"]'
    no_price = (row, row.replace('"expected"]', '"note"]\nnote = "inferred"'))
    done = await ground.replay(interpreter.load(candidate(tmp_path / "right", no_price)))
    assert states(done) == (State.PAID, State.PAID)
    assert await open_codes(ground.store) == []


async def test_holds_that_another_reading_brings_and_takes_are_heard(
    ground: Ground, tmp_path: Path
) -> None:
    """The payment stays where it is, and its goods must not: downstream hears it from nobody else.

    A word is read as a hold, and then as none again; each time nothing but the holds is another.
    """
    note = '\n[[rule]]\nwords = ["payment.swept"]\nsay = ["note"]\nnote = "{note}"\n'
    held = NEW_ROW.replace('["expected", "total_final"]\nwhole = true', '["hold"]')
    holding = interpreter.load(
        candidate(tmp_path / "held", SWEPT_IS_FINAL, held + 'hold = "compliance"\n')
    )
    plain = interpreter.load(
        candidate(tmp_path / "plain", SWEPT_IS_FINAL, note.replace("{note}", "inferred"))
    )
    await ground.apply(sealed("e1", "payment.confirmed"))
    ground.interpreters = plain
    await ground.apply(sealed("e2", "payment.swept"))
    assert await state(ground) is State.CONFIRMED
    before = await ground.store.notices_pending()
    for tables_, word, name in ((holding, "held", "ENG-1"), (plain, "released", "ENG-2")):
        order = ORDER._replace(key=name)
        done = await ground.replay(tables_, order=order)
        assert done is not None
        assert not done.moves
        [notice] = done.changes.notices
        assert dict(notice.headers)["ce_type"].decode() == f"com.sealgate.payment.{word}"
        assert b'"cause":"replay"' in notice.value
        effect = None if word == "held" else b"kobbopay/main/pay_1/fulfil/1"
        assert dict(notice.headers).get("ce_effectkey") == effect
        assert await ground.replay(tables_, order=order) is None
    assert await ground.store.notices_pending() == before + 2
    assert len(await ground.store.transitions(payment())) == 1
    assert (await audit(ground.store)).problems == []
