"""What people decided, listed of either database with the entries that name it."""

from consumers.store.port import Store
from sealgate.audit.decided import Matching, Wanted
from sealgate.audit.decisions import gather
from tests.support.audited import fill, tamper


async def test_decisions_have_the_entries_that_name_them(store: Store, store_url: str) -> None:
    """The list that a review goes by reads both databases alike: rows, and entries."""
    await fill(store)
    await tamper(store_url, "DELETE FROM mark WHERE reason = 'a copy'")
    matching = Matching(Wanted())
    async with store.auditing() as moment:
        assert await gather(moment, matching) == set()
    found = [(one.decision.command, one.entry, one.is_kept) for one in matching.ended()]
    assert sorted(found) == [
        # Entry 0 is the beginning; the first transaction of people marked and wrote a note.
        ("events void", 1, True),
        ("events void", 2, False),
        ("exceptions note", 1, True),
        ("freeze on", 3, True),
    ]
