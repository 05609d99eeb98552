"""Runbooks are executed at three in the morning: every command in them must exist as written."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.__main__ import application

ROOT = Path(__file__).parents[3]
RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
STEPS = ("is it real?", "contain", "diagnose", "act", "evidence", "close")
_BLOCK = re.compile(r"^( *)```sh\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#]+)(#[^)]*)?\)")
# What may stand between two commands of one line.
_ENDS = {"|", "||", "&&", ";", ">", ">>", "<", "2>", "&"}


def commands(path: Path) -> Iterator[list[str]]:
    """Yield the words of every ``sealgate …`` in the page's ``sh`` blocks."""
    for block in _BLOCK.finditer(path.read_text()):
        whole = block.group(2).replace("\\\n", " ")
        for line in whole.splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words = list(lexer)
            for place, word in enumerate(words):
                if word == "sealgate" and (place == 0 or words[place - 1] in _ENDS):
                    rest = words[place + 1 :]
                    ends = [at for at, found in enumerate(rest) if found in _ENDS]
                    yield rest[: ends[0]] if ends else rest


def _pages() -> list[Path]:
    return [page for page in RUNBOOKS if page.name != "README.md"]


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_every_command_of_a_runbook_can_be_typed(page: Path) -> None:
    """A flag that was renamed is found here, and not in the middle of an incident."""
    for words in commands(page):
        try:
            application().parse_args(words, print_error=False, exit_on_error=False)
        except Exception as wrong:
            raise AssertionError(f"sealgate {shlex.join(words)}: {wrong}") from wrong


@pytest.mark.parametrize("page", _pages(), ids=lambda page: page.stem)
def test_a_runbook_goes_through_every_step(page: Path) -> None:
    """The steps are the same in all of them, so that nobody has to read where to look."""
    headings = [
        line.lstrip("#").strip().lower()
        for line in page.read_text().splitlines()
        if line.startswith("## ")
    ]
    found = [step for step in headings if step in STEPS]
    assert found == list(STEPS)
    assert list(commands(page)), "a runbook without a command is an essay"


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_a_runbook_points_to_pages_that_are_there(page: Path) -> None:
    """A dead link at night is a step that is not made."""
    targets = [target for target, _ in _LINK.findall(page.read_text()) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_reader_of_commands_sees_what_a_shell_would() -> None:
    """A checker that finds no commands would pass every page."""
    page = ROOT / "docs" / "runbooks" / "key-compromise.md"
    assert ["check"] not in list(commands(page))
    assert any(words[:2] == ["keys", "exposure"] for words in commands(page))
    assert any(words[:2] == ["events", "void"] for words in commands(page))
