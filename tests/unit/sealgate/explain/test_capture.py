"""Captures come as people have them, and their bodies' bytes must survive."""

import base64
import json

import pytest

from sealgate.explain import capture

BODY = b'{"a": "\xc3\xbc"}\r\n'


def test_a_raw_request_keeps_its_bytes() -> None:
    """The line end at the body's end is signed, too."""
    read = capture.read(b"POST /h?x=1 HTTP/1.1\r\nX-Sig:  abc \r\nx-sig: def\r\n\r\n" + BODY)
    assert (read.method, read.query, read.body) == ("POST", b"x=1", BODY)
    assert read.headers == ((b"x-sig", b"abc"), (b"x-sig", b"def"))


def test_a_request_saved_with_line_feeds_is_read() -> None:
    """Editors write LF, and only the head may be forgiven for it."""
    assert capture.read(b"POST / HTTP/1.1\nA: b\n\n" + BODY).body == BODY


def test_chunks_are_joined() -> None:
    """A proxy's dump shows the frames; the signature is over what they carry."""
    raw = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert capture.read(raw).body == b"abcde"


@pytest.mark.parametrize(
    "headers", [{"X-Sig": "abc"}, [["X-Sig", "abc"]], [{"name": "X-Sig", "value": "abc"}]]
)
def test_a_json_capture_may_list_its_headers(headers: object) -> None:
    """Every tool exports them in its own way."""
    raw = json.dumps(
        {
            "method": "post",
            "url": "https://h/x?y=1",
            "headers": headers,
            "body_base64": base64.b64encode(BODY).decode(),
        }
    )
    read = capture.read(raw.encode())
    assert (read.method, read.query, read.body) == ("POST", b"y=1", BODY)
    assert read.headers == ((b"x-sig", b"abc"),)


def test_a_curl_command_is_read() -> None:
    """Dashboards and browsers offer one to copy."""
    line = (
        r"""curl 'https://h.example/x' -H 'X-Sig: abc' --data-raw $'{"a":"it\'s\n"}' --compressed"""
    )
    read = capture.read(line.encode())
    assert (read.method, read.target, read.body) == (
        "POST",
        "https://h.example/x",
        b'{"a":"it\'s\n"}',
    )
    assert read.headers == ((b"x-sig", b"abc"),)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hello",
        b"{",
        b"{}",
        b'{"headers": {}, "body": {"a": 1}}',
        b'{"headers": {}, "body_base64": "*"}',
        b"POST / HTTP/1.1\r\nno header\r\n\r\n",
        b"curl 'unbalanced",
        b"curl http://h -d @file",
    ],
)
def test_what_is_no_capture_is_refused_with_advice(raw: bytes) -> None:
    """Parsed JSON in place of a body has lost the bytes: it must not be examined as if it had."""
    with pytest.raises(capture.Unusable, match=r"[a-z]{4}"):
        capture.read(raw)
