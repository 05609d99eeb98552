"""The runbooks as their readers see them: heads, commands, expressions, links.

A page is Markdown. What stands in its ``sh`` blocks is typed by people at night, so it is read here
as a shell would read it. ``sh instead`` begins a block that is another way out of the same
incident: it is not typed after the blocks before it.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "runbooks"
INDEX = FOLDER / "README.md"
PAGES = tuple(sorted(page for page in FOLDER.glob("*.md") if page != INDEX))
STEPS = ("is it real?", "contain", "diagnose", "act", "evidence", "close")
# The rows of the table that each page opens with.
HEAD = ("brings you here", "who, how soon", "the money", "states")
_BLOCK = re.compile(r"^ *```(sh|sh instead|promql)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_ROW = re.compile(r"^\| ([^|]+?) \| (.*) \|$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]*)?\)")
_EXIT = re.compile(r"#.*\bexit code (\d+)")
# What may stand between two commands of one line.
ENDS = {"|", "||", "&&", ";", ">", ">>", "<", "2>", "&"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line to type: its text, what it ends with, and which way out of the incident it is."""

    text: str
    exit_code: int
    way: int

    @property
    def words(self) -> list[str]:
        """Take it apart as a shell does; comments are gone."""
        return split(self.text)


def split(text: str) -> list[str]:
    """Take a line apart as a shell does."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(lexer)


def lines(page: Path) -> Iterator[Line]:
    """Yield every line of the page's ``sh`` blocks: commands, and settings to write."""
    way = 0
    for block in _BLOCK.finditer(page.read_text()):
        if block.group(1) == "promql":
            continue
        way += block.group(1) == "sh instead"
        for text in block.group(2).replace("\\\n", " ").splitlines():
            said = _EXIT.search(text)
            if split(text) or "# in sealgate.toml: " in text:
                yield Line(text.strip(), int(said.group(1)) if said else 0, way)


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of every ``sealgate …`` that the page tells to type."""
    for line in lines(page):
        words = line.words
        for place, word in enumerate(words):
            if word == "sealgate" and (place == 0 or words[place - 1] in ENDS):
                rest = words[place + 1 :]
                ends = [at for at, found in enumerate(rest) if found in ENDS]
                yield rest[: ends[0]] if ends else rest


def expressions(page: Path) -> Iterator[str]:
    """Yield every expression of the page's ``promql`` blocks: one for each line."""
    for block in _BLOCK.finditer(page.read_text()):
        if block.group(1) == "promql":
            yield from (text.strip() for text in block.group(2).splitlines() if text.strip())


def links(page: Path) -> list[tuple[str, str]]:
    """Return what the page links to within the project: file and anchor."""
    return [(file, anchor) for file, anchor in _LINK.findall(page.read_text()) if ":" not in file]


def head(page: Path) -> dict[str, str]:
    """Return the rows of the table that the page opens with, in their order."""
    opening = page.read_text().partition("\n## ")[0]
    return {name: told for name, told in _ROW.findall(opening) if name.strip("- ")}


def headings(page: Path) -> list[str]:
    """Return the page's second headings, in small letters."""
    told = page.read_text().splitlines()
    return [line.lstrip("#").strip().lower() for line in told if line.startswith("## ")]


def anchors(page: Path) -> set[str]:
    """Return what can be linked to within a page: its headings, and anchors that are written."""
    text = page.read_text()
    written = set(re.findall(r'<a id="([^"]+)">', text))
    told = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return written | {_slug(one) for one in told}


def _slug(heading: str) -> str:
    """Make of a heading what GitHub makes of it."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")
