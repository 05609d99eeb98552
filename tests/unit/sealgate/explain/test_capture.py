"""Captures come as people have them, and their bodies' bytes must survive."""

import base64
import json
import time

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


CURLS: dict[str, tuple[str, tuple[str, str, bytes]]] = {
    "continued": ("curl -X POST \\\n https://h/x \\\r\n -d '{}'", ("POST", "https://h/x", b"{}")),
    "prompt": ("$ curl https://h/x -d '{}'", ("POST", "https://h/x", b"{}")),
    "line ends": ("curl https://h/x -d '{\r\n\n}'", ("POST", "https://h/x", b"{\r\n\n}")),
    "backslash in single quotes": ("curl h -d 'a\\\nb'", ("POST", "h", b"a\\\nb")),
    "continued in double quotes": ('curl h -d "a\\\nb"', ("POST", "h", b"ab")),
    "apostrophe in double quotes": (
        'curl h -H "X: it\'s" \\\n -d "\\"\\$\\q"',
        ("POST", "h", b'"$\\q'),
    ),
    "ANSI": (
        r"curl h --data-raw $'\u00fc\ud83d\ude00\xc3\xbc\x21\041\'\t'",
        (
            "POST",
            "h",
            "ü😀ü!!'\t".encode(),
        ),
    ),
    "values": (
        "curl -b a=b -u me:x -x http://p -e http://r --cacert c https://h/x",
        ("GET", "https://h/x", b""),
    ),
    "json": ("curl https://h/x --json '{' --json '}'", ("POST", "https://h/x", b"{}")),
    "urlencode": (
        "curl h --data-urlencode 'a=b/ü~' --data-urlencode '=&' -d c",
        ("POST", "h", b"a=b%2F%C3%BC~&%26&c"),
    ),
    "cluster": ("curl -sSkXPUT h -d1", ("PUT", "h", b"1")),
    "get": ("curl -G 'h?a=1' -d b=2", ("GET", "h?a=1&b=2", b"")),
    "piped": ("curl -s h -d 1 | jq .id", ("POST", "h", b"1")),
    "empty body": ("curl h -d ''", ("POST", "h", b"")),
}


@pytest.mark.parametrize("name", CURLS)
def test_a_curl_command_is_read_as_the_shell_and_curl_read_it(name: str) -> None:
    """A byte less of the body, or a value taken for the URL, and every verdict is wrong."""
    line, expected = CURLS[name]
    read = capture.read(line.encode())
    assert (read.method, read.target, read.body) == expected


def test_a_file_in_the_command_must_be_given() -> None:
    """And an option that nobody knows is named, for its value would be taken for the URL."""
    with pytest.raises(capture.Unusable, match="the option --frobnicate is not known"):
        capture.read(b"curl --frobnicate 7 http://h")


def test_curl_sends_an_empty_header_only_with_a_semicolon() -> None:
    """`-H 'X:'` takes a header away."""
    assert capture.read(b"curl h -H 'X:' -H 'Y;'").headers == ((b"y", b""),)


def test_bytes_of_a_query_survive_that_are_no_utf_8() -> None:
    """A query may be signed, and is signed as it is sent."""
    assert capture.read(b"GET /x?a=\xfc\xc3\xbc HTTP/1.1\r\n\r\n").query == b"a=\xfc\xc3\xbc"


def test_a_body_in_a_million_chunks_is_joined_in_time() -> None:
    """Whoever examines an attack must not fall to it."""
    raw = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    began = time.process_time()
    assert len(capture.read(raw + b"1\r\na\r\n" * 500_000 + b"0\r\n\r\n").body) == 500_000
    assert time.process_time() - began < 5


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
        b"curl http://h --data-urlencode a@file",
        b"curl http://h -H @file",
        b"curl http://h -F a=b",
        b"curl http://h --frobnicate 7",
        b"curl http://h http://i",
        b"curl -H 'A: b'",
        b"curl http://h -X",
        rb'{"url": "http://h/\ud800", "headers": {}, "body": ""}',
        rb'{"headers": {"A": "\ud800"}, "body": ""}',
        rb'{"headers": {}, "method": "\ud800", "body": ""}',
    ],
)
def test_what_is_no_capture_is_refused_with_advice(raw: bytes) -> None:
    """Parsed JSON in place of a body has lost the bytes: it must not be examined as if it had."""
    with pytest.raises(capture.Unusable, match=r"[a-z]{4}"):
        capture.read(raw)
