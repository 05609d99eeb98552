"""A shop whose key may have leaked: its configuration on disk, a store, and events applied to it.

Events go through the real interpreter and applier; only the edge is left out, so that a test says
which key proved what, and when.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from consumers.apply import Applier
from consumers.store.port import EventKey, PaymentKey, Store
from consumers.store.sqlite import SqliteStore
from ingress.contract import topics
from ingress.contract.envelope import Assurance, Coverage, Envelope, Mode
from ingress.eventlog.port import Partition
from sealgate.config import Configuration, read
from tests.support import canary
from tests.support.builders import envelope, record

ENVIRONMENT = "test"
URI = f"urn:sealgate:{ENVIRONMENT}:shop"
BEGIN_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
CANARY = canary.secret("the exposed shop's keys", b"canary-4f1d9c-secret").decode()
GROUP = "payments"
PARTITION = Partition(topics.verified(ENVIRONMENT), 0)

Found = TypeVar("Found")


def event_key(name: str) -> EventKey:
    """Name an event of the shop."""
    return EventKey("btcpay", "shop", name)


def payment_key(name: str) -> PaymentKey:
    """Name a payment of the shop."""
    return PaymentKey("btcpay", "shop", name)


def told(
    name: str, payment: str, word: str, /, *, key: str = "k1", at_s: int = 0, **facts: Any
) -> Envelope:
    """Seal one BTCPay event, received `at_s` after the beginning; its own time is the beginning."""
    content = {
        "type": word,
        "timestamp": BEGIN_MS // 1000,
        "storeId": "store",
        "invoiceId": payment,
        **facts,
    }
    return envelope(
        content,
        source=URI,
        provider="btcpay",
        environment=ENVIRONMENT,
        account="shop",
        event_key=name,
        event_type=word,
        type=f"com.btcpay.{word}",
        payment_ref=payment,
        occurred_ms=BEGIN_MS,
        received_ms=BEGIN_MS + at_s * 1000,
        correlation_id=f"correlation-{name}",
        key_id=key,
        coverage=Coverage.FULL,
        assurance=Assurance.B,
        mode=Mode.UNKNOWN,
        signed_ms=None,
    )


def transfer(name: str, value: str, method: str = "USDT-CHAIN") -> dict[str, object]:
    """Write the part of an event that tells one transfer; `value` in whole units."""
    return {"payment": {"id": name, "value": value}, "paymentMethodId": method}


@dataclass(slots=True)
class Shop:
    """The configuration and the database of one shop."""

    directory: Path
    applied: int = field(default=0)

    def __post_init__(self) -> None:
        for name in ("key-1", "key-2"):
            (self.directory / name).write_text(f"{CANARY}-{name}")
        lines = [
            f'environment = "{ENVIRONMENT}"',
            "[store]",
            'url = "sqlite:./store.db"',
            "[[source]]",
            'slug = "shop"',
            'provider = "btcpay"',
            'account = "shop"',
            *("[[source.key]]", 'id = "k1"', 'file = "key-1"'),
            *("[[source.key]]", 'id = "k2"', 'file = "key-2"'),
        ]
        self.config.write_text("\n".join(lines) + "\n")

    @property
    def config(self) -> Path:
        """Return the configuration file."""
        return self.directory / "sealgate.toml"

    def configuration(self) -> Configuration:
        """Read the configuration."""
        return read(self.config, {})

    def use(self, do: Callable[[Store], Awaitable[Found]]) -> Found:
        """Do something with the opened store."""

        async def session() -> Found:
            store = SqliteStore(self.directory / "store.db")
            await store.open(ENVIRONMENT)
            try:
                return await do(store)
            finally:
                await store.close()

        return asyncio.run(session())

    def apply(self, *envelopes: Envelope, batch: int = 500) -> None:
        """Apply events as a worker would, in the order given."""

        async def work(store: Store) -> None:
            applier = Applier(store, ENVIRONMENT, GROUP, clock=lambda: BEGIN_MS + 90_000)
            for begin in range(0, len(envelopes), batch):
                claims = await store.claim_partitions(GROUP, [PARTITION], "me")
                chosen = envelopes[begin : begin + batch]
                records = [record(one, self.applied + n, PARTITION) for n, one in enumerate(chosen)]
                await applier.apply(records, claims)
                self.applied += len(chosen)

        self.use(work)

    def deliver_notices(self) -> None:
        """Mark every notice as delivered, as the relay does."""

        async def drain(store: Store) -> None:
            await store.delivered([one.sequence for one in await store.pending(100_000)])

        self.use(drain)

    def ledger(self, rows: Sequence[dict[str, object]], name: str = "ledger.jsonl") -> Path:
        """Write a ledger as JSON lines."""
        path = self.directory / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path
