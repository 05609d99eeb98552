"""A shop on disk, with an embedded log and a store, whose events can be replayed by the command."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from consumers.apply import Applier
from consumers.interpret.interpreter import Interpreters
from consumers.store.connect import connect as connect_store
from consumers.store.port import Changes, DeadLetter, Store
from ingress.contract import topics
from ingress.eventlog.connect import connect
from ingress.eventlog.embedded import EmbeddedLog
from ingress.eventlog.port import EventLog, Message, Partition, Position, Record
from sealgate.config import Configuration, read
from sealgate.mappings import in_force
from tests.support.builders import NOW_MS
from tests.support.replayed import GROUP, sealed

ENVIRONMENT = "test"
SOURCE = f"urn:sealgate:{ENVIRONMENT}:shop"
TOPIC = topics.verified(ENVIRONMENT)
PARTITION = Partition(TOPIC, 0)
CONFIG = f"""
environment = "{ENVIRONMENT}"
[store]
url = "sqlite:./store.db"
[log]
url = "embedded:./log.db"
partitions = 1
[[source]]
slug = "shop"
provider = "kobbopay"
account = "main"
[[source.key]]
id = "k1"
file = "key-1"
[consumer]
group = "{GROUP}"
"""

Found = TypeVar("Found")


@dataclass(frozen=True)
class ReplayShop:
    """The folder of one shop."""

    folder: Path

    def configuration(self, more: str = "") -> Configuration:
        """Write the configuration, with `more` of the consumer's table, and read it."""
        file = self.folder / "sealgate.toml"
        key = self.folder / "key-1"
        key.touch(0o600)
        key.write_text("a-secret-of-nobody-0123456789abcdef")
        file.write_text(CONFIG + more)
        return read(file, {})

    @property
    def database(self) -> Path:
        """Name the database's file."""
        return self.folder / "store.db"

    def use(self, do: Callable[[Store, EventLog], Awaitable[Found]]) -> Found:
        """Do something with the opened store and the log."""

        async def session() -> Found:
            store = connect_store(f"sqlite://{self.database}")
            log = connect(f"embedded://{self.folder}/log.db")
            await store.open(ENVIRONMENT)
            await log.ensure_topics({TOPIC: 1})
            try:
                return await do(store, log)
            finally:
                await store.close()
                await log.close()

        return asyncio.run(session())

    def tell(self, *events: tuple[str, str, str], applies: bool = True, more: str = "") -> None:
        """Write events (key, word, payment) to the log, and apply them as a worker does."""
        tables = in_force(self.configuration(more))

        async def work(store: Store, log: EventLog) -> None:
            begin = (await log.ends(TOPIC)).get(PARTITION, 0)
            # The edge writes the URI of a source into its events.
            told = [sealed(*one, environment=ENVIRONMENT, source=SOURCE) for one in events]
            await _publish(log, told)
            if applies:
                await _apply(store, await log.read(Position(PARTITION, begin), 500), tables)

        self.use(work)

    def forget(self, before: int) -> None:
        """Let the log forget what stands before an offset, as retention does."""

        async def work(_: Store, log: EventLog) -> None:
            assert isinstance(log, EmbeddedLog)
            await log.trim(Position(PARTITION, before))

        self.use(work)

    def bury(self, *events: tuple[str, str, str]) -> None:
        """Give events up, as a worker does of what its code fails on."""

        async def work(store: Store, log: EventLog) -> None:
            for offset, one in enumerate(events):
                made = sealed(*one, environment=ENVIRONMENT)
                position = Position(PARTITION, 1000 + offset)
                letter = DeadLetter(
                    position, "KeyError at x.py:1", made.key, made.value, made.headers, NOW_MS
                )
                async with store.transaction() as tx:
                    await tx.save(_buried(letter))

        self.use(work)


async def _publish(log: EventLog, records: Sequence[Record]) -> None:
    publisher = log.publisher()
    await publisher.start()
    try:
        for one in records:
            await publisher.publish(Message(TOPIC, one.key, one.value, one.headers))
    finally:
        await publisher.stop()


async def _apply(store: Store, records: Sequence[Record], tables: Interpreters) -> None:
    applier = Applier(store, ENVIRONMENT, GROUP, lambda: NOW_MS, interpreters=tables)
    claims = await store.claim_partitions(GROUP, [PARTITION], "me")
    await applier.apply(records, claims)


def _buried(letter: DeadLetter) -> Changes:
    return Changes(dead_letters=[letter])
