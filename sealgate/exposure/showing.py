"""`sealgate events show`: one event, what it stated and moved, and what people said of it."""

import sys
from collections.abc import Iterator, Mapping, Sequence

from consumers.exposure import value
from consumers.interpret import assets
from consumers.store.port import (
    EventKey,
    Mark,
    Payment,
    PaymentKey,
    Recorded,
    Statement,
    Store,
    Transition,
)
from sealgate.config import Configuration
from sealgate.exposure import addresses, report
from sealgate.exposure.addresses import Unclear
from sealgate.exposure.gather import Outbox, outbox
from sealgate.exposure.instants import show
from sealgate.exposure.marking import EXIT_FAILED, EXIT_OK, accounts
from sealgate.exposure.report import Document
from sealgate.exposure.storing import with_store
from sealgate.exposure.table import amount_text, fact_text, verdict_text
from sealgate.plain import in_json, plain
from sealgate.story import finality, ours
from sealgate.story.finality import Finality

FORMAT = "sealgate.event/1"


def run(configuration: Configuration, text: str, *, as_json: bool) -> int:
    """Print the event that `text` stands for; return the exit code."""

    async def use(store: Store) -> int:
        try:
            found = await addresses.find(store, text, accounts(configuration))
        except Unclear as unclear:
            print(plain(str(unclear)), file=sys.stderr)
            return EXIT_FAILED
        told = await _tell(store, found, Finality.of(configuration))
        if as_json:
            print(in_json(told, indent=2))
        else:
            print("\n".join(plain(line) for line in _lines(told)))
        return EXIT_OK

    return with_store(configuration, use)


async def _tell(store: Store, found: Recorded, final: Finality) -> Document:
    """Read everything that is known of the event, and write it as a document."""
    event, decimals = found.event, assets.load().decimals
    key = await addresses.payment_of(store, event)
    marks = (await store.marks([event.key])).get(event.key, ())
    payment = None if key is None else await store.payment(key)
    statements = () if key is None else await store.statements(key)
    moves = () if key is None else await store.transitions(key)
    waiting = await outbox(store)
    actions = () if key is None else await store.cases.actions(key)
    provider = event.key.provider if key is None else key.provider
    own = [one.fact for one in statements if one.event == event.key]
    return {
        "format": FORMAT,
        "event": addresses.write(event.key),
        "type": event.event_type,
        "ours": ours.document(event, actions),
        "source": event.source,
        "key": event.key_id,
        "scheme": event.scheme,
        "assurance": event.assurance,
        "mode": event.mode,
        "received_at": show(event.received_ms),
        "signed_at": show(event.signed_ms),
        "late_verified_at": show(event.late_ms),
        "correlation_id": event.correlation_id,
        "body_digest": event.body_digest,
        "position": f"{event.position.partition.topic}/{event.position.partition.number}"
        f"/{event.position.offset}",
        "verdict": found.verdict,
        "mapping": found.mapping,
        "not_final": [
            finality.document(one) for one in final.ruled(event, provider, own) if one.is_lowered
        ],
        "marks": [_mark(mark) for mark in marks],
        "payment": None if key is None else _payment(key, payment, decimals),
        "statements": [_statement(one, event.key, decimals) for one in statements],
        "transitions": [_move(move, waiting, event.key) for move in moves],
    }


def _mark(mark: Mark) -> Document:
    return {
        "judgement": mark.judgement.value,
        "by": mark.by,
        "at": show(mark.at_ms),
        "reason": mark.reason,
    }


def _payment(key: PaymentKey, payment: Payment | None, decimals: Mapping[str, int]) -> Document:
    return {
        "payment": addresses.write(key),
        "state": None if payment is None else str(payment.kept or payment.state),
        "version": 0 if payment is None else payment.version,
        "value": [] if payment is None else report.amounts(value(payment.facts), decimals),
    }


def _statement(one: Statement, event: EventKey, decimals: Mapping[str, int]) -> Document:
    return {
        **report.fact_document(one.fact, decimals),
        "event": addresses.write(one.event),
        "by_this_event": one.event == event,
        "is_first": one.is_first,
    }


def _move(move: Transition, waiting: Outbox, event: EventKey) -> Document:
    return {
        **report.transition_document(move, waiting),
        "event": addresses.write(move.event),
        "by_this_event": move.event == event,
    }


def _lines(told: Document) -> Iterator[str]:
    yield f"event {told['event']}  {told['type']}"
    yield f"  verdict    {verdict_text(told) or 'open'}"
    if told["ours"] is not None:
        yield from (f"  {line}" for line in ours.lines(told["ours"]))
        yield f"  received   {told['received_at']}"
        yield f"  correlates {told['correlation_id']}"
    else:
        yield from _proof(told)
    for one in told["not_final"]:
        yield f"  seen only  {one['says']}"
    for mark in told["marks"]:
        yield f"  marked     {mark['judgement']} by {mark['by']} at {mark['at']}: {mark['reason']}"
    payment = told["payment"]
    if payment is None:
        yield "  payment    none"
        return
    worth = ", ".join(map(amount_text, payment["value"])) or "no amount"
    yield f"  payment    {payment['payment']}"
    yield f"             {payment['state'] or '(none)'}, version {payment['version']}, {worth}"
    yield from _history(told["statements"], told["transitions"])


def _proof(told: Document) -> Iterator[str]:
    """Say what proves an event of a provider's, and where it is kept."""
    yield f"  proven     with key {told['key']} of {told['source']}"
    yield f"             scheme {told['scheme'] or 'unknown'}, assurance {told['assurance']},"
    yield f"             evidence of mode {told['mode']}"
    yield f"  received   {told['received_at']}"
    yield f"  signed     {told['signed_at'] or 'no time in the signature'}"
    if told["late_verified_at"]:
        yield f"  late       verified out of the quarantine at {told['late_verified_at']}"
    yield f"  correlates {told['correlation_id']}"
    yield f"  body       {told['body_digest']}"
    yield f"  in the log {told['position']}"


def _history(statements: Sequence[Document], moves: Sequence[Document]) -> Iterator[str]:
    yield "  what was stated about the payment (* by this event):"
    for one in statements:
        mark, again = "*" if one["by_this_event"] else " ", "" if one["is_first"] else ", again"
        yield f"   {mark} {fact_text(one)}, by {one['event']}{again}"
    yield "  how the payment moved (* because of this event):"
    for move in moves:
        mark = "*" if move["by_this_event"] else " "
        arrow = f"{move['before'] or '(none)'} -> {move['after']}"
        yield (
            f"   {mark} version {move['version']} {arrow} at {move['at']},"
            f" cause {move['cause']}, notice {move['notice']}"
        )
