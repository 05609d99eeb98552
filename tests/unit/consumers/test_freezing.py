"""The freeze: who may switch it, what stands still while it is on, and that every word is kept."""

from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from consumers.actions import Role
from consumers.audit import Audit
from consumers.facts import ON, FactKind, simple
from consumers.freezing import FreezeOrder, check, is_frozen, order, tripped
from consumers.lifecycle import State
from consumers.moving import Said
from consumers.notices import Occasion
from consumers.policy import NO_POLICY
from consumers.stating import Command, Desk, FrozenNow, Refused
from consumers.store.connect import connect
from consumers.store.poll_store import Polls
from consumers.store.polls import Freeze
from consumers.store.port import EventKey, PaymentKey, Store
from ingress.eventlog.embedded import EmbeddedLog
from tests.support.builders import NOW_MS
from tests.support.store_builders import event
from tests.support.timed import ENVIRONMENT, GRACE_S, TOPIC, Timed

ON_ORDER = FreezeOrder(True, "the provider shows old states", "ann", Role.OPERATIONS)
OFF_ORDER = FreezeOrder(False, "backfilled and compared", "ben", Role.FINANCE, "cleo")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Open a store of its own."""
    made = connect(f"sqlite://{tmp_path}/frozen.db")
    await made.open(ENVIRONMENT)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("wanted", "last", "code"),
    [
        (OFF_ORDER._replace(role=Role.OPERATIONS), True, "role_not_allowed"),
        (OFF_ORDER._replace(approved_by=""), True, "approval_required"),
        (OFF_ORDER._replace(approved_by="BEN "), True, "approval_required"),
        (OFF_ORDER._replace(approved_by="B\u0435n."), True, "approval_required"),
        (OFF_ORDER._replace(approved_by="..."), True, "invalid_request"),
        (OFF_ORDER._replace(by="..."), True, "invalid_request"),
        (OFF_ORDER, False, "unchanged"),
        (ON_ORDER, True, "unchanged"),
        (ON_ORDER._replace(reason=" "), False, "invalid_request"),
        (ON_ORDER._replace(by="ann\nben"), False, "invalid_request"),
    ],
)
def test_who_may_not_switch_it_is_told_why(wanted: FreezeOrder, last: bool, code: str) -> None:
    """To clear is finance's, with a second person; anybody may be the one who freezes."""
    word = Freeze(last, "why", "who", "", "", NOW_MS)
    with pytest.raises(Refused) as refused:
        check(wanted, word)
    assert refused.value.code == code


async def test_every_word_is_kept_and_the_last_one_counts(store: Store) -> None:
    """Whoever asks in a year who cleared it, and with whom, is answered from the store."""
    assert not is_frozen(await Polls.of(store).freeze())
    await order(store, ON_ORDER, NOW_MS)
    assert is_frozen(await Polls.of(store).freeze())
    await order(store, OFF_ORDER, NOW_MS + 1)
    words = await Polls.of(store).freezes(10)
    assert [(one.is_on, one.by, one.approved_by) for one in words] == [
        (False, "ben", "cleo"),
        (True, "ann", ""),
    ]
    assert not is_frozen(words[0])


async def test_what_is_said_of_it_is_in_the_audit_chain(store: Store, tmp_path: Path) -> None:
    """A freeze that was cleared behind the program's back is found."""
    await order(store, ON_ORDER, NOW_MS)
    async with store.auditing() as moment:
        assert (await Audit(moment, ENVIRONMENT, b"k" * 16).run()).problems == []
    with apsw.Connection(str(tmp_path / "frozen.db")) as other:
        with pytest.raises(apsw.ConstraintError, match="never changed"):
            other.execute("UPDATE freeze_word SET is_on = 0")
        other.execute("DROP TRIGGER freeze_word_kept")
        other.execute("UPDATE freeze_word SET is_on = 0")
    async with store.auditing() as moment:
        report = await Audit(moment, ENVIRONMENT, b"k" * 16).run()
    assert any(one.text.startswith("freeze_word: no entry") for one in report.problems)


def _posting() -> Command:
    key = PaymentKey("kobbopay", "main", "pay_1")
    fact = simple(FactKind.POSTED, NOW_MS, key="b1", asset="USDT", amount=1, detail=ON)
    claimed = event("posting-1")
    said = Said(
        event=EventKey(*claimed.key),
        payment=key,
        facts=frozenset({fact}),
        occasion=Occasion(ENVIRONMENT, "operator.posted", NOW_MS, "t"),
        correlation_id="c",
    )
    return Command(claimed, said)


async def test_nothing_is_posted_while_it_is_on(store: Store) -> None:
    """Books that follow a source which is in doubt are books that have to be reversed."""
    desk = Desk(store, NO_POLICY, lambda: NOW_MS)
    await order(store, ON_ORDER, NOW_MS)
    with pytest.raises(FrozenNow, match="sealgate freeze off"):
        await desk.do(_posting())
    await order(store, OFF_ORDER, NOW_MS + 1)
    assert not (await desk.do(_posting())).is_repeat


async def test_no_payment_expires_while_it_is_on(store: Store, tmp_path: Path) -> None:
    """Windows that close while sources disagree say nothing; who waits too long is still told."""
    log = EmbeddedLog(tmp_path / "log.db")
    try:
        await log.ensure_topics({TOPIC: 1})
        timed = Timed(store, log)
        ends_ms = await timed.expect(window_s=900)
        await timed.settle()
        await order(store, ON_ORDER, timed.now_ms)
        timed.now_ms = ends_ms + (GRACE_S + 31 * 60) * 1000
        await timed.settle()
        assert await timed.state() is State.PENDING
        assert ("STUCK_PENDING", 3) in await timed.codes()
        frozen = timed.registry.get_sample_value("sealgate_timers_frozen", {"reason": "ordered"})
        assert frozen == 1
        await order(store, OFF_ORDER, timed.now_ms)
        await timed.timers.sweep()
        assert await timed.state() is State.EXPIRED
    finally:
        await log.close()


def test_the_program_freezes_in_its_own_name() -> None:
    """Nobody is blamed for what the breaker did."""
    word = tripped("three of a hundred", NOW_MS)
    assert (word.is_on, word.by, word.role, word.approved_by) == (True, "sealgate", "", "")
