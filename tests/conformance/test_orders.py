"""The promise on order, on real databases: facts through the applier, in whatever order they come.

`tests/unit/consumers/test_orders.py` holds it over many more sets in memory; here the store is what
might keep it badly: claims, batches, versions, exceptions raised and ended row by row.
"""

from random import Random

from consumers import standing
from consumers.exceptions import subject_of
from consumers.facts import OFF, ON, Fact, FactKind, Failure, simple
from consumers.lifecycle import TRANSITIONS
from consumers.store.port import Store
from tests.support import naive, naive_items
from tests.support.store_told import Teller

UNIT = 10**18
SETS, ORDERS = 25, 3


def money(kind: FactKind, key: str, amount: int, at_ms: int, block: str = "") -> Fact:
    """Observe a transfer, of an asset of 18 decimals."""
    return simple(kind, at_ms, key=key, asset="DAI", amount=amount * UNIT, detail=block)


SEEN, FINAL = FactKind.SEEN, FactKind.FINAL
POOL = (
    simple(FactKind.EXPECTED, 0, asset="DAI", amount=100 * UNIT)._replace(expires_ms=1000),
    money(SEEN, "tx:1", 100, 500),
    money(FINAL, "tx:1", 100, 700, "A"),
    money(FINAL, "tx:1", 100, 1500, "B"),
    money(SEEN, "tx:2", 60, 500),
    money(FINAL, "tx:2", 60, 1600),
    money(FINAL, "tx:3", 100, 1700),
    simple(FactKind.REMOVED, 800, key="tx:1", detail="A"),
    simple(FactKind.DROPPED, 800, key="tx:1"),
    simple(FactKind.EXPIRED, 1000),
    simple(FactKind.CANCELLED, 550),
    simple(FactKind.FAILED, 900, detail=Failure.UNCONFIRMED),
    simple(FactKind.FAILED, 900, detail=Failure.AML),
    simple(FactKind.REFUND, 2000, key="re:1", asset="DAI", amount=100 * UNIT, detail="succeeded"),
    simple(FactKind.REFUND, 2100, key="re:2", asset="DAI", amount=60 * UNIT, detail="succeeded"),
    simple(FactKind.ACCEPT_LATE, 1800),
    simple(FactKind.HOLD, 700, key="compliance", detail=ON),
    simple(FactKind.HOLD, 900, key="compliance", detail=OFF),
)


async def test_whatever_the_order_the_store_holds_the_same(store: Store) -> None:
    """State, flags, open exceptions, and versions without a gap: by the facts, and nothing else."""
    random = Random(7)
    for number in range(SETS):
        facts = random.sample(POOL, random.randint(2, 7))
        events = [(f"e{place}", [fact]) for place, fact in enumerate(facts)]
        # Some events say more than one thing, and some say what another has said.
        events += [("more", facts[:2]), ("poll", facts[-3:])]
        for order in range(ORDERS):
            teller = Teller(store, reference=f"set-{number}/{order}")
            await tell(teller, random, [*events, *random.choices(events, k=2)])
            await check(teller, facts)


async def tell(teller: Teller, random: Random, events: list[tuple[str, list[Fact]]]) -> None:
    """Tell the events in any order, in batches of any size, some of them again."""
    random.shuffle(events)
    while events:
        size = random.randint(1, 4)
        await teller.tell(*events[:size])
        events = events[size:]


async def check(teller: Teller, facts: list[Fact]) -> None:
    """Compare what the store holds with what somebody else makes of the facts."""
    stored = await teller.payment()
    assert stored.facts == set(facts)
    assert stored.state == naive.state(facts)
    subject = subject_of(teller.key)
    open_items = await teller.store.list_anomalies(10_000)
    codes = {one.anomaly.code for one in open_items if one.anomaly.subject == subject}
    assert codes == naive_items.items(facts)
    moves = await teller.store.transitions(teller.key)
    assert [move.version for move in moves] == list(range(1, stored.version + 1))
    for before, move in zip([None, *moves], moves, strict=False):
        assert move.before == (None if before is None else before.after)
        assert move.before is None or move.after in TRANSITIONS[move.before]
    notices = [one.notice for one in await teller.store.pending(10_000)]
    # A hold that moves nothing has a notice of its own, under the version that the payment has.
    told = [one for one in notices if one.payment == teller.key and "/held-" not in one.id]
    own = [one.version for one in told]
    assert own == [move.version for move in moves]
    assert standing.flags(stored.facts) == standing.flags(facts)
