"""The documents finance reads: current, complete, and readable without code."""

import re
from pathlib import Path

import pytest

from consumers.exceptions import HANDLING, Code
from consumers.interpret import mapping
from consumers.lifecycle import BELATED, ORDINARY, State
from sealgate.lifecycle_docs import codes, states, words
from sealgate.lifecycle_docs.page import PAGES

ROOT = Path(__file__).parents[4]
_LINK = re.compile(r"\]\(([^)#]*)(?:#([^)]*))?\)")


@pytest.mark.parametrize("name", PAGES)
def test_the_documents_are_what_the_tables_say(name: str) -> None:
    """A page that is not generated anew lies from the next commit on: run `make docs`."""
    assert (ROOT / "docs" / name).read_text("utf-8") == PAGES[name]()


@pytest.mark.parametrize("name", PAGES)
def test_every_table_is_whole_and_every_link_leads_somewhere(name: str) -> None:
    """One cell too many and a reader takes the owner for the severity."""
    text = PAGES[name]()
    width = 0
    for line in text.splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert cells == 0 or width in {0, cells}, line
        width = cells
    for file, anchor in _LINK.findall(text):
        page = (ROOT / "docs" / file).read_text("utf-8") if file else text
        assert not anchor or f'id="{anchor}"' in page or f"## {anchor}\n" in page, anchor


def test_the_moves_of_the_page_are_the_moves_of_the_table() -> None:
    """The grid is what finance signs: 58 marks, 35 of them of ordinary life, 23 of older news."""
    rows = {
        cells[1].strip(" *"): [cell.strip() for cell in cells[2:-1]]
        for cells in (line.split("|") for line in _section("## Moves", states.page()))
        if len(cells) > 3
    }
    [head] = [told for name, told in rows.items() if name.startswith("from")]
    marks = {
        (before, after): mark
        for before in State
        for after, mark in zip(head, rows[before], strict=True)
        if mark
    }
    assert marks == {
        **{(one, to): "o" for one in State for to in ORDINARY[one]},
        **{(one, to): "." for one in State for to in BELATED[one]},
    }
    assert sorted(marks.values()) == ["."] * 23 + ["o"] * 35
    assert State.PENDING not in head


def test_the_diagram_draws_every_move_once() -> None:
    """A missing arrow is a question at the close of the month."""
    drawn = re.findall(r"^    (\w+) (-->|-\.->) (\w+)$", states.page(), re.MULTILINE)
    told = {(one, "-->", to) for one in State for to in ORDINARY[one]}
    told |= {(one, "-.->", to) for one in State for to in BELATED[one]}
    assert sorted(drawn) == sorted((str(a), b, str(c)) for a, b, c in told)


def test_every_exception_is_on_the_page_with_its_owner() -> None:
    """Who is called at night reads here whose it is and how it ends."""
    rows = {
        found[1]: line
        for line in codes.page().splitlines()
        if (found := re.match(r'\| <a id="\w+"></a>`(\w+)` \|', line))
    }
    assert rows.keys() == set(Code)
    for code, handling in HANDLING.items():
        assert f"| {handling.owner} |" in rows[code]


def test_every_word_of_every_provider_is_in_the_matrix() -> None:
    """An event that is applied and stands in no document is one nobody agreed to."""
    text = words.page()
    for name, tables in mapping.load().items():
        section = "\n".join(_section(f"## {name}", text))
        for told in tables:
            assert told.source in section
            for rule in told.rule:
                assert all(f"`{word}`" in section for word in rule.words)


# By hand, from the providers' own documents: what a word alone leads to, and after a Confirmed one.
MEANT = [
    ("btcpay", "`InvoiceProcessing` |  |", "Paid", "Confirmed"),
    ("btcpay", "`InvoiceSettled` |  |", "Confirmed", "Confirmed"),
    ("btcpay", "`InvoiceExpired` |  |", "Expired", "Confirmed"),
    ("kobbopay", "`payment.paid`", "Paid", "Confirmed"),
    ("kobbopay", "`payment.confirmed`", "Confirmed", "Confirmed"),
    ("kobbopay", "`payment.late`", "Late", "Late"),
]


@pytest.mark.parametrize(("provider", "begin", "alone", "after"), MEANT)
def test_a_word_leads_where_its_provider_means_it(
    provider: str, begin: str, alone: str, after: str
) -> None:
    """*Paid* is below confirmed with one and above with another: the columns must not lie."""
    lines = _section(f"## {provider}", words.page())
    [row] = [line for line in lines if line.startswith(f"| {begin}")]
    assert [cell.strip() for cell in row.split("|")[-3:-1]] == [alone, after]


def _section(heading: str, text: str) -> list[str]:
    """Return the lines under a heading, until the next one of its rank."""
    lines = text.splitlines()
    begin = lines.index(heading) + 1
    ends = [place for place, line in enumerate(lines) if line.startswith("## ") and place >= begin]
    return lines[begin : min(ends, default=len(lines))]
