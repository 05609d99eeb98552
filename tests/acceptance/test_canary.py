"""The canaries themselves: each kind of sink is searched.

The whole session is searched at its end (tests/support/canary_session.py); what stands here shows
that it would have found something. Drills are searched where they are played (test_drills.py).
"""

import base64
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from consumers.store import connect as store_connect
from consumers.store.port import Changes
from ingress.contract import topics
from ingress.eventlog import connect
from ingress.eventlog.port import Message
from tests.support.canary import Canaries, configured
from tests.support.store_builders import PAYMENT, apply, saved

ROOT = Path(__file__).parents[2]
NAME = "the planted one"

pytestmark = pytest.mark.slow


@pytest.fixture
def value() -> bytes:
    """Make a secret that this session does not know: it would fail for what is planted here."""
    return secrets.token_urlsafe(24).encode()


@pytest.fixture
def canaries(value: bytes) -> Canaries:
    """Look for that secret alone."""
    made = Canaries()
    made.add(NAME, value)
    return made


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": bytes,
    "hex": lambda value: value.hex().encode(),
    "HEX": lambda value: value.hex().upper().encode(),
    "base64": base64.b64encode,
    "base64 at 1": lambda value: base64.b64encode(b"x" + value + b"yz"),
    "base64 at 2": lambda value: base64.b64encode(b"xy" + value + b"z"),
    "base64 of a URL": lambda value: base64.urlsafe_b64encode(b"{" + value + b"}"),
    "in a URL": lambda value: quote(b"?" + value, safe="").encode(),
}


@pytest.mark.parametrize("coding", CODINGS)
def test_a_secret_is_found_in_each_coding(
    tmp_path: Path, value: bytes, canaries: Canaries, coding: str
) -> None:
    """What leaks is seldom the file as it is: it is part of a header, a URL, a sealed body."""
    before = b"\0\xff" * 1_000_000
    (tmp_path / "some.log").write_bytes(before + CODINGS[coding](value) + b" and more\n")
    (leak,) = canaries.search(tmp_path)
    assert leak.canary == NAME
    assert leak.file == str(tmp_path / "some.log")
    assert value.decode() not in str(leak), "telling of a leak must not be one"


@pytest.mark.parametrize(
    "shown",
    [
        lambda raw: b"whsec_" + base64.b64encode(raw),
        base64.b64encode,
        lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"="),
        lambda raw: raw.hex().encode(),
        lambda raw: raw.hex().upper().encode(),
    ],
)
def test_what_a_secret_says_is_found_as_well(
    tmp_path: Path, shown: Callable[[bytes], bytes]
) -> None:
    """A key is decoded before it is used: the bytes that sign are as secret as the text."""
    raw = b"\n" + secrets.token_bytes(31).replace(b"\n", b"n")
    canaries = Canaries()
    canaries.add(NAME, shown(raw))
    (tmp_path / "core").write_bytes(b"before " + raw + b" after")
    assert [leak.canary for leak in canaries.search(tmp_path)] == [NAME]


async def test_a_secret_is_found_in_the_log_and_in_the_store(
    tmp_path: Path, value: bytes, canaries: Canaries
) -> None:
    """Databases are files like others, if nothing in them is compressed."""
    topic = topics.verified("test")
    log = connect.connect(f"embedded://{tmp_path}/log.db")
    await log.ensure_topics({topic: 1})
    publisher = log.publisher(deadline_s=10)
    await publisher.start()
    await publisher.publish(Message(topic, b"key", b'{"a": "' + value + b'"}'))
    await publisher.stop()
    await log.close()
    store = store_connect.connect(f"sqlite://{tmp_path}/store.db")
    await store.open("sandbox")
    await apply(store, Changes(payments=[saved(PAYMENT._replace(reference=value.decode()))]))
    await store.close()
    files = {Path(leak.file).name.split("-")[0] for leak in canaries.search(tmp_path)}
    assert files == {"log.db", "store.db"}


def test_key_files_are_no_leak(tmp_path: Path, value: bytes, canaries: Canaries) -> None:
    """They are where the secret belongs; with one word beside it, it is a leak."""
    (tmp_path / "key").write_bytes(value + b"\n")
    assert canaries.search(tmp_path) == []
    (tmp_path / "key").write_bytes(value + b"\nso it was")
    assert len(canaries.search(tmp_path)) == 1


def test_the_secrets_of_a_configuration_are_found_by_themselves(
    tmp_path: Path, value: bytes
) -> None:
    """What a test or a drill draws by lot need not be made known."""
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "a.toml").write_text('[[source.key]]\nfile = "secrets/a"\n')
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "a").write_bytes(value)
    assert list(configured(tmp_path)) == [value]


# A test that leaks in one way; `SECRET` is what must not be found, and is made at its start.
LEAKS = {
    "captured": "print(SECRET)",
    "log": "import logging; logging.getLogger('x').warning(SECRET)",
    "files": "(tmp_path / 'some.json').write_text(f'{{\"a\": \"{SECRET}\"}}')",
    "arguments": "subprocess.run(['true', 'x=' + SECRET])",
    "below": "subprocess.run(['sh', '-c', 'read A; sh -c \"sleep 2; :\" $A'], input=TEXT)",
    "environment": "subprocess.run(['true'], env={'A': SECRET})",
    "in the end": "canary.saw('replies', b'401 ' + SECRET.encode())",
}
INNER = """
import secrets, subprocess
from tests.support import canary

def test_it(tmp_path):
    SECRET = canary.secret("the inner one", secrets.token_hex(16).encode()).decode()
    TEXT = SECRET.encode()
    {leaks}
"""


def _session(place: Path, leaks: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a session of pytest with one test, which passes."""
    test = place / "test_inner.py"
    test.write_text(INNER.format(leaks=leaks))
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "tests.support.canary_session"),
            *("-p", "no:randomly", "--basetemp", str(place / "base"), "-c", os.devnull),
            *("--rootdir", str(place), *words, str(test)),
        ],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("sink", LEAKS)
def test_a_session_that_leaks_fails(tmp_path: Path, sink: str) -> None:
    """A search that could not fail would be worse than none: its test passes, its session not."""
    done = _session(tmp_path, LEAKS[sink])
    assert "1 passed" in done.stdout
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "SECRETS FOUND" in done.stdout
    assert "the inner one" in done.stdout


def test_a_worker_that_leaks_fails_the_session(tmp_path: Path) -> None:
    """Where tests run beside each other, each worker searches, and the whole session fails."""
    done = _session(tmp_path, LEAKS["captured"], "-n", "1")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "the inner one" in done.stdout


def test_a_session_that_keeps_its_secret_passes(tmp_path: Path) -> None:
    """A key file and a test that says nothing are no leak."""
    done = _session(tmp_path, "(tmp_path / 'key').write_text(SECRET)")
    assert done.returncode == pytest.ExitCode.OK, done.stdout


def test_what_is_seen_beside_a_test_of_that_name_is_no_leak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test may be called by its secret; what is kept of others meanwhile names it, as ours."""
    value = "a-password-that-is-a-parameter-7431"
    monkeypatch.setenv("PYTEST_CURRENT_TEST", f"tests/test_some.py::test_it[{value}] (call)")
    kept = Canaries(names={value.encode(): "a parameter"}, kept=tmp_path)
    kept.keep("arguments", b"java")
    assert kept.search(tmp_path) == []
    kept.keep("arguments", value.encode())
    assert [leak.test for leak in kept.search(tmp_path)] == ["tests/test_some.py::test_it"]
