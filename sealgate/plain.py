"""What is printed, made harmless to a terminal. Pure, and of the standard library alone.

Much of what a command prints was written by somebody else: a provider, whoever listens on a port, a
row of the database, a file. A terminal obeys some characters (escape sequences, C1 controls) and
shows others in an order that is not theirs (bidirectional overrides); a line's end would let a
stranger write lines of our own. Each of them is written as its escape, so that a reader sees that
it is there. Everything else stays: names are written in every script.
"""

import json
import re

# Whatever cannot be printed by `str.isprintable`, found without asking every letter on its own.
_ODD = re.compile(r"[^\n\x20-\x7e]")


def plain(text: str) -> str:
    """Write a value, or one line, with the escape of whatever a terminal would act upon."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def block(text: str) -> str:
    """Write a text of several lines, as `plain` writes each."""
    return "\n".join(map(plain, text.split("\n")))


def in_json(told: object, *, indent: int | None = None) -> str:
    """Write JSON that reads the same to a machine, and is as harmless to a terminal as `plain`."""
    text = json.dumps(told, indent=indent, ensure_ascii=False)
    # Between the values JSON has only line ends and blanks; what is left is within a text.
    return _ODD.sub(_in_json, text)


def _escaped(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode()


def _in_json(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]
