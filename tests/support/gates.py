"""Hold up whoever uses a store, in the middle of a transaction, so that a rival comes in between.

The store is the real one: a gate adds nothing but a wait at one point of its first transaction.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from consumers.store.port import Payment, PaymentKey, Store, Transaction

# How long a rival may take to show that it does not wait: a rival that waits costs a test so much.
GLANCE_S = 0.15


class At(StrEnum):
    """Where somebody is held up."""

    BEGIN = "before the transaction"
    READ = "when its payments are read"
    END = "when all is written, before the commit"


@dataclass
class Gate:
    """A store whose user waits at one point, the first time it gets there, until it may go on."""

    store: Store
    at: At
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction, with the gate in it."""
        return self._transaction()

    async def wait(self, here: At) -> None:
        """Say that somebody is here, and hold it up."""
        if here is self.at:
            self.reached.set()
            await self.open.wait()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Any]:
        await self.wait(At.BEGIN)
        async with self.store.transaction() as tx:
            yield _Held(tx, self)
            await self.wait(At.END)


@dataclass
class _Held:
    """A transaction whose user waits once it has read payments."""

    tx: Transaction
    gate: Gate

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tx, name)

    async def payments(self, keys: Collection[PaymentKey]) -> Mapping[PaymentKey, Payment]:
        """Read payments, and wait."""
        found = await self.tx.payments(keys)
        await self.gate.wait(At.READ)
        return found


async def is_done_soon(task: "asyncio.Task[Any]") -> bool:
    """Say whether somebody goes on while another is held up."""
    done, _ = await asyncio.wait({task}, timeout=GLANCE_S)
    return bool(done)
