"""What a verified delivery says of money itself: that it is real, that it is a test, or nothing.

The texts that stand where a profile looks flow in, a `Mode` flows out. A provider that says nothing
is believed to be where it was sent: many do not say, and whoever refused them all would lose money.
Where one delivery says both, it counts as a test: a test that moves something in a live environment
is a loss, and a live event in a test environment moves nothing.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ingress.contract.envelope import Mode
from ingress.schemes.parts.places import Place

ANY = "*"

Texts = Callable[[Place], Iterable[str]]


def pattern(texts: Sequence[str]) -> re.Pattern[str]:
    """Return what matches any of the texts, whole and letter for letter; ``*`` is any run."""
    each = (".*".join(map(re.escape, text.split(ANY))) for text in texts)
    return re.compile("|".join(each) if texts else r"(?!)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Sign:
    """One place, and what stands there where money is real, and where it is not."""

    at: Place
    live: re.Pattern[str]
    test: re.Pattern[str]


def told(signs: Sequence[Sign], texts: Texts) -> Mode:
    """Return what the texts at the places of `signs` say together."""
    is_live = False
    for sign in signs:
        for text in texts(sign.at):
            if sign.test.fullmatch(text):
                return Mode.TEST
            is_live = is_live or sign.live.fullmatch(text) is not None
    return Mode.LIVE if is_live else Mode.UNKNOWN
