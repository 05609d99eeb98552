"""What strangers wrote, as it is printed: nothing of it moves a cursor or begins a line of ours."""

import ast
import json
from pathlib import Path

import pytest

from sealgate.doctor.findings import Finding, Level, as_json, as_text
from sealgate.plain import block, in_json, plain
from sealgate.topics.command import as_json as planned_json
from sealgate.topics.plan import Plan

ROOT = Path(__file__).parents[3]
# Of what each is, Unicode's own tables say it; how it is written is Python's and JSON's notation.
ODD = [
    ("\x1b[2J", "\\x1b[2J", "\\u001b[2J"),  # escape: clears the screen
    ("\x9b31m", "\\x9b31m", "\\u009b31m"),  # C1: the same introducer in one character
    ("\x07", "\\x07", "\\u0007"),  # the bell, and the end of a title
    ("\x7f", "\\x7f", "\\u007f"),  # DEL
    ("\u202egnp", "\\u202egnp", "\\u202egnp"),  # right to left from here on
    ("\u2066", "\\u2066", "\\u2066"),  # an isolate
    ("\u200b", "\\u200b", "\\u200b"),  # nothing to be seen
    ("\u2028", "\\u2028", "\\u2028"),  # the end of a line, to some
    ("\U000e0041", "\\U000e0041", "\\udb40\\udc41"),  # a tag, beyond sixteen bits
    ("\r", "\\r", "\\r"),
    ("\ud800", "\\ud800", "\\ud800"),  # half of a character
]
KEPT = "zażółć ключ 支払い №1 🧾 a'b\"c\\d%e"


@pytest.mark.parametrize(("text", "told", "_"), ODD)
def test_what_a_terminal_would_act_upon_is_told_as_its_escape(text: str, told: str, _: str) -> None:
    """Who looks at a row sees that it is there, and where."""
    assert plain(f"a{text}b") == f"a{told}b"
    assert block(f"a{text}b\nc") == f"a{told}b\nc"


def test_a_line_end_in_a_value_begins_no_line() -> None:
    """`ok` in a line of its own, written by whoever chose a reference, would read as ours."""
    assert plain("one\nok      log") == "one\\nok      log"


def test_every_script_stays_readable() -> None:
    """A merchant's own words are not to become numbers."""
    assert plain(KEPT) == block(KEPT) == KEPT
    assert plain(f"{KEPT}\x07") == f"{KEPT}\\x07", "beside what is escaped, too"
    assert in_json("ключ\x9b") == '"ключ\\u009b"'
    assert in_json(KEPT) == json.dumps(KEPT, ensure_ascii=False)


@pytest.mark.parametrize(("text", "_", "told"), ODD)
def test_json_is_as_harmless_and_says_the_same(text: str, _: str, told: str) -> None:
    """JSON escapes C0 by itself, and lets C1 and what turns the line around through."""
    assert in_json(text) == f'"{told}"'
    assert json.loads(in_json({text: [text]}, indent=2)) == {text: [text]}


def test_the_doctor_tells_a_finding_in_one_line() -> None:
    """Topics and environments of others come from a log that others may write to."""
    found = [Finding(Level.FAIL, "log\x1b[2J", "one\nok  two\x9b\u202e")]
    first, *_ = as_text(found).splitlines()
    assert first == "fail     log\\x1b[2J  one\\nok  two\\x9b\\u202e"
    told = as_json("test", found)
    assert json.loads(told)["findings"][0]["told"] == found[0].told
    assert all(line.isprintable() for line in told.split("\n"))


def test_json_of_the_topics_is_harmless() -> None:
    """A name of a topic, or a broker's words, come over the network."""
    told = planned_json(Plan(refused=("\x9b2J\u202e",)))
    assert json.loads(told)["refused"] == ["\x9b2J\u202e"]
    assert all(line.isprintable() for line in told.split("\n"))


def test_no_command_writes_json_past_the_escape() -> None:
    """`ensure_ascii=False` is what lets it through: those who may say it print nothing with it."""
    allowed = {
        "plain.py",
        "simulator/events.py",
        "keys/lines.py",
        "lexicon.py",
        "schemas/writing.py",
    }
    found = {
        str(file.relative_to(ROOT / "sealgate"))
        for file in (ROOT / "sealgate").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.keyword) and node.arg == "ensure_ascii"
    }
    assert found <= allowed


def test_no_command_prints_an_error_as_it_is() -> None:
    """An error's words quote what was wrong, and that came from a file, a socket or a row."""
    found = [
        f"{file.relative_to(ROOT)}:{printed.lineno}"
        for file in (ROOT / "sealgate").rglob("*.py")
        for handler in ast.walk(ast.parse(file.read_text()))
        if isinstance(handler, ast.ExceptHandler) and handler.name
        for printed in ast.walk(handler)
        if isinstance(printed, ast.Call) and isinstance(printed.func, ast.Name)
        if printed.func.id == "print" and printed.args and _is(handler.name, printed.args[0])
    ]
    assert found == []


def _is(name: str, told: ast.expr) -> bool:
    """Say whether an expression is what has a name, or a text with it in it, past every escape."""
    if isinstance(told, ast.JoinedStr):
        fields = (one.value for one in told.values if isinstance(one, ast.FormattedValue))
        return any(_is(name, one) for one in fields)
    return isinstance(told, ast.Name) and told.id == name
