"""The reasons for a state, for people: what `reasons` put together, line by line. Pure.

Everything printed passes through `plain`, as in `table`.
"""

from collections.abc import Iterator, Sequence

from sealgate.exposure.report import Document
from sealgate.plain import plain
from sealgate.story import ours
from sealgate.story.table import fact_line, hold_lines, now_lines

# Sets that carry a state together; one is told in full, and how many more there are.
SETS_MAX = 10


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
    yield from _waiting(told["not_final"])
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
    yield from _told_of_holds(told["hold_notices"])


def _disagreement(told: Document) -> Iterator[str]:
    """Say where the facts prove another state than the one that is written."""
    if told["proven"] != told["payment"]["state"]:
        yield (
            f"NOTE: its facts prove {told['proven']} under the policy in force, and"
            f" {told['payment']['state']} is written: a move that the table does not have, or a"
            " policy that was changed since; the exceptions below say which"
        )


def _waiting(found: Sequence[Document]) -> Iterator[str]:
    """Name the rows of the policy that keep money from being final."""
    if not found:
        return
    yield "what keeps it from being final"
    for one in found[:SETS_MAX]:
        first, *rest = one["says"].split("; ")
        yield f"  {fact_line(one['fact'])}, by {one['event']}"
        yield from (f"      {line}" for line in (first, *rest))
    if len(found) > SETS_MAX:
        yield f"  and {len(found) - SETS_MAX} more: --json holds them"
    yield ""


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
        if "type" in by and by["ours"] is not None:
            # No provider's word: no mapping read it, and no key proved it.
            who = "; ".join(ours.lines(by["ours"]))
            yield f"         {by['type']}, {who}; received {by['received_at']}"
        elif "type" in by:
            mapping = by["mapping"] or "a mapping that was not kept"
            yield (
                f"         row {by['type']} of {mapping}; received {by['received_at']}, key"
                f" {by['key']} of {by['source']}, assurance {by['assurance']}"
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
        name = f"{item['exception']} {item['code']}"
        yield f"  {name}, severity {item['severity']}, since {item['since']}"
        yield f"      {item['evidence']}"
        if item["owner"] is not None:
            yield f"      owner: {item['owner']}; ends by: {item['ends_by']}"


def _told_of_holds(found: Sequence[Document]) -> Iterator[str]:
    """Say what downstream was told of holds in a state that stayed as it was."""
    if found:
        yield "what downstream was told of holds"
    for one in found:
        first, *rest = hold_lines(one)
        yield f"  {one['recorded_at']}  {first}"
        yield from (f"      {line}" for line in rest)
