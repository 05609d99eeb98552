"""Write down that evidence was given: its digest, in the audit log of the gateway that it is about.

The report is kept by whoever it was made for. What is kept here is its SHA-256, its verdict, the
version and what was not proven, as an action that is claimed once under its key and named by the
audit chain. Whoever is shown a report later can tell whether it is the one, and what it said.
"""

import hashlib
import json
from contextlib import suppress
from typing import NamedTuple

from consumers.operating import ACCOUNT, NOWHERE, Occurrence
from consumers.stating import OURSELVES, KeyReused
from consumers.store.cases import Action
from consumers.store.port import Changes, Event, EventKey, Handled, Store
from sealgate.config import Configuration
from sealgate.drills import recording
from sealgate.drills.recording import Order
from sealgate.drills.told import Told as DrillTold
from sealgate.evidence.claims import Verdict
from sealgate.evidence.report import Report, digest
from sealgate.evidence.told import Told

NAME = "evidence"
PROVEN, OPEN = "evidence_proven", "evidence_open"


class Given(NamedTuple):
    """What is kept of a report. `evidence` is the SHA-256 of its JSON."""

    evidence: str
    verdict: str
    version: str
    configuration: str
    unproven: tuple[str, ...]

    @property
    def detail(self) -> str:
        """Write it as it is kept."""
        return json.dumps(self._asdict(), sort_keys=True)


def given(report: Report) -> Given:
    """Say what is kept of a report."""
    found = report.by_name.values()
    return Given(
        evidence=digest(report.json()),
        verdict=report.verdict().value,
        version=report.gateway.version,
        configuration=report.gateway.configuration,
        unproven=tuple(one.name for one in found if one.verdict is not Verdict.PROVEN),
    )


def order_of(told: Told, configuration: Configuration) -> Order:
    """Read who has it written down. Raises `Refused`."""
    said = DrillTold(record=told.record, by=told.by, role=told.role, note=told.note, key=told.key)
    return recording.order_of(said, configuration)


async def record(store: Store, kept: Given, order: Order, now: Occurrence) -> bool:
    """Write it down, once for ever; say whether it was new. Raises `KeyReused`."""
    event = _event(kept, order, now)
    with suppress(_Repeated):
        async with store.transaction() as tx:
            if not await tx.claim([event]):
                if (await tx.digests([event.key]))[event.key] != event.body_digest:
                    raise KeyReused(f"another command was done as {order.key}: choose another key")
                raise _Repeated
            came = {event.key: Handled("applied_no_change")}
            await tx.save(Changes(verdicts=came, actions=[_action(kept, order, now.at_ms)]))
        return True
    return False


class _Repeated(Exception):
    """Leaves a transaction in which nothing is new."""


def _event(kept: Given, order: Order, now: Occurrence) -> Event:
    told = json.dumps([*map(str, order), kept.detail])
    return Event(
        key=EventKey(OURSELVES, ACCOUNT, order.key),
        event_type=f"{ACCOUNT}.{NAME}",
        source=OURSELVES,
        reference="",
        key_id="",
        assurance="",
        correlation_id=now.correlation_id,
        body_digest="sha256:" + hashlib.sha256(told.encode()).hexdigest(),
        received_ms=now.at_ms,
        position=NOWHERE,
        mode=now.mode,
    )


def _action(kept: Given, order: Order, at_ms: int) -> Action:
    return Action(
        key=order.key,
        name=NAME,
        payment=None,
        item=None,
        by=order.by,
        role=str(order.role),
        approved_by="",
        reason=PROVEN if kept.verdict == Verdict.PROVEN else OPEN,
        note=order.note,
        detail=kept.detail,
        at_ms=at_ms,
    )
