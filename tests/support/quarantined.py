"""A configuration, an embedded log, and refused deliveries in its quarantine, put there by hand."""

import asyncio
import io
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from ingress import sealing
from ingress.contract import topics
from ingress.contract.envelope import Envelope
from ingress.contract.quarantined import Quarantined, Release, decode
from ingress.delivery import Delivery
from ingress.eventlog import connect as log_connect
from ingress.eventlog.port import EventLog, Message, Position, Record
from ingress.sealing import Seals
from sealgate import config
from sealgate.config import Configuration
from sealgate.quarantine.asked import Selection
from sealgate.quarantine.command import Means, verify_again
from tests.support.builders import NOW_MS, delivery
from tests.support.gateway import OLD_SECRET, btcpay

ENVIRONMENT = "test"
T = TypeVar("T")


def refused(body: bytes = b"{}", secret: bytes = OLD_SECRET, **changes: object) -> Delivery:
    """Make a delivery as BTCPay Server signs it."""
    name, value = btcpay(body, secret)
    headers = ((b"content-type", b"application/json"), (name.lower().encode(), value.encode()))
    return replace(delivery(), body=body, headers=headers, **changes)


def number(count: int) -> str:
    """Return the correlation id of the delivery of this number."""
    return f"019b0000-0000-7000-8000-{count:012d}"


@dataclass(slots=True)
class Ground:
    """One configuration on disk; whatever is asked of its log is asked in a loop of its own."""

    directory: Path
    sources: list[str] = field(default_factory=list)
    tables: str = ""
    log_url: str = ""

    def __post_init__(self) -> None:
        self.log_url = self.log_url or f"embedded://{self.directory / 'log.db'}"

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.directory / "sealgate.toml"

    def source(
        self, slug: str, provider: str, keys: Mapping[str, bytes], *lines: str, **key: str
    ) -> None:
        """Configure a source with keys by their ids; `key` has more lines of each key."""
        table = [f'[[source]]\nslug = "{slug}"\nprovider = "{provider}"', *lines]
        for key_id, secret in keys.items():
            (self.directory / f"{slug}-{key_id}").write_bytes(secret)
            table.append(f'[[source.key]]\nid = "{key_id}"\nfile = "{slug}-{key_id}"')
            table += [f"{name} = {value}" for name, value in key.items()]
        self.sources.append("\n".join(table))

    def write(self) -> Path:
        """Write the configuration."""
        head = f'environment = "{ENVIRONMENT}"\n{self.tables}\n'
        log = f"[log]\nurl = {json.dumps(self.log_url)}\npartitions = 3\n"
        self.config.write_text("\n".join([head, log, *self.sources]) + "\n")
        return self.config

    def read(self) -> Configuration:
        """Write the configuration and read it back."""
        return config.read(self.write(), {})

    def ask(self, question: Callable[[EventLog], Awaitable[T]]) -> T:
        """Open the log, ask, and close it."""

        async def asked() -> T:
            log = log_connect.connect(self.log_url)
            try:
                return await question(log)
            finally:
                await log.close()

        return asyncio.run(asked())

    def keep(self, *kept: Quarantined | Release) -> None:
        """Write records to the quarantine, as the edge does."""
        self.put([one.encode() for one in kept])

    def put(self, records: Sequence[tuple[bytes, tuple[tuple[str, bytes], ...], bytes]]) -> None:
        """Write records to the quarantine, whatever they hold."""

        async def publish(log: EventLog) -> None:
            names = (topics.verified(ENVIRONMENT), topics.quarantine(ENVIRONMENT))
            await log.ensure_topics(dict.fromkeys(names, 3))
            publisher = log.publisher(deadline_s=20)
            await publisher.start()
            for key, headers, value in records:
                await publisher.publish(Message(names[1], key, value, headers))
            await publisher.stop()

        self.ask(publish)

    def published(self) -> list[Envelope]:
        """Read every verified event."""
        found = self.ask(lambda log: everything(log, topics.verified(ENVIRONMENT)))
        return [Envelope.decode(record.headers, record.value) for record in found]

    def releases(self) -> list[Release]:
        """Read every release."""
        found = self.ask(lambda log: everything(log, topics.quarantine(ENVIRONMENT)))
        read = [decode(record.headers, record.value) for record in found]
        return [one for one in read if isinstance(one, Release)]


def kept(
    sent: Delivery,
    count: int = 1,
    reason: str = "no_matching_signature",
    provider: str = "btcpay",
    seals: Seals | None = None,
) -> Quarantined:
    """Make the record of a refused delivery, as the edge writes it."""
    plain = Quarantined(
        id=number(count),
        environment=ENVIRONMENT,
        slug=sent.source,
        provider=provider,
        account="default",
        reason=reason,
        network="192.0.2.0/24",
        received_ms=sent.received_ms,
        length=len(sent.body),
        seal="",
        content=b"",
    )
    seal, content = (seals or Seals()).seal(sealing.serialise(sent), plain.about)
    return replace(plain, seal=seal, content=content)


async def everything(log: EventLog, topic: str) -> list[Record]:
    """Read a whole topic."""
    found: list[Record] = []
    begins, ends = await log.begins(topic), await log.ends(topic)
    for partition, begin in begins.items():
        at = begin
        while at < ends[partition]:
            records = await log.read(Position(partition, at), 1000)
            found += records
            at = records[-1].position.offset + 1
    return found


LATER_MS = NOW_MS + 86_400_000
"""A day after `NOW_MS`: when the operator comes to look."""

SETTLED = refused(
    json.dumps(
        {
            "deliveryId": "d-1",
            "originalDeliveryId": "d-1",
            "type": "InvoiceSettled",
            "timestamp": 1_767_225_600,
            "storeId": "store",
            "invoiceId": "inv-1",
        }
    ).encode()
)
"""A whole event of BTCPay Server, signed with the old secret."""


def reverified(
    ground: Ground, *, apply: bool = False, fetch: Any = None, **selection: Any
) -> tuple[int, str]:
    """Run ``reverify`` on the ground; return its exit code and what it printed."""
    out = io.StringIO()
    means = Means(ground.write(), {}, lambda: LATER_MS, out, fetch)
    return verify_again(means, Selection(**selection), apply=apply), out.getvalue()
