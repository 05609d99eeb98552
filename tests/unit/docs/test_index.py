"""The index of the documents: a stranger finds every page by a question or by what they are.

What it links to is there, what it tells to type can be typed, and no page is left out.
"""

import re
import shlex
from pathlib import Path

import pytest

from sealgate.__main__ import application
from sealgate.metrics_docs.catalogue import named
from tests.support.runbook_pages import anchors, commands, links

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
INDEX = DOCS / "README.md"
OURS = (INDEX, DOCS / "evidence.md", DOCS / "doctor.md")
READERS = ("Backend engineers", "SREs", "Payment operators", "Finance", "Security and compliance")
# The questions that the whole of the documents is measured by.
ASKED = (
    "How do I rotate a key?",
    "What does Underpaid mean?",
    "What is our lag?",
    "Why was this delivery refused?",
    "What do I do when this alert fires?",
)
_QUESTION = re.compile(r"^\*\*(.+?[?.])\*\* (.+?)(?=^\*\*|^## )", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`sealgate ([a-z][^`]*)`")
_INDENTED = re.compile(r"^    +sealgate ([^#\n]*?) *(?:#.*)?$", re.MULTILINE)
_METRIC = re.compile(r"`(sealgate_[a-z_]+)")


def questions() -> dict[str, str]:
    """Return each question with its answer."""
    return dict(_QUESTION.findall(INDEX.read_text("utf-8")))


@pytest.mark.parametrize("page", OURS, ids=lambda page: page.stem)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    """A dead link is a question without an answer."""
    for file, anchor in links(page):
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), file
        if anchor:
            assert anchor.removeprefix("#") in anchors(target), f"{file}{anchor}"
    assert page != INDEX or links(page)


@pytest.mark.parametrize("page", OURS, ids=lambda page: page.stem)
def test_what_a_page_tells_to_type_can_be_typed(page: Path) -> None:
    """A flag that was renamed is found here, and not by a stranger."""
    text = page.read_text("utf-8")
    typed = [*commands(page), *(_words(found) for found in _INDENTED.findall(text))]
    # A name of a command alone, or a group of them, is prose.
    typed += [words for found in _INLINE.findall(text) if len(words := _words(found)) > 1]
    assert typed
    for words in typed:
        try:
            application().parse_args(words, print_error=False, exit_on_error=False)
        except Exception as wrong:
            raise AssertionError(f"sealgate {shlex.join(words)}: {wrong}") from wrong


def _words(text: str) -> list[str]:
    """Take a command apart as a shell does, up to where its output goes."""
    return shlex.split(text.partition(" > ")[0])


@pytest.mark.parametrize("page", OURS, ids=lambda page: page.stem)
def test_a_metric_that_a_page_names_is_told(page: Path) -> None:
    """Whoever looks for it must find it."""
    found = _METRIC.findall(page.read_text("utf-8"))
    assert [name for name in found if named(name) is None and named(f"{name}_count") is None] == []


def test_every_document_is_in_the_index() -> None:
    """What the index leaves out is found by nobody."""
    linked = {(DOCS / file).resolve() for file, _ in links(INDEX)}
    pages = {page.resolve() for page in DOCS.glob("*.md")} - {INDEX.resolve()}
    assert pages - linked == set()
    assert (DOCS / "runbooks" / "README.md").resolve() in linked


def test_the_questions_are_answered_with_a_command_and_a_page() -> None:
    """An answer is two lines, something to type, and where to read on."""
    found = questions()
    assert set(ASKED) <= found.keys()
    for question, answer in found.items():
        assert "```sh\nsealgate " in answer or "\nsealgate " in answer, question
        assert "](" in answer, question


def test_every_reader_has_a_table_of_pages() -> None:
    """An engineer and a controller do not read the same."""
    text = INDEX.read_text("utf-8").partition("## By reader")[2]
    told = re.findall(r"^\*\*(.+?)\*\*[^\n]*\n\n\| page \| says \|$", text, re.MULTILINE)
    assert told == list(READERS)


def test_the_alerts_page_and_each_state_are_a_question_away() -> None:
    """The five questions lead to pages that really answer them."""
    answers = questions()
    assert "planned-rotation.md" in answers["How do I rotate a key?"]
    assert "runbooks/README.md" in answers["What do I do when this alert fires?"]
    assert "Underpaid" in (DOCS / "lifecycle.md").read_text("utf-8")
    assert "sealgate_consumer_lag_seconds" in answers["What is our lag?"]
    assert "sealgate quarantine show" in answers["Why was this delivery refused?"]
