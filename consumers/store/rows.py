"""What the port's values look like as rows: one translation, shared by both stores. Pure.

Going in, a value becomes a tuple in the order of the columns that `sqlite_sql` and `postgres_sql`
name; coming out, the columns are read in the same order. Both directions live here, so that the
two databases cannot drift apart. Amounts cross as decimal text, because no driver's integer is
wide enough; headers cross as JSON text, because an operator reads them with plain SQL.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson

from consumers.lifecycle import Fact, FactKind, State
from consumers.store.port import (
    Advance,
    Anomaly,
    DeadLetter,
    Event,
    EventKey,
    Notice,
    OpenItem,
    Payment,
    PaymentCount,
    PaymentKey,
    Pending,
    Recorded,
    Saved,
    Statement,
    Transition,
    Unstorable,
)
from ingress.eventlog.port import Headers, Partition, Position

# A driver's row: what is in it is the schema's business, and no type checker sees the schema.
Row = tuple[Any, ...]

# NUMERIC(78, 0): the largest 256-bit integer has 78 digits.
AMOUNT_END = 10**78


def advance_row(advance: Advance) -> Row:
    """Lay out the move of a position."""
    return (*advance.partition, advance.epoch, advance.expected, advance.to)


def event_row(event: Event) -> Row:
    """Lay out a claim."""
    (topic, partition), offset = event.position
    return (
        *event.key,
        event.event_type,
        event.source,
        event.reference,
        event.key_id,
        event.assurance,
        event.correlation_id,
        event.body_digest,
        event.received_ms,
        topic,
        partition,
        offset,
    )


def recorded(row: Row) -> Recorded:
    """Read an event back."""
    *key, event_type, source, reference, key_id, assurance, correlation_id = row[:9]
    body_digest, received_ms, topic, partition, offset, verdict = row[9:]
    event = Event(
        key=EventKey(*key),
        event_type=event_type,
        source=source,
        reference=reference,
        key_id=key_id,
        assurance=assurance,
        correlation_id=correlation_id,
        body_digest=body_digest,
        received_ms=received_ms,
        position=Position(Partition(topic, partition), offset),
    )
    return Recorded(event, verdict)


def saved_row(saved: Saved) -> Row:
    """Lay out a payment's new row, and the version it replaces."""
    payment = saved.payment
    return (*payment.key, payment.state.value, payment.version, payment.changed_ms, saved.was)


def fact_row(payment: PaymentKey, fact: Fact, event: EventKey) -> Row:
    """Lay out a fact. Raises `Unstorable` for an amount or a text no database holds."""
    if fact.amount is not None and abs(fact.amount) >= AMOUNT_END:
        raise Unstorable(f"the amount of a fact of {payment.reference!r} is over 78 digits")
    said = (
        fact.kind.value,
        fact.key,
        fact.asset,
        None if fact.amount is None else str(fact.amount),
        fact.whole,
        fact.late,
        fact.at_ms,
        fact.expires_ms,
    )
    return (*payment, _statement(said), *said, *event)


def _statement(said: Row) -> bytes:
    """Identify what a fact says: the same for ever, and short whatever the texts are.

    A unique index over the columns themselves would let NULLs repeat (SQLite) and refuse long
    texts (PostgreSQL's index rows end at 2,704 bytes).
    """
    try:
        return sha256(orjson.dumps(said)).digest()
    except orjson.JSONEncodeError as error:
        raise Unstorable(f"a fact cannot be stored: {error}") from None


def fact(row: Row) -> Fact:
    """Read a fact back."""
    kind, key, asset, amount, whole, late, at_ms, expires_ms = row
    return Fact(
        kind=FactKind(kind),
        key=key,
        asset=asset,
        amount=None if amount is None else int(amount),
        whole=bool(whole),
        late=bool(late),
        at_ms=at_ms,
        expires_ms=expires_ms,
    )


def statement(row: Row) -> Statement:
    """Read a fact back with the event that stated it first."""
    return Statement(fact(row[:8]), EventKey(*row[8:11]))


def payments(rows: Iterable[Row], facts: Iterable[Row]) -> Mapping[PaymentKey, Payment]:
    """Put payments and their facts together, in the order of `rows`."""
    stated: dict[PaymentKey, set[Fact]] = {}
    for row in facts:
        stated.setdefault(PaymentKey(*row[:3]), set()).add(fact(row[3:]))
    found = {}
    for provider, account, reference, state, version, changed_ms in rows:
        key = PaymentKey(provider, account, reference)
        known = frozenset(stated.get(key, ()))
        found[key] = Payment(key, State(state), version, known, changed_ms)
    return found


def transition_row(transition: Transition) -> Row:
    """Lay out one line of a payment's history."""
    return (
        *transition.payment,
        transition.version,
        transition.before and transition.before.value,
        transition.after.value,
        *transition.event,
        transition.correlation_id,
        transition.at_ms,
    )


def transition(row: Row) -> Transition:
    """Read one line of a payment's history back."""
    return Transition(
        payment=PaymentKey(*row[:3]),
        version=row[3],
        before=None if row[4] is None else State(row[4]),
        after=State(row[5]),
        event=EventKey(*row[6:9]),
        correlation_id=row[9],
        at_ms=row[10],
    )


def notice_row(notice: Notice) -> Row:
    """Lay out one row of the outbox."""
    headers = headers_text(notice.headers)
    return (notice.id, *notice.payment, notice.version, notice.key, notice.value, headers)


def pending(row: Row) -> Pending:
    """Read one row of the outbox back."""
    sequence, notice_id, provider, account, reference, version, key, value, headers = row
    payment = PaymentKey(provider, account, reference)
    notice = Notice(notice_id, payment, version, key, value, headers_of(headers))
    return Pending(sequence, notice)


def dead_letter_row(letter: DeadLetter) -> Row:
    """Lay out a dead letter."""
    (topic, partition), offset = letter.position
    headers = headers_text(letter.headers)
    return (
        topic,
        partition,
        offset,
        letter.reason,
        letter.key,
        letter.value,
        headers,
        letter.at_ms,
    )


def dead_letter(row: Row) -> DeadLetter:
    """Read a dead letter back."""
    topic, partition, offset, reason, key, value, headers, at_ms = row
    position = Position(Partition(topic, partition), offset)
    return DeadLetter(position, reason, key, value, headers_of(headers), at_ms)


def anomaly_rows(anomalies: Iterable[Anomaly]) -> list[Row]:
    """Lay out exceptions, one row per code and subject: a batch may raise the same one often.

    Sorted, so that two batches meet on the same rows in the same order and never deadlock.
    """
    raised: dict[tuple[str, str], list[Anomaly]] = {}
    for anomaly in anomalies:
        raised.setdefault((anomaly.code, anomaly.subject), []).append(anomaly)
    return [_anomaly_row(raised[item]) for item in sorted(raised)]


def _anomaly_row(same: Sequence[Anomaly]) -> Row:
    first = same[0]
    times_ms = [anomaly.at_ms for anomaly in same]
    return (
        first.code,
        first.subject,
        first.severity,
        first.evidence,
        *(first.event or (None, None, None)),
        min(times_ms),
        max(times_ms),
        len(same),
    )


def open_item(row: Row) -> OpenItem:
    """Read an open exception back."""
    code, subject, severity, evidence, *event, first_ms, last_ms, times = row
    key = None if event[0] is None else EventKey(*event)
    return OpenItem(Anomaly(code, subject, severity, evidence, key, first_ms), times, last_ms)


def payment_count(row: Row) -> PaymentCount:
    """Read one count back."""
    provider, state, count, oldest_ms = row
    return PaymentCount(provider, State(state), count, oldest_ms)


def headers_text(headers: Headers) -> str:
    """Write headers as JSON pairs, in order; bytes as the characters of the same numbers."""
    pairs = [(name, value.decode("latin-1")) for name, value in headers]
    try:
        return orjson.dumps(pairs).decode()
    except orjson.JSONEncodeError as error:
        raise Unstorable(f"a header cannot be stored: {error}") from None


def headers_of(text: str) -> Headers:
    """Read headers back."""
    return tuple((name, value.encode("latin-1")) for name, value in orjson.loads(text))
