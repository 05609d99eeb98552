"""Events that were read again: what is kept of it, and what has to be asked for it.

A fact stands where some event states it that is not void. By a later reading an event may state
other facts than by its first; nothing is deleted then, but a row says of each older statement that
it is taken back, or that it is made again. Both tables are appended to. `RETRACTED` is the
condition by which every question about facts leaves out what is taken back.

Going in, both stores write rows through `save`. The questions are an operator's, asked seldom, and
the same for both databases, as those of `finding` are.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from consumers.store import rows
from consumers.store.finding import POSTGRES, Read
from consumers.store.keys import EventKey
from consumers.store.port import Changes, DeadLetter, Fenced, Store
from consumers.store.readings import Reread
from consumers.store.rows import Row

Many = Callable[[str, Sequence[Row]], Awaitable[list[Row]]]
Tell = Callable[[str, Sequence[Row]], None]

# Of a row `f` of facts or restatements; written so that both databases take it.
RETRACTED = """coalesce((
        SELECT r.is_retracted FROM retraction AS r
        WHERE r.provider = f.provider AND r.account = f.account AND r.reference = f.reference
            AND r.statement = f.statement
        ORDER BY r.reading DESC LIMIT 1
    ), false)"""
_READINGS = """
SELECT event_provider, event_account, event_key, number, mapping, before, verdict, replay, at_ms
FROM reading
"""
_EVENT = "WHERE event_provider = $1 AND event_account = $2 AND event_key = $3"
OF_EVENT = f"{_READINGS} {_EVENT} ORDER BY number"
LETTERS = """
SELECT id, topic, partition, record_offset, reason, key, value, headers, at_ms FROM dead_letter
WHERE id > $1 ORDER BY id LIMIT $2
"""
# Reads all events: asked once, at the end of a replay. An index would cost every event.
REFUSED = """
SELECT event_type, verdict, count(*) FROM event
WHERE provider = $1 AND verdict IN ('unknown_type', 'unparseable') GROUP BY event_type, verdict
"""


class RereadStatements(NamedTuple):
    """How one of the databases is told, for each row or for a set of rows."""

    insert_reading: str
    insert_retraction: str


async def save(many: Many, sql: RereadStatements, changes: Changes, tell: Tell) -> None:
    """Write what was read again. Raises `Fenced` where another has read the same event again."""
    for statement, kind, each in (
        (sql.insert_reading, "readings", [reading_row(one) for one in changes.readings]),
        (sql.insert_retraction, "retractions", retraction_rows(changes.readings)),
    ):
        if each and len(await many(statement, each)) != len(each):
            raise Fenced("another has read the event again meanwhile")
        tell(kind, each)


def reading_row(one: Reread) -> Row:
    """Lay out a reading."""
    return (*one.event, *one[1:-1])


def retraction_rows(readings: Sequence[Reread]) -> list[Row]:
    """Lay out what events state no more, or again."""
    return [
        (*told.payment, told.statement, *one.event, one.number, told.is_retracted)
        for one in readings
        for told in one.retracted
    ]


class Letter(NamedTuple):
    """A dead letter with its number, by which a list of them goes on."""

    number: int
    letter: DeadLetter


class Refused(NamedTuple):
    """How many events of a type are known to have been refused by their last reading, and how."""

    event_type: str
    verdict: str
    events: int


@dataclass(frozen=True, slots=True)
class Rereads:
    """Asks one store, through its own way to `read` a statement with values."""

    read: Read
    mark: str

    @classmethod
    def of(cls, store: Store) -> Self:
        """Ask `store`, by the way that it lends to its finder."""
        return cls(store.finder.read, store.finder.mark)

    async def readings(self, event: EventKey) -> Sequence[Reread]:
        """Read how an event was read again, oldest first."""
        found = await self._ask(OF_EVENT, *event)
        return [Reread(EventKey(*row[:3]), *row[3:]) for row in found]

    async def letters(self, after: int, limit: int) -> Sequence[Letter]:
        """Read dead letters behind a number, the oldest first."""
        found = await self._ask(LETTERS, after, limit)
        return [Letter(row[0], rows.dead_letter(tuple(row[1:]))) for row in found]

    async def refused(self, provider: str) -> Sequence[Refused]:
        """Count what is refused of a provider's events, by type and verdict."""
        return [Refused(*row) for row in await self._ask(REFUSED, provider)]

    async def _ask(self, statement: str, *values: str | int) -> list[Row]:
        return await self.read(statement.replace(POSTGRES, self.mark), *values)
