"""`sealgate glossary`: what a word means, wherever somebody met it.

The one glossary (`consumers.glossary`) and the tables beside it flow in: states, flags, verdicts,
facts, places in the books, amounts, exceptions, actions, roles, reasons and refusals. A word is
found however it was typed; one that is not there is answered with those that look like it.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from consumers import glossary, refusals, stating
from consumers.actions import RULES, Act, Approval, Reason
from consumers.exceptions import HANDLING
from sealgate.plain import plain

FORMAT = "sealgate.glossary/1"
EXIT_OK = 0
EXIT_FAILED = 1
SIMILAR_MAX = 5
# A shorter text is part of too many words.
PART_CHARS_MIN = 3
_ANYBODY = "any role"


class Entry(NamedTuple):
    """One sense of one word: of which kind it is, its sentence, and what else there is to say."""

    word: str
    kind: str
    meaning: str
    more: tuple[tuple[str, str], ...] = ()


def entries() -> Iterator[Entry]:
    """Tell every word, kind by kind."""
    yield from _states()
    yield from _plain("flag", glossary.FLAGS.items())
    yield from _plain("hold", glossary.HOLDS.items())
    yield from _plain("amount", glossary.AMOUNTS.items())
    yield from _plain("books", glossary.POSTINGS.items())
    yield from _plain("fact", glossary.FACTS.items())
    yield from _plain("failure", glossary.FAILURES.items())
    yield from _plain("provider's answer", glossary.COMPARISONS.items())
    yield from _plain("deposit's state", glossary.DEPOSITS.items())
    yield from _plain("word", glossary.WORDS.items())
    for verdict, (meaning, effect) in glossary.VERDICTS.items():
        yield Entry(verdict, "verdict", meaning, (("effect", effect),))
    yield from _exceptions()
    yield from _actions()
    yield from _roles()
    yield from _reasons()
    for kind in (stating, refusals):
        yield from _refusals(vars(kind).values())


def _states() -> Iterator[Entry]:
    for state, told in glossary.STATES.items():
        more = (("end", told.ends), ("goods", told.goods), ("books", told.books))
        yield Entry(state, "state", told.sentence, more)


def _plain(kind: str, told: Iterable[tuple[str, str]]) -> Iterator[Entry]:
    for word, meaning in told:
        yield Entry(str(word), kind, meaning)


def _exceptions() -> Iterator[Entry]:
    for code, told in HANDLING.items():
        severity = f"{told.severity}, {glossary.SEVERITIES[told.severity]}"
        more = (
            ("severity", severity),
            ("owner", told.owner.value),
            ("ends by", told.resolution),
            ("by itself", "yes, when the facts are no reason for it" if told.heals else "no"),
        )
        yield Entry(code, "exception", told.raised_when, more)


def _actions() -> Iterator[Entry]:
    for act, rule in RULES.items():
        second = "never" if rule.approval is Approval.NEVER else rule.approval.value
        more = (
            ("roles", ", ".join(sorted(rule.roles)) or _ANYBODY),
            ("a second person", second),
            ("reasons", ", ".join(sorted(rule.reasons)) or "any"),
        )
        yield Entry(act, "action", rule.meaning, more)


def _roles() -> Iterator[Entry]:
    for role, meaning in glossary.ROLES.items():
        acts = (act for act, rule in RULES.items() if not rule.roles or role in rule.roles)
        yield Entry(role, "role", meaning, (("may", ", ".join(acts)),))


def _reasons() -> Iterator[Entry]:
    """Tell the reasons by what they are reasons for: their words speak for themselves."""
    for reason in Reason:
        acts: list[Act] = [act for act, rule in RULES.items() if reason in rule.reasons]
        told = (
            f"a reason for {', '.join(acts)}" if acts else "a reason for any action that asks one"
        )
        yield Entry(reason, "reason", told)


def _refusals(found: Iterable[object]) -> Iterator[Entry]:
    """Tell the codes that orders are refused by, each in the words of its class."""
    for one in found:
        if isinstance(one, type) and issubclass(one, stating.Refused):
            yield Entry(one.code, "refusal", (one.__doc__ or "").partition("\n")[0])


def find(word: str) -> list[Entry]:
    """Return every sense of a word, however it was typed."""
    wanted = _bare(word)
    senses = (one for one in entries() if wanted in {_bare(one.word), _bare(_last(one.word))})
    return list(dict.fromkeys(senses))


def similar(word: str) -> list[str]:
    """Return words that look like one, or that hold it."""
    words: dict[str, str] = {}
    for one in entries():
        words.setdefault(_bare(one.word), one.word)
    close = get_close_matches(_bare(word), words, SIMILAR_MAX)
    holding = [
        bare for bare in sorted(words) if len(word) >= PART_CHARS_MIN and _bare(word) in bare
    ]
    return [words[bare] for bare in dict.fromkeys([*close, *holding])][:SIMILAR_MAX]


def _bare(word: str) -> str:
    return word.strip().casefold().replace("-", "_").replace(" ", "_")


def _last(word: str) -> str:
    """Return the kind of a hold out of its flag, ``hold: finance``."""
    return word.rpartition(": ")[2]


def run(word: str, *, as_json: bool) -> int:
    """Print what a word means, or all words where there is none; return the exit code."""
    found = find(word) if word else list(dict.fromkeys(entries()))
    if not found:
        near = ", ".join(similar(word))
        advice = f"did you mean {near}?" if near else "`sealgate glossary` lists all words"
        print(f"{plain(word)}: no such word here; {advice}", file=sys.stderr)
        return EXIT_FAILED
    if as_json:
        document = {"format": FORMAT, "words": [_document(one) for one in found]}
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_full(found) if word else _listed(found)))
    return EXIT_OK


def _document(one: Entry) -> dict[str, str]:
    more = {name.replace(" ", "_"): text for name, text in one.more}
    return {"word": one.word, "kind": one.kind, "meaning": one.meaning, **more}


def _full(found: Sequence[Entry]) -> Iterator[str]:
    for one in found:
        yield f"{one.word} ({one.kind}): {one.meaning}"
        yield from (f"  {name:<16} {text}" for name, text in one.more)


def _listed(found: Sequence[Entry]) -> Iterator[str]:
    """Write all words, under a head for each kind."""
    wide = max(len(one.word) for one in found)
    kind = ""
    for one in found:
        if one.kind != kind:
            kind = one.kind
            yield f"{kind}"
        yield f"  {one.word:<{wide}}  {one.meaning}"
