"""Public-key signatures: the provider signs with a key that it alone holds.

A delivery and the provider's public keys flow in; the index of the key that signed flows out, or
`Rejected`. Kind of key and hash come from the profile; a key of another kind is refused when it is
loaded. Where a provider has several keys, its delivery names one, and only that one is asked: a
name that nobody here knows is told apart from a wrong signature, so that the key can be fetched.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ingress.delivery import Delivery, Reason, Rejected
from ingress.schemes.parts import public_keys
from ingress.schemes.parts.headers import Headers, Index
from ingress.schemes.parts.keys import Key
from ingress.schemes.parts.message import Pieces
from ingress.schemes.parts.places import Kind, Place
from ingress.schemes.parts.public_keys import KeyType
from ingress.schemes.parts.statement import Claim, Statement
from ingress.schemes.parts.verifier import Verifier
from ingress.schemes.parts.view import View

KID_MAX = 256


class Hash(StrEnum):
    """The hash that is signed; Ed25519 has its own."""

    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA512 = "sha512"
    NONE = ""


@dataclass(frozen=True, slots=True)
class Naming:
    """Where a delivery names its key, and what such a name looks like."""

    at: Place
    pattern: re.Pattern[str]
    refused: Reason = Reason.HEADER_MALFORMED


@dataclass(frozen=True, slots=True)
class Asym(Verifier):
    """One provider's way of signing with a private key.

    `prehash` is applied to the message before it is signed, with its own hash, once more (Bridge).
    """

    type: KeyType
    hash: Hash
    statement: Statement
    prehash: Hash = Hash.NONE
    naming: Naming | None = None
    signed_headers: tuple[bytes, ...] = field(init=False)

    def __post_init__(self) -> None:
        named = b"" if self.naming is None else self.naming.at.header
        headers = self.statement.signed_headers
        both = dict.fromkeys((*headers, named) if named else headers)
        object.__setattr__(self, "signed_headers", tuple(both))

    @property
    def scheme(self) -> str:
        """The name of the primitive with its algorithm, for the envelope."""
        return f"{self.type}-{self.hash}" if self.hash else str(self.type)

    def key(self, secret: bytes, kid: str = "") -> Key:
        """Read a public key, as the provider shows it. Raises `ValueError` with a hint."""
        return Key(public_keys.load(self.type, secret), kid)

    def precheck(self, headers: Headers) -> None:
        """Check all that can be checked without the body. Raises `Rejected`."""
        self.statement.precheck(headers)
        if self.naming is not None and self.naming.at.kind is Kind.HEADER:
            self._name(Index(headers).value(self.naming.at.header))

    def read(self, view: View) -> list[Claim]:
        """Return what the delivery states. Raises `Rejected`."""
        return self.statement.read(view)

    def prove(self, view: View, claims: Sequence[Claim], keys: Sequence[Key]) -> int:
        """Return the index of the key that signed. Raises `Rejected`, and nothing else."""
        if not keys:
            raise Rejected(Reason.KEY_MISSING)
        if self.naming is None:
            return self._prove(view, claims, keys)
        name = self._name(view.text(self.naming.at))
        fitting = [index for index, key in enumerate(keys) if key.kid in {"", name}]
        if not fitting:
            raise Rejected(Reason.KEY_UNKNOWN)
        return fitting[self._prove(view, claims, [keys[index] for index in fitting])]

    def claimed_ms(self, delivery: Delivery) -> int | None:
        """Say when the delivery claims to have been signed, if it does. Raises `Rejected`."""
        return self.statement.claimed_ms(View.of(delivery))

    def kid(self, delivery: Delivery) -> str | None:
        """Say which key the delivery names; None where it names none, or none that could be."""
        if self.naming is None:
            return None
        try:
            return self._name(View.of(delivery).text(self.naming.at))
        except Rejected:
            return None

    def _prove(self, view: View, claims: Sequence[Claim], keys: Sequence[Key]) -> int:
        return self.statement.prove(claims, keys, view.delivery.received_ms, self._matches)

    def _name(self, text: bytes) -> str:
        """Return the name of the key. Raises `Rejected` for one that cannot be the provider's."""
        assert self.naming is not None
        name = text[: KID_MAX + 1].decode("ascii", "replace")
        if len(name) > KID_MAX or not self.naming.pattern.fullmatch(name):
            raise Rejected(self.naming.refused)
        return name

    def _matches(self, key: Key, message: Pieces, candidates: Sequence[bytes]) -> bool:
        assert not isinstance(key.material, bytes)
        signed = hashlib.new(self.prehash, message[0]).digest() if self.prehash else message[0]
        # Nothing here is secret, so stopping at the first that holds tells nobody anything.
        return any(
            public_keys.check(key.material, candidate, signed, self.hash)
            for candidate in candidates
        )
