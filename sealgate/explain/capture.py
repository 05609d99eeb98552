"""A captured request, in whichever form somebody has it, as what came over the wire.

A file flows in: the request as HTTP/1.1 wrote it, a JSON capture, or a curl command line copied
from a dashboard or a browser. A `Capture` flows out, or `Unusable` with what to change. The body's
bytes are taken as they stand: not a line end is added, removed or changed.
"""

import base64
import binascii
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ingress.schemes.parts.headers import Headers

_REQUEST_LINE = re.compile(rb"([A-Z]{3,10}) (\S+) HTTP/[0-9.]+\r?\n")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_CURL = re.compile(rb"curl(?:\.exe)?\s")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})(?:;[^\r\n]*)?\r\n")
_ANSI_QUOTED = re.compile(r"\$'((?:[^'\\]|\\.)*)'", re.DOTALL)
PAIR = 2
_CURL_DATA = ("--data", "--data-raw", "--data-binary", "--data-ascii", "-d")
_CURL_SKIPPED = ("-o", "--output", "-u", "--user", "-A", "--max-time", "-m", "--connect-timeout")
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
        return self.target.partition("#")[0].partition("?")[2].encode()


def read(raw: bytes, body: bytes | None = None) -> Capture:
    """Read a capture; `body` takes the place of its own. Raises `Unusable`."""
    text = raw.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"{"):
        capture = _from_json(text)
    elif _CURL.match(text):
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
    capture = Capture(line[1].decode(), line[2].decode("latin-1"), headers, body, "HTTP/1.1")
    if end is None:
        capture = replace(capture, notes=("no empty line ends the headers: the body is empty",))
    if any(name == b"transfer-encoding" and b"chunked" in value for name, value in headers):
        return _unchunked(capture)
    return capture


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
    rest, found = capture.body, b""
    while line := _CHUNK.match(rest):
        size = int(line[1], 16)
        if size == 0:
            return replace(capture, body=found, notes=("its body came in chunks; joined here",))
        found += rest[line.end() : line.end() + size]
        rest = rest[line.end() + size :].removeprefix(b"\r\n")
    return capture


def _from_json(raw: bytes) -> Capture:
    try:
        said = json.loads(raw)
    except ValueError as wrong:
        raise Unusable(f"the request file begins like JSON and is none: {wrong}") from None
    url = said.get("url", said.get("path", ""))
    if not isinstance(url, str):
        raise Unusable("the JSON capture's url must be a text")
    method = str(said.get("method", "POST")).upper()
    headers = tuple(_json_headers(said.get("headers")))
    return Capture(method, url, headers, _json_body(said), "JSON")


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
            yield str(name).lower().encode(), str(value).encode()


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
        words = shlex.split(_plain_quotes(raw.decode()))[1:]
    except (ValueError, UnicodeDecodeError) as wrong:
        raise Unusable(f"the curl command line cannot be taken apart: {wrong}") from None
    method, url, headers, body = "", "", [], list[str]()
    left = iter(words)
    for word in left:
        name, value = _option(word, left)
        if name in {"-X", "--request"}:
            method = value
        elif name in {"-H", "--header"}:
            header, _, text = value.partition(":")
            headers.append((header.strip().lower().encode(), text.strip().encode()))
        elif name in _CURL_DATA:
            body.append(_curl_data(name, value))
        elif name == "--url" or not name:
            url = value
    sent = "&".join(body).encode()
    return Capture(method or ("POST" if body else "GET"), url, tuple(headers), sent, "curl")


def _option(word: str, left: Iterator[str]) -> tuple[str, str]:
    """Return an option with its value; a word that is none has no name."""
    takes = ("-X", "--request", "-H", "--header", "--url", *_CURL_DATA, *_CURL_SKIPPED)
    if word in takes:
        return word, next(left, "")
    if word.startswith("--") and "=" in word and word.partition("=")[0] in takes:
        name, _, value = word.partition("=")
        return name, value
    if word[:2] in {"-X", "-H", "-d"} and not word.startswith("--"):
        return word[:2], word[2:]
    return (word, "") if word.startswith("-") else ("", word)


def _curl_data(name: str, value: str) -> str:
    if value.startswith("@") and name != "--data-raw":
        raise Unusable(f"the curl command reads its body from {value[1:]}; give it with --body")
    # As curl does: only --data-binary and --data-raw keep line ends.
    return value.replace("\r", "").replace("\n", "") if name in {"-d", "--data"} else value


def _plain_quotes(text: str) -> str:
    r"""Turn the shell's ``$'…\n…'`` into what `shlex` reads."""

    def plain(found: re.Match[str]) -> str:
        escaped = found[1].replace('"', r"\"").replace(r"\'", "'").replace("\n", r"\n")
        try:
            return shlex.quote(json.loads(f'"{escaped}"', strict=False))
        except ValueError:
            return shlex.quote(found[1])

    return _ANSI_QUOTED.sub(plain, text)
