"""`sealgate demo` as a person meets it: real processes, real HTTP, an exit code that is earned."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.support.processes import ROOT, WAIT_S

DEMO = ("-m", "sealgate", "demo", "--port", "0", "--admin-port", "0")
SUCCESS = "All as expected: "
# One scenario's hand-written state is replaced by a wrong one; everything else stays as it is.
BROKEN_EXPECTATION = """
import sys
from dataclasses import replace
from consumers.lifecycle import State
from sealgate.demo import Choices, run
from sealgate.demo.conduct import GALLERY
from sealgate.demo import conduct
conduct.SETTLE_S = 6.0
wrong = next(one for one in GALLERY if one.title == "Expired")
*before, last = wrong.moves
broken = replace(wrong, moves=(*before, last._replace(after=State.UNDERPAID)))
gallery = [broken if one is wrong else one for one in GALLERY]
sys.exit(run(Choices(port=0, admin_port=0), gallery))
"""


def _environ() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


def _run(cwd: Path, *words: str, timeout_s: float = 90.0) -> subprocess.CompletedProcess[str]:
    temporary = cwd / "temporary"
    temporary.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, *words],
        cwd=cwd,
        env=_environ() | {"TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@pytest.fixture(name="staying")
def _staying(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(
        *, stay: bool = True, environ: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
            process = subprocess.Popen(
                [sys.executable, *DEMO, *(["--stay"] if stay else [])],
                cwd=tmp_path,
                env=_environ() | dict(environ or {}),
                stdout=out,
                stderr=err,
                text=True,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait(WAIT_S)


def _wait_for(path: Path, words: str) -> str:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        text = path.read_text()
        if words in text:
            return text
        time.sleep(0.05)
    raise AssertionError(f"{words!r} did not come: {path.read_text()}")


@pytest.mark.slow
def test_the_whole_gallery_comes_out_as_written_down(tmp_path: Path) -> None:
    """The first command anybody runs: every status, state, notice and counter, or it fails."""
    done = _run(tmp_path, *DEMO)
    assert done.returncode == 0, done.stdout + done.stderr
    assert SUCCESS in done.stdout
    for provider in ("btcpay", "coinbase_commerce", "stripe", "standard_webhooks", "kobbopay"):
        assert provider in done.stdout
    assert 'sealgate_payments_stuck{provider="kobbopay",state="Paid"} 1' in done.stdout
    assert "\x1b" not in done.stdout + done.stderr, "plain where nobody has a terminal"
    assert list((tmp_path / "temporary").iterdir()) == [], "nothing is left behind"
    assert not (tmp_path / "var").exists()


@pytest.mark.slow
def test_a_wrong_expectation_is_named_and_is_1(tmp_path: Path) -> None:
    """A gallery that could not fail would prove nothing by its success."""
    done = _run(tmp_path, "-c", BROKEN_EXPECTATION)
    assert done.returncode == 1, done.stdout + done.stderr
    assert SUCCESS not in done.stdout
    assert "Expired: Underpaid expected, found Expired" in done.stdout
    kept = [path.name for path in (tmp_path / "temporary").glob("sealgate-demo-*/*")]
    assert "gateway.log" in kept, "what went wrong can be looked at"


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.postgres
def test_the_gallery_is_the_same_on_kafka_and_postgresql(
    tmp_path: Path, kafka_bootstrap: str, postgres_url: str
) -> None:
    """The embedded parts are for a laptop: what they show must be what the real ones do."""
    words = ("--kafka", kafka_bootstrap, "--postgres", postgres_url)
    done = _run(tmp_path, *DEMO, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert SUCCESS in done.stdout
    again = _run(tmp_path, *DEMO, *words)
    assert again.returncode != 0
    assert "give it a database of its own" in again.stderr, "one database, one environment"


def _pasted(line: str, cwd: Path) -> str:
    """Run a line that was printed, as whoever pastes it does."""
    done = subprocess.run(
        line.split(), cwd=cwd, env=_environ(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _rotated(cwd: Path, shown: str) -> str:
    """Add a key to the gateway that shows this, and return what was said of it."""
    admin = re.search(r"admin (http://\S+)", shown)
    assert admin is not None
    secret = str(cwd / "new-secret")
    made = _run(cwd, "-m", "sealgate", "new-key", "btcpay", "--key-file", secret)
    assert made.returncode == 0, made.stdout + made.stderr
    words = ("--secret-file", secret, "--config", "var/demo/sealgate.toml", "--admin", admin[1])
    added = _run(cwd, "-m", "sealgate", "keys", "add", "btcpay-demo", "new", *words)
    assert added.returncode == 0, added.stdout + added.stderr
    return added.stdout


@pytest.mark.slow
def test_a_second_shells_event_is_seen_and_ctrl_c_ends_well(
    tmp_path: Path, staying: Callable[..., subprocess.Popen[str]]
) -> None:
    """Pasting a printed command moves a payment before one's eyes; then Ctrl-C, exit code 0."""
    process = staying()
    shown = _wait_for(tmp_path / "out", "Ctrl-C ends.")
    assert SUCCESS in shown
    asked = re.findall(
        r"^  (\S+ -m sealgate (?:exceptions list|why|trace) .*)$", shown, re.MULTILINE
    )
    answers = [_pasted(line, tmp_path) for line in asked]
    for answer, words in zip(answers, ("ex-1 ", "because of rule", "exception "), strict=True):
        assert words in answer
    command = re.search(r"^  (\S+ -m sealgate send \S+/hooks/btcpay-demo .*)$", shown, re.MULTILINE)
    assert command is not None, shown
    words = [*command[1].split(), "--reference", "FromASecondShell"]
    sent = subprocess.run(
        words, cwd=tmp_path, env=_environ(), capture_output=True, text=True, check=False
    )
    assert sent.returncode == 0, sent.stdout + sent.stderr
    correlation = re.search(r"correlation\s+(\S+)", sent.stdout)
    assert correlation is not None
    lines = _wait_for(tmp_path / "out", correlation[1]).splitlines()
    moved = [line for line in lines if "FromASecondShell" in line]
    assert len(moved) == 1
    assert "Paid" in moved[0]
    assert correlation[1] in moved[0], "one id from the sender's shell to the subscriber's"
    assert "in force at" in _rotated(tmp_path, shown), "a rotation is tried here first"
    process.send_signal(signal.SIGINT)
    assert process.wait(WAIT_S) == 0
    assert "Traceback" not in (tmp_path / "err").read_text()


@pytest.mark.slow
def test_a_port_in_use_is_said_at_once_and_is_69(tmp_path: Path) -> None:
    """Somebody else's server must not be mistaken for the gateway."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = _run(tmp_path, "-m", "sealgate", "demo", "--port", port, "--admin-port", "0")
    assert done.returncode == 69
    assert done.stdout == ""
    assert done.stderr == (
        f"127.0.0.1:{port} cannot be used (Address already in use): choose another with --port,"
        " or --port 0 for any free one\n"
    )


@pytest.mark.slow
def test_a_wrong_address_of_the_database_is_78(tmp_path: Path) -> None:
    """What no waiting mends is said before anything is played."""
    done = _run(tmp_path, *DEMO, "--postgres", "postgresql://host-without-database")
    assert done.returncode == 78
    assert "names no database" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "temporary").iterdir()) == [], "no keys are left lying about"


@pytest.mark.slow
def test_ctrl_c_in_the_middle_leaves_nothing_behind(
    tmp_path: Path, staying: Callable[..., subprocess.Popen[str]]
) -> None:
    """Somebody who has seen enough is not asked to clean up; a script can tell: 130."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = staying(stay=False, environ={"TMPDIR": str(temporary)})
    _wait_for(tmp_path / "err", "3/")
    process.send_signal(signal.SIGINT)
    assert process.wait(WAIT_S) == 130
    assert list(temporary.iterdir()) == []
    assert SUCCESS not in (tmp_path / "out").read_text()
    assert "Traceback" not in (tmp_path / "err").read_text()
