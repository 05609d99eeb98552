"""A session of pytest that fails if a secret of its tests is found anywhere at its end.

What lies in files is searched where it lies. What would be gone is kept in files until then:
captured output and log lines, the arguments and the environment of every process that is started
(seen as they are started here, and a few times a second below), replies and metrics of gateways
in this process (tests/support/gateway.py says them). Each worker of pytest-xdist searches what is
its own, and the one that gathers them fails the session.

Not seen: what a test itself deletes, a process of a process that lives for less than a look, and
files of PostgreSQL or Kafka that were not started here.
"""

import sys
import tempfile
import threading
from pathlib import Path

import pytest

from tests.support import canary
from tests.support.canary import SESSION

LOOK_S = 0.25
_TREES = pytest.StashKey[list[Path]]()
_LEAKS = pytest.StashKey[list[str]]()
_TOLD = "canaries"


def pytest_configure(config: pytest.Config) -> None:
    """Begin to keep, and to watch processes."""
    config.stash[_TREES] = []
    config.stash[_LEAKS] = []
    SESSION.kept = Path(tempfile.mkdtemp(prefix="sealgate-canary-"))
    sys.addaudithook(_started)
    threading.Thread(target=_watch, name="canary", daemon=True).start()


@pytest.fixture(scope="session", autouse=True)
def _tree_of_the_session(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Remember where the tests of this process write."""
    request.config.stash[_TREES].append(tmp_path_factory.getbasetemp())


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep what was captured, of tests that pass too."""
    for title, text in report.sections:
        canary.saw("captured", f"{report.nodeid} {title}\n{text}")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:
    """Take what a worker of pytest-xdist has found."""
    told = getattr(node, "workeroutput", {}).get(_TOLD, [])
    node.config.stash[_LEAKS] += told  # type: ignore[attr-defined]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Search, and fail the session for what is found."""
    config = session.config
    trees = config.stash[_TREES]
    config.stash[_LEAKS] += [str(leak) for leak in look(*trees)]
    output = getattr(config, "workeroutput", None)
    if output is not None:
        output[_TOLD] = config.stash[_LEAKS]
    elif config.stash[_LEAKS]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say where the secrets are, and not what they are."""
    if config.stash[_LEAKS]:
        terminalreporter.section("SECRETS FOUND", red=True)
        for line in sorted(config.stash[_LEAKS]):
            terminalreporter.line(line)
