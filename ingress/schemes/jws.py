"""JSON Web Signatures: a token carries its own content, or stands detached beside the body.

A delivery and the provider's keys flow in; the index of the key that signed flows out, or
`Rejected`. The algorithm comes from the profile, one and no other: a token that names another is
refused before any mathematics, and so is one that asks for an extension (``crit``). Of the token's
header nothing else is believed but the name of the key, and that only chooses among keys already
held: a key, or an address of one, that the token brings along (``jwk``, ``jku``, ``x5u``, ``x5c``)
is never looked at. What was signed is the text as it was sent, and it has one spelling.

What the token says beyond its signature is judged by `parts.claims`.
"""

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ingress.delivery import Delivery, Reason, Rejected
from ingress.schemes.parts import lexemes, public_keys
from ingress.schemes.parts.claims import Claims
from ingress.schemes.parts.headers import Headers, Index
from ingress.schemes.parts.keys import Key, KeyForm, key_material
from ingress.schemes.parts.places import Kind, Place
from ingress.schemes.parts.public_keys import KeyType
from ingress.schemes.parts.verifier import Verifier
from ingress.schemes.parts.view import View

# A token in a body is bounded by the body; these bound what a stranger may have us take apart.
TOKEN_BYTES_MAX = 16 * 1024
HEAD_CHARACTERS_MAX = 4 * 1024
SIGNATURE_CHARACTERS_MAX = 2 * 1024
_SEGMENTS = 3
_HALF_BYTES = 32


class Algorithm(StrEnum):
    """How a token is signed (RFC 7518, RFC 8037)."""

    RS256 = "RS256"
    RS512 = "RS512"
    ES256 = "ES256"
    HS256 = "HS256"
    EDDSA = "EdDSA"


class _Way(NamedTuple):
    """Key type (None: a shared secret), hash, and length of a signature where it is fixed."""

    type: KeyType | None
    hash_name: str
    signature_bytes: int | None = None


_WAYS = {
    Algorithm.RS256: _Way(KeyType.RSA, "sha256"),
    Algorithm.RS512: _Way(KeyType.RSA, "sha512"),
    Algorithm.ES256: _Way(KeyType.P256, "sha256", 2 * _HALF_BYTES),
    Algorithm.HS256: _Way(None, "sha256", 32),
    Algorithm.EDDSA: _Way(KeyType.ED25519, "", 64),
}


class Token(NamedTuple):
    """A token taken apart, unproven. `kid` names its key, "" for none."""

    kid: str
    signed: bytes
    payload: bytes
    signature: bytes


class _Ends(NamedTuple):
    """The two ends of a token, read; and what stands between them, not yet."""

    kid: str
    head: bytes
    middle: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Jws(Verifier):
    """One provider's way of sending tokens.

    A `detached` token (``head..signature``) stands in a header and speaks for the body. `claims` is
    None where the payload is no set of claims. `is_stored` tells whether whoever verifies again
    later may have the header; what authenticates its bearer elsewhere never leaves this process,
    whatever a profile says.
    """

    algorithm: Algorithm
    at: Place
    prefix: bytes = b""
    detached: bool = False
    claims: Claims | None = None
    is_stored: bool = True
    signed_headers: tuple[bytes, ...] = field(init=False)
    way: _Way = field(init=False)

    def __post_init__(self) -> None:
        if self.detached and (self._header is None or self.claims is not None):
            raise ValueError("a detached token stands in a header and has no claims of its own")
        stored = self.is_stored and self._header not in {None, b"authorization"}
        names = (self._header,) if stored and self._header is not None else ()
        object.__setattr__(self, "signed_headers", names)
        object.__setattr__(self, "way", _WAYS[self.algorithm])

    @property
    def scheme(self) -> str:
        """The name of the primitive with its algorithm, for the envelope."""
        return f"jws-{self.algorithm.lower()}"

    def key(self, secret: bytes, kid: str = "") -> Key:
        """Read a key as the provider shows it. Raises `ValueError` with a hint, never the text."""
        if self.way.type is not None:
            return Key(public_keys.load(self.way.type, secret), kid)
        if b"-----BEGIN " in secret:
            # Anybody has the public key, and with it could make what a shared secret makes.
            raise ValueError("HS256 takes the secret shared with the provider; this is a PEM file")
        return Key(key_material(KeyForm.UTF8, secret), kid)

    def precheck(self, headers: Headers) -> None:
        """Check all that can be checked without the body. Raises `Rejected`."""
        if self._header is not None:
            self._open(Index(headers).value(self._header))

    def read(self, view: View) -> Token:
        """Take the token apart. Raises `Rejected` unless all of it is well formed."""
        body = view.delivery.body
        ends = self._open(view.text(self.at))
        if self.detached:
            middle, payload = base64.urlsafe_b64encode(body).rstrip(b"="), body
        else:
            middle, payload = ends.middle, self._decode(ends.middle)
        signed = ends.head + b"." + middle
        return Token(ends.kid, signed, payload, ends.signature)

    def prove(self, view: View, token: Token, keys: Sequence[Key]) -> int:
        """Return the index of the key that signed. Raises `Rejected`, and nothing else."""
        if not keys:
            raise Rejected(Reason.KEY_MISSING)
        fitting = [
            index for index, key in enumerate(keys) if not token.kid or key.kid in {"", token.kid}
        ]
        if not fitting:
            raise Rejected(Reason.KEY_UNKNOWN)
        matched = None
        for index in fitting:
            if self._matches(keys[index], token):
                matched = index
        if matched is None:
            raise Rejected(Reason.SIGNATURE_MISMATCH)
        if self.claims is not None:
            self.claims.judge(token.payload, view.delivery.body, view.delivery.received_ms)
        return matched

    def claimed_ms(self, delivery: Delivery) -> int | None:
        """Say when the token claims to have been issued, if it does. Raises `Rejected`."""
        if self.claims is None:
            return None
        return self.claims.issued_ms(self.read(View.of(delivery)).payload)

    def kid(self, delivery: Delivery) -> str | None:
        """Say which key the token names; None where it names none, or none that could be."""
        try:
            return self.read(View.of(delivery)).kid or None
        except Rejected:
            return None

    def payload(self, delivery: Delivery) -> bytes | None:
        """Return what the token carries: content, of a delivery that verified, and else nothing."""
        try:
            return self.read(View.of(delivery)).payload
        except Rejected:
            return None

    @property
    def _header(self) -> bytes | None:
        return self.at.header if self.at.kind is Kind.HEADER else None

    @property
    def _malformed(self) -> Rejected:
        in_header = self._header is not None
        return Rejected(Reason.HEADER_MALFORMED if in_header else Reason.BODY_MALFORMED)

    def _open(self, text: bytes) -> _Ends:
        """Read a token's two ends. Raises `Rejected` unless it is of our kind and well formed."""
        if self._header is not None and len(text) > TOKEN_BYTES_MAX:
            raise self._malformed
        if not text.startswith(self.prefix):
            raise self._malformed
        segments = text[len(self.prefix) :].split(b".", _SEGMENTS)
        if len(segments) != _SEGMENTS or self.detached == bool(segments[1]):
            raise self._malformed
        head, middle, tail = segments
        if len(head) > HEAD_CHARACTERS_MAX or len(tail) > SIGNATURE_CHARACTERS_MAX:
            raise self._malformed
        kid = self._kid(self._decode(head))
        signature = self._decode(tail)
        if not signature or self.way.signature_bytes not in {None, len(signature)}:
            raise self._malformed
        return _Ends(kid, head, middle, signature)

    def _kid(self, head: bytes) -> str:
        """Return the name of the key. Raises `Rejected` for a head that asks for anything else."""
        try:
            said = lexemes.parse(head)
        except Rejected:
            raise self._malformed from None
        if not isinstance(said, dict):
            raise self._malformed
        # Never the token's choice; and an extension that must be understood is not understood.
        if said.get("alg") != self.algorithm or "crit" in said:
            raise Rejected(Reason.VERSION_UNSUPPORTED)
        kid = said.get("kid", "")
        if not isinstance(kid, str) or not public_keys.is_kid(kid):
            raise self._malformed
        return kid

    def _decode(self, segment: bytes) -> bytes:
        try:
            return public_keys.base64url(segment)
        except ValueError:
            raise self._malformed from None

    def _matches(self, key: Key, token: Token) -> bool:
        """Say whether the signature is the key's; a key of another type has made none."""
        material, way = key.material, self.way
        if isinstance(material, bytes):
            return way.type is None and hmac.compare_digest(
                hmac.digest(material, token.signed, way.hash_name), token.signature
            )
        if way.type is not public_keys.type_of(material):
            return False
        signature = token.signature
        if self.algorithm is Algorithm.ES256:
            # A token writes both numbers at full length, where everybody else writes DER.
            r, s = signature[:_HALF_BYTES], signature[_HALF_BYTES:]
            signature = encode_dss_signature(int.from_bytes(r), int.from_bytes(s))
        return public_keys.check(material, signature, token.signed, way.hash_name)
