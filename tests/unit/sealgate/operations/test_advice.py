"""What people are told to do can be done: every command in a text exists, and each has its line."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from consumers.actions import COMMANDS, RELEASES, RULES, Act, Reason
from consumers.exceptions import HANDLING, Code
from consumers.facts import HoldKind
from consumers.stating import Refused
from sealgate.__main__ import GROUPS

OPERATING = Path(__file__).parents[4] / "docs" / "operating.md"
# Those about deposits have a page of their own.
HERE = [act for act in Act if COMMANDS[act].split()[0] in {"payments", "exceptions"}]
# A command as it is written in a text: two words after the program's name.
WRITTEN = re.compile(r"sealgate ([a-z]+) ([a-z]+(?:-[a-z]+)*)")


def exist(text: str) -> bool:
    """Say whether every command of a group that a text names is one."""
    return all(
        name in GROUPS[group].commands for group, name in WRITTEN.findall(text) if group in GROUPS
    )


@pytest.mark.parametrize("code", Code)
def test_the_advice_of_an_exception_names_commands_that_exist(code: Code) -> None:
    """At three in the morning nobody wants to learn that the way out was never built."""
    assert exist(HANDLING[code].resolution)


@pytest.mark.parametrize("act", HERE)
def test_every_action_has_a_command_and_its_line_in_the_documentation(act: Act) -> None:
    """An action that nobody can type, or find, is none."""
    group, name = COMMANDS[act].split()
    assert name in GROUPS[group].commands
    assert f"| `{COMMANDS[act]}" in OPERATING.read_text()


def test_the_documentation_names_commands_that_exist() -> None:
    """A page that promises what is not there is worse than none."""
    assert exist(OPERATING.read_text())


def refusals(of: type[Refused]) -> set[type[Refused]]:
    """Return every class of refusals there is."""
    below = {one for each in of.__subclasses__() for one in refusals(each)}
    return {*of.__subclasses__(), *below}


def test_every_refusal_of_these_commands_is_explained() -> None:
    """A code without its line leaves a script, and its author, alone."""
    modules = ("consumers.refusals", "consumers.stating", "sealgate.operations.")
    for name in ("consumers.refusals", "sealgate.operations.posting"):
        import_module(name)
    found = [one for one in refusals(Refused) if one.__module__.startswith(modules)]
    assert len(found) > 10
    text = OPERATING.read_text().partition("## When it is refused")[2]
    assert [one.code for one in found if f"`{one.code}`" not in text] == []


def test_every_reason_and_every_hold_is_explained() -> None:
    """What has to be typed has to be readable somewhere."""
    text = OPERATING.read_text()
    assert [one for one in Reason if f"`{one}`" not in text] == []
    assert [
        one for one in HoldKind if f"`{one}` {' or '.join(sorted(_owners(one)))}" not in text
    ] == []


def _owners(kind: HoldKind) -> list[str]:
    return [str(role) for role in RELEASES[kind]]


@pytest.mark.parametrize("act", [act for act in HERE if RULES[act].reasons])
def test_the_reasons_of_an_action_are_those_of_its_lines(act: Act) -> None:
    """The table of reasons is read by who was just refused."""
    word = WORDS[act]
    rows = [line.split("|")[1:3] for line in OPERATING.read_text().splitlines()]
    told: set[str] = set()
    for cells in rows:
        if len(cells) == 2 and word in [one.strip() for one in cells[1].split(",")]:
            told |= set(re.findall("`([a-z_]+)`", cells[0]))
    assert told == RULES[act].reasons


WORDS = {
    Act.ACCEPT_LATE: "accept",
    Act.ACCEPT_UNDERPAID: "accept",
    Act.RECORD_REFUND: "refund",
    Act.REQUEST_REFUND: "request a refund",
    Act.REISSUE_REFERENCE: "reissue",
    Act.MARK_CANCELLED: "cancel",
    Act.MARK_FAILED: "fail",
    Act.RECORD_POSTING: "posted",
    Act.RECORD_UNPOSTING: "unposted",
    Act.WITHDRAW: "withdraw",
    Act.RESOLVE: "resolve",
    Act.WRITE_OFF: "write off",
}
