"""A curl command line, as somebody copied it, read as the shell and curl would.

The text flows in; the request that it makes flows out, or a `ValueError` with what to change. An
option that is not known is refused by its name: its value might otherwise be taken for the URL.
"""

import base64
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote_plus

START = re.compile(rb"(?:[$#%>][ \t]+)?curl(?:\.exe)?\s")
_PROMPT = re.compile(r"[$#%>][ \t]+")
_PIECE = re.compile(
    r"\$'(?P<ansi>(?:[^'\\]|\\.)*)'|'[^']*'|\"(?P<double>(?:[^\"\\]|\\.)*)\"|\\\r?\n|\\.",
    re.DOTALL,
)
_IN_DOUBLE = re.compile(r"\\(\r?\n|.)", re.DOTALL)
_ESCAPE = re.compile(
    r"\\(?:(u[dD][89abAB]\w{2}\\u[dD][c-fC-F]\w{2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})"
    r"|x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))",
    re.DOTALL,
)
_LETTERS = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
} | dict.fromkeys("eE", "\x1b")
_END = frozenset({"|", "||", "&", "&&", ";", ">", ">>", "2>", "2>&1", "<"})

_SHORT = {
    "X": "--request",
    "H": "--header",
    "d": "--data",
    "u": "--user",
    "b": "--cookie",
    "e": "--referer",
    "x": "--proxy",
    "A": "--user-agent",
    "o": "--output",
    "m": "--max-time",
    "c": "--cookie-jar",
    "E": "--cert",
    "w": "--write-out",
    "D": "--dump-header",
    "r": "--range",
    "F": "--form",
    "T": "--upload-file",
    "K": "--config",
    "U": "--proxy-user",
    "G": "--get",
    "I": "--head",
}
_SHORT_FLAGS = frozenset("sSkLvifgaN#0123460JOnpqRlj")
_DATA = frozenset(
    {"--data", "--data-raw", "--data-binary", "--data-ascii", "--data-urlencode", "--json"}
)
_CREDENTIALS = frozenset({"--user", "--oauth2-bearer"})
_READ = frozenset({"--request", "--header", "--url", *_CREDENTIALS, *_DATA})
_PASSED_OVER = frozenset(
    {
        "--cacert",
        "--capath",
        "--cert",
        "--cert-type",
        "--ciphers",
        "--connect-timeout",
        "--connect-to",
        "--cookie",
        "--cookie-jar",
        "--doh-url",
        "--dump-header",
        "--expect100-timeout",
        "--interface",
        "--keepalive-time",
        "--key",
        "--key-type",
        "--limit-rate",
        "--local-port",
        "--max-redirs",
        "--max-time",
        "--noproxy",
        "--output",
        "--pass",
        "--pinnedpubkey",
        "--preproxy",
        "--proxy",
        "--proxy-user",
        "--range",
        "--referer",
        "--resolve",
        "--retry",
        "--retry-delay",
        "--retry-max-time",
        "--socks4",
        "--socks5",
        "--socks5-hostname",
        "--speed-limit",
        "--speed-time",
        "--stderr",
        "--tls-max",
        "--trace",
        "--trace-ascii",
        "--unix-socket",
        "--user-agent",
        "--write-out",
    }
)
_FLAGS = frozenset(
    {
        "--anyauth",
        "--basic",
        "--compressed",
        "--create-dirs",
        "--disable",
        "--fail",
        "--fail-early",
        "--fail-with-body",
        "--get",
        "--globoff",
        "--head",
        "--http0.9",
        "--http1.0",
        "--http1.1",
        "--http2",
        "--http2-prior-knowledge",
        "--http3",
        "--http3-only",
        "--include",
        "--insecure",
        "--ipv4",
        "--ipv6",
        "--location",
        "--location-trusted",
        "--no-alpn",
        "--no-buffer",
        "--no-keepalive",
        "--no-progress-meter",
        "--no-sessionid",
        "--path-as-is",
        "--progress-bar",
        "--proxy-insecure",
        "--raw",
        "--remote-header-name",
        "--remote-name",
        "--retry-all-errors",
        "--retry-connrefused",
        "--show-error",
        "--silent",
        "--ssl",
        "--ssl-reqd",
        "--tcp-nodelay",
        "--tlsv1",
        "--tlsv1.0",
        "--tlsv1.1",
        "--tlsv1.2",
        "--tlsv1.3",
        "--trace-time",
        "--verbose",
    }
)


@dataclass(slots=True)
class Command:
    """The request that a command line makes."""

    method: str = ""
    url: str = ""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes | None = None
    is_query: bool = False

    @property
    def target(self) -> str:
        """The URL with the query that it is called with."""
        if not self.is_query or not self.body:
            return self.url
        return self.url + ("&" if "?" in self.url else "?") + _text(self.body)

    @property
    def sent(self) -> bytes:
        """The body."""
        return b"" if self.is_query else self.body or b""

    @property
    def verb(self) -> str:
        """The method: said, or as curl chooses it."""
        return self.method or ("POST" if self.body is not None and not self.is_query else "GET")


def read(raw: bytes) -> Command:
    """Read a command line. Raises `ValueError` with what to change."""
    text = _PROMPT.sub("", raw.decode("utf-8", "surrogateescape"), count=1)
    words = shlex.split(_PIECE.sub(_plain, text))[1:]
    ends = [index for index, word in enumerate(words) if word in _END]
    command = Command()
    for name, value in _options(iter(words[: ends[0]] if ends else words)):
        _apply(command, name, value)
    if not command.url:
        raise ValueError("it names no URL")
    return command


def _options(left: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield each option with its value; a word that is none has no name."""
    for word in left:
        if word.startswith("--"):
            name, assigned, value = word.partition("=")
            if name in _FLAGS:
                yield name, ""
            else:
                yield _known(name), value if assigned else _value(name, left)
        elif word.startswith("-") and len(word) > 1:
            yield from _letters(word[1:], left)
        else:
            yield "", word


def _letters(letters: str, left: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield the options of one word; the first with a value takes the rest of it."""
    for index, letter in enumerate(letters):
        if letter in _SHORT_FLAGS:
            continue
        name = _SHORT.get(letter, f"-{letter}")
        if name in _FLAGS:
            yield name, ""
            continue
        yield _known(name), letters[index + 1 :] or _value(name, left)
        return


def _known(name: str) -> str:
    if name in _READ or name in _PASSED_OVER:
        return name
    if name in {"--form", "--upload-file", "--config", "--next"}:
        raise ValueError(f"{name} cannot be read here: give the request's bytes with --body")
    raise ValueError(f"the option {name} is not known here: leave it out, with its value")


def _value(name: str, left: Iterator[str]) -> str:
    value = next(left, None)
    if value is None:
        raise ValueError(f"the option {name} has no value")
    return value


def _apply(command: Command, name: str, value: str) -> None:
    if name == "--request":
        command.method = value
    elif name == "--header":
        command.headers += _header(value)
    elif name in _DATA:
        _append(command, name, value)
    elif name in _CREDENTIALS:
        command.headers.append((b"authorization", _credential(name, value)))
    elif name == "--get":
        command.is_query = True
    elif name == "--head":
        command.method = command.method or "HEAD"
    elif name in {"", "--url"}:
        command.url = _only(command.url, value)


def _only(known: str, url: str) -> str:
    if known:
        raise ValueError(f"it names two URLs, {known[:60]!r} and {url[:60]!r}")
    return url


def _credential(name: str, value: str) -> bytes:
    if name == "--user":
        return b"Basic " + base64.b64encode(_bytes(value))
    return b"Bearer " + _bytes(value)


def _header(value: str) -> list[tuple[bytes, bytes]]:
    """Read a header as curl does: ``X:`` sends none, ``X;`` an empty one."""
    if value.startswith("@"):
        raise ValueError(f"it reads headers from {value[1:]}; write them out")
    name, colon, text = value.partition(":")
    if not colon and value.endswith(";"):
        return [(_bytes(value[:-1].strip().lower()), b"")]
    return [(_bytes(name.strip().lower()), _bytes(text.strip()))] if text.strip() else []


def _append(command: Command, name: str, value: str) -> None:
    """Add to the body. What stands in the command keeps its line ends: only a file loses them."""
    if name == "--data-urlencode":
        part = _urlencoded(value)
    elif value.startswith("@") and name != "--data-raw":
        raise ValueError(f"it reads its body from {value[1:]}; give that with --body")
    else:
        part = _bytes(value)
    if name == "--json" and command.body is None:
        command.headers.append((b"content-type", b"application/json"))
    joint = b"" if name == "--json" else b"&"
    command.body = part if command.body is None else command.body + joint + part


def _urlencoded(value: str) -> bytes:
    name, assigned, content = value.partition("=")
    if not assigned and "@" in value:
        raise ValueError(f"it reads its body from {value.partition('@')[2]}; give it with --body")
    if not assigned:
        name, content = "", value
    encoded = quote_plus(_bytes(content), safe="~").encode()
    return _bytes(name) + b"=" + encoded if name else encoded


def _plain(found: re.Match[str]) -> str:
    """Turn one quoted or escaped piece into what `shlex` reads the same."""
    if found["ansi"] is not None:
        return shlex.quote(_ESCAPE.sub(_unescape, found["ansi"]))
    if found["double"] is not None:
        return shlex.quote(_IN_DOUBLE.sub(_in_double, found["double"]))
    return "" if found[0][-1] == "\n" and found[0][0] == "\\" else found[0]


def _in_double(found: re.Match[str]) -> str:
    letter = found[1]
    if letter.endswith("\n"):
        return ""
    return letter if letter in '"\\$`' else found[0]


def _unescape(found: re.Match[str]) -> str:
    pair, short, long, hexadecimal, octal, letter = found.groups()
    if pair:
        halves = bytes.fromhex(pair[1:5] + pair[7:])
        return halves.decode("utf-16-be", "replace")
    if short or long:
        # Eight digits may be no character, and half a pair is none.
        units = int(short or long, 16).to_bytes(4, "big")
        return units.decode("utf-32-be", "replace")
    if hexadecimal or octal:
        byte = int(hexadecimal, 16) if hexadecimal else int(octal, 8) & 0xFF
        return bytes([byte]).decode("utf-8", "surrogateescape")
    if letter in _LETTERS:
        return _LETTERS[letter]
    return letter if letter in "\\'\"?" else found[0]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
