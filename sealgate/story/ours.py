"""Say who stated an event that no provider sent: an operator, a timer, another part of us. Pure.

Such an event has no key, no scheme and no place in the log: what proves it is the action that was
kept with it, with a name, a role and a reason; or that we asked the provider, and it answered.
"""

from collections.abc import Iterator, Sequence

from consumers.stating import OURSELVES
from consumers.store.cases import Action
from consumers.store.port import Event
from sealgate.exposure.report import Document

# The source of events that are a provider's answers to our own questions.
POLL = "poll"


def document(event: Event, actions: Sequence[Action]) -> Document | None:
    """Write who stated an event of ours, and why; None for an event that a provider sent."""
    key = event.key
    if key.provider != OURSELVES:
        return {"part": POLL, "by": None} if event.source == POLL else None
    action = next((one for one in actions if one.key == key.key), None)
    if action is None:
        return {"part": key.account, "by": None}
    return {
        "part": key.account,
        "key": action.key,
        "by": action.by,
        "role": action.role,
        "approved_by": action.approved_by,
        "action": action.name,
        "reason": action.reason,
        "note": action.note,
    }


def lines(told: Document) -> Iterator[str]:
    """Write it for people."""
    if told["part"] == POLL:
        yield "read from the provider itself, which was asked: nobody sent it"
        return
    if told["by"] is None:
        yield f"stated by ourselves ({told['part']}): no provider sent it"
        return
    second = f", approved by {told['approved_by']}" if told["approved_by"] else ""
    yield f"stated by ourselves: {told['by']} ({told['role']}) did {told['action']}{second}"
    yield f"reason {told['reason']}: {told['note']}"
