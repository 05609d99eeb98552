"""What the throw-away gateway did when it was attacked, judged from its log and its database. Pure.

Nothing is taken from what the gateway says of itself but its answers: what was sent and answered,
the records of its log, the rows of its database and the notices that a subscriber hears flow in,
findings flow out. `gather` of `rehearsal` reads them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from consumers.exceptions import Code, subject_of
from consumers.lifecycle import TRANSITIONS, Verdict
from consumers.store.cases import Item, Status
from consumers.store.port import EventKey, Payment, PaymentKey, Recorded, Transition
from ingress.contract.envelope import Envelope
from sealgate.demo.observe import Heard
from sealgate.evidence.acts import Deeds, Sent
from sealgate.evidence.claims import Finding
from sealgate.evidence.ground import KEY_ID, Subject
from sealgate.evidence.judging import finding
from sealgate.simulator.wire import is_success

REPORT = "look at docs/evidence.md, and report it"


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A payment that was underpaid and topped up: its exceptions before, and after."""

    payment: PaymentKey
    before: Sequence[Item] = ()
    after: Sequence[Item] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What there was afterwards. Envelopes are by correlation id, as everything else is told."""

    envelopes: Mapping[str, Envelope]
    rows: Mapping[EventKey, Recorded]
    events: int
    """Rows of events in the whole database."""

    twice: int
    """Payments that one event moved twice."""

    payments: Mapping[PaymentKey, Payment]
    moves: Mapping[PaymentKey, Sequence[Transition]]
    heard: Sequence[Heard]
    raised: Collection[str]
    """Codes of the exceptions that were raised."""

    shortfall: Shortfall | None = None
    places: Mapping[EventKey, int] = field(default_factory=dict)
    """How many records of the log are of each event."""


def findings(deeds: Deeds, seen: Seen) -> list[Finding]:
    """Judge all of it."""
    return [
        genuine(deeds, seen),
        forgeries(deeds, seen),
        repetitions(deeds, seen),
        any_order(deeds, seen),
        unreadable(deeds, seen),
        shortfall(seen),
        correlation(deeds, seen),
    ]


def genuine(deeds: Deeds, seen: Seen) -> Finding:
    """Judge what was signed well."""
    wrong = []
    for one in deeds.genuine:
        sealed = seen.envelopes.get(one.answer.correlation_id)
        if not is_success(one.answer.status) or sealed is None or sealed.key_id != KEY_ID:
            wrong.append(f"{one.subject} (answered {one.answer.status})")
    looked = [(one.subject, f"answered {one.answer.status}") for one in deeds.genuine]
    told = f"not accepted: {', '.join(wrong)}; {REPORT}" if wrong else ""
    missing = "" if deeds.genuine else "no source could be tried"
    return finding("genuine-accepted", told, missing, looked)


def forgeries(deeds: Deeds, seen: Seen) -> Finding:
    """Judge what was not."""
    taken = [
        f"{one.subject}: {one.what}"
        for one in deeds.attacks
        if is_success(one.answer.status) or one.answer.correlation_id in seen.envelopes
    ]
    accepted = [one for one in _accepted(deeds) if is_success(one.answer.status)]
    looked = [
        (f"{one.subject}, {one.what}", f"answered {one.answer.status}") for one in deeds.attacks
    ]
    looked += [(why, "cannot be expressed") for why in deeds.inexpressible]
    looked.append(
        ("records in the log, of deliveries accepted", f"{_count(seen)} of {len(accepted)}")
    )
    wrong = f"accepted: {', '.join(taken)}; {REPORT}" if taken else ""
    if _count(seen) != len(accepted):
        wrong = wrong or f"the log holds what no answer accepted, or lacks one; {REPORT}"
    return finding("forgeries-refused", wrong, "" if deeds.attacks else _UNTRIED, looked)


_UNTRIED = "no source could be tried"


def repetitions(deeds: Deeds, seen: Seen) -> Finding:
    """Judge what came again."""
    refused = [one for one in deeds.again if not is_success(one.answer.status)]
    repeated = {key: count for key, count in seen.places.items() if count > 1}
    distinct = {(one.subject, one.event) for one in _accepted(deeds) if _is_taken(one)}
    looked = [
        *((one, "each call is an event of its own, by its profile") for one in deeds.unrepeatable),
        ("deliveries that were repetitions", str(len(deeds.again))),
        ("events that the log holds more than once", str(len(repeated))),
        ("records of these", str(sum(repeated.values()))),
        ("events that were sent, and rows", f"{len(distinct)}, {seen.events}"),
        ("payments that one event moved twice", str(seen.twice)),
    ]
    wrong = ""
    if seen.events != len(distinct) or seen.twice:
        wrong = f"a repetition had an effect; {REPORT}"
    elif refused:
        wrong = f"a repetition was refused: {', '.join(sorted({one.subject for one in refused}))}"
    return finding("repetitions-change-nothing", wrong, "" if repeated else _UNTRIED, looked)


def any_order(deeds: Deeds, seen: Seen) -> Finding:
    """Judge payments that were told forwards and backwards."""
    looked, wrong, missing = [], [], []
    for subject, forwards, backwards in deeds.tales:
        ends = [seen.payments.get(_payment(subject, one)) for one in (forwards, backwards)]
        states = [None if end is None else end.state for end in ends]
        looked.append((subject.slug, f"in order {states[0]}, backwards {states[1]}"))
        if None in states:
            missing.append(subject.slug)
        elif states[0] is not states[1]:
            wrong.append(subject.slug)
    outside = [one for one in _all(seen.moves) if not _is_declared(one)]
    looked.append(("transitions, and those outside of the table", f"{_len(seen)}, {len(outside)}"))
    told = f"the order decided for {', '.join(wrong)}; {REPORT}" if wrong else ""
    if outside:
        told = told or f"a transition is not in the table; {REPORT}"
    absent = f"the policy or the mappings took no event of {', '.join(missing)}" if missing else ""
    return finding("any-order", told, absent or ("" if deeds.tales else _UNTRIED), looked)


def unreadable(deeds: Deeds, seen: Seen) -> Finding:
    """Judge what verified and could not be read."""
    if deeds.broken is None:
        return finding("unreadable-becomes-work", "", _UNTRIED, ())
    sealed = seen.envelopes.get(deeds.broken.answer.correlation_id)
    row = None if sealed is None else seen.rows.get(_key(sealed))
    verdict = "none" if row is None else str(row.verdict)
    is_raised = Code.SCHEMA_DRIFT.value in seen.raised
    moved = sum(one.event == row.event.key for one in _all(seen.moves)) if row else 0
    looked = [
        ("answer", str(deeds.broken.answer.status)),
        ("verdict", verdict),
        ("transitions it caused", str(moved)),
        ("exception", Code.SCHEMA_DRIFT.value if is_raised else "none"),
    ]
    holds = verdict == Verdict.UNPARSEABLE and is_raised and not moved
    return finding("unreadable-becomes-work", "" if holds else f"not so; {REPORT}", "", looked)


def shortfall(seen: Seen) -> Finding:
    """Judge the payment that fell short and was topped up."""
    told = seen.shortfall
    if told is None or told.payment not in seen.payments:
        missing = "the policy or the mappings took no event of the payment"
        return finding("shortfall-opens-and-closes", "", missing, ())
    opened = _under(told.before)
    ended = [one for one in _under(told.after) if one.status is Status.AUTO_RESOLVED]
    looked = [
        ("payment", f"{seen.payments[told.payment].state} in the end"),
        ("open after the shortfall", f"{len(opened)} {Code.AMOUNT_UNDER}"),
        ("ended by facts after the rest had come", str(len(ended))),
    ]
    missing = ""
    if not opened:
        missing = "none was raised: does the policy tolerate 29 of 49 EUR, or take none?"
    wrong = f"it was not ended; {REPORT}" if opened and not ended else ""
    return finding("shortfall-opens-and-closes", wrong, missing, looked)


def correlation(deeds: Deeds, seen: Seen) -> Finding:
    """Follow each answer's id to the notice."""
    followed, lost = 0, []
    heard = {(one.payment, one.version): one.correlation_id for one in seen.heard}
    for one in (*deeds.genuine, *deeds.told):
        sealed = seen.envelopes.get(one.answer.correlation_id)
        if sealed is None:
            lost.append(one.subject)
            continue
        row = seen.rows.get(_key(sealed))
        caused = [move for move in _all(seen.moves) if row and move.event == row.event.key]
        ids = {"" if row is None else row.event.correlation_id}
        ids |= {move.correlation_id for move in caused}
        ids |= {heard.get((move.payment, move.version), "") for move in caused}
        followed += bool(caused)
        if ids != {one.answer.correlation_id}:
            lost.append(one.subject)
    looked = [
        ("answers", str(len(deeds.genuine) + len(deeds.told))),
        ("followed to a move and its notice", str(followed)),
        ("lost on the way", str(len(lost))),
    ]
    wrong = f"lost of {', '.join(sorted(set(lost)))}; {REPORT}" if lost else ""
    return finding("one-correlation-id", wrong, "" if followed else _UNTRIED, looked)


def _accepted(deeds: Deeds) -> Iterator[Sent]:
    """Yield all that was signed well."""
    yield from (*deeds.genuine, *deeds.again, *deeds.told)
    if deeds.broken is not None and deeds.broken not in deeds.told:
        yield deeds.broken


def _is_taken(one: Sent) -> bool:
    return is_success(one.answer.status)


def _count(seen: Seen) -> int:
    return sum(seen.places.values())


def _all(moves: Mapping[PaymentKey, Sequence[Transition]]) -> Iterator[Transition]:
    for same in moves.values():
        yield from same


def _len(seen: Seen) -> int:
    return sum(map(len, seen.moves.values()))


def _is_declared(one: Transition) -> bool:
    return one.before is None or one.after in TRANSITIONS[one.before]


def _under(items: Sequence[Item]) -> list[Item]:
    return [one for one in items if one.anomaly.code == Code.AMOUNT_UNDER]


def _payment(subject: Subject, reference: str) -> PaymentKey:
    return PaymentKey(subject.profile.name, subject.account, reference)


def _key(sealed: Envelope) -> EventKey:
    return EventKey(sealed.provider, sealed.account, sealed.event_key)


def subject_text(payment: PaymentKey) -> str:
    """Name a payment as exceptions do."""
    return subject_of(payment)
