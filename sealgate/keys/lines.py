"""The lines of a configuration that a change touches, and no others. Pure.

The text of a file flows in and the changed text out: every other line stays as its author wrote it,
blanks and comments included, and a comment stays above what it speaks of. TOML can be written in
more ways than are edited here (a table in one line, a header within a text), so every change is
judged by its meaning: read again, the file must say what it said, with the change and nothing else.
If not, `NotEditable` says which lines a person should write. No library is used: tomlkit moves the
tables of a file in which others stand between the sources, and puts values under the next comment.
"""

import copy
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sealgate.keys.instants import iso

_HEADER = re.compile(r"[ \t]*\[\[?[^\[\]]+\]\]?[ \t]*(?:#.*)?")
_SOURCE = re.compile(r"[ \t]*\[\[[ \t]*source[ \t]*\]\][ \t]*(?:#.*)?")
_KEY = re.compile(r"[ \t]*\[\[[ \t]*source[ \t]*\.[ \t]*key[ \t]*\]\][ \t]*(?:#.*)?")
_WITHIN = re.compile(r"[ \t]*\[\[?[ \t]*source[ \t]*\.")
_TRIVIA = re.compile(r"[ \t]*(?:#.*)?")
_VALUE = re.compile(r"""(?P<head>[ \t]*[A-Za-z_]+[ \t]*=[ \t]*)(?:"[^"]*"|'[^']*'|[^\s#"'\[{]+)""")

Value = str | datetime
Table = Mapping[str, Value]


class NotEditable(Exception):
    """The file is written in a way that is not edited here; the message has the lines to write."""


def add_key(text: str, slug: str, table: Table) -> str:
    """Put a key in front of the others of a source: it is tried first. Raises `NotEditable`."""
    written = ["[[source.key]]", *(_line(name, value) for name, value in table.items())]
    advice = f"write this into source {slug!r}, above its other keys:\n\n" + "\n".join(written)
    wanted = _wanted(text, slug, advice)
    keys = wanted.source.setdefault("key", [])
    if not isinstance(keys, list):
        raise NotEditable(advice)
    keys.insert(0, dict(table))
    lines = text.split(_end(text))
    place = _source_lines(lines, wanted.number, advice)
    headers = [at for at in place if _KEY.fullmatch(lines[at])]
    if headers:
        at = _above_comments(lines, headers[0])
        new = [*written, ""]
    else:
        at = _last_value(lines, place) + 1
        new = ["", *written]
    return _checked([*lines[:at], *new, *lines[at:]], text, wanted.whole, advice)


def set_key(text: str, slug: str, key_id: str, changes: Table) -> str:
    """Set values of one key of a source. Raises `NotEditable`."""
    said = "\n".join(_line(name, value) for name, value in changes.items())
    advice = f"let key {key_id!r} of source {slug!r} say:\n\n{said}"
    wanted = _wanted(text, slug, advice)
    found = wanted.source.get("key")
    ids = [one.get("id") for one in found] if isinstance(found, list) else []
    if key_id not in ids:
        raise NotEditable(advice)
    number = ids.index(key_id)
    wanted.source["key"][number].update(changes)
    lines = text.split(_end(text))
    place = _source_lines(lines, wanted.number, advice)
    headers = [at for at in place if _KEY.fullmatch(lines[at])]
    if len(headers) != len(ids):
        raise NotEditable(advice)
    for name, value in changes.items():
        _set(lines, _table_lines(lines, headers[number]), name, value)
    return _checked(lines, text, wanted.whole, advice)


class _Wanted(NamedTuple):
    """What the changed file must mean: the whole, the source in it, and the source's number."""

    whole: dict[str, Any]
    source: dict[str, Any]
    number: int


def _wanted(text: str, slug: str, advice: str) -> _Wanted:
    whole = copy.deepcopy(tomllib.loads(text))
    sources = whole.get("source")
    for number, source in enumerate(sources if isinstance(sources, list) else []):
        if source.get("slug") == slug:
            return _Wanted(whole, source, number)
    raise NotEditable(advice)


def _source_lines(lines: Sequence[str], number: int, advice: str) -> range:
    """Return the lines of one source, from its header to the next that is not within it."""
    headers = [at for at, line in enumerate(lines) if _SOURCE.fullmatch(line)]
    if number >= len(headers):
        raise NotEditable(advice)
    begin = headers[number]
    ends = (
        at
        for at in range(begin + 1, len(lines))
        if _HEADER.fullmatch(lines[at]) and not _WITHIN.match(lines[at])
    )
    return range(begin, next(ends, len(lines)))


def _table_lines(lines: Sequence[str], header: int) -> range:
    """Return the lines of one table, from its header to the next."""
    ends = (at for at in range(header + 1, len(lines)) if _HEADER.fullmatch(lines[at]))
    return range(header, next(ends, len(lines)))


def _above_comments(lines: Sequence[str], header: int) -> int:
    """Return the first of the comments that stand directly above a header."""
    while lines[header - 1].lstrip().startswith("#"):
        header -= 1
    return header


def _last_value(lines: Sequence[str], place: range) -> int:
    """Return the last line of a place that is neither blank nor a comment."""
    return max(at for at in place if not _TRIVIA.fullmatch(lines[at]))


def _set(lines: list[str], place: range, name: str, value: Value) -> None:
    """Change a value where it stands, and keep the comment behind it; else add it at the end."""
    mine = re.compile(rf"[ \t]*{name}[ \t]*=")
    for at in place:
        found = _VALUE.match(lines[at]) if mine.match(lines[at]) else None
        if found is not None:
            lines[at] = found["head"] + shown(value) + lines[at][found.end() :]
            return
    last = _last_value(lines, place)
    indent = lines[last][: len(lines[last]) - len(lines[last].lstrip())]
    lines.insert(last + 1, indent + _line(name, value))


def _line(name: str, value: Value) -> str:
    return f"{name} = {shown(value)}"


def shown(value: Value) -> str:
    """Write a value as TOML does."""
    # What JSON writes of a text is a TOML text, but for DEL, which no value here may hold.
    return iso(value) if isinstance(value, datetime) else json.dumps(value, ensure_ascii=False)


def _end(text: str) -> str:
    """Return how the lines of a file end."""
    is_dos = "\r\n" in text and text.count("\r\n") == text.count("\n")
    return "\r\n" if is_dos else "\n"


def _checked(lines: Sequence[str], before: str, wanted: Mapping[str, Any], advice: str) -> str:
    """Join the lines as they were joined, if they mean what they should."""
    text = _end(before).join(lines)
    try:
        is_meant = tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        is_meant = False
    if not is_meant:
        raise NotEditable(advice)
    return text
