"""One suite for both stores: what providers answered, and words on the freeze, are kept."""

import pytest

from consumers.audit import Audit
from consumers.store.keys import EventKey, PaymentKey
from consumers.store.poll_store import Polls
from consumers.store.polls import Freeze, Population, ProviderRead
from consumers.store.port import Changes, Store
from tests.support.store_builders import apply, run

KEY = PaymentKey("opennode", "main", "ch_1")
LESS = ("we_ahead",)


def _read(
    at_ms: int, comparison: str, reference: str = "ch_1", *, held: bool = True
) -> ProviderRead:
    event = EventKey("opennode", "main", f"poll:{at_ms}") if comparison == "agree" else None
    key = KEY._replace(reference=reference)
    return ProviderRead(
        key, "hint", at_ms, "paid", comparison, held, "opennode/1", "req", "sha256:0", event
    )


async def test_the_reads_of_a_payment_come_the_last_one_first(store: Store) -> None:
    """Two reads are compared: which of them is the later one decides what is believed."""
    first, second = _read(1, "agree"), _read(2, "we_ahead")
    await apply(store, Changes(reads=[first]))
    await apply(store, Changes(reads=[second, _read(3, "agree", "ch_2")]))
    polls = Polls.of(store)
    assert list(await polls.reads(KEY, 10)) == [second, first]
    assert list(await polls.reads(KEY, 1)) == [second]


async def test_of_every_payment_the_last_read_counts(store: Store) -> None:
    """A payment that agrees again is no regression any more, and one we hold nothing of is none."""
    told = [
        _read(1, "we_ahead"),
        _read(2, "agree"),
        _read(3, "we_ahead", "ch_2"),
        _read(3, "we_ahead", "ch_3", held=False),
    ]
    await apply(store, Changes(reads=told))
    polls = Polls.of(store)
    regressing = (KEY._replace(reference="ch_2"),)
    assert await polls.population("opennode", "main", 0, LESS) == Population(3, regressing)
    assert await polls.population("opennode", "main", 4, LESS) == Population(0, ())
    assert await polls.population("opennode", "other", 0, LESS) == Population(0, ())


async def test_the_last_word_on_the_freeze_is_read_first(store: Store) -> None:
    """There is one switch for an environment, and nobody said anything at first."""
    polls = Polls.of(store)
    assert await polls.freeze() is None
    on = Freeze(True, "why", "ann", "operations", "", 1)
    off = Freeze(False, "done", "ben", "finance", "cleo", 2)
    await apply(store, Changes(freezes=[on]))
    assert await polls.freeze() == on
    await apply(store, Changes(freezes=[off]))
    assert list(await polls.freezes(10)) == [off, on]


@pytest.mark.parametrize("table", ["provider_read", "freeze_word"])
async def test_both_are_kept_and_in_the_chain(store: Store, store_url: str, table: str) -> None:
    """Nobody takes back what was read or ordered, not with SQL either."""
    words = [Freeze(True, "why", "ann", "operations", "", 1)]
    await apply(store, Changes(reads=[_read(1, "agree")], freezes=words))
    async with store.auditing() as moment:
        assert (await Audit(moment, "sandbox", b"k" * 16).run()).problems == []
    for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET at_ms = 7"):
        with pytest.raises(Exception, match=r"never changed|append|refuse"):
            await run(store_url, statement)
