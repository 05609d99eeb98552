"""`sealgate healthcheck`: how a process is, as an exit code that a container engine reads."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from sealgate.commands.health import healthcheck
from tests.support import ports

ROOT = Path(__file__).parents[3]
SAID = {"/livez": (200, b"ok\n"), "/readyz": (503, b"not ready\n")}


class _Admin(BaseHTTPRequestHandler):
    silent = Event()

    def do_GET(self) -> None:
        if self.silent.is_set():
            return
        status, text = SAID[self.path]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(name="port")
def _port() -> Iterator[int]:
    _Admin.silent.clear()
    with HTTPServer(("127.0.0.1", 0), _Admin) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        yield server.server_port
        server.shutdown()
        serving.join()


def test_a_process_that_turns_is_well(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    """What is not ready may wait for a broker, and must not be started again for it."""
    assert healthcheck(port=port) == 0
    assert capsys.readouterr().out == "ok\n"


def test_one_that_takes_no_work_is_unready(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever waits for it waits on."""
    assert healthcheck(port=port, ready=True) == 1
    assert capsys.readouterr().out == "not ready\n"


def test_who_else_has_the_port_writes_no_commands_of_a_terminal(
    port: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator asks by hand in a shell, and anybody may listen where nobody else does."""
    hostile = "ok\x1b]0;x\x07\x9b2J\u202e\n" + "x" * 100_000
    monkeypatch.setitem(SAID, "/livez", (200, hostile.encode()))
    assert healthcheck(port=port) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "ok\\x1b]0;x\\x07\\x9b2J\\u202e"
    assert set(second) == {"x"}
    assert len(second) < 4096, "and it is bounded"


def test_one_that_answers_nothing_of_use_is_away(
    port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A port that is open proves no process that is well."""
    _Admin.silent.set()
    assert healthcheck(port=port) == 69
    assert "nobody answers" in capsys.readouterr().err


def test_one_that_answers_byte_by_byte_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    """Each byte comes in time, and the answer never does: a check that hangs tells nobody."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping = Thread(target=_drip, args=[server], daemon=True)
        dripping.start()
        began_s = time.monotonic()
        assert healthcheck(port=server.getsockname()[1]) == 69
        assert time.monotonic() - began_s < 3
    dripping.join()
    assert "nobody answers" in capsys.readouterr().err


def _drip(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection, contextlib.suppress(OSError):
        for byte in b"HTTP/1.1 200 OK with many words\r\n":
            connection.sendall(bytes([byte]))
            time.sleep(0.2)


def test_nobody_there_is_69_and_says_what_to_look_at(capsys: pytest.CaptureFixture[str]) -> None:
    """The port is what is wrong most often."""
    assert healthcheck(port=ports.free()) == 69
    assert "Is admin.port another one? --port" in capsys.readouterr().err


@pytest.mark.parametrize(("said", "code"), [("{port}", 0), ("{other}", 69)])
def test_the_port_is_that_of_the_deployment(
    port: int, said: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who moves the port by the environment must not have to say it twice."""
    monkeypatch.setenv("SEALGATE__ADMIN__PORT", said.format(port=port, other=ports.free()))
    assert healthcheck() == code


def test_it_needs_nothing_but_the_standard_library() -> None:
    """It is run every ten seconds beside each process, for as long as that lives."""
    program = (
        "import sys; import sealgate.health;"
        "print({n.partition('.')[0] for n in sys.modules} & {'pydantic', 'aiohttp', 'orjson'})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout == "set()\n"
