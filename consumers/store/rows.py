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

from consumers.facts import Fact, FactKind
from consumers.lifecycle import State
from consumers.store.cases import AtRisk, Status
from consumers.store.kept import Kept
from consumers.store.port import (
    Advance,
    Anomaly,
    Cause,
    DeadLetter,
    Event,
    EventKey,
    Judgement,
    KeyUse,
    Mark,
    Marked,
    Notice,
    OpenItem,
    Payment,
    PaymentCount,
    PaymentKey,
    Pending,
    Recorded,
    Resolution,
    Saved,
    Statement,
    Transition,
    Unstorable,
)
from ingress.eventlog.port import Headers, Partition, Position

# A driver's row: what is in it is the schema's business, and no type checker sees the schema.
Row = tuple[Any, ...]

# Of one item, what is kept of later evidence: a storm of different words must not fill the disk.
EVIDENCE_MAX = 100

# NUMERIC(78, 0): the largest 256-bit integer has 78 digits.
AMOUNT_END = 10**78

# By the text, because to call an enumeration costs ten times as much.
_KINDS: Mapping[str, FactKind] = {str(kind): kind for kind in FactKind}
_STATES: Mapping[str, State] = {str(state): state for state in State}
_KEPT: Mapping[str, Kept] = {str(kept): kept for kept in Kept}


def advance_row(advance: Advance) -> Row:
    """Lay out the move of a position."""
    return (*advance.partition, advance.epoch, advance.expected, advance.to)


def event_row(event: Event) -> Row:
    """Lay out a claim."""
    # In the order of the columns, but for the first and the place, which are several each.
    key, *told, position, scheme, mode, signed_ms, late_ms = event
    (topic, partition), offset = position
    return (*key, *told, topic, partition, offset, scheme, mode, signed_ms, late_ms)


def recorded(row: Row) -> Recorded:
    """Read an event back."""
    *key, event_type, source, reference, key_id, assurance, correlation_id = row[:9]
    body_digest, received_ms, topic, partition, offset = row[9:14]
    scheme, mode, signed_ms, late_ms, verdict, mapping = row[14:]
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
        scheme=scheme,
        mode=mode,
        signed_ms=signed_ms,
        late_ms=late_ms,
    )
    return Recorded(event, verdict, mapping)


def key_uses(found: Iterable[Row]) -> list[KeyUse]:
    """Read back what keys have proven; what we state ourselves no key has."""
    return [use for use in (KeyUse(*row) for row in found) if use.key_id]


def mark_row(mark: Mark) -> Row:
    """Lay out an operator's word."""
    return (*mark.event, mark.judgement.value, mark.reason, mark.by, mark.at_ms)


def marks(rows: Iterable[Row]) -> Mapping[EventKey, list[Mark]]:
    """Read operators' words back, each event's in the order of `rows`."""
    found: dict[EventKey, list[Mark]] = {}
    for row in rows:
        key = EventKey(*row[:3])
        judgement, reason, by, at_ms = row[3:]
        mark = Mark(key, Judgement(judgement), reason, by, at_ms)
        found.setdefault(key, []).append(mark)
    return found


def marked(events: Iterable[Row], said: Iterable[Row]) -> Mapping[EventKey, Marked]:
    """Put events and the words on them together."""
    words = marks(said)
    found = (recorded(row) for row in events)
    return {one.event.key: Marked(one, tuple(words.get(one.event.key, ()))) for one in found}


def saved_row(saved: Saved) -> Row:
    """Lay out a payment's new row, the version it replaces, and whether it is the first row."""
    payment, was, was_kept = saved
    word = str(payment.kept or payment.state)
    first = not was and not was_kept
    return (*payment.key, word, payment.version, payment.changed_ms, was, first)


def fact_row(payment: PaymentKey, fact: Fact, event: EventKey) -> Row:
    """Lay out a fact. Raises `Unstorable` for an amount or a text no database holds."""
    said = _said(payment, fact)
    return (*payment, _digest(_identity(said)), *said, *event)


def restatement_row(payment: PaymentKey, fact: Fact, event: EventKey) -> Row:
    """Lay out a fact that adds nothing: there is one row of it for each event that states it."""
    said = _said(payment, fact)
    return (*payment, _digest((*_identity(said), *event)), *said, *event)


def _said(payment: PaymentKey, fact: Fact) -> Row:
    kind, key, asset, amount, whole, late, at_ms, expires_ms, detail, untold = fact
    if amount is None:
        return (str(kind), key, asset, None, whole, late, at_ms, expires_ms, detail, untold)
    if abs(amount) >= AMOUNT_END:
        raise Unstorable(f"the amount of a fact of {payment.reference!r} is over 78 digits")
    return (str(kind), key, asset, str(amount), whole, late, at_ms, expires_ms, detail, untold)


def _identity(said: Row) -> Row:
    """Return what identifies a fact: as before there were details, or untold instants."""
    *told, detail, untold = said
    if untold:
        return said
    return (*told, detail) if detail else tuple(told)


def _digest(said: Row) -> bytes:
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
    kind, key, asset, amount, whole, late, at_ms, expires_ms, detail, untold = row
    return Fact(
        kind=_KINDS[kind],
        key=key,
        asset=asset,
        amount=None if amount is None else int(amount),
        whole=bool(whole),
        late=bool(late),
        at_ms=at_ms,
        expires_ms=expires_ms,
        detail=detail,
        untold=bool(untold),
    )


def statement(row: Row) -> Statement:
    """Read a fact back with an event that stated it, and whether it was the first to."""
    return Statement(fact(row[:10]), EventKey(*row[10:13]), bool(row[13]))


def standing(facts: Iterable[Row]) -> tuple[list[Row], list[Row]]:
    """Return the facts that stand, and the keys of the payments of which some are void.

    Where a fact is void, another event may have stated it too: those payments' restatements count.
    """
    stands: list[Row] = []
    void: dict[Row, None] = {}
    for row in facts:
        if row[-1]:
            void[tuple(row[:3])] = None
        else:
            stands.append(row)
    return stands, list(void)


def payments(rows: Iterable[Row], facts: Iterable[Row]) -> Mapping[PaymentKey, Payment]:
    """Put payments and their facts together, in the order of `rows`."""
    stated: dict[PaymentKey, set[Fact]] = {}
    for row in facts:
        stated.setdefault(PaymentKey(*row[:3]), set()).add(fact(row[3:13]))
    found = {}
    for provider, account, reference, state, version, changed_ms in rows:
        key = PaymentKey(provider, account, reference)
        known = frozenset(stated.get(key, ()))
        kept = None if version else _KEPT[state]
        found[key] = Payment(
            key, State.PENDING if kept else _STATES[state], version, known, changed_ms, kept
        )
    return found


def transition_row(transition: Transition) -> Row:
    """Lay out one line of a payment's history."""
    payment, version, before, after, event, correlation_id, at_ms, cause, mapping, policy = (
        transition
    )
    was = None if before is None else str(before)
    return (
        *payment,
        version,
        was,
        str(after),
        *event,
        correlation_id,
        at_ms,
        str(cause),
        mapping,
        policy,
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
        cause=Cause(row[11]),
        mapping=row[12],
        policy=row[13],
    )


def notice_row(notice: Notice) -> Row:
    """Lay out one row of the outbox."""
    notice_id, payment, version, key, value, headers = notice
    return (notice_id, *payment, version, key, value, headers_text(headers))


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
        *at_risk_row(next((one.at_risk for one in reversed(same) if one.at_risk), None)),
    )


def at_risk_row(money: AtRisk | None) -> Row:
    """Lay out the money that an exception is about. Raises `Unstorable`."""
    if money is None:
        return (None, None)
    if abs(money.amount) >= AMOUNT_END:
        raise Unstorable("the money of an exception is over 78 digits")
    return (money.asset, str(money.amount))


def evidence_rows(anomalies: Iterable[Anomaly]) -> list[Row]:
    """Lay out what a batch tells of each exception, every text once, in order.

    The store keeps of it what the item does not hold already.
    """
    told: dict[tuple[str, str], dict[str, Anomaly]] = {}
    for anomaly in anomalies:
        texts = told.setdefault((anomaly.code, anomaly.subject), {})
        if len(texts) < EVIDENCE_MAX:
            texts.setdefault(anomaly.evidence, anomaly)
    return [
        (*place, text, *(one.event or (None, None, None)), one.at_ms, EVIDENCE_MAX)
        for place in sorted(told)
        for text, one in told[place].items()
    ]


def resolution_rows(resolved: Iterable[Resolution]) -> list[Row]:
    """Lay out the ends of exceptions, in the order in which everybody takes their locks."""
    return sorted(resolution_row(one) for one in resolved)


def resolution_row(one: Resolution) -> Row:
    """Lay out the end of an exception: whether people or facts ended it, too."""
    status = Status.RESOLVED if one.by else Status.AUTO_RESOLVED
    return (*one[:4], str(status), one.reason, one.by, one.approved_by)


def open_item(row: Row) -> OpenItem:
    """Read an open exception back."""
    return OpenItem(anomaly(row), *row[8:10])


def anomaly(row: Row) -> Anomaly:
    """Read an exception back, as it was raised: the first columns of a row of them."""
    code, subject, severity, evidence, *event, first_ms = row[:8]
    asset, amount = row[10:12]
    key = None if event[0] is None else EventKey(*event)
    at_risk = None if amount is None else AtRisk(asset, int(amount))
    return Anomaly(code, subject, severity, evidence, key, first_ms, at_risk)


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
    return tuple([(name, value.encode("latin-1")) for name, value in orjson.loads(text)])
