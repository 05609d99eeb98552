"""What a secret becomes between a provider's dashboard and the file it is read from, undone.

The file's content flows in, secrets that may have been meant flow out: without the blanks, quotes
or name around them, decoded, or not decoded. Nothing of this is ever shown; a finding only says
what to change about the file.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterator

from ingress.schemes.parts.keys import Key
from sealgate.explain.case import Case, takes_bytes

Secrets = Iterator[bytes]
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2})+")
_NAMED = re.compile(rb"(?:export\s+)?[A-Za-z_][A-Za-z0-9_.]*\s*[=:]\s*(.+)", re.DOTALL)
_LABEL = re.compile(rb"[A-Za-z]{2,10}(?:_[a-z]{2,8})*_")
_LABELS = (b"whsec_", b"sk_", b"pdl_ntfset_", b"qnsec_")


def blanks(secret: bytes) -> Secrets:
    """Undo this: blanks or line ends around it."""
    for plain in (secret.strip(), secret.rstrip(), secret.lstrip()):
        if plain != secret:
            yield plain


def inner_line_ends(secret: bytes) -> Secrets:
    """Undo this: line ends or blanks inside it."""
    plain = b"".join(secret.split())
    if plain not in {secret, secret.strip()}:
        yield plain


def line_end(secret: bytes) -> Secrets:
    """Undo this: a line end that is a part of it."""
    yield secret + b"\n"
    yield secret + b"\r\n"


def quotes(secret: bytes) -> Secrets:
    """Undo this: quotes around it."""
    plain = secret.strip()
    if len(plain) > 1 and plain[:1] == plain[-1:] and plain[:1] in {b'"', b"'", b"`"}:
        yield plain[1:-1]


def name(secret: bytes) -> Secrets:
    """Undo this: a variable's name before it, or another line beside it."""
    if found := _NAMED.fullmatch(secret.strip()):
        yield found[1].strip().strip(b"\"'")
    lines = secret.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if line.strip())


def verbatim(secret: bytes) -> Secrets:
    """Undo this: its letters themselves, where the profile decodes them."""
    yield secret


def from_hex(secret: bytes) -> Secrets:
    """Undo this: the bytes that it stands for in hexadecimal."""
    plain = secret.strip().removeprefix(b"0x")
    if _HEX.fullmatch(plain):
        yield binascii.unhexlify(plain)


def from_base64(secret: bytes) -> Secrets:
    """Undo this: the bytes it stands for in base64, behind a label or without."""
    for text in {secret.strip(), *_bare(secret.strip())}:
        padded = text + b"=" * (-len(text) % 4)
        for decode in (_standard, base64.urlsafe_b64decode):
            try:
                plain = decode(padded)
            except (binascii.Error, ValueError):
                continue
            if plain:
                yield plain


def unlabelled(secret: bytes) -> Secrets:
    """Undo this: it without its label."""
    yield from _bare(secret.strip())


def labelled(secret: bytes) -> Secrets:
    """Undo this: it with the label that was left off."""
    yield from (label + secret.strip() for label in _LABELS if not secret.startswith(label))


def hashed(secret: bytes) -> Secrets:
    """Undo this: its SHA-1 or SHA-256, which some providers take for the key."""
    for algorithm in ("sha1", "sha256"):
        digest = hashlib.new(algorithm, secret.strip(), usedforsecurity=False)
        yield digest.digest()
        yield digest.hexdigest().encode()


def letters(secret: bytes) -> Secrets:
    """Undo this: its letters in the other case."""
    yield from (other for other in (secret.lower(), secret.upper()) if other != secret)


def empty(secret: bytes) -> Secrets:
    """Undo this: no secret at all: the sender has none set."""
    if secret:
        yield b""


def pem_line_ends(secret: bytes) -> Secrets:
    r"""Undo this: a PEM file whose line ends were written as ``\n``, or lost."""
    if b"\\n" in secret:
        yield secret.replace(b"\\r", b"").replace(b"\\n", b"\n")
    if b"-----BEGIN" in secret:
        joined = re.sub(rb"(-----BEGIN [A-Z ]+-----)\s*(.*?)\s*(-----END)", _broken, secret.strip())
        yield joined


def pem_frame(secret: bytes) -> Secrets:
    """Undo this: a public key's base64 whose BEGIN and END lines were left off."""
    if b"-----BEGIN" not in secret:
        inner = b"".join(secret.split())
        yield b"-----BEGIN PUBLIC KEY-----\n" + inner + b"\n-----END PUBLIC KEY-----\n"
        yield inner


def on_secret(change: Callable[[bytes], Iterator[bytes]]) -> Callable[[Case], Iterator[Case]]:
    """Alter a secret, and use it as it then is: whatever the profile would decode is decoded."""

    def altered(case: Case) -> Iterator[Case]:
        if takes_bytes(case.profile):
            for held in case.held:
                for secret in dict.fromkeys(change(held.secret)):
                    yield case.with_keys([(held.id, Key(secret, held.kid))])

    return altered


def on_public_key(change: Callable[[bytes], Iterator[bytes]]) -> Callable[[Case], Iterator[Case]]:
    """Alter the text of a public key, and load it as the profile does."""

    def altered(case: Case) -> Iterator[Case]:
        if takes_bytes(case.profile):
            return
        for held in case.held:
            for text in dict.fromkeys(change(held.secret)):
                try:
                    key = case.profile.key(text, held.kid)
                except ValueError:
                    continue
                yield case.with_keys([(held.id, key)])

    return altered


def _broken(found: re.Match[bytes]) -> bytes:
    return found[1] + b"\n" + b"\n".join(found[2].split()) + b"\n" + found[3]


def _standard(text: bytes) -> bytes:
    return base64.b64decode(text, validate=True)


def _bare(secret: bytes) -> Secrets:
    if found := _LABEL.match(secret):
        yield secret[found.end() :]
        yield secret[secret.index(b"_") + 1 :]
