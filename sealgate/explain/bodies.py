"""What happens to a body between its signature and a verifier, undone one thing at a time.

The body received flows in, bodies that may have been signed flow out. Each function undoes one
accident: a line end that an editor added, JSON that a framework parsed and printed again, a
character set that somebody guessed. They are pure, bounded, and return nothing where there is
nothing to undo.
"""

import base64
import binascii
import contextlib
import html
import re
import unicodedata
import urllib.parse
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from json.encoder import encode_basestring, encode_basestring_ascii

from ingress.delivery import Rejected
from ingress.schemes.parts import lexemes
from ingress.schemes.parts.lexemes import Node, Number
from sealgate.explain import chunks
from sealgate.explain.case import Case

Bodies = Iterator[bytes]
PLAIN_BYTES_MAX = 4 * 1024 * 1024
_FIELDS_MAX = 20
_BOM = b"\xef\xbb\xbf"
_FORM = re.compile(rb"[^\s=&{}<>]+=[^\s&{}<>]*(?:&[^\s=&{}<>]*=[^\s&{}<>]*)*")
_SMALL_ESCAPE = re.compile(rb"%[0-9a-fA-F]{2}")


def line_end_missing(body: bytes) -> Bodies:
    """Undo this: the signed body ended with a line end that was lost."""
    yield body + b"\n"
    yield body + b"\r\n"


def line_end_added(body: bytes) -> Bodies:
    """Undo this: a line end was added to the signed body."""
    if body.endswith(b"\n"):
        yield body.removesuffix(b"\n").removesuffix(b"\r")
        yield body.removesuffix(b"\n")


def blanks_added(body: bytes) -> Bodies:
    """Undo this: blanks or line ends were added around the signed body."""
    for plain in (body.strip(), body.rstrip(), body.lstrip()):
        if plain != body:
            yield plain


def line_feeds(body: bytes) -> Bodies:
    """Undo this: the signed body had CRLF where LF stands now."""
    if b"\n" in body and b"\r\n" not in body:
        yield body.replace(b"\n", b"\r\n")


def carriage_returns(body: bytes) -> Bodies:
    """Undo this: the signed body had LF where CRLF stands now."""
    if b"\r\n" in body:
        yield body.replace(b"\r\n", b"\n")


def byte_order_mark(body: bytes) -> Bodies:
    """Undo this: a byte order mark was added, or taken away."""
    yield body.removeprefix(_BOM) if body.startswith(_BOM) else _BOM + body


def quoted(body: bytes) -> Bodies:
    """Undo this: the body was wrapped in quotes, as a shell or a JSON text has it."""
    if len(body) > 1 and body[:1] == body[-1:] and body[:1] in {b'"', b"'"}:
        yield body[1:-1]
        if body[:1] == b'"':
            try:
                text = lexemes.parse(body)
            except Rejected:
                return
            if isinstance(text, str):
                yield text.encode()


def escaped(body: bytes) -> Bodies:
    r"""Undo this: the body was copied from a log that wrote ``\"`` and ``\n``."""
    if b'\\"' in body or b"\\n" in body:
        yield body.replace(b"\\n", b"\n").replace(b'\\"', b'"').replace(b"\\\\", b"\\")
        yield body.replace(b'\\"', b'"')


def compressed(body: bytes) -> Bodies:
    """Undo this: the provider signed the plain bytes, and what is here is compressed."""
    for window in (31, 15, -15):
        unzip = zlib.decompressobj(window)
        try:
            plain = unzip.decompress(body, PLAIN_BYTES_MAX)
        except zlib.error:
            continue
        if plain and unzip.eof:
            yield plain


def in_base64(body: bytes) -> Bodies:
    """Undo this: the capture holds the body in base64, as cloud functions hand it over."""
    try:
        yield base64.b64decode(body.strip(), validate=True)
    except binascii.Error:
        return


def charset(body: bytes) -> Bodies:
    """Undo this: the body's bytes were read in one character set and written in another."""
    for wide in ("utf-16", "utf-16-le", "utf-16-be"):
        if b"\0" in body:
            with contextlib.suppress(UnicodeError):
                yield body.decode(wide).encode()
    for read, wrote in product(("utf-8", "latin-1", "cp1252"), repeat=2):
        if read == wrote or body.isascii():
            continue
        try:
            yield body.decode(wrote).encode(read)
        except UnicodeError:
            continue


def unicode_form(body: bytes) -> Bodies:
    """Undo this: letters were composed, or taken apart into letter and accent."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return
    if not text.isascii():
        yield unicodedata.normalize("NFC", text).encode()
        yield unicodedata.normalize("NFD", text).encode()


def html_escaped(body: bytes) -> Bodies:
    """Undo this: quotes and angles were escaped for a page."""
    if b"&" in body and b";" in body:
        text = body.decode("utf-8", "surrogateescape")
        yield html.unescape(text).encode("utf-8", "surrogateescape")
        plain = text.replace("&quot;", '"').replace("&#34;", '"').replace("&#39;", "'")
        plain = plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        yield plain.encode("utf-8", "surrogateescape")


def in_chunks(body: bytes) -> Bodies:
    """Undo this: the chunks of the transfer were never joined."""
    joined = chunks.joined(body)
    if joined is not None:
        yield joined


def form_field(body: bytes) -> Bodies:
    """Undo this: the body was put into a field of a form."""
    if _FORM.fullmatch(body.strip()):
        pairs = urllib.parse.parse_qsl(body.strip().decode("latin-1"), encoding="utf-8")
        yield from (value.encode() for _, value in pairs[:_FIELDS_MAX])


def form_encoded(body: bytes) -> Bodies:
    """Undo this: the form's fields were parsed and written again."""
    if not _FORM.fullmatch(body.strip()):
        return
    pairs = urllib.parse.parse_qsl(body.decode("latin-1"), keep_blank_values=True)
    quotes: tuple[Callable[..., str], ...] = (urllib.parse.quote_plus, urllib.parse.quote)
    for quote, order in product(quotes, (pairs, sorted(pairs))):
        yield urllib.parse.urlencode(order, encoding="utf-8", quote_via=quote).encode()
    yield _SMALL_ESCAPE.sub(lambda found: found[0].lower(), body)
    yield _SMALL_ESCAPE.sub(lambda found: found[0].upper(), body)
    yield urllib.parse.unquote_to_bytes(body.replace(b"+", b" "))


def reprinted(
    indent: str | None, separators: tuple[str, str], *, is_sorted: bool = False
) -> Callable[[bytes], Bodies]:
    """Undo this: the signed JSON was printed like this, and was printed again otherwise.

    The order of the members is the received one unless sorted; of a number the letters are kept.
    """

    def undo(body: bytes) -> Bodies:
        try:
            node = lexemes.parse(body.removeprefix(_BOM).strip())
        except Rejected:
            return
        for quote, slash in product((encode_basestring, encode_basestring_ascii), ("/", "\\/")):
            print_text = _quoting(quote, slash)
            yield _print(node, _Layout(print_text, indent, *separators, is_sorted)).encode(
                "utf-8", "surrogatepass"
            )

    return undo


def on_body(change: Callable[[bytes], Iterator[bytes]]) -> Callable[[Case], Iterator[Case]]:
    """Alter the body."""

    def altered(case: Case) -> Iterator[Case]:
        body = case.delivery.body
        return (case.with_body(other) for other in change(body) if other != body)

    return altered


def _quoting(quote: Callable[[str], str], slash: str) -> Callable[[str], str]:
    return lambda text: quote(text).replace("/", slash)


@dataclass(frozen=True, slots=True)
class _Layout:
    """How JSON is laid out."""

    quote: Callable[[str], str]
    indent: str | None
    item: str
    colon: str
    is_sorted: bool


def _print(node: Node, layout: _Layout, level: int = 0) -> str:
    # As deep as the tree, whose reader allows 64 levels.
    if isinstance(node, str):
        return layout.quote(node)
    if isinstance(node, Number):
        return node.text
    if isinstance(node, dict):
        members = sorted(node.items()) if layout.is_sorted else node.items()
        rows = [
            f"{layout.quote(k)}{layout.colon}{_print(v, layout, level + 1)}" for k, v in members
        ]
        return _wrap("{", rows, "}", layout, level)
    if isinstance(node, list):
        return _wrap("[", [_print(one, layout, level + 1) for one in node], "]", layout, level)
    return {True: "true", False: "false", None: "null"}[node]


def _wrap(begin: str, rows: list[str], end: str, layout: _Layout, level: int) -> str:
    if layout.indent is None or not rows:
        return begin + layout.item.join(rows) + end
    inner, outer = "\n" + layout.indent * (level + 1), "\n" + layout.indent * level
    return begin + inner + (layout.item.rstrip() + inner).join(rows) + outer + end
