"""Kobbopay events of one account, applied by the real applier; and candidates of its mapping."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from consumers.actions import Reason, Role
from consumers.apply import Applied, Applier
from consumers.interpret import interpreter
from consumers.interpret.interpreter import Interpreters
from consumers.lifecycle import State
from consumers.reading import Read, Reader
from consumers.replaying import Order, Outside, Replayer
from consumers.rereading import Replanned
from consumers.store.port import EventKey, PaymentKey, Store
from ingress.contract.envelope import Mode
from ingress.eventlog.port import Record
from tests.support.builders import NOW_MS, PARTITION, TRACEPARENT, envelope, record

SHIPPED = Path(interpreter.__file__).parent / "kobbopay.toml"
GROUP = "replayed"
LATER_MS = NOW_MS + 60_000
ORDER = Order(
    by="kim",
    role=Role.ENGINEERING,
    reason=Reason.CAUSE_MENDED,
    note="the provider's words were read wrong",
    key="ENG-1",
    approved_by="alice",
    detail='{"from": "beginning"}',
)
VERSION = tomllib.loads(SHIPPED.read_text("utf-8"))["version"]
OLD, NEW = f"kobbopay/{VERSION}", "kobbopay/900"
PAID_ROW = 'words = ["payment.paid", "Paid"]\nsay = ["expected", "total_seen"]'
NEW_ROW = '\n[[rule]]\nwords = ["payment.swept"]\nsay = ["expected", "total_final"]\nwhole = true\n'
# Candidates, by what they change of the shipped mapping.
PAID_IS_FINAL = (PAID_ROW, PAID_ROW.replace("total_seen", "total_final"))
SWEPT_IS_FINAL = (PAID_ROW, PAID_ROW)


def candidate(folder: Path, change: tuple[str, str], more: str = "") -> Path:
    """Write a mapping in which one text stands for another; return its folder."""
    text = SHIPPED.read_text("utf-8")
    assert text.count(change[0]) == 1
    text = text.replace(*change).replace(f"version = {VERSION}\n", "version = 900\n") + more
    folder.mkdir(exist_ok=True)
    (folder / "kobbopay.toml").write_text(text, "utf-8")
    return folder


def payment(reference: str = "pay_1") -> PaymentKey:
    """Name a payment."""
    return PaymentKey("kobbopay", "main", reference)


def key(name: str) -> EventKey:
    """Name an event."""
    return EventKey("kobbopay", "main", name)


def sealed(name: str, word: str, reference: str = "pay_1", **changes: str) -> Record:
    """Make an event: 10 USDC were asked for, and came."""
    body = {"id": name, "amount": "10.00", "currency": "USDC", "amount_received": "10.00"}
    told = envelope(
        orjson.dumps(body),
        event_key=name,
        event_type=word,
        payment_ref=reference,
        correlation_id=f"c-{name}",
        **changes,
    )
    return record(told)


@dataclass
class Ground:
    """A store, and the records that were applied to it."""

    store: Store
    interpreters: Interpreters = field(default_factory=interpreter.load)
    records: list[Record] = field(default_factory=list)

    async def apply(self, *records: Record) -> Applied:
        """Apply records as a worker does, behind those of before."""
        begin = len(self.records)
        placed = [
            Record(
                one.position._replace(offset=begin + place),
                one.key,
                one.value,
                one.headers,
                one.timestamp_ms,
            )
            for place, one in enumerate(records)
        ]
        self.records += placed
        claims = await self.store.claim_partitions(GROUP, [PARTITION], "me")
        applier = Applier(
            self.store, "sandbox", GROUP, lambda: NOW_MS, interpreters=self.interpreters
        )
        return await applier.apply(placed, claims)

    async def named(self, replayer: Replayer, tables: Interpreters) -> Sequence[Read]:
        """Read all records anew by other tables."""
        reader = Reader("sandbox", Mode.TEST, tables)
        reads = [reader.read(one) for one in self.records]
        found = [await replayer.find(one) for one in reads if isinstance(one, Read)]
        return [one[0] for one in found if one is not None]

    async def look(self, tables: Interpreters, reference: str = "pay_1") -> Replanned | None:
        """Say what reading a payment's events again would change."""
        replayer = self.replayer(tables, order=None)
        reads = await self.named(replayer, tables)
        mine = [one for one in reads if one.event.reference == reference]
        return await replayer.look(payment(reference), mine)

    async def replay(
        self, tables: Interpreters, reference: str = "pay_1", *, order: Order = ORDER
    ) -> Replanned | None:
        """Read a payment's events again, and write what follows."""
        replayer = self.replayer(tables, order=order)
        reads = await self.named(replayer, tables)
        mine = [one for one in reads if one.event.reference == reference]
        return await replayer.apply(payment(reference), mine)

    def replayer(self, tables: Interpreters, *, order: Order | None = ORDER) -> Replayer:
        """Make what reads again."""
        outside = Outside("sandbox", Mode.TEST, lambda: LATER_MS, lambda: TRACEPARENT, "c-replay")
        return Replayer(self.store, outside, tables.policy, order)


def states(done: Replanned | None) -> tuple[State, State]:
    """Return the state before and after."""
    assert done is not None
    return done.before.state, done.after.state


async def state(ground: Ground, reference: str = "pay_1") -> State | None:
    """Return the state as stored."""
    found = await ground.store.payment(payment(reference))
    return None if found is None else found.state


async def history(ground: Ground, reference: str = "pay_1") -> list[tuple[str, str, str]]:
    """Return the moves, each with its cause and its mapping."""
    moves = await ground.store.transitions(payment(reference))
    return [(str(move.after), str(move.cause), move.mapping) for move in moves]
