"""A session of pytest that fails if a secret of its tests is found anywhere at its end.

What lies in files is searched where it lies. What would be gone is kept in files until then:
captured output and log lines, the arguments and the environment of every process that is started
(seen as they are started here, and a few times a second below), replies and metrics of gateways
in this process (tests/support/gateway.py says them). Each worker of pytest-xdist searches what is
its own, and the one that gathers them fails the session.

Not seen: what a test itself deletes, a process of a process that lives for less than a look, and
files of PostgreSQL or Kafka that were not started here.
"""

import os
import shutil
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.support import canary
from tests.support.canary import SESSION

LOOK_S = 0.25
PROC = Path("/proc")
_TOLD = "canaries"


class Node(Protocol):
    """A worker of pytest-xdist that has ended, as far as it matters here."""

    workeroutput: Mapping[str, Any]


def pytest_configure(config: pytest.Config) -> None:
    """Begin to keep, and to watch processes; but where others run the tests, they do."""
    if not hasattr(config, "workerinput") and config.getoption("dist", "no") != "no":
        return
    SESSION.kept = Path(tempfile.mkdtemp(prefix="sealgate-canary-"))
    sys.addaudithook(_started)
    threading.Thread(target=_watch, name="canary", daemon=True).start()


@pytest.fixture(scope="session", autouse=True)
def _tree_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Remember where the tests of this process write."""
    SESSION.trees.append(tmp_path_factory.getbasetemp())


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep what was captured, of tests that pass too."""
    for title, text in report.sections:
        canary.saw("captured", f"{report.nodeid} {title}\n{text}")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Node) -> None:
    """Take what a worker of pytest-xdist has found."""
    SESSION.leaks += getattr(node, "workeroutput", {}).get(_TOLD, [])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Search, and fail the session for what is found."""
    kept, SESSION.kept = SESSION.kept, None
    canary.look(*SESSION.trees, *filter(None, [kept]))
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_TOLD] = SESSION.leaks
    elif SESSION.leaks:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if kept is not None and not SESSION.leaks:
        shutil.rmtree(kept, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say where the secrets are, and not what they are."""
    if SESSION.leaks:
        terminalreporter.section("SECRETS FOUND", red=True)
        for line in sorted(SESSION.leaks):
            terminalreporter.line(line)


def _started(event: str, args: tuple[Any, ...]) -> None:
    """Keep the arguments and the variables of a process that is being started."""
    if event != "subprocess.Popen":
        return
    _, words, _, variables = args
    for word in [words] if isinstance(words, str | bytes) else words:
        canary.saw("arguments", os.fsencode(word))
    for name, value in (os.environ if variables is None else variables).items():
        canary.saw("environment", os.fsencode(name) + b"=" + os.fsencode(value))


def _watch() -> None:
    """Look at the processes below this one until the session ends."""
    while SESSION.kept is not None:
        for process in _descendants(os.getpid()):
            for sink, file in (("arguments", "cmdline"), ("environment", "environ")):
                with suppress(OSError):
                    for word in (process / file).read_bytes().split(b"\0"):
                        canary.saw(sink, word)
        time.sleep(LOOK_S)


def _descendants(above: int) -> Iterator[Path]:
    """Go through the processes that a process has started, and those that these have started.

    Each process is asked for its parent: a broker has a hundred threads, and to ask each of them
    for its children would take longer than all else here.
    """
    children: defaultdict[int, list[int]] = defaultdict(list)
    for process in PROC.iterdir():
        if process.name.isdigit():
            with suppress(OSError):
                children[_parent(process)].append(int(process.name))
    found = [above]
    for number in found:
        found += children[number]
    yield from (PROC / str(number) for number in found[1:])


def _parent(process: Path) -> int:
    """Read who started a process; its name, in brackets before that, may hold anything."""
    return int((process / "stat").read_bytes().rpartition(b")")[2].split()[1])
