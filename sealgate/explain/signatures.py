"""What happens to a signature's text on its way, undone; and the other ways it may be written.

The text in the header flows in, texts that a provider may have sent flow out. Other functions alter
how the profile reads it: another encoding, another version of the signature, another message.
"""

import base64
import contextlib
import json
import re
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ingress.delivery import Rejected
from ingress.schemes.asym import Asym
from ingress.schemes.asym import Hash as AsymHash
from ingress.schemes.mac import DIGEST_BYTES, HMAC_HASHES, Construction, Mac
from ingress.schemes.parts import parsers
from ingress.schemes.parts.encoding import Encoding
from ingress.schemes.parts.message import Message, compile_message
from ingress.schemes.parts.parsers import Parser
from ingress.schemes.parts.places import Kind, Place
from ingress.schemes.parts.statement import Statement
from ingress.schemes.parts.verifier import Verifier
from ingress.schemes.parts.view import View
from sealgate.explain.case import Case, primitives, remade, restated, statements

Texts = Iterator[bytes]
_FOREIGN = re.compile(
    rb"(?i)(?:sha-?1|sha-?256|sha-?512|hmac(?:-sha\d+)?|v\d|s|t|signature|bearer|0x)?[=:, ]+|0x"
)
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_NUMBER_BYTES = 32
_TEMPLATES = (
    "{body}",
    "{timestamp}.{body}",
    "{timestamp}{body}",
    "{timestamp}:{body}",
    "{body}{timestamp}",
    "{body}.{timestamp}",
    "v0:{timestamp}:{body}",
    "{url}{body}",
    "{method}{url}{body}",
    "{method}{url}{body}{timestamp}",
)


def prefix_missing(text: bytes, parser: Parser) -> Texts:
    """Undo this: the prefix that the provider sends was taken off."""
    if isinstance(parser, parsers.Plain) and parser.prefix and not text.startswith(parser.prefix):
        yield parser.prefix + text
    if isinstance(parser, parsers.Versions) and b"," not in text:
        yield parser.version + b"," + text


def prefix_case(text: bytes, parser: Parser) -> Texts:
    """Undo this: the prefix is written in the other case."""
    prefix = _prefix(parser)
    if prefix and text.lower().startswith(prefix.lower()):
        yield prefix + text[len(prefix) :]


def prefix_foreign(text: bytes, parser: Parser) -> Texts:
    """Undo this: another prefix stands there."""
    found = _FOREIGN.match(text)
    if found and isinstance(parser, parsers.Plain):
        yield parser.prefix + text[found.end() :]


def wrapping(text: bytes) -> Texts:
    """Undo this: quotes or blanks stand around it, or inside it."""
    for plain in (text.strip(b"\"' \t"), b"".join(text.split())):
        if plain != text:
            yield plain


def url_safe(text: bytes, parser: Parser) -> Texts:
    """Undo this: it is in the URL-safe alphabet of base64, or has lost its padding."""
    standard = text.translate(_URL_SAFE)
    if isinstance(parser, parsers.Plain) and text.startswith(parser.prefix):
        yield parser.prefix + _padded(text.removeprefix(parser.prefix))
    elif isinstance(parser, parsers.Named | parsers.Versions):
        items = [item.partition(_assign(parser)) for item in text.split(parser.separator)]
        yield parser.separator.join(
            name + sign + _padded(value) if name == _version(parser) else name + sign + value
            for name, sign, value in items
        )
    yield standard


def percent_encoded(text: bytes) -> Texts:
    """Undo this: it is percent-encoded; or was in a query, where its plus became a blank."""
    yield urllib.parse.unquote_to_bytes(text)
    yield text.replace(b" ", b"+")


def other_encoding(case: Case) -> Iterator[Case]:
    """Read hex where the profile says base64, and the other way round."""
    turned = {Encoding.HEX: Encoding.BASE64, Encoding.BASE64: Encoding.HEX}
    for said in statements(case.profile)[:1]:
        line = f'signature.encoding = "{turned[said.encoding]}"'
        other = restated(case, lambda one: replace(one, encoding=turned[one.encoding]))
        yield replace(other, line=line)


def other_prefix(case: Case) -> Iterator[Case]:
    """Read the signature behind another prefix."""
    for said in statements(case.profile)[:1]:
        found = _FOREIGN.match(_text(case, said))
        prefix = found[0].decode() if found else ""
        line = f'signature.parser = {{ form = "plain", prefix = {json.dumps(prefix)} }}'
        yield from (replace(one, line=line) for one in on_texts(prefix_foreign)(case))


def other_prehash(case: Case) -> Iterator[Case]:
    """Hash the message once where the profile hashes it twice, and the other way round."""
    found = [one for one in primitives(case.profile) if isinstance(one, Asym)]
    for prehash in (AsymHash.NONE, AsymHash.SHA256, AsymHash.SHA512) if found else ():

        def changed(one: Verifier, prehash: AsymHash = prehash) -> Verifier:
            return replace(one, prehash=prehash) if isinstance(one, Asym) else one

        if found[0].prehash is not prehash:
            yield replace(remade(case, changed), line=f'signature.prehash = "{prehash}"')


def hex_in_base64(case: Case) -> Iterator[Case]:
    """Take the base64 of a hex text apart twice."""

    def undo(text: bytes) -> bytes:
        try:
            return base64.b64decode(text, validate=True)
        except ValueError:
            return text

    yield from on_text(lambda text: iter([undo(text)]))(
        restated(case, lambda said: replace(said, encoding=Encoding.HEX))
    )


def side_by_side(text: bytes) -> Texts:
    """Undo this: ECDSA's two numbers stand side by side, and not in DER."""
    with contextlib.suppress(ValueError):
        raw = base64.b64decode(text, validate=True)
        if len(raw) == 2 * _NUMBER_BYTES:
            numbers = (raw[:_NUMBER_BYTES], raw[_NUMBER_BYTES:])
            r, s = (int.from_bytes(number) for number in numbers)
            yield base64.b64encode(encode_dss_signature(r, s))


def other_hash(case: Case) -> Iterator[Case]:
    """Use another hash under the HMAC."""
    for algorithm in sorted(HMAC_HASHES):

        def changed(one: Verifier, algorithm: str = algorithm) -> Verifier:
            if not isinstance(one, Mac) or one.construction is Construction.PLAIN:
                return one
            found = next(known for known in HMAC_HASHES if known == algorithm)
            stated = replace(one.statement, digest_bytes=DIGEST_BYTES[found])
            return replace(one, hash=found, statement=stated)

        yield replace(remade(case, changed), line=f'signature.hash = "{algorithm}"')


def other_message(case: Case) -> Iterator[Case]:
    """Sign another message: with the timestamp or without, with other separators."""
    for template in _TEMPLATES:
        message = compile_message(template)

        def changed(said: Statement, message: Message = message) -> Statement:
            if message.is_timed and said.stamp is None:
                return said
            return replace(said, messages=(message,))

        if _has_no_secret(case):
            line = f'signature.message = "{template}"'
            yield replace(restated(case, changed), line=line)


def other_version(case: Case) -> Iterator[Case]:
    """Read a signature of another version from the same header."""
    for name in other_versions(case):

        def changed(said: Statement, name: bytes = name) -> Statement:
            return replace(said, parser=_renamed(said.parser, name))

        yield restated(case, changed)


def other_versions(case: Case) -> list[bytes]:
    """Return the names of what else the signature's header carries, where ours is not."""
    names: dict[bytes, None] = {}
    ours: set[bytes] = set()
    stamps: set[bytes] = set()
    for said in statements(case.profile):
        text, parser = _text(case, said), said.parser
        if isinstance(parser, parsers.Named | parsers.Versions):
            items = [item.partition(_assign(parser)) for item in text.split(parser.separator)]
            names |= {name: None for name, assigned, _ in items if assigned}
            ours.add(_version(parser))
            stamps.add(b"" if said.stamp is None else said.stamp.field)
    if any(name not in ours and name.strip() in ours for name in names):
        return []  # ours is there, with a blank beside it: an accident, and no other version
    return [name for name in names if name not in ours | stamps]


def other_header(case: Case) -> Iterator[Case]:
    """Read the signature from another header."""
    expected = set(case.profile.signed_headers)
    for name, _ in case.delivery.headers:
        if name not in expected and name.isascii():
            place = Place(Kind.HEADER, name.decode())

            def changed(said: Statement, place: Place = place) -> Statement:
                return replace(said, at=place) if said.at.kind is Kind.HEADER else said

            line = f'signature.header = "{place.name}"'
            yield replace(restated(case, changed), line=line)


def one_of_two(case: Case) -> Iterator[Case]:
    """Keep one of two headers of the same name."""
    headers = case.delivery.headers
    for name in {name for name, _ in headers if len(case.delivery.values(name)) > 1}:
        for kept in dict.fromkeys(case.delivery.values(name)):
            others = tuple(pair for pair in headers if pair[0] != name)
            yield replace(case, delivery=replace(case.delivery, headers=(*others, (name, kept))))


def on_texts(change: Callable[[bytes, Parser], Texts]) -> Callable[[Case], Iterator[Case]]:
    """Alter the text in the signature's header."""

    def altered(case: Case) -> Iterator[Case]:
        for said in statements(case.profile):
            name = said.at.header
            for value in case.delivery.values(name) if name else []:
                for text in change(value, said.parser):
                    headers = tuple(
                        (key, text if (key, old) == (name, value) else old)
                        for key, old in case.delivery.headers
                    )
                    yield replace(case, delivery=replace(case.delivery, headers=headers))

    return altered


def on_text(change: Callable[[bytes], Texts]) -> Callable[[Case], Iterator[Case]]:
    """Alter the text in the signature's header, whatever the parser."""
    return on_texts(lambda text, _: change(text))


def _prefix(parser: Parser) -> bytes:
    return parser.prefix if isinstance(parser, parsers.Plain) else b""


def _version(parser: Parser) -> bytes:
    """Return the name before our signatures in a list; of a plain text there is none."""
    if isinstance(parser, parsers.Named):
        return parser.key
    return parser.version if isinstance(parser, parsers.Versions) else b""


def _assign(parser: parsers.Named | parsers.Versions) -> bytes:
    return parser.assign if isinstance(parser, parsers.Named) else b","


def _padded(text: bytes) -> bytes:
    """Write base64 in its standard alphabet, with its padding."""
    bare = text.translate(_URL_SAFE).rstrip(b"=")
    return bare + b"=" * (-len(bare) % 4)


def _renamed(parser: Parser, name: bytes) -> Parser:
    if isinstance(parser, parsers.Named):
        return replace(parser, key=name)
    return replace(parser, version=name) if isinstance(parser, parsers.Versions) else parser


def _text(case: Case, said: Statement) -> bytes:
    try:
        return View(case.delivery).text(said.at)
    except Rejected:
        return b""


def _has_no_secret(case: Case) -> bool:
    """Say whether no message holds the secret itself: then a template may take its place."""
    return all(
        not (isinstance(one, Mac) and one.construction is Construction.PLAIN)
        for one in primitives(case.profile)
        if isinstance(one, Mac | Asym)
    )
