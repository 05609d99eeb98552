"""Every command of every runbook is typed, in a gateway that has just the trouble it is for.

A world is made once (`tests.support.runbook_world`), and each page gets a copy of it. The page is
worked from its beginning to its end: what one command writes the next one finds, and each must end
as the page says. A block that is another way out begins with a fresh copy.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from consumers.exceptions import Code
from sealgate.runbooks import CODES
from tests.support import canary, ports, processes, runbook_shop, runbook_world
from tests.support.processes import Running
from tests.support.runbook_pages import PAGES, Line, lines
from tests.support.runbook_typing import ELSEWHERE, Typist, Unfilled, elsewhere
from tests.support.runbook_words import FILLED
from tests.support.runbook_words import PAGES as WORDS

# What else than `sealgate` is run here, because it asks nobody outside.
RUN = {"sealgate", "curl", "openssl", "df", "grep", "#"}
# Done before any trouble: what the audit needs, and an entry that finance will want to take back.
BEFORE = (
    "sealgate payments posted posted-1 --posting GL-7 --by NAME --role finance --reason booked"
    " --note WHY --key GL-7 --expect-version VERSION\n"
    "sealgate audit checkpoint"
).splitlines()


@pytest.fixture(name="world", scope="module")
def _world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the gateway's directory, with everything that can go wrong in it."""
    folder = tmp_path_factory.mktemp("runbooks") / "world"
    folder.mkdir()
    configuration = runbook_shop.settle(folder, runbook_shop.Ports(ports.free(), ports.free()))
    typist = Typist(folder, {})
    assert typist.type(Line("sealgate audit init", 0, 0))[0] == 0
    runbook_world.make(folder, configuration)
    for text in BEFORE:
        assert typist.type(Line(text, 0, 0))[0] == 0
    return folder


@pytest.fixture(name="numbers", scope="module")
def _numbers(world: Path) -> Mapping[str, str]:
    """Say which number the exception of each code has."""
    typist = Typist(world, {})
    _, told = typist.type(Line("sealgate exceptions list --limit 100 --json", 0, 0))
    return {one["code"]: one["exception"] for one in json.loads(told)["exceptions"]}


@pytest.fixture(name="running", scope="module")
def _running(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Run the whole gateway in a copy of the world, for what asks a process that runs."""
    folder = tmp_path_factory.mktemp("running") / "world"
    shutil.copytree(world, folder)
    runbook_shop.configure(folder, runbook_shop.Ports(0, 0))
    running = processes.start(folder / "sealgate.toml", "up")
    yield running.wait_started().wait_ready()
    assert running.terminate() == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_runbook_does_what_the_page_says(
    page: Path, world: Path, numbers: Mapping[str, str], running: Running, tmp_path: Path
) -> None:
    """Whoever follows the page at night meets no command that fails, and no other exit code."""
    told = {**FILLED, **WORDS.get(page.stem, {})}
    words = {word: numbers.get(text, text) for word, text in told.items()}
    typist = Typist(world, words, f"{running.admin_url}/", f"{running.edge_url}/")
    way = -1
    for line in lines(page):
        if line.way != way:
            way = line.way
            typist.folder = _copy(world, tmp_path / f"way-{way}", leaks="leak" in page.stem)
        if elsewhere(line.words):
            typist.fill(line.text)
            continue
        assert (line.words or ["#"])[0] in RUN, line.text
        code, answer = typist.type(line)
        canary.saw("outputs", answer)
        assert (line.text, code) == (line.text, line.exit_code), answer
        assert "Traceback" not in answer


def test_the_first_command_of_every_code_answers(
    world: Path, numbers: Mapping[str, str], tmp_path: Path
) -> None:
    """The index by code is where most people begin."""
    folder = _copy(world, tmp_path / "world", leaks=True)
    for code, book in CODES.items():
        words = (
            FILLED | WORDS.get(book.page, {}) | {"EX": numbers.get(code, numbers["NEEDS_FETCH"])}
        )
        words = {word: numbers.get(text, text) for word, text in words.items()}
        ended, answer = Typist(folder, words).type(Line(book.first, 0, 0))
        assert (code, ended) == (code, 0), answer


def test_every_code_is_in_the_world(numbers: Mapping[str, str]) -> None:
    """A page whose trouble is not there would be tried on nothing."""
    assert set(numbers) == set(Code) - {Code.ENV_MISMATCH}


def test_what_is_not_run_here_can_at_least_be_read_by_a_shell() -> None:
    """And nothing is excused that no page asks for."""
    excused = [line for page in PAGES for line in lines(page) if elsewhere(line.words)]
    text = "\n".join(line.text for line in excused)
    subprocess.run(["bash", "-n"], input=text, text=True, check=True, timeout=30)
    used = {" ".join(line.words[:size]) for line in excused for size in (1, 2)}
    assert set(ELSEWHERE) - used == set()


def test_a_word_that_nobody_can_fill_in_is_found(tmp_path: Path) -> None:
    """The table of words is what keeps a page from saying something that means nothing."""
    with pytest.raises(Unfilled, match="FLAVOUR"):
        Typist(tmp_path, FILLED).fill("sealgate why FLAVOUR")


def _copy(world: Path, to: Path, *, leaks: bool) -> Path:
    shutil.copytree(world, to)
    if leaks:
        runbook_world.leak(to)
    return to
