"""A captured request, in whichever form somebody has it, as what came over the wire.

A file flows in: the request as HTTP/1.1 wrote it, a JSON capture, or a curl command line copied
from a dashboard or a browser. A `Capture` flows out, or `Unusable` with what to change. The body's
bytes are taken as they stand: not a line end is added, removed or changed.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ingress.schemes.parts.headers import Headers
from sealgate.explain import chunks, curl

_REQUEST_LINE = re.compile(rb"([A-Z]{3,10}) (\S+) HTTP/[0-9.]+\r?\n")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_METHOD = re.compile(r"[A-Z]{1,20}")
PAIR = 2
_EVENT = "isBase64Encoded"
FORMS = (
    "a request as HTTP/1.1 writes it (request line, headers, empty line, body), a JSON object "
    '{"method", "url", "headers", "body" or "body_base64"}, or a curl command line'
)


class Unusable(Exception):
    """What was given cannot be examined; the text says what to change."""


@dataclass(frozen=True, slots=True)
class Capture:
    """One request. `target` is the request line's: a path with its query, or a whole URL."""

    method: str
    target: str
    headers: Headers
    body: bytes
    form: str
    notes: tuple[str, ...] = ()

    @property
    def query(self) -> bytes:
        """The query as it was sent, without its question mark."""
        return self.target.partition("#")[0].partition("?")[2].encode("utf-8", "surrogateescape")


def read(raw: bytes, body: bytes | None = None) -> Capture:
    """Read a capture; `body` takes the place of its own. Raises `Unusable`."""
    text = raw.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"{"):
        capture = _from_json(text)
    elif curl.START.match(text):
        capture = _from_curl(text)
    elif _REQUEST_LINE.match(text):
        capture = _from_http(text)
    else:
        raise Unusable(f"the request file is none of these: {FORMS}")
    return capture if body is None else replace(capture, body=body)


def _from_http(raw: bytes) -> Capture:
    line = _REQUEST_LINE.match(raw)
    assert line is not None
    end = _BLANK_LINE.search(raw, line.end() - 2)
    head, body = (raw[line.end() :], b"") if end is None else _parts(raw, line.end(), end)
    headers = tuple(_header_lines(head))
    capture = Capture(line[1].decode(), _target(line[2]), headers, body, "HTTP/1.1")
    if end is None:
        capture = replace(capture, notes=("no empty line ends the headers: the body is empty",))
    if any(name == b"transfer-encoding" and b"chunked" in value for name, value in headers):
        return _unchunked(capture)
    return capture


def _target(raw: bytes) -> str:
    """Keep the bytes of a target that is no UTF-8."""
    return raw.decode("utf-8", "surrogateescape")


def _parts(raw: bytes, begin: int, end: re.Match[bytes]) -> tuple[bytes, bytes]:
    return raw[begin : max(begin, end.start())], raw[end.end() :]


def _header_lines(head: bytes) -> Iterator[tuple[bytes, bytes]]:
    for number, line in enumerate(re.split(rb"\r?\n", head), start=2):
        if not line:
            continue
        name, colon, value = line.partition(b":")
        if not colon or not name.strip() or name[:1] in {b" ", b"\t"}:
            raise Unusable(f"line {number} of the request is no header: write it as Name: value")
        yield name.strip().lower(), value.strip(b" \t")


def _unchunked(capture: Capture) -> Capture:
    """Put a chunked body together; one that is not in chunks any more stays as it is."""
    joined = chunks.joined(capture.body)
    if joined is None:
        return capture
    return replace(capture, body=joined, notes=("its body came in chunks; joined here",))


def _from_json(raw: bytes) -> Capture:
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError) as wrong:
        raise Unusable(f"the request file begins like JSON and is none: {wrong}") from None
    is_event = _EVENT in said
    said = _of_event(said) if is_event else said
    url = said.get("url", said.get("path", ""))
    if not isinstance(url, str):
        raise Unusable("the JSON capture's url must be a text")
    _utf8(url, "the url")
    method = str(said.get("method", "POST")).upper()
    if not _METHOD.fullmatch(method):
        raise Unusable("the JSON capture's method must be a word such as POST")
    headers = tuple(_json_headers(said.get("headers")))
    notes = ("a function's event: its body is taken as isBase64Encoded says",) if is_event else ()
    return Capture(method, url, headers, _json_body(said), "JSON", notes)


def _of_event(said: dict[str, Any]) -> dict[str, Any]:
    """Return the request in the event that a cloud's gateway hands to a function, in our names."""
    context = said.get("requestContext")
    http = context.get("http") if isinstance(context, dict) else None
    method = http.get("method") if isinstance(http, dict) else None
    path, query = said.get("rawPath"), said.get("rawQueryString")
    found = {
        "method": said.get("httpMethod") or method,
        "url": f"{path}?{query}" if query else path,
        "headers": said.get("multiValueHeaders"),
        "body_base64": said.get("body") if said[_EVENT] is True else None,
    }
    return {**said, **{name: value for name, value in found.items() if value}}


def _json_headers(said: object) -> Iterator[tuple[bytes, bytes]]:
    """Yield headers given as an object, whose values may be lists, or as a list of pairs."""
    if isinstance(said, dict):
        said = list(said.items())
    if not isinstance(said, list):
        raise Unusable("the JSON capture needs headers: an object, or a list of [name, value]")
    for entry in said:
        pair = (entry.get("name"), entry.get("value")) if isinstance(entry, dict) else entry
        if not isinstance(pair, list | tuple) or len(pair) != PAIR:
            raise Unusable("a header of the JSON capture is no pair of name and value")
        name, values = pair
        for value in values if isinstance(values, list) else [values]:
            yield _utf8(str(name).lower(), "a header"), _utf8(str(value), "a header")


def _utf8(text: str, what: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Unusable(
            f"in the JSON capture, {what} holds half a character (a lone surrogate): no request can"
        ) from None


def _json_body(said: dict[str, object]) -> bytes:
    encoded, body = said.get("body_base64"), said.get("body", "")
    if encoded is not None:
        try:
            return base64.b64decode(str(encoded), validate=True)
        except binascii.Error:
            raise Unusable("the JSON capture's body_base64 is no base64") from None
    if not isinstance(body, str):
        raise Unusable(
            "the JSON capture's body is not a text but parsed JSON: its bytes are lost. Give the "
            "body as it was received, as a text or as body_base64"
        )
    return body.encode("utf-8", "surrogatepass")


def _from_curl(raw: bytes) -> Capture:
    try:
        said = curl.read(raw)
    except ValueError as wrong:
        raise Unusable(f"the curl command line cannot be read: {wrong}") from None
    return Capture(said.verb, said.target, tuple(said.headers), said.sent, "curl")
