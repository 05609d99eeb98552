"""Whoever has an admin port may answer anything: every question ends, and nobody is fooled."""

import contextlib
import http.client
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from sealgate import adminport
from sealgate.adminport import Answer, Bounds
from sealgate.commands.health import healthcheck
from sealgate.doctor import live
from sealgate.keys import edges

HEAD = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def _whoever(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Answer one question as somebody who means no good; yield the port."""

    def run(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(4096)
            answer(connection)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=run, args=[server], daemon=True)
        thread.start()
        yield server.getsockname()[1]
    thread.join()


def _drips(connection: socket.socket) -> None:
    """Announce an answer, and send it byte by byte for as long as somebody reads."""
    connection.sendall(HEAD + b"\r\n")
    for _ in range(100):
        connection.sendall(b"x")
        time.sleep(0.05)


def _says(text: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(text)


def _ask(port: int, bounds: Bounds) -> Answer:
    return adminport.ask(http.client.HTTPConnection("127.0.0.1", port, timeout=1), "/x", bounds)


def test_an_answer_that_never_ends_is_ended() -> None:
    """Each byte comes in time, so no timeout of a step is ever met."""
    began_s = time.monotonic()
    with _whoever(_drips) as port, pytest.raises(TimeoutError, match="did not end"):
        _ask(port, Bounds(0.3, 4096))
    assert time.monotonic() - began_s < 3


def test_no_more_is_read_than_is_wanted() -> None:
    """A gigabyte must not end up in the memory of whoever asked how somebody is."""
    with _whoever(_says(HEAD + b"\r\n" + b"x" * 100_000)) as port:
        assert _ask(port, Bounds(5.0, 4096)) == Answer(200, b"x" * 4096)


@pytest.mark.parametrize(
    "text",
    [
        b"\x1b[31mno HTTP\r\n\r\n",
        HEAD + b"Content-Length: 500\r\n\r\nok",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 1\r\n\r\n.",
    ],
    ids=["no HTTP", "cut off", "elsewhere"],
)
def test_what_is_no_whole_answer_tells_nobody_anything(
    text: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not the container engine, not the doctor, not whoever waits for a key to be revoked."""
    with _whoever(_says(text)) as port:
        assert healthcheck(port=port) != 0
    assert "\x1b" not in capsys.readouterr().err
    with _whoever(_says(text)) as port:
        assert live.metrics_at("127.0.0.1", port) == ""
    with _whoever(_says(text)) as port, pytest.raises(edges.Silent):
        edges.ask(f"http://127.0.0.1:{port}")


def test_numbers_that_are_none_keep_nobody_from_looking() -> None:
    """The doctor goes on with its other questions, whatever stands on somebody's page."""
    page = 'sealgate_source_suspect{provider="p",source="s"} 1.2.3\n'
    page += 'sealgate_source_suspect{provider="p",source="t"} ...\n'
    page += 'sealgate_collector_success{collector="c"} .\n'
    assert [finding.subject for finding in live.suspects(page)] == ["suspect"]
    assert list(live.collectors(page)) == []
