"""A corpus of requests as they should not be, as they may be, and as they are: bytes by name.

Families times variations, each written by hand: all that framing, fields and lines can be made of.
"""

from collections.abc import Iterator
from itertools import product

_HOST = b"Host: h\r\n"
GOOD = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
NEXT = b"POST /next HTTP/1.1\r\nHost: h\r\nX: y\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET /get?q=1 HTTP/1.1\r\nHost: h\r\n\r\n"

LINES = (
    b"POST  /a HTTP/1.1",
    b"POST /a  HTTP/1.1",
    b" POST /a HTTP/1.1",
    b"POST\t/a\tHTTP/1.1",
    b"POST /a HTTP/1.1 ",
    b"POST /a",
    b"POST /a HTTP/0.9",
    b"POST /a HTTP/1.2",
    b"POST /a HTTP/2.0",
    b"POST /a HTTP/3.0",
    b"POST /a HTTP/1.10",
    b"POST /a http/1.1",
    b"POST /a HTTP/1",
    b"POST /a HTTP/1,1",
    b"POST /a XTTP/1.1",
    b"post /a HTTP/1.1",
    b"PSOT /a HTTP/1.1",
    b"P\x00ST /a HTTP/1.1",
    b"POST /\x00 HTTP/1.1",
    b"POST /\x7f HTTP/1.1",
    b"POST /\xff HTTP/1.1",
    b"POST /a#b HTTP/1.1",
    b"POST /a?b#c HTTP/1.1",
    b"POST ? HTTP/1.1",
    b"POST * HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"POST a HTTP/1.1",
    b"POST //a HTTP/1.1",
    b"POST http://h/a HTTP/1.1",
    b"POST http:///a HTTP/1.1",
    b"POST http://[ HTTP/1.1",
    b"POST http://h:99999999/a HTTP/1.1",
    b"POST HTTP://H/a HTTP/1.1",
    b"POST h:80 HTTP/1.1",
    b"POST /..%2f%00 HTTP/1.1",
    b"POST /a HTTP/1.1\r",
    b"",
    b"POST",
    b"HTTP/1.1 200 OK",
    b"POST /" + b"a" * 4080 + b" HTTP/1.1",
    b"POST /" + b"a" * 4096 + b" HTTP/1.1",
    b"POST /" + b"a" * 20000 + b" HTTP/1.1",
    b"QUERY /a HTTP/1.1",
    b"PRI * HTTP/2.0",
)
FIELDS = (
    b"X : y\r\n",
    b" X: y\r\n",
    b"X\t: y\r\n",
    b"X: y\r\n z\r\n",
    b"X: y\r\n\tz\r\n",
    b"X\r\n",
    b": y\r\n",
    b"X: a\x00b\r\n",
    b"X: a\x01b\r\n",
    b"X: a\x1bb\r\n",
    b"X: a\x7fb\r\n",
    b"X: a\rb\r\n",
    b"X: a\nY: b\r\n",
    b"X\x00: y\r\n",
    b"X(: y\r\n",
    b"X\xff: y\r\n",
    b"X y: z\r\n",
    b"X: y\n",
    b"X: y\r\r\n",
    b'"X": y\r\n',
    b"X:y\r\n",
    b"X_Y: z\r\n",
    b"X: " + b"y" * 8180 + b"\r\n",
    b"X: " + b"y" * 8191 + b"\r\n",
    b"X" * 8191 + b": y\r\n",
    b"X: " + b"y" * 20000 + b"\r\n",
    b"X: y\r\n" * 61,
    b"X: y\r\n" * 62,
    b"X: y\r\n" * 63,
    b"X: y\r\n" * 200,
    b"Host: other\r\n",
    b"Content-Type: a\r\nContent-Type: b\r\n",
    b"User-Agent: a\r\nUser-Agent: b\r\n",
    b"Sec-WebSocket-Key1: a\r\n",
)
LENGTHS = (
    b"-3",
    b"+3",
    b"3.0",
    b"0x3",
    b"3,3",
    b"3 3",
    b"",
    b" 3",
    b"3\t",
    b"\xd9\xa3",
    b"three",
    b"18446744073709551615",
    b"18446744073709551616",
    b"99999999999999999999999",
    b"3_0",
    b"3;",
)
CODINGS = (
    b"xchunked",
    b"chunked, identity",
    b"identity, chunked",
    b"chunked, chunked",
    b"identity",
    b"gzip, chunked",
    b"gzip",
    b" chunked",
    b"chunked ",
    b"\x0bchunked",
    b"Chunked",
    b"chunked;q=1",
    b'"chunked"',
    b"chunked\x00",
    b"chunke",
    b",chunked",
    b"chunked,",
)
CHUNKED = (
    b"0\r\n\r\n",
    b"3\r\nabc\r\n0\r\n\r\n",
    b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n",
    b"A\r\n0123456789\r\n0\r\n\r\n",
    b"a\r\n0123456789\r\n0\r\n\r\n",
    b"003\r\nabc\r\n000\r\n\r\n",
    b"3;x=y\r\nabc\r\n0\r\n\r\n",
    b'3;x="y"\r\nabc\r\n0;z\r\n\r\n',
    b"3;" + b"x" * 5000 + b"\r\nabc\r\n0\r\n\r\n",
    b"3 \r\nabc\r\n0\r\n\r\n",
    b"3\t\r\nabc\r\n0\r\n\r\n",
    b" 3\r\nabc\r\n0\r\n\r\n",
    b"-3\r\nabc\r\n0\r\n\r\n",
    b"0x3\r\nabc\r\n0\r\n\r\n",
    b"+3\r\nabc\r\n0\r\n\r\n",
    b"g\r\nabc\r\n0\r\n\r\n",
    b"\r\nabc\r\n0\r\n\r\n",
    b"3\r\nabcd\r\n0\r\n\r\n",
    b"3\r\nab\r\n0\r\n\r\n",
    b"3\nabc\n0\n\n",
    b"3\r\nabc\n0\r\n\r\n",
    b"3\r\nabc0\r\n\r\n",
    b"3\r\nabc\r\n0\r\nT: v\r\n\r\n",
    b"3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n",
    b"3\r\nabc\r\n0\r\nT : v\r\n\r\n",
    b"3\r\nabc\r\n0\r\n" + b"T: v\r\n" * 100 + b"\r\n",
    b"3\r\nabc\r\n0\r\nHost: z\r\n\r\n",
    b"3\r\nabc\r\n0\r\n",
    b"FFFFFFFFFFFFFFFF\r\nabc",
    b"FFFFFFFFFFFFFFFFF\r\nabc",
    b"3\r\nabc\r\n0\r\n\r\n\r\n",
    b"3\r\nabc\r\n0\r\n\r\nSMUGGLED",
    b"1\r\na\r\n" * 300 + b"0\r\n\r\n",
    b"3;\n\r\nabc\r\n0\r\n\r\n",
    b"3;\x00\r\nabc\r\n0\r\n\r\n",
)
OPTIONS = (b"close", b"keep-alive", b"Close", b"close, keep-alive", b"keep-alive, close", b"x", b"")


def _post(fields: bytes, body: bytes = b"", line: bytes = b"POST /a HTTP/1.1") -> bytes:
    return line + b"\r\n" + fields + b"\r\n" + body


def _plain() -> Iterator[tuple[str, bytes]]:
    yield "one", GOOD
    yield "get", GET
    yield "empty body", _post(_HOST + b"Content-Length: 0\r\n")
    yield "no length", _post(_HOST)
    yield "leading CRLF", b"\r\n\r\n" + GOOD
    yield "padded value", _post(b"Host:  \t h \t \r\nContent-Length: 1\r\n", b"x")
    yield "empty value", _post(b"Host:\r\nX:\r\n")
    yield "bytes above ASCII", _post(_HOST + b"X: \xff\xfe\xc3\xa9\r\n")
    yield "a large body", _post(_HOST + b"Content-Length: 20000\r\n", b"x" * 20000)
    yield "a body like a request", _post(_HOST + b"Content-Length: %d\r\n" % len(GET), GET)
    yield "repeated field", _post(_HOST + b"X: 1\r\nX: 2\r\nx: 3\r\n")
    yield "leading zeroes", _post(_HOST + b"Content-Length: 0003\r\n", b"abc")


def _lines() -> Iterator[tuple[str, bytes]]:
    for line in LINES:
        framed = _post(_HOST + b"Content-Length: 3\r\n", b"abc", line)
        yield f"line {line[:32]!r} {len(line)}", framed
    yield "0.9", b"GET /\r\n"
    yield "TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50
    yield "h2c preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield "nonsense", b"\0\xff" * 40


def _fields() -> Iterator[tuple[str, bytes]]:
    for one in FIELDS:
        framed = _post(_HOST + one + b"Content-Length: 3\r\n", b"abc")
        yield f"field {one[:24]!r} {len(one)}", framed + NEXT
    yield "no host", _post(b"Content-Length: 3\r\n", b"abc")
    yield "no host 1.0", _post(b"Content-Length: 3\r\n", b"abc", b"POST /a HTTP/1.0")
    yield "bare LF", GOOD.replace(b"\r\n", b"\n")
    yield "bare CR", GOOD.replace(b"\r\n", b"\r")
    yield "LF at the end of the head", GOOD.replace(b"\r\n\r\n", b"\r\n\n")


def _framings() -> Iterator[tuple[str, bytes]]:
    for one in LENGTHS:
        yield f"length {one!r}", _post(_HOST + b"Content-Length: " + one + b"\r\n", b"abc") + NEXT
    yield "two lengths", _post(_HOST + b"Content-Length: 3\r\n" * 2, b"abc") + NEXT
    both = (b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n")
    body = b"3\r\nabc\r\n0\r\n\r\n"
    yield "CL.TE", _post(_HOST + both[0] + both[1], body) + NEXT
    yield "TE.CL", _post(_HOST + both[1] + both[0], body) + NEXT
    yield "different lengths", _post(_HOST + both[0] + b"Content-Length: 4\r\n", b"abcd") + NEXT
    for one in CODINGS:
        coding = b"Transfer-Encoding: " + one + b"\r\n"
        yield f"coding {one!r}", _post(_HOST + coding, body) + NEXT
        yield f"coding {one!r} and length", _post(_HOST + both[0] + coding, body) + NEXT
        yield f"coding {one!r} 1.0", _post(_HOST + coding, body, b"POST /a HTTP/1.0") + NEXT
    yield "two codings", _post(_HOST + both[1] * 2, body) + NEXT
    yield "coding with space", _post(_HOST + b"Transfer-Encoding : chunked\r\n", body) + NEXT


def _chunks() -> Iterator[tuple[str, bytes]]:
    for number, body in enumerate(CHUNKED):
        yield f"chunks {number}", _post(_HOST + b"Transfer-Encoding: chunked\r\n", body) + NEXT


def _connections() -> Iterator[tuple[str, bytes]]:
    for version, option in product((b"1.0", b"1.1"), OPTIONS):
        fields = _HOST + b"Connection: " + option + b"\r\nContent-Length: 3\r\n"
        yield f"{version!r} {option!r}", _post(fields, b"abc", b"POST /a HTTP/" + version) + NEXT
    for protocol in (b"websocket", b"h2c", b"WebSocket", b"TLS/1.0", b"websocket, h2c"):
        fields = _HOST + b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n"
        yield f"upgrade {protocol!r}", _post(fields) + NEXT
        yield f"upgrade {protocol!r}, body", _post(fields + b"Content-Length: 3\r\n", b"abc") + NEXT
    yield "upgrade unasked", _post(_HOST + b"Upgrade: websocket\r\n") + NEXT
    yield "connect", b"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n" + NEXT
    connect = b"CONNECT h:443 HTTP/1.1"
    yield "connect, length", _post(_HOST + b"Content-Length: 3\r\n", b"abc", connect) + NEXT
    for expected in (b"100-continue", b"200-ok", b"100-Continue, x", b""):
        fields = _HOST + b"Expect: " + expected + b"\r\nContent-Length: 3\r\n"
        yield f"expect {expected!r}", _post(fields, b"abc") + NEXT


def _pipelines() -> Iterator[tuple[str, bytes]]:
    yield "two", GOOD + NEXT
    yield "mixed", GET + GOOD + GET + NEXT
    yield "fifty", (GET + GOOD) * 25
    yield "CRLF between", GOOD + b"\r\n" + NEXT
    yield "garbage behind", GOOD + b"garbage\r\n\r\n" + NEXT
    yield "garbage between", GOOD + b"\0" + NEXT
    yield "cut head", GOOD + NEXT[:20]
    yield "cut body", GOOD + NEXT[:-1]
    yield "too long a body", _post(_HOST + b"Content-Length: 3\r\n", b"abcdef") + NEXT
    yield "too short a body", _post(_HOST + b"Content-Length: 9\r\n", b"abc") + NEXT
    yield "nothing", b""
    yield "half a line", b"POST /a HT"


FAMILIES = (_plain, _lines, _fields, _framings, _chunks, _connections, _pipelines)
CORPUS = {f"{family.__name__[1:]}: {name}": raw for family in FAMILIES for name, raw in family()}
