"""A rotation by the book: the commands of the runbook, typed against a gateway that runs."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support import canary, processes
from tests.support.gateway import NEW_SECRET, OLD_SECRET, btcpay
from tests.support.processes import ROOT, Running, Stack
from tests.support.tls import settings, write_pair

RUNBOOK = ROOT / "docs" / "runbooks" / "planned-rotation.md"
NAMES = {"SOURCE": "shop", "OLD": "k1", "NEW": "k2"}
HOOK = "/hooks/shop"
ACCEPTED = 200
REFUSED = 503  # BTCPay Server never retries a 401
IN_FORCE_S = 1.0
EXIT_CONFIGURATION = 78


@pytest.fixture(name="stack")
def _stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path, f"embedded://{tmp_path / 'log.db'}", f"sqlite://{tmp_path / 'store.db'}")


def _commands() -> Iterator[list[str]]:
    """Yield every command of the runbook, as its reader types it."""
    for block in re.findall(
        r"^ *```sh\n(.*?)^ *```", RUNBOOK.read_text(), re.DOTALL | re.MULTILINE
    ):
        for line in block.splitlines():
            program, *words = line.split()
            assert program == "sealgate"
            yield [NAMES.get(word, word) for word in words]


def _type(
    running: Running, config: Path, words: list[str], *, ask: bool = True
) -> subprocess.CompletedProcess[str]:
    asked = ["--admin", running.admin_url] if ask and words[0] == "keys" else []
    done = subprocess.run(
        [sys.executable, "-m", "sealgate", *words, "--config", str(config), *asked],
        cwd=config.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    canary.saw("outputs", done.stdout + done.stderr)
    return done


def _deliver(running: Running, payment: str, secret: bytes) -> int:
    body = processes.event(payment, "InvoiceCreated")
    name, value = btcpay(body, secret)
    url = f"{running.edge_url}{HOOK}"
    request = urllib.request.Request(url, data=body, headers={name: value})
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            status: int = reply.status
            return status
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


@pytest.mark.slow
def test_a_planned_rotation_goes_by_its_runbook(stack: Stack) -> None:
    """Every command in its order; both keys verify until the old one is revoked, and not after."""
    config = stack.write()
    (stack.directory / "new-secret").write_bytes(NEW_SECRET + b"\n")
    running = processes.start(config, "up").wait_started().wait_ready()
    assert _deliver(running, "before", NEW_SECRET) == REFUSED
    done, said = [], ""
    for number, words in enumerate(_commands()):
        typed = _type(running, config, words)
        said += typed.stdout + typed.stderr
        assert typed.returncode == 0, f"{words}: {typed.stdout}{typed.stderr}"
        if words[:2] in (["keys", "add"], ["keys", "retire"]) and "--dry-run" not in words:
            assert "in force at" in typed.stdout
            assert _deliver(running, f"old-{number}", OLD_SECRET) == ACCEPTED
            assert _deliver(running, f"new-{number}", NEW_SECRET) == ACCEPTED
        if words[:2] == ["keys", "revoke"]:
            assert "in force at" in typed.stdout
            assert _deliver(running, f"old-{number}", OLD_SECRET) == REFUSED
            assert _deliver(running, f"new-{number}", NEW_SECRET) == ACCEPTED
        done.append(" ".join(words[:2]))
    assert [word for word in done if word in {"keys add", "keys retire", "keys revoke"}] == [
        "keys add",  # the dry run
        "keys add",
        "keys retire",
        "keys revoke",
    ]
    for secret in (OLD_SECRET, NEW_SECRET):
        assert secret.decode() not in said + running.output.read_text()
    assert running.terminate() == 0


@pytest.mark.slow
def test_a_revoked_key_is_refused_within_a_second(stack: Stack) -> None:
    """Asked all the time while it is revoked: from one second after it was written, never again."""
    config = stack.write()
    (stack.directory / "new-secret").write_bytes(NEW_SECRET)
    running = processes.start(config, "up").wait_started().wait_ready()
    added = _type(running, config, ["keys", "add", "shop", "k2", "--secret-file", "new-secret"])
    assert added.returncode == 0, added.stderr
    assert _deliver(running, "first", OLD_SECRET) == ACCEPTED
    revoking = subprocess.Popen(
        [
            *(sys.executable, "-m", "sealgate", "keys", "revoke", "shop", "k1", "--now"),
            *("--config", str(config), "--admin", running.admin_url),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    written_s, late, refused = None, [], 0
    for number in range(10_000):
        before_s = time.monotonic()
        status = _deliver(running, f"old-{number}", OLD_SECRET)
        if written_s is None and 'status = "revoked"' in config.read_text():
            written_s = time.monotonic()
        if written_s is not None and before_s > written_s + IN_FORCE_S and status == ACCEPTED:
            late.append(before_s - written_s)
        refused += status == REFUSED
        if written_s is not None and time.monotonic() > written_s + 2 * IN_FORCE_S:
            break
    out, _ = revoking.communicate(timeout=processes.WAIT_S)
    assert revoking.returncode == 0
    assert "in force at" in out
    assert late == []
    assert refused > 0
    assert _deliver(running, "last", NEW_SECRET) == ACCEPTED
    assert running.terminate() == 0


REVOKE = ["keys", "revoke", "shop", "k1", "--now"]


@pytest.mark.slow
def test_a_revocation_among_mistakes_is_1_until_they_are_mended_and_then_in_force(
    stack: Stack,
) -> None:
    """A colleague's bad file: what is written is not in force, is said so, and waits for him."""
    config = stack.write()
    running = processes.start(config, "up").wait_started().wait_ready()
    bad = config.parent / "conf.d" / "bad.toml"
    bad.parent.mkdir()
    bad.write_text('[[source]]\nslug = "bad"\nprovider = "none-such"\n')
    typed = _type(running, config, REVOKE)
    assert typed.returncode == 1
    assert f"written: {config}" in typed.stdout
    assert f"NOT in force at {running.admin_url}" in typed.stderr
    assert "key k1 of source shop is NOT known to be revoked" in typed.stderr
    assert _deliver(running, "not-yet", OLD_SECRET) == ACCEPTED
    bad.unlink()
    deadline = time.monotonic() + processes.WAIT_S
    while _deliver(running, f"mended-{time.monotonic()}", OLD_SECRET) == ACCEPTED:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    status = _type(running, config, ["keys", "status", "shop"])
    assert "  k1: revoked\n" in status.stdout
    assert f"at {running.admin_url}: revoked\n" in status.stdout
    assert running.terminate() == 0


CERTIFICATE_S = (8, 30)
"""Long enough to start with it; and, where the machine is too slow for that, once more."""


def _started_with_a_certificate(stack: Stack) -> tuple[Running, datetime]:
    """Start a gateway while its certificate is good; return it, and when that ends."""
    config = stack.write()
    named = "\n".join(f'{name} = "{file}"' for name, file in settings().items())
    config.write_text(config.read_text() + f"[edge.tls]\n{named}\n")
    for seconds in CERTIFICATE_S:
        ends = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
        write_pair(stack.directory, not_after=ends)
        running = processes.start(config, "up")
        try:
            return running.wait_started().wait_ready(), ends
        except AssertionError:
            assert running.wait() == EXIT_CONFIGURATION, running.output.read_text()
    raise AssertionError("it does not start in time")


@pytest.mark.slow
def test_a_certificate_that_expired_does_not_keep_a_revocation_from_being_in_force(
    stack: Stack,
) -> None:
    """Nobody renewed it, and an hour later a key leaks: a running edge takes the change."""
    running, ends = _started_with_a_certificate(stack)
    config = stack.directory / "sealgate.toml"
    while datetime.now(UTC) <= ends:
        time.sleep(0.1)
    typed = _type(running, config, REVOKE)
    assert "the certificate has expired" in typed.stderr
    assert typed.returncode == 0, typed.stderr
    assert f"in force at {running.admin_url}" in typed.stdout
    shown = json.loads(processes.get(running.admin_url + "/keys")[1])
    assert shown["sources"]["shop"]["keys"][0]["status"] == "revoked"
    assert running.terminate() == 0


@pytest.mark.slow
def test_an_edge_that_does_not_take_a_change_is_1_and_status_tells_what_is_known(
    stack: Stack, tmp_path: Path
) -> None:
    """The gateway reads another file than the operator edits: the key lives on; that is said."""
    config = stack.write()
    running = processes.start(config, "up").wait_started().wait_ready()
    assert _deliver(running, "paid", OLD_SECRET) == ACCEPTED
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "key").write_bytes(OLD_SECRET)
    (elsewhere / "sealgate.toml").write_text(config.read_text())
    words = ["keys", "revoke", "shop", "k1", "--now"]
    typed = _type(running, elsewhere / "sealgate.toml", words)
    assert typed.returncode == 1
    assert f"NOT in force at {running.admin_url}" in typed.stderr
    assert _deliver(running, "paid-2", OLD_SECRET) == ACCEPTED
    status = _type(running, config, ["keys", "status", "shop"])
    assert "the only key" in status.stdout
    assert re.search(r"first used .*, last used .* ago\)", status.stdout)
    assert running.terminate() == 0
    alone = _type(running, config, ["keys", "list"], ask=False)
    assert alone.returncode == 0
    assert "no edge was asked" in alone.stdout
