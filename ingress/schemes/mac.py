"""Keyed hashes over what was received: what most payment providers send.

A delivery and the live keys flow in; the index of the key that signed flows out, or `Rejected`. The
hash comes from the profile. Nearly everybody uses HMAC; a few older schemes put the secret into the
message and hash the whole, which is weaker and is what they do.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ingress.delivery import Delivery, Reason, Rejected
from ingress.schemes.parts.headers import Headers
from ingress.schemes.parts.keys import Key, KeyForm, key_material
from ingress.schemes.parts.message import Pieces
from ingress.schemes.parts.quick import Quick, Stated, quick
from ingress.schemes.parts.statement import Claim, Statement
from ingress.schemes.parts.verifier import Verifier
from ingress.schemes.parts.view import View


class Hash(StrEnum):
    """The hash, alone or under the HMAC."""

    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA512 = "sha512"
    KECCAK256 = "keccak256"
    """The Keccak of Ethereum: its padding is not that of SHA3-256."""


class Construction(StrEnum):
    """How secret and message become one hash."""

    HMAC = "hmac"
    PLAIN = "plain"
    """The message contains the secret; see ``{secret}``."""


DIGEST_BYTES = {Hash.MD5: 16, Hash.SHA1: 20, Hash.SHA256: 32, Hash.SHA512: 64, Hash.KECCAK256: 32}
HMAC_HASHES = frozenset({Hash.SHA1, Hash.SHA256, Hash.SHA512})


@dataclass(frozen=True, slots=True)
class Mac(Verifier):
    """One provider's way of using a keyed hash."""

    hash: Hash
    form: KeyForm
    statement: Statement
    construction: Construction = Construction.HMAC
    signed_headers: tuple[bytes, ...] = field(init=False)
    hash_name: str = field(init=False)
    quick: Quick | None = field(init=False)

    def __post_init__(self) -> None:
        # An enumeration is slow to look up and to read, and both would be done for every delivery.
        object.__setattr__(self, "hash_name", self.hash.value)
        object.__setattr__(self, "signed_headers", self.statement.signed_headers)
        is_hmac = self.construction is Construction.HMAC
        object.__setattr__(self, "quick", quick(self.statement) if is_hmac else None)
        if self.hash is Hash.KECCAK256:
            # Its library is slow to import: not while the first delivery waits.
            _digest(self.hash, b"")

    @property
    def scheme(self) -> str:
        """The name of the primitive with its algorithm, for the envelope."""
        return f"{self.construction}-{self.hash}"

    def key(self, secret: bytes, kid: str = "") -> Key:
        """Decode a secret. Raises `ValueError` with a hint."""
        return Key(key_material(self.form, secret), kid)

    def precheck(self, headers: Headers) -> None:
        """Check all that can be checked without the body. Raises `Rejected`."""
        if self.quick is None or not self.quick.passes(headers):
            self.statement.precheck(headers)

    def verify(self, delivery: Delivery, keys: Sequence[Key]) -> int:
        """Read and prove, in the short way where there is one. Raises `Rejected`, nothing else."""
        view = View.of(delivery)
        stated = None if self.quick is None else self.quick.read(view)
        if stated is None:
            return self.prove(view, self.read(view), keys)
        return self._prove_one(stated, keys, delivery.received_ms)

    def read(self, view: View) -> list[Claim]:
        """Return what the delivery states. Raises `Rejected`."""
        return self.statement.read(view)

    def prove(self, view: View, claims: Sequence[Claim], keys: Sequence[Key]) -> int:
        """Return the index of the key that signed. Raises `Rejected`, and nothing else."""
        matches = self._hmac if self.construction is Construction.HMAC else self._plain
        return self.statement.prove(claims, keys, view.delivery.received_ms, matches)

    def claimed_ms(self, delivery: Delivery) -> int | None:
        """Say when the delivery claims to have been signed, if it does. Raises `Rejected`."""
        return self.statement.claimed_ms(View.of(delivery))

    def _prove_one(self, stated: Stated, keys: Sequence[Key], received_ms: int) -> int:
        """Prove as `Statement.prove` does: by every key, and the age is judged last."""
        if not keys:
            raise Rejected(Reason.KEY_MISSING)
        candidate, message, stamp = stated
        matched = None
        for index, key in enumerate(keys):
            assert isinstance(key.material, bytes)
            expected = hmac.digest(key.material, message, self.hash_name)
            if hmac.compare_digest(expected, candidate):
                matched = index
        if matched is None:
            raise Rejected(Reason.SIGNATURE_MISMATCH)
        if self.statement.stamp is not None:
            self.statement.stamp.freshness.judge(stamp, received_ms)
        return matched

    def _hmac(self, key: Key, message: Pieces, candidates: Sequence[bytes]) -> bool:
        assert isinstance(key.material, bytes)
        expected = hmac.digest(key.material, message[0], self.hash_name)
        return _among(expected, candidates)

    def _plain(self, key: Key, message: Pieces, candidates: Sequence[bytes]) -> bool:
        assert isinstance(key.material, bytes)
        # Behind a secret in front, a Merkle-Damgard hash can be carried on by whoever knows it. Its
        # padding, which then stands in the message, always holds a zero byte; JSON never does.
        if self.hash is not Hash.KECCAK256 and any(b"\0" in piece for piece in message[1:]):
            return False
        return _among(_digest(self.hash, key.material.join(message)), candidates)


def _among(expected: bytes, candidates: Sequence[bytes]) -> bool:
    """Compare with every candidate, and stop at none."""
    found = False
    for candidate in candidates:
        if hmac.compare_digest(expected, candidate):
            found = True
    return found


def _digest(algorithm: Hash, message: bytes) -> bytes:
    if algorithm is Hash.KECCAK256:
        from Crypto.Hash import keccak

        return keccak.new(digest_bits=256, data=message).digest()
    return hashlib.new(algorithm.value, message, usedforsecurity=False).digest()
