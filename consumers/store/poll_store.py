"""Ask a store what was read from providers' APIs and whether everything is frozen; lay out both.

The questions are the same for both databases, so they are written once, in PostgreSQL's words, as
those of `waiting` are. The last read of a payment is found along the index of its reads, and never
by walking over those of all.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from consumers.store.finding import POSTGRES, Read
from consumers.store.keys import EventKey, PaymentKey
from consumers.store.polls import Freeze, Population, ProviderRead
from consumers.store.port import Store
from consumers.store.rows import Row

_READ = """
SELECT provider, account, reference, why, at_ms, word, comparison, is_held, mapping, request_id,
    body_digest, event_provider, event_account, event_key
FROM provider_read
"""
_OF_PAYMENT = (
    _READ + "WHERE provider = $1 AND account = $2 AND reference = $3 ORDER BY id DESC LIMIT $4"
)
_FREEZES = """
SELECT is_on, reason, done_by, role, approved_by, at_ms FROM freeze_word ORDER BY id DESC LIMIT $1
"""
_LAST_FREEZE = _FREEZES.replace("$1", "1")
# The last reads since an instant: one of each payment, by the highest number.
_LAST = """
SELECT r.reference, r.comparison, r.is_held FROM provider_read AS r
WHERE r.provider = $1 AND r.account = $2 AND r.at_ms >= $3 AND r.id = (
    SELECT max(n.id) FROM provider_read AS n
    WHERE n.provider = r.provider AND n.account = r.account AND n.reference = r.reference
)
ORDER BY r.reference
"""
_KEY_COLUMNS = 3
_EVENT_AT = 11


@dataclass(frozen=True, slots=True)
class Polls:
    """Asks one store, through its own way to `read` a statement with values."""

    read: Read
    mark: str

    @classmethod
    def of(cls, store: Store) -> Self:
        """Ask `store`, by the way that it lends to its finder."""
        return cls(store.finder.read, store.finder.mark)

    async def freeze(self) -> Freeze | None:
        """Read the last word on the freeze; None where nobody ever said one."""
        return next(iter(await self.freezes(1)), None)

    async def freezes(self, limit: int) -> Sequence[Freeze]:
        """Read words on the freeze, the last one first."""
        found = await self._ask(_FREEZES, limit)
        return [_freeze(row) for row in found]

    async def reads(self, key: PaymentKey, limit: int) -> Sequence[ProviderRead]:
        """Read what was read of a payment, the last one first."""
        return [_read(row) for row in await self._ask(_OF_PAYMENT, *key, limit)]

    async def population(
        self, provider: str, account: str, since_ms: int, less: Iterable[str]
    ) -> Population:
        """Count the payments read since then; `less` are the comparisons that show less."""
        regress = frozenset(less)
        found = await self._ask(_LAST, provider, account, since_ms)
        told = tuple(
            PaymentKey(provider, account, reference)
            for reference, comparison, is_held in found
            if comparison in regress and is_held
        )
        return Population(len(found), told)

    async def _ask(self, statement: str, *values: str | int) -> list[Row]:
        return await self.read(statement.replace(POSTGRES, self.mark), *values)


@dataclass(frozen=True, slots=True)
class HeldFreeze:
    """Reads the last word inside a transaction, once a lock is held where the database needs one.

    `ask` runs a statement in the transaction; `shared` locks out who says a word, `alone` everybody
    else too. A store with one writer at a time has no need of either.
    """

    ask: Callable[[str], Awaitable[list[Row]]]
    shared: str = ""
    alone: str = ""

    async def read(self) -> Freeze | None:
        """Read the last word; nobody says another before this transaction has ended."""
        return await self._behind(self.shared)

    async def take(self) -> Freeze | None:
        """Read it as whoever says the next: after all who have read it, and before who will."""
        return await self._behind(self.alone)

    async def _behind(self, lock: str) -> Freeze | None:
        if lock:
            await self.ask(lock)
        # A statement of its own: that of the lock sees the rows as they were before the wait.
        return next((_freeze(row) for row in await self.ask(_LAST_FREEZE)), None)


def _freeze(row: Row) -> Freeze:
    return Freeze(bool(row[0]), *row[1:])


def _read(row: Row) -> ProviderRead:
    event = row[_EVENT_AT:]
    key = PaymentKey(*row[:_KEY_COLUMNS])
    why, at_ms, word, comparison, is_held, *rest = row[_KEY_COLUMNS:_EVENT_AT]
    mapping, request_id, body_digest = rest
    return ProviderRead(
        payment=key,
        why=why,
        at_ms=at_ms,
        word=word,
        comparison=comparison,
        is_held=bool(is_held),
        mapping=mapping,
        request_id=request_id,
        body_digest=body_digest,
        event=None if event[0] is None else EventKey(*event),
    )
