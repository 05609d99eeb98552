"""TLS on a real process: it prints where it is, serves, and refuses to start with what is bad."""

import socket
import ssl
from pathlib import Path

import pytest

from tests.support import processes
from tests.support.gateway import btcpay, request
from tests.support.processes import Stack
from tests.support.tls import LOOPBACK, NAME, client, settings, write_pair

BODY = processes.event("inv-1", "InvoiceCreated")
GOOD = request("/hooks/shop", BODY, [btcpay(BODY)])


@pytest.fixture(name="stack")
def _stack(tmp_path: Path) -> Stack:
    write_pair(tmp_path)
    return Stack(tmp_path, f"embedded://{tmp_path / 'log.db'}", f"sqlite://{tmp_path / 'store.db'}")


def _start(stack: Stack, *words: str) -> processes.Running:
    edge = "\n[edge.tls]\n" + "\n".join(f'{k} = "{v}"' for k, v in settings().items()) + "\n"
    path = stack.write()
    path.write_text(path.read_text() + edge)
    return processes.start(path, *words)


def _deliver(port: int) -> tuple[str, bytes]:
    """Deliver once with TLS; return the protocol and the answer's first line."""
    with (
        socket.create_connection((LOOPBACK, port), timeout=10) as plain,
        client().wrap_socket(plain, server_hostname=NAME) as wire,
    ):
        wire.sendall(GOOD)
        return wire.version() or "", wire.recv(4096).partition(b"\r\n")[0]


async def test_a_process_with_a_certificate_serves_tls_and_says_so(stack: Stack) -> None:
    """The address that it prints is the one that works; plain text at it does not."""
    running = _start(stack, "serve").wait_started().wait_ready()
    assert running.edge_url.startswith("https://127.0.0.1:")
    port = int(running.edge_url.rpartition(":")[2])
    assert _deliver(port) == ("TLSv1.3", b"HTTP/1.1 200 OK")
    assert processes.post(f"http://{LOOPBACK}:{port}", BODY) == 0
    name = 'sealgate_tls_certificate_not_after_timestamp_seconds{listener="edge"}'
    assert name in processes.get(running.admin_url + "/metrics")[1]
    with pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(
            socket.create_connection((LOOPBACK, port)), server_hostname=NAME
        )
    assert running.terminate() == 0


@pytest.mark.parametrize("words", [("check",), ("serve",)])
async def test_a_key_that_others_can_read_is_a_refused_start(
    stack: Stack, words: tuple[str, ...]
) -> None:
    """Before anything listens, with the one command that repairs it."""
    (stack.directory / "tls.key").chmod(0o644)
    running = _start(stack, *words)
    assert running.wait() == 78
    said = running.output.read_text()
    assert "edge.tls.key_file" in said
    assert "chmod 600" in said
