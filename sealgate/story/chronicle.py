"""Write a story as a document: what happened, in the order of time. Pure.

Each thing that happened is an entry with its instant: an event that was received, with the facts
that it stated; a move of the payment, with its notice; a notice of a hold alone; an exception
raised or ended; what an operator did or said. At one instant they stand in the order in which one
follows from another. `sealgate trace --json` prints the document, `table` writes it for people.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import orjson

from consumers import notices, standing
from consumers.exceptions import HANDLING, Code
from consumers.facts import Fact
from consumers.policy import Policy
from consumers.stating import revision
from consumers.store.cases import Action, Item
from consumers.store.finding import Heard, Sent
from consumers.store.port import (
    DeadLetter,
    Event,
    EventKey,
    Mark,
    Payment,
    PaymentKey,
    Recorded,
    Statement,
    Transition,
)
from ingress.contract import cloudevents
from sealgate.deposits.documents import move as deposit_move
from sealgate.exposure import addresses, report
from sealgate.exposure.instants import show
from sealgate.exposure.report import Document
from sealgate.operations.words import item_name
from sealgate.story import finality, ours
from sealgate.story.finality import Finality
from sealgate.story.gathering import Story
from sealgate.story.search import place

FORMAT = "sealgate.trace/1"


class Told(NamedTuple):
    """What a story is told with: the environment, the policy in force, the registry's decimals.

    `finality` says why money is not final under that policy.
    """

    environment: str
    policy: Policy
    decimals: Mapping[str, int]
    finality: Finality


class _Entry(NamedTuple):
    """One thing that happened. `rank` orders what happened at one instant."""

    at_ms: int
    rank: int
    document: Document


def document(story: Story, text: str, told: Told) -> Document:
    """Write the story of what `text` stands for."""
    entries = sorted(_entries(story, told), key=lambda one: (one.at_ms, one.rank))
    return {
        "format": FORMAT,
        "environment": told.environment,
        "asked": text,
        "found_by": story.found.by,
        "also": list(story.found.also),
        "payment": None if story.key is None else _standing(story, story.key, told),
        "entries": [{"at": show(one.at_ms), **one.document} for one in entries],
    }


def _standing(story: Story, key: PaymentKey, told: Told) -> Document:
    """Write how the payment stands, and of a deposit what was decided about it last."""
    last = next((one for one in reversed(story.moves) if one.key == key), None)
    return {
        **summary(key, story.payment, told),
        "deposit": None if last is None else deposit_move(last),
    }


def summary(key: PaymentKey, payment: Payment | None, told: Told) -> Document:
    """Write how a payment stands now: state and label are null where nothing was ever stated."""
    if payment is None:
        nothing = {"state": None, "kept": None, "label": None, "version": "0", "moves": 0}
        return {"payment": addresses.write(key), **nothing}
    terms = told.policy.terms
    flags = standing.flags(payment.facts, terms)
    sums = standing.amounts(payment.facts)
    return {
        "payment": addresses.write(key),
        "state": None if payment.kept else payment.state.value,
        "kept": None if payment.kept is None else payment.kept.value,
        "label": None if payment.kept else standing.label(payment.state, flags),
        "flags": list(flags),
        "version": revision(payment),
        "moves": payment.version,
        "since": show(payment.changed_ms),
        "posting": standing.posting(payment.facts, terms).value,
        "amounts": {
            name: report.amounts(by_asset, told.decimals)
            for name, by_asset in sums._asdict().items()
        },
    }


def _entries(story: Story, told: Told) -> Iterator[_Entry]:
    asked = {one.event.key for one in story.found.events}
    stated: dict[EventKey, list[Statement]] = {}
    for statement in story.statements:
        stated.setdefault(statement.event, []).append(statement)
    for recorded in story.events:
        facts = stated.get(recorded.event.key, [])
        entry = _event(recorded, facts, told, is_asked=recorded.event.key in asked)
        entry.document["ours"] = ours.document(recorded.event, story.actions)
        entry.document["not_final"] = _lowered(story, recorded.event, facts, told)
        yield entry
    for letter in story.buried:
        yield _letter(letter)
    yield from _downstream(story)
    for item in story.items:
        yield from _item(item)
    for action in story.actions:
        yield _action(action)
    for decided in story.moves:
        document = {"kind": "deposit_move", **deposit_move(decided)}
        document["deposit"] = addresses.write(decided.key)
        yield _Entry(decided.at_ms, 1, document)
    for mark in (mark for marks in story.marks.values() for mark in marks):
        yield _mark(mark)


def _downstream(story: Story) -> Iterator[_Entry]:
    """Write what other services are told: moves, and holds without one."""
    for move in story.transitions:
        yield _move(move, story.notices)
    for heard in story.holds:
        document = hold(heard)
        yield _Entry(cloudevents.timestamp_ms(document["recorded_at"]), 2, document)


def _event(recorded: Recorded, facts: Sequence[Statement], told: Told, *, is_asked: bool) -> _Entry:
    event = recorded.event
    document = {
        "kind": "event",
        "event": addresses.write(event.key),
        "is_asked": is_asked,
        "type": event.event_type,
        "source": event.source,
        "key": event.key_id,
        "scheme": event.scheme,
        "assurance": event.assurance,
        "mode": event.mode,
        "signed_at": show(event.signed_ms),
        "late_verified_at": show(event.late_ms),
        "correlation_id": event.correlation_id,
        "body_digest": event.body_digest,
        "position": place(event.position),
        "verdict": recorded.verdict,
        "mapping": recorded.mapping,
        "facts": [
            {**fact_document(one.fact, told.decimals), "is_first": one.is_first} for one in facts
        ],
    }
    return _Entry(event.received_ms, 0, document)


def _lowered(story: Story, event: Event, stated: Sequence[Statement], told: Told) -> list[Document]:
    """Say what the provider called final, and the policy took for seen."""
    provider = event.key.provider if story.key is None else story.key.provider
    ruled = told.finality.ruled(event, provider, [one.fact for one in stated])
    return [finality.document(one) for one in ruled if one.is_lowered]


def fact_document(fact: Fact, decimals: Mapping[str, int]) -> Document:
    """Write one fact, with its detail, and whether its instant is that of the receipt alone."""
    told = report.fact_document(fact, decimals)
    return {**told, "detail": fact.detail, "is_at_receipt": fact.untold}


def _letter(letter: DeadLetter) -> _Entry:
    document = {"kind": "buried", "position": place(letter.position), "reason": letter.reason}
    return _Entry(letter.at_ms, 1, document)


def _move(move: Transition, sent: Mapping[str, Sent]) -> _Entry:
    name = notices.name(move.payment, move.version)
    document = {
        "kind": "transition",
        "before": None if move.before is None else move.before.value,
        "after": move.after.value,
        "version": move.version,
        "cause": move.cause.value,
        "event": addresses.write(move.event),
        "mapping": move.mapping,
        "policy": move.policy,
        "correlation_id": move.correlation_id,
        "notice": name,
        "notice_is": _fate(sent.get(name)),
    }
    return _Entry(move.at_ms, 2, document)


def hold(heard: Heard) -> Document:
    """Write what downstream was told of a hold, in a state that stayed as it was."""
    notice = heard.notice
    said = orjson.loads(notice.value)
    return {
        "kind": "hold_notice",
        "is_placed": notices.is_placed(notice),
        "recorded_at": said["recorded_at"],
        "state": said["after"],
        "version": notice.version,
        "holds": said["holds"],
        "cause": said["cause"],
        "event": said["event"],
        "effect_key": said.get("effect_key"),
        "correlation_id": said["correlation_id"],
        "notice": notice.id,
        "notice_is": _fate(heard),
    }


def _fate(sent: Sent | Heard | None) -> str:
    """Say what became of a notice."""
    if sent is None:
        return "unknown"
    return "delivered" if sent.is_delivered else "waiting"


def _item(item: Item) -> Iterator[_Entry]:
    """Write how an exception began, and how it ended where it has."""
    raised = item.anomaly
    known = {
        "number": item.id,
        "exception": item_name(item.id),
        "code": raised.code,
        "subject": raised.subject,
    }
    opened = {
        "kind": "exception_opened",
        **known,
        "severity": raised.severity,
        **handling(raised.code),
        "evidence": raised.evidence,
        "times": item.times,
        "status": item.status.value,
        "assignee": item.assignee,
        "event": None if raised.event is None else addresses.write(raised.event),
    }
    yield _Entry(raised.at_ms, 3, opened)
    if item.closing is not None:
        closed = {
            "kind": "exception_closed",
            **known,
            "resolution": item.closing.resolution,
            "reason": item.closing.reason,
            "by": item.closing.by,
            "approved_by": item.closing.approved_by,
        }
        yield _Entry(item.closing.at_ms, 4, closed)


def handling(code: str) -> Document:
    """Say whose an exception is, and how it ends; of another version's code nobody knows."""
    handling = HANDLING[Code(code)] if code in Code.__members__ else None
    return {
        "owner": None if handling is None else handling.owner.value,
        "ends_by": None if handling is None else handling.resolution,
    }


def _action(action: Action) -> _Entry:
    document = {
        "kind": "action",
        "name": action.name,
        "key": action.key,
        "by": action.by,
        "role": action.role,
        "approved_by": action.approved_by,
        "reason": action.reason,
        "note": action.note,
        "detail": action.detail,
    }
    return _Entry(action.at_ms, 1, document)


def _mark(mark: Mark) -> _Entry:
    document = {
        "kind": "mark",
        "event": addresses.write(mark.event),
        "judgement": mark.judgement.value,
        "by": mark.by,
        "reason": mark.reason,
    }
    return _Entry(mark.at_ms, 1, document)
