"""One question to an admin port, with an end: of time, and of bytes. The standard library alone.

A connection and a path flow in; the status and the body flow out. Whoever has the port may answer
anything: byte by byte, without an end, with what is no HTTP, with half of what it announced, or
with another address. A timeout is that of one step, so who answers byte by byte would never meet
it: the connection is ended from beside. Nothing is followed to another address.
"""

import contextlib
import http.client
import socket
import threading
from typing import NamedTuple


class Bounds(NamedTuple):
    """How long an answer may take as a whole, and how much of it is read."""

    patience_s: float
    bytes_max: int


class Answer(NamedTuple):
    """What was answered; of a longer body, its beginning."""

    status: int
    body: bytes


def ask(connection: http.client.HTTPConnection, path: str, bounds: Bounds) -> Answer:
    """Ask, and close the connection. Raises `OSError` and `http.client.HTTPException`.

    What was cut off is no answer, however well it began.
    """
    is_late = threading.Event()
    watch: threading.Timer | None = None
    try:
        connection.connect()
        watch = threading.Timer(bounds.patience_s, _cut, [connection.sock, is_late])
        watch.daemon = True
        watch.start()
        connection.request("GET", path)
        reply = connection.getresponse()
        body = reply.read(bounds.bytes_max)
    finally:
        if watch is not None:
            watch.cancel()
        connection.close()
    if is_late.is_set():
        raise TimeoutError(f"the answer did not end within {bounds.patience_s:g} s")
    if reply.length and len(body) < bounds.bytes_max:
        raise http.client.IncompleteRead(body, reply.length)
    return Answer(reply.status, body)


def _cut(sock: socket.socket, is_late: threading.Event) -> None:
    """End a connection from beside it: whoever reads it finds its end."""
    is_late.set()
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
