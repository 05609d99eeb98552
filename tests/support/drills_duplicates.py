"""The drill of duplicates with one protection taken away: the code that does it, and what fails.

Each run has the smallest traffic there is: one payment of each kind, in order, then everything a
second time; no process dies but where the missing protection is one against that. See
`drills_broken` for how the code gets into every process.
"""

from collections.abc import Mapping

# What the drill itself is told, in the one process that plays it.
_SMALL = """
import sys
if "drill" in sys.orig_argv:
    from sealgate.drills import duplicates, letters
    duplicates.EACH = duplicates.WORKERS = duplicates.AT_ONCE = 1
    duplicates.SETTLES_S = 20.0
    duplicates.BATCHES = "batch_max = 500\\nnotices_max = 500\\n"
    letters.storm = lambda told, seed: [(one, time) for time in (0, 1) for one in told]
    duplicates.APPLIES, duplicates.TELLS = {applies}, {tells}
"""


def _small(code: str, *, applies: tuple[str, ...] = (), tells: tuple[str, ...] = ()) -> str:
    return code + _SMALL.format(applies=applies, tells=tells)


PROTECTIONS: Mapping[str, str] = {
    "uniqueness of events": _small("""
from dataclasses import replace
from consumers.store import schema
plain = schema.migrations
UNIQUE = ",\\n    PRIMARY KEY (provider, account, event_key)"
def migrations(dialect):
    steps = [replace(step, sql=step.sql.replace(UNIQUE, "", 1)) for step in plain(dialect)]
    assert steps[0].sql != plain(dialect)[0].sql
    return tuple(steps)
schema.migrations = migrations
"""),
    "claims and effects in one transaction": _small(
        """
from consumers.store import sqlite, sqlite_connection
plain = sqlite.SqliteTransaction.claim
async def claim(self, events):
    fresh = await plain(self, events)
    await self._writer.run(sqlite_connection.commit)
    await self._writer.run(sqlite_connection.begin)
    return fresh
sqlite.SqliteTransaction.claim = claim
""",
        applies=("apply.claimed",),
    ),
    "a fact is stated once": _small("""
from consumers import lifecycle
lifecycle._news = lambda told, known: told
"""),
    "observations of one transfer are one": _small("""
from consumers import weighing
def received(values):
    sums = {}
    for fact in values:
        if fact.amount is not None:
            sums[fact.asset] = sums.get(fact.asset, 0) + fact.amount
    return sums
weighing.received = received
"""),
    "a state is entered once": _small("""
from consumers.lifecycle import TRANSITIONS, State
TRANSITIONS[State.CONFIRMED] |= {State.CONFIRMED}
"""),
    "one effect key for the same goods": _small("""
from consumers.fulfilment import Fulfilment
from consumers.lifecycle import State
def then(self, state):
    return self._replace(generation=self.generation + (state is State.CONFIRMED))
Fulfilment.then = then
"""),
    "one id for each notice": _small(
        """
from dataclasses import replace
from uuid import uuid4
from consumers import relay
plain = relay._message
def message(topic, notice):
    fresh = [(n, uuid4().hex.encode() if n == "ce_id" else v) for n, v in notice.headers]
    return plain(topic, notice._replace(headers=tuple(fresh)))
relay._message = message
""",
        tells=("relay.published",),
    ),
    "published, then marked": _small(
        """
import sys
from consumers import relay
async def drain(self):
    pending = await self.store.pending(self.notices_max)
    if pending:
        await self.store.delivered([one.sequence for one in pending])
        self.checkpoint("relay.published")
        await self._publish(pending)
    return len(pending)
relay.Relay.drain = drain
# What is marked first looks told before it is: the last of it is waited for, or it looks lost too.
if "drill" in sys.orig_argv:
    from asyncio import sleep
    from sealgate.drills.duplicates import Duplicates
    plain = Duplicates._told
    async def told(self, running):
        await plain(self, running)
        await sleep(2.0)
    Duplicates._told = told
""",
        tells=("relay.published",),
    ),
    "comparison of second bodies": _small("""
from consumers import apply
async def claim(tx, readings):
    events = [one.event for one in reversed(readings) if isinstance(one, apply.Read)]
    return list(readings), await tx.claim(list({one.key: one for one in events}.values()))
apply._claim = claim
"""),
    "a redelivery written anew is none": _small("""
from consumers import plan
plan._conflicts = lambda decision, told, known: True
"""),
    "fence of positions": _small("""
from consumers.store import sqlite_sql
fenced = "AND epoch = ?4 AND next_offset IS ?5"
assert fenced in sqlite_sql.ADVANCE
sqlite_sql.ADVANCE = sqlite_sql.ADVANCE.replace(fenced, "AND ?4 IS ?4 AND ?5 IS ?5")
"""),
    "block in what was mined": _small("""
from consumers.interpret import reading
assert reading.Transfers._block
reading.Transfers._block = lambda self, element: ""
"""),
    "audit chain": _small("""
from consumers.store import sqlite
async def seal(self):
    pass
sqlite.SqliteTransaction.seal = seal
"""),
}
FAILS: Mapping[str, frozenset[str]] = {
    "uniqueness of events": frozenset(
        {
            "nothing lost",
            "repetitions told apart",
            "one fact, two events",
            "the chain holds",
        }
    ),
    # The batch that died is gone for good, with all that was in it.
    "claims and effects in one transaction": frozenset(
        {
            "nothing lost",
            "handled once",
            "repetitions told apart",
            "one fact, two events",
            "shipped once",
            "told whole",
            "booked once",
            "mined again",
            "as if told once",
            "the chain holds",
        }
    ),
    "a fact is stated once": frozenset({"one fact, two events", "the chain holds"}),
    "observations of one transfer are one": frozenset({"booked once"}),
    "a state is entered once": frozenset(
        {"repetitions told apart", "one fact, two events", "as if told once"}
    ),
    "one effect key for the same goods": frozenset({"shipped once", "the same goods once"}),
    "one id for each notice": frozenset({"told whole"}),
    "published, then marked": frozenset({"shipped once", "told whole"}),
    "comparison of second bodies": frozenset({"shipped once", "booked once"}),
    "a redelivery written anew is none": frozenset({"repetitions told apart", "as if told once"}),
    "fence of positions": frozenset({"handled once", "an old owner writes nothing"}),
    "block in what was mined": frozenset({"mined again"}),
    "audit chain": frozenset({"handled once", "the chain holds"}),
}
