"""Edges are asked over a real socket; what they answer is believed only in its form."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ingress.keyring import Status
from sealgate.config import AdminSettings
from sealgate.keys import edges
from sealgate.keys.change import Expected
from sealgate.keys.edges import Shown, Silent
from sealgate.keys.edit import is_in_force


def _says(generation: int, *keys: dict[str, Any]) -> dict[str, Any]:
    source = {"provider": "btcpay", "keys": list(keys)}
    return {"generation": generation, "loaded_ms": 1, "sources": {"shop": source}}


@contextmanager
def _edge(answer: Callable[[], tuple[int, bytes]]) -> Iterator[str]:
    """Listen as an admin port does; yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # its name is http.server's
            status, body = answer() if self.path in {"/keys", "/keys?source=shop"} else (404, b"")
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_an_edge_says_what_it_holds() -> None:
    """And what more a later version may say is left unread."""
    key = {"id": "k1", "status": "verify-only", "not_after_ms": 5, "last_used_ms": 3, "more": 1}
    body = json.dumps(_says(7, key) | {"news": True}).encode()
    with _edge(lambda: (200, body)) as url:
        shown = edges.ask(url + "/")
    assert shown.generation == 7
    found = shown.key("shop", "k1")
    assert found is not None
    assert (found.status, found.not_after_ms, found.last_used_ms) == (Status.VERIFY_ONLY, 5, 3)
    assert shown.key("shop", "k2") is None
    assert shown.key("none", "k1") is None


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (404, b"", "is no edge \\(status 404"),
        (200, b"<html>", "is no edge of this version"),
        (200, b'{"generation": "x"}', "is no edge of this version"),
        (200, b'{"generation": 0, "loaded_ms": 0, "sources": {}}', "a process without an edge"),
    ],
)
def test_whatever_else_answers_is_no_edge(status: int, body: bytes, reason: str) -> None:
    """A worker has an admin port too, and anything may listen on a port."""
    with _edge(lambda: (status, body)) as url, pytest.raises(Silent, match=reason):
        edges.ask(url)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:9090", "ftp://x", "http://", "http://[", "http://x:y"]
)
def test_what_is_no_url_of_an_admin_port_is_told(url: str) -> None:
    """A flag that is mistyped must not look like an edge that is away."""
    with pytest.raises(Silent, match="no URL of an admin port"):
        edges.ask(url)


def test_an_edge_that_is_away_is_told_with_its_address() -> None:
    """The others are asked all the same."""
    with _edge(lambda: (200, json.dumps(_says(1)).encode())) as url:
        asked = edges.ask_all(["http://127.0.0.1:1", url])
    assert list(asked.shown) == [url]
    assert "nobody answers there" in asked.silent["http://127.0.0.1:1"]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:9090"),
        ("0.0.0.0", "http://127.0.0.1:9090"),
        ("::", "http://[::1]:9090"),
        ("fd00::1", "http://[fd00::1]:9090"),
        ("edge.internal", "http://edge.internal:9090"),
    ],
)
def test_the_configured_admin_port_is_asked_where_it_can_be_reached(host: str, url: str) -> None:
    """One listens on every address, and is reached on one."""
    assert edges.addresses(AdminSettings(host=host), ["http://b:1/", "http://b:1"]) == (
        url,
        "http://b:1",
    )


def test_a_port_that_nobody_knows_before_is_not_asked() -> None:
    """Port 0 is any free one."""
    assert edges.addresses(AdminSettings(port=0), []) == ()


def test_a_change_is_in_force_when_the_edge_shows_it() -> None:
    """Two answers with the old key, then one without: that is when."""
    answers = [_says(1, {"id": "k", "status": "active"})] * 2
    last = _says(2, {"id": "k", "status": "revoked"})
    expected = Expected("shop", "k", "verify", Status.REVOKED)
    with _edge(lambda: (200, json.dumps(answers.pop() if answers else last).encode())) as url:
        before = {url: edges.ask(url)}
        (taken,) = edges.wait(before, "shop", lambda was, now: is_in_force(expected, was, now))
    assert taken.url == url
    assert taken.after_s is not None


def test_an_edge_that_does_not_take_a_change_is_told() -> None:
    """It may read another file, and the operator believes that the key is revoked."""
    with _edge(lambda: (200, json.dumps(_says(1)).encode())) as url:
        taken = edges.wait({url: edges.ask(url)}, "shop", lambda was, now: False, patience_s=0.1)
    assert taken == [edges.Taken(url, None)]


KEY = {"id": "k", "status": "verify-only", "not_before_ms": None, "not_after_ms": 9}


@pytest.mark.parametrize(
    ("expected", "now", "holds"),
    [
        (Expected("shop", "k", "verify", Status.VERIFY_ONLY, None, 9), _says(2, KEY), True),
        (Expected("shop", "k", "verify", Status.VERIFY_ONLY, None, 8), _says(2, KEY), False),
        (Expected("shop", "k", "verify", Status.ACTIVE, None, 9), _says(2, KEY), False),
        (Expected("shop", "k", "verify", Status.VERIFY_ONLY, 1, 9), _says(2, KEY), False),
        (Expected("shop", "n", "verify", Status.ACTIVE), _says(2, KEY), False),
        # revoked, and shown so or not at all; but an edge without the source shows nothing of it
        (Expected("shop", "k", "verify", Status.REVOKED), _says(2, KEY), False),
        (Expected("shop", "k", "verify", Status.REVOKED), _says(2), True),
        (Expected("other", "k", "verify", Status.REVOKED), _says(2), False),
        # a token is not shown: the edge has read the configuration again
        (Expected("shop", "t", "handshake", Status.ACTIVE), _says(2, KEY), True),
        (Expected("shop", "t", "handshake", Status.ACTIVE), _says(1, KEY), False),
    ],
)
def test_in_force_is_said_only_of_the_change_itself(
    expected: Expected, now: dict[str, Any], holds: object
) -> None:
    """An operator in an emergency waits for these words."""
    was = Shown.model_validate(_says(1))
    assert is_in_force(expected, was, Shown.model_validate(now)) is holds
