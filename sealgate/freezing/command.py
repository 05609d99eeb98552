"""Say a word on the freeze, or show what was said; and tell of it wherever payments are shown."""

from collections.abc import Iterator

from consumers.actions import Role
from consumers.freezing import FreezeOrder, is_frozen, order
from consumers.refusals import WrongWords
from consumers.stating import Refused
from consumers.store.poll_store import Polls
from consumers.store.polls import Freeze
from consumers.store.port import Store
from ingress import telemetry
from ingress.contract import cloudevents
from sealgate.config import Configuration
from sealgate.freezing.said import Said
from sealgate.operations import words
from sealgate.operations.answering import Document, answer, refuse

SHOWN_MAX = 50


def say(configuration: Configuration, said: Said, *, is_on: bool) -> int:
    """Freeze, or clear it; return the exit code."""
    try:
        wanted = FreezeOrder(is_on, said.reason, said.by, _role(said.role), said.approved_by)
        words.check_people(wanted, configuration.settings.operators.people)
    except Refused as refused:
        return refuse(refused, as_json=said.json)

    async def ask(store: Store) -> Document:
        done = await order(store, wanted, telemetry.now_ms())
        return {"format": "sealgate.freeze-order/1", **_document(done)}

    return answer(configuration, ask, _done_lines, as_json=said.json, writes=True)


def show(configuration: Configuration, *, as_json: bool) -> int:
    """Print what was said about the freeze, the last word first; return the exit code."""

    async def ask(store: Store) -> Document:
        found = await Polls.of(store).freezes(SHOWN_MAX)
        return {
            "format": "sealgate.freeze/1",
            "is_frozen": is_frozen(next(iter(found), None)),
            "words": [_document(one) for one in found],
        }

    return answer(configuration, ask, _show_lines, as_json=as_json)


def _role(text: str) -> Role:
    known = {str(role): role for role in Role}
    if text not in known:
        raise WrongWords(f"role: one of {', '.join(known)}")
    return known[text]


def _document(one: Freeze) -> Document:
    return {
        "is_on": one.is_on,
        "reason": one.reason,
        "by": one.by,
        "role": one.role,
        "approved_by": one.approved_by,
        "at": cloudevents.timestamp(one.at_ms),
    }


def _done_lines(told: Document) -> Iterator[str]:
    if told["is_on"]:
        yield "frozen: nothing expires by our own clock, and nothing is posted"
        yield "verified events are applied all the same; finance clears it: sealgate freeze off"
    else:
        yield "cleared: what was due meanwhile happens now"


def _show_lines(told: Document) -> Iterator[str]:
    yield "frozen" if told["is_frozen"] else "nothing is frozen"
    for one in told["words"]:
        word = "on " if one["is_on"] else "off"
        role = f" ({one['role']})" if one["role"] else ""
        second = f", with {one['approved_by']}" if one["approved_by"] else ""
        yield f"  {one['at']}  {word}  {one['by']}{role}{second}: {one['reason']}"
