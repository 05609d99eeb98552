"""Runbooks are read at three in the morning: what is in them exists, and every call finds its page.

That the commands work is tried elsewhere (`tests/acceptance/test_runbook_commands.py`): here the
pages are read.
"""

import re
import shlex
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from consumers.exceptions import Code
from consumers.lifecycle import State
from sealgate import runbooks
from sealgate.__main__ import COMMANDS, GROUPS, application
from sealgate.metrics_docs.catalogue import named
from tests.support.runbook_pages import (
    FOLDER,
    HEAD,
    INDEX,
    PAGES,
    ROOT,
    STEPS,
    anchors,
    commands,
    expressions,
    head,
    headings,
    lines,
    links,
)

RULES = sorted((ROOT / "dashboards" / "prometheus").glob("*.rules.yml"))
SOURCES = ("ingress", "consumers", "sealgate")
RUNBOOKS_HAVE = range(1, 27)
_ALERT = re.compile(r"`(Sealgate\w+)`(?: \((page and ticket|page|ticket|always firing)\))?")
_CODE = re.compile(r"`([A-Z]+_[A-Z_]+)`")
_METRIC = re.compile(r"\bsealgate_[a-z_]+")
_NAMED = re.compile(r"`(sealgate_[a-z_]+)[`{]")
_INLINE = re.compile(r"`sealgate ([^`]*)`")
_LINE = re.compile(r"(?:line|lines) `([a-z_]+)`|`([a-z_]+)` in the log")
_CAPITALS = re.compile(r"(?<![\w.-])[A-Z][A-Z0-9_]+(?!\w)")
_TEXT = re.compile(r"'[^']*'|\"[^\"]*\"")
_BY = re.compile(r"\b(?:by|on) \(([^)]*)\)")
_SELECTED = re.compile(r"\b(sealgate_[a-z_]+)\{([^}]*)\}")
_EQUAL = re.compile(r"(\w+)=\"([^\"]*)\"")
# Labels that Prometheus gives, and the bounds of histograms.
GIVEN = {"instance", "job", "environment", "le"}
_RUNBOOK = re.compile(r"runbooks/([A-Za-z-]+)\.md")
_TEXTS = {".py", ".md", ".toml", ".yaml", ".yml", ".json"}
# Prometheus' own, or of the library that serves metrics.
NOT_OURS = ("up{", "rate(process_cpu_seconds_total")


@pytest.fixture(name="page", params=PAGES, ids=lambda page: page.stem)
def _page(request: pytest.FixtureRequest) -> Path:
    page: Path = request.param
    return page


@pytest.fixture(name="alerts", scope="module")
def _alerts() -> Mapping[str, Mapping[str, set[str]]]:
    """Return, of each page, the alerts that lead to it, with their severities."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for file in RULES:
        groups: list[dict[str, Any]] = yaml.safe_load(file.read_text())["groups"]
        for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
            page = rule["annotations"]["runbook_url"].rpartition("/")[2].partition("#")[0]
            found[page.removesuffix(".md")][rule["alert"]].add(rule["labels"]["severity"])
    assert len(found) > 20, "the rules are not where they were"
    return found


@pytest.mark.parametrize("page", [*PAGES, INDEX], ids=lambda page: page.stem)
def test_every_command_of_a_runbook_can_be_typed(page: Path) -> None:
    """A flag that was renamed is found here, and not in the middle of an incident."""
    typed = application()
    for words in commands(page):
        try:
            typed.parse_args(words, print_error=False, exit_on_error=False)
        except Exception as wrong:
            raise AssertionError(f"sealgate {shlex.join(words)}: {wrong}") from wrong


@pytest.mark.parametrize("page", [*PAGES, INDEX], ids=lambda page: page.stem)
def test_every_command_that_is_only_named_exists(page: Path) -> None:
    """A sentence names a command without its flags: its name has to be right all the same."""
    alone = {command.__name__.replace("_", "-") for command in COMMANDS}
    for told in _INLINE.findall(page.read_text()):
        name, act, *_ = [*told.split(), "", ""]
        assert name in alone or act in {"", *GROUPS[name].commands}, told


def test_a_runbook_goes_through_every_step(page: Path) -> None:
    """The steps are the same in all of them, so that nobody has to read where to look."""
    found = [step for step in headings(page) if step in STEPS]
    assert found == list(STEPS)
    assert list(commands(page)), "a runbook without a command is an essay"


def test_a_runbook_opens_with_who_is_called_and_what_it_means(page: Path) -> None:
    """Whoever is woken reads four lines before anything else, and they are always the same four."""
    told = head(page)
    assert tuple(told) == HEAD
    assert all(told.values())


@pytest.mark.parametrize("page", [*PAGES, INDEX], ids=lambda page: page.stem)
def test_a_runbook_points_to_places_that_are_there(page: Path) -> None:
    """A dead link at night is a step that is not made."""
    for file, anchor in links(page):
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), file
        assert not anchor or anchor.removeprefix("#") in anchors(target), f"{file}{anchor}"


def test_every_expression_is_one_and_asks_for_what_we_measure(page: Path) -> None:
    """A misspelt metric answers with nothing, which reads as: all is well."""
    for text in expressions(page):
        promql_parser.parse(text)
        asked = _METRIC.findall(text)
        assert asked or text.startswith(NOT_OURS), text
        assert [name for name in asked if named(name) is None] == [], text


def test_every_expression_asks_by_labels_that_there_are(page: Path) -> None:
    """A label or a value that no series has selects nothing, and nothing looks well."""
    for text in expressions(page):
        metrics = [found for name in _METRIC.findall(text) if (found := named(name))]
        labels = {label for metric in metrics for label in metric.labels} | GIVEN
        by = [name for told in _BY.findall(text) for name in told.split(", ")]
        assert not metrics or set(by) - labels == set(), text
        for name, selector in _SELECTED.findall(text):
            metric = named(name)
            values = metric.values if metric else {}
            for label, told in _EQUAL.findall(selector):
                assert told in values.get(label, {told}), text
                assert label in labels, text


def test_every_metric_that_a_sentence_names_is_one_of_ours(page: Path) -> None:
    """A sentence sends people to a figure: it has to be there. Of histograms it names the whole."""
    told = set(_NAMED.findall(page.read_text()))
    assert [name for name in told if not (named(name) or named(f"{name}_bucket"))] == []


def test_every_log_line_that_is_named_is_written_somewhere(page: Path) -> None:
    """People search the log for the word: it must be the one that the code writes."""
    told = {first or second for first, second in _LINE.findall(page.read_text())}
    assert [name for name in sorted(told) if f'"{name}"' not in _sources()] == []


@cache
def _sources() -> str:
    """Return all of our own code as one text."""
    files = (file for folder in SOURCES for file in (ROOT / folder).rglob("*.py"))
    return "".join(file.read_text() for file in files)


def test_every_word_in_capitals_is_explained(page: Path) -> None:
    """What is to be filled in is said once, for all pages, with where it is to be had."""
    rows = re.findall(r"^\| ([A-Z_, ]+) \|", INDEX.read_text(), re.MULTILINE)
    known = {word for row in rows for word in row.split(", ")}
    typed = {
        word.rstrip("0123456789")
        for line in lines(page)
        for word in _CAPITALS.findall(_TEXT.sub("", line.text.partition(" #")[0]))
        if word not in runbooks.CODES and word not in {"USDC", "USDT", "USR2"}
    }
    assert typed - known == set()


def test_every_alert_has_its_page_and_the_page_names_it(
    page: Path, alerts: Mapping[str, Mapping[str, set[str]]]
) -> None:
    """Whoever is paged opens the page by the link, and sees there that it is the right one."""
    told = dict(_ALERT.findall(head(page)["brings you here"]))
    leading = alerts.get(page.stem, {})
    if page.stem == "month-end":
        told = {}  # the calendar brings one there: the alerts are told as what comes before it
    assert set(told) == set(leading)
    for alert, severity in told.items():
        assert leading[alert] == _severities(severity), alert


def _severities(told: str) -> set[str]:
    return {"info"} if told == "always firing" else set(told.split(" and "))


def test_no_alert_leads_to_a_page_that_is_not_there(
    alerts: Mapping[str, Mapping[str, set[str]]],
) -> None:
    """An alert without a page is a person without help."""
    assert sorted(set(alerts) - {page.stem for page in PAGES}) == []


def test_the_index_has_every_alert_beside_its_page(
    alerts: Mapping[str, Mapping[str, set[str]]],
) -> None:
    """Not every pager shows a link: the name of the alert has to be enough."""
    section = INDEX.read_text().partition("## By alert")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`Sealgate.*) \| \[.*\]\((.*)\.md\) \|$", section, re.MULTILINE)
    indexed = {page: {name for name, _ in _ALERT.findall(told)} for told, page in rows}
    assert indexed == {page: set(leading) for page, leading in alerts.items()}


def test_every_code_has_its_page_and_the_page_names_it(page: Path) -> None:
    """Who finds a code in the queue opens its page, and whoever opens a page sees its codes."""
    told = set(_CODE.findall(head(page)["brings you here"]))
    codes = {code.value for code, book in runbooks.CODES.items() if book.page == page.stem}
    # These are told as what may come before: they have a page of their own.
    told -= {"UNKNOWN_TYPE", "SCHEMA_DRIFT", "UNKNOWN_ASSET"} - codes
    assert told == codes


def test_the_page_of_exceptions_has_every_code_with_its_page_and_first_command() -> None:
    """It is the index by code, and is what the generated documents say."""
    rows = re.findall(
        r"^\| `([A-Z_]+)` \| \[(.*)\]\((.*)\.md\) \| `(.*)` \|$",
        (FOLDER / "exceptions.md").read_text(),
        re.MULTILINE,
    )
    assert {code: (page, first) for code, page, _, first in rows} == {
        code.value: tuple(book) for code, book in runbooks.CODES.items()
    }
    assert all(name == page for _, name, page, _ in rows)
    assert set(runbooks.CODES) == set(Code)


@pytest.mark.parametrize("state", State)
def test_every_state_has_pages_that_name_it(state: State) -> None:
    """A payment that stays in a state leads to what is to be done about it."""
    for name in runbooks.STATES[state]:
        assert f"[{state}](../lifecycle.md#states)" in head(FOLDER / f"{name}.md")["states"]


def test_every_page_is_reached_and_every_runbook_is_there() -> None:
    """A page that nothing leads to is read by nobody; a number that is missing was forgotten."""
    indexed = {file.removesuffix(".md") for file, _ in links(INDEX) if "/" not in file}
    assert indexed == {page.stem for page in PAGES}
    told = " ".join(head(page)["brings you here"] for page in PAGES)
    assert {int(number) for number in re.findall(r"\bRB(\d+)\b", told)} == set(RUNBOOKS_HAVE)


def test_every_runbook_that_is_named_elsewhere_is_there() -> None:
    """Boards, alerts, log lines and other pages send people here by a page's name."""
    pages = {page.stem for page in PAGES} | {"README"}
    told = {
        name
        for folder in (*SOURCES, "dashboards", "docs", "deploy")
        for file in (ROOT / folder).rglob("*.*")
        if file.suffix in _TEXTS
        for name in _RUNBOOK.findall(file.read_text())
    }
    assert len(told) > len(pages) / 2
    assert told - pages == set()


def test_the_reader_of_commands_sees_what_a_shell_would() -> None:
    """A checker that finds no commands would pass every page."""
    page = FOLDER / "key-compromise.md"
    assert ["check"] not in list(commands(page))
    assert any(words[:2] == ["keys", "exposure"] for words in commands(page))
    assert any(words[:2] == ["events", "void"] for words in commands(page))
    assert any(line.exit_code == 3 for line in lines(page))
    assert max(line.way for line in lines(FOLDER / "underpaid.md")) == 1
    assert len(list(expressions(FOLDER / "consumer-lag.md"))) > 3
