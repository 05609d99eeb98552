"""Whether two names may be one person's, as far as letters tell. Pure.

Who decides and who agrees are typed, and a decision of two must not be made by one who writes the
name in another way: in capitals, in full-width letters, with a blank, a point, an accent, or a
letter of another alphabet that looks the same. So names are compared by their skeletons. That is a
hurdle and no proof: `[operators] people` lists who there is, and then both must be of the list.
"""

import unicodedata

# By our letter, what looks like it in capitals or small, and what Unicode does not decompose to it.
_LOOKALIKES = {
    "a": "\u0430\u03b1\u0251\u00e6",
    "b": "\u0432\u03b2\u044c",
    "c": "\u0441\u03f2\u0188",
    "d": "\u0501\u0111\u00f0",
    "e": "\u0435\u03b5\u0454\u0259",
    "g": "\u0261\u0581",
    "h": "\u043d\u04bb\u03b7\u0127",
    "i": "\u0131\u0456\u03b9\u04cf\u0269",
    "j": "\u0458\u0237\u03f3",
    "k": "\u043a\u03ba\u0138\u0199",
    "l": "\u0142\u01c0\u04c0\u00a61",
    "m": "\u043c\u03bc",
    "n": "\u03bd\u014b\u0578",
    "o": "\u043e\u03bf\u00f8\u0585\u06650",
    "p": "\u0440\u03c1\u00fe",
    "q": "\u051b",
    "r": "\u0433\u027c",
    "s": "\u0455\u0282\u01bd",
    "t": "\u0442\u03c4\u0167",
    "u": "\u057d\u028b",
    "v": "\u0475\u2228",
    "w": "\u051d\u03c9\u0461",
    "x": "\u0445\u03c7\u00d7",
    "y": "\u0443\u03c5\u04af\u0263",
    "z": "\u03b6\u01b6",
}
_PLAIN = str.maketrans({odd: letter for letter, all_ in _LOOKALIKES.items() for odd in all_})
# Letters and digits: what is beside them (blanks, points, accents, what is not seen) tells nobody
# apart.
_KEPT = frozenset("LN")
# Letters that Unicode has for blanks: nobody sees them either.
_BLANK = frozenset("\u115f\u1160")


def skeleton(name: str) -> str:
    """Return what is left of a name where all that looks alike is the same."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    seen = (one for one in folded.translate(_PLAIN) if one not in _BLANK)
    return "".join(one for one in seen if unicodedata.category(one)[0] in _KEPT)


def is_same(one: str, other: str) -> bool:
    """Say whether two names may be one person's."""
    return skeleton(one) == skeleton(other)
