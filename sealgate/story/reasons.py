"""Write why a payment is in its state: the rule, the numbers, the facts and who stated them. Pure.

What `consumers.explaining` says of the set of facts is put together with the evidence for each
fact: the events that state it, when they came and which key proved them, the row of the provider's
mapping that read them, and the policy. Events that an operator made void are named apart: nothing
that only they state counts.
"""

from collections.abc import Iterator, Mapping, Sequence

from consumers import explaining
from consumers.explaining import Explanation, Numbers, Writer
from consumers.facts import Fact
from consumers.stating import OURSELVES
from consumers.store.port import EventKey, Judgement, Payment, Recorded
from sealgate.exposure import addresses, report
from sealgate.exposure.instants import show
from sealgate.exposure.report import Document
from sealgate.exposure.table import plain
from sealgate.story.chronicle import Told, fact_document, handling, summary
from sealgate.story.gathering import Story
from sealgate.story.table import fact_line, now_lines

FORMAT = "sealgate.why/1"
# Sets that carry a state together; one is told in full, and how many more there are.
SETS_MAX = 10


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
        "next": [{"to": step.to.value, "by": step.by} for step in explained.steps],
        "exceptions": _open_items(story),
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
        self._mappings = {move.event: move.mapping for move in story.transitions if move.mapping}
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


def render(told: Document) -> str:
    """Write the document for people."""
    return "\n".join(plain(line) for line in _lines(told)) + "\n"


def _lines(told: Document) -> Iterator[str]:
    last = told["checks"][-1]
    yield f"payment {told['payment']['payment']} in {told['environment']}"
    yield from now_lines(told["payment"])
    yield from _disagreement(told)
    yield ""
    yield f"because of rule {last['rule']}, {last['name']}: {last['says']}"
    for check in told["checks"]:
        holds = "yes" if check["holds"] else "no"
        first, *rest = check["why"].split("; ")
        yield f"  {check['rule']} {check['name']:<10} {holds:<4} {first}"
        yield from (f"{'':<19}{line}" for line in rest)
    yield ""
    yield from _carried(told)
    yield ""
    yield "what is known, and from whom"
    for fact in told["facts"]:
        yield from _fact(fact)
    if told["excluded"]:
        yield "what does not count, because every event that states it is void"
        for fact in told["excluded"]:
            yield from _fact(fact)
    yield ""
    yield from _policy_lines(told["policy"])
    yield from _onward(told)


def _disagreement(told: Document) -> Iterator[str]:
    """Say where the facts prove another state than the one that is written."""
    if told["proven"] != told["payment"]["state"]:
        yield (
            f"NOTE: its facts prove {told['proven']} under the policy in force, and"
            f" {told['payment']['state']} is written: a move that the table does not have, or a"
            " policy that was changed since; the exceptions below say which"
        )


def _carried(told: Document) -> Iterator[str]:
    sets = told["decisive"]
    if not sets:
        yield f"no fact carries it: {told['proven']} is what the least that is known proves"
        return
    if len(sets[0]["facts"]) == 1:
        yield "carried by each of these: without it the payment would be"
        for one in sets:
            yield f"  {one['without']:<10} without {fact_line(one['facts'][0])}"
        return
    size = len(sets[0]["facts"])
    least = "no fewer carry it" if told["is_smallest"] else "each of them is needed"
    yield f"carried by {size} facts together, {least}: without them the payment would be"
    for one in sets[:SETS_MAX]:
        first, *rest = map(fact_line, one["facts"])
        yield f"  {one['without']:<10} without {first}"
        yield from (f"  {'':<10}     and {line}" for line in rest)
    if len(sets) > SETS_MAX:
        yield f"  and {len(sets) - SETS_MAX} more such sets: --json holds them"


def _fact(fact: Document) -> Iterator[str]:
    yield f"  {fact_line(fact)}"
    for by in fact["stated_by"]:
        void = ", VOID" if by["is_void"] else ""
        yield f"      by {by['event']}{void}"
        if "type" in by and by["is_ours"]:
            # No provider's word: no mapping read it, and no key proved it.
            yield f"         {by['type']}, stated by ourselves; received {by['received_at']}"
        elif "type" in by:
            row = f"row {by['type']}"
            mapping = f"{row} of {by['mapping']}" if by["mapping"] else f"{row}; it moved nothing"
            yield (
                f"         {mapping}; received {by['received_at']}, key {by['key']} of"
                f" {by['source']}, assurance {by['assurance']}"
            )


def _policy_lines(policy: Document) -> Iterator[str]:
    last, now = policy["of_last_move"], policy["in_force"]
    if not last and not now:
        yield "policy: none; no grace, no tolerance, what a provider calls final is final"
    elif last == now:
        yield f"policy: {now}"
    else:
        yield f"policy: {now or '(none)'} in force; the last move was under {last or '(none)'}"


def _onward(told: Document) -> Iterator[str]:
    if told["next"]:
        yield "what would move it on"
        for step in told["next"]:
            yield f"  {step['to']:<10} {step['by']}"
    else:
        yield "nothing ordinary moves it on: what is first seen from now on is another deposit"
    items: Sequence[Document] = told["exceptions"]
    if not items:
        yield "no exception is open"
        return
    yield "open exceptions"
    for item in items:
        yield f"  {item['code']}, severity {item['severity']}, since {item['since']}"
        yield f"      {item['evidence']}"
        if item["owner"] is not None:
            yield f"      owner: {item['owner']}; ends by: {item['ends_by']}"
