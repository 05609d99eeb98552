"""Write why a payment is in its state: the rule, the numbers, the facts and who stated them. Pure.

What `consumers.explaining` says of the set of facts is put together with the evidence for each
fact: the events that state it, when they came and which key proved them, the row of the provider's
mapping that read them, and the policy. Events that an operator made void are named apart: nothing
that only they state counts.
"""

from collections.abc import Iterator, Mapping

from consumers import explaining, weighing
from consumers.explaining import Explanation, Numbers, Writer
from consumers.facts import Fact
from consumers.lifecycle import State
from consumers.stating import OURSELVES
from consumers.store.port import EventKey, Judgement, Payment, Recorded
from sealgate.exposure import addresses, report
from sealgate.exposure.instants import show
from sealgate.exposure.report import Document
from sealgate.operations.words import item_name
from sealgate.story import chronicle, finality, ours
from sealgate.story.chronicle import Told, fact_document, handling, summary
from sealgate.story.finality import Ruled
from sealgate.story.gathering import Story

FORMAT = "sealgate.why/1"


def document(story: Story, told: Told) -> Document:
    """Write why the story's payment is in its state; the story must be of a stored payment."""
    key, payment = story.key, story.payment
    if key is None or payment is None:
        raise ValueError("only a stored payment has a state to explain")
    writer = Writer(lambda asset, amount: report.major(asset, amount, told.decimals), _moment)
    explained = explaining.explain(payment.facts, told.policy.terms, writer)
    evidence = _Evidence(story)
    return {
        "format": FORMAT,
        "environment": told.environment,
        "payment": summary(key, payment, told),
        "proven": explained.state.value,
        "rule": explained.rule.number,
        "checks": [
            {
                "rule": check.rule.number,
                "name": check.rule.name,
                "says": check.rule.says,
                "holds": check.holds,
                "why": check.why,
            }
            for check in explained.checks
        ],
        "numbers": _numbers(explained.numbers, told),
        "not_final": _not_final(story, explained, told),
        "decisive": _decisive(explained, told),
        "is_smallest": explained.is_smallest,
        "facts": [
            {**fact_document(fact, told.decimals), "stated_by": evidence.of(fact)}
            for fact in _by_time(payment.facts)
        ],
        "excluded": [
            {**fact_document(fact, told.decimals), "stated_by": evidence.of(fact)}
            for fact in evidence.excluded(payment)
        ],
        "policy": _policy(story, told),
        "next": _next(story, explained, told),
        "exceptions": _open_items(story),
        "hold_notices": [chronicle.hold(one) for one in story.holds],
    }


def _moment(at_ms: int) -> str:
    return show(at_ms) or ""


def _by_time(facts: Iterator[Fact] | frozenset[Fact]) -> list[Fact]:
    return sorted(facts, key=lambda one: (one.at_ms, one.kind, one.key, one.detail))


def _numbers(numbers: Numbers, told: Told) -> Document:
    """Write what was weighed: amounts by asset, and the window."""
    sums = {
        name: report.amounts(getattr(numbers, name), told.decimals)
        for name in ("asked", "tolerated", "ever", "standing", "final", "in_time", "refunded")
    }
    return {
        **sums,
        "takes_any_amount": numbers.takes_any,
        "meets_the_price": numbers.is_met,
        "is_final": numbers.is_final,
        "is_late": numbers.is_late,
        "window_closed_at": show(numbers.window_ms),
        "window_closed_by": numbers.window_by,
    }


def _ruled(story: Story, explained: Explanation, told: Told) -> Iterator[tuple[EventKey, Ruled]]:
    """Say which money that stands is not final, and why; of each the first event that tells it.

    Nothing where the payment is confirmed, or where confirming money would not move it.
    """
    payment = story.payment
    leads_there = any(step.to is State.CONFIRMED for step in explained.steps)
    if payment is None or explained.numbers.is_final or not leads_there:
        return
    values = weighing.standing(payment.facts, weighing.observed(payment.facts))
    final = {fact.key for fact in weighing.finals(values)}
    waits = {fact for fact in values if fact.key not in final}
    events = {one.event.key: one.event for one in story.events}
    stated: dict[EventKey, set[Fact]] = {}
    for one in story.statements:
        stated.setdefault(one.event, set()).add(one.fact)
    for key, facts in stated.items():
        if key not in events:
            continue
        for ruled in told.finality.ruled(events[key], payment.key.provider, facts):
            if ruled.fact in waits:
                waits.remove(ruled.fact)
                yield key, ruled


def _not_final(story: Story, explained: Explanation, told: Told) -> list[Document]:
    """Write what keeps money from being final: the word, the policy's row, what is not told."""
    return [
        {
            "fact": fact_document(ruled.fact, told.decimals),
            "event": addresses.write(key),
            **finality.document(ruled),
        }
        for key, ruled in _ruled(story, explained, told)
    ]


def _next(story: Story, explained: Explanation, told: Told) -> list[Document]:
    """Write what would move the payment on, and what makes money final where the policy says."""
    needs = sorted({ruled.needs for _, ruled in _ruled(story, explained, told)} - {""})
    further = "".join(f"; {one}" for one in needs)
    return [
        {"to": step.to.value, "by": step.by + (further if step.to is State.CONFIRMED else "")}
        for step in explained.steps
    ]


def _decisive(explained: Explanation, told: Told) -> list[Document]:
    return [
        {
            "facts": [fact_document(fact, told.decimals) for fact in _by_time(one.facts)],
            "without": one.without.value,
        }
        for one in explained.decisive
    ]


class _Evidence:
    """Who stated what: the events of each fact, with how they were read and proven."""

    def __init__(self, story: Story) -> None:
        self._recorded: Mapping[EventKey, Recorded] = {one.event.key: one for one in story.events}
        self._actions = story.actions
        # Of events of before schema 12, only the moves say by which mapping they were read.
        moved = {move.event: move.mapping for move in story.transitions if move.mapping}
        told = {one.event.key: one.mapping for one in story.events if one.mapping}
        self._mappings = moved | told
        self._void = {
            key
            for key, marks in story.marks.items()
            if marks and marks[-1].judgement is Judgement.VOID
        }
        self._stated: dict[Fact, list[EventKey]] = {}
        for one in story.statements:
            self._stated.setdefault(one.fact, []).append(one.event)

    def of(self, fact: Fact) -> list[Document]:
        """Return the events that state a fact, the first of them first."""
        return [self._event(key) for key in self._stated.get(fact, [])]

    def excluded(self, payment: Payment) -> list[Fact]:
        """Return what only void events state, and so does not count."""
        void = (
            fact
            for fact, events in self._stated.items()
            if fact not in payment.facts and self._void.issuperset(events)
        )
        return _by_time(void)

    def _event(self, key: EventKey) -> Document:
        document: Document = {
            "event": addresses.write(key),
            "is_void": key in self._void,
            "is_ours": key.provider == OURSELVES,
            "mapping": self._mappings.get(key),
        }
        recorded = self._recorded.get(key)
        if recorded is None:
            return document
        event = recorded.event
        return {
            **document,
            "ours": ours.document(event, self._actions),
            "type": event.event_type,
            "verdict": recorded.verdict,
            "received_at": show(event.received_ms),
            "key": event.key_id,
            "source": event.source,
            "assurance": event.assurance,
            "body_digest": event.body_digest,
            "correlation_id": event.correlation_id,
        }


def _policy(story: Story, told: Told) -> Document:
    """Name the policy of the last move, and the one in force, which weighs the facts here."""
    last = story.transitions[-1].policy if story.transitions else None
    return {"of_last_move": last, "in_force": told.policy.version}


def _open_items(story: Story) -> list[Document]:
    return [
        {
            "number": item.id,
            "exception": item_name(item.id),
            "code": item.anomaly.code,
            "severity": item.anomaly.severity,
            "evidence": item.anomaly.evidence,
            "since": show(item.anomaly.at_ms),
            "status": item.status.value,
            "assignee": item.assignee,
            **handling(item.anomaly.code),
        }
        for item in story.items
        if item.closing is None
    ]
