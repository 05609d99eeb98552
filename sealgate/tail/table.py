"""Write a record's document as one line for a person. Pure.

Columns are padded and never cut: an id that is cut finds nothing. A terminal acts upon nothing that
came from outside.
"""

from collections.abc import Iterator
from enum import StrEnum

from sealgate.exposure.report import Document
from sealgate.plain import plain
from sealgate.tail.proving import SOUND, Word

_PAYMENT, _WHAT, _PLACE = 40, 28, 8
_RESET = "\x1b[0m"


class Colour(StrEnum):
    """What a colour means."""

    GOOD = "\x1b[32m"
    BAD = "\x1b[1;31m"
    ASIDE = "\x1b[2m"


def line(told: Document, *, in_colour: bool) -> str:
    """Write one line, in colour where a person is looking."""
    words = [f"{_paint(text, colour, on=in_colour)}" for text, colour in _columns(told)]
    return "  ".join(words).rstrip()


def _columns(told: Document) -> Iterator[tuple[str, Colour | None]]:
    kind = told["topic"].rpartition(".")[2]
    yield told["written_at"], Colour.ASIDE
    yield f"{kind:9}", None
    if told["kind"] == "unreadable":
        yield f"{_place(told):{_PLACE}}", None
        yield f"UNREADABLE {told['why']}", Colour.BAD
        return
    yield f"{told['payment'] or '-':{_PAYMENT}}", None
    if told["kind"] == "envelope":
        yield f"{told['event_type']:{_WHAT}}", None
        yield f"{_place(told):{_PLACE}}", Colour.ASIDE
        yield f"{told['id']}  key {told['key_id']}  class {told['assurance']}", None
        yield from _proof(told["proof"])
    else:
        yield f"{_move(told):{_WHAT}}", None
        yield f"{_place(told):{_PLACE}}", Colour.ASIDE
        yield from _notice(told)


def _place(told: Document) -> str:
    return f"{told['partition']}/{told['offset']}"


def _move(told: Document) -> str:
    word = told["type"].rpartition(".")[2]
    if word in {"held", "released"}:
        return f"{told['after']} {word}"
    return f"{told['before'] or '(none)'} -> {told['after']}"


def _notice(told: Document) -> Iterator[tuple[str, Colour | None]]:
    yield f"version {told['version']}  by {told['cause']}", None
    if told["holds"]:
        yield f"on hold: {', '.join(told['holds'])}", Colour.BAD
    if told["effect_key"]:
        yield f"goods may leave: {told['effect_key']}", Colour.GOOD


def _proof(proof: Document | None) -> Iterator[tuple[str, Colour | None]]:
    if proof is None:
        return
    word = Word(proof["word"])
    if word is Word.PROVEN:
        yield f"proven by {proof['key_id']}", Colour.GOOD
    else:
        text = word.value if word in SOUND else word.value.upper()
        yield f"{text}: {proof['why']}", None if word in SOUND else Colour.BAD


def _paint(text: str, colour: Colour | None, *, on: bool) -> str:
    shown = plain(text)
    return f"{colour.value}{shown}{_RESET}" if on and colour is not None else shown
