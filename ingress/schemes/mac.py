"""HMAC over the bytes received: what most payment providers send.

A delivery and the live keys flow in; the index of the key that signed flows out, or `Rejected`. The
hash, the header, the spelling and the message come from the profile; the message chooses nothing.
Every key is tried against every candidate and no comparison stops early, so the time taken tells
neither which key matched nor how far a guess got. No key means nothing verifies.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from ingress.delivery import Delivery, Reason, Rejected
from ingress.schemes.parts import headers
from ingress.schemes.parts.encoding import Encoding, decode
from ingress.schemes.parts.fresh import Freshness
from ingress.schemes.parts.headers import Headers
from ingress.schemes.parts.keys import KeyForm, key_material
from ingress.schemes.parts.message import Message
from ingress.schemes.parts.parsers import Parser


class Hash(StrEnum):
    """The hash under the HMAC."""

    SHA256 = "sha256"
    SHA512 = "sha512"


_DIGEST_BYTES = {Hash.SHA256: 32, Hash.SHA512: 64}


class Claim(NamedTuple):
    """What the headers say, well formed and unproven."""

    candidates: list[bytes]
    timestamp: bytes
    values: Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Mac:
    """One provider's way of using HMAC.

    `timestamp_header` is None where the timestamp travels in the signature header, or where there
    is none; `freshness` is None where there is none. `signed_headers` are the headers that anybody
    holding the key needs in order to verify again.
    """

    hash: Hash
    key: KeyForm
    header: bytes
    parser: Parser
    encoding: Encoding
    message: Message
    timestamp_header: bytes | None = None
    freshness: Freshness | None = None
    signed_headers: tuple[bytes, ...] = field(init=False)
    hash_name: str = field(init=False)
    digest_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        # An enumeration is slow to look up and to read, and both would be done for every delivery.
        object.__setattr__(self, "hash_name", self.hash.value)
        object.__setattr__(self, "digest_bytes", _DIGEST_BYTES[self.hash])
        stamp = () if self.timestamp_header is None else (self.timestamp_header,)
        names = dict.fromkeys((self.header, *stamp, *self.message.header_names))
        object.__setattr__(self, "signed_headers", tuple(names))

    @property
    def scheme(self) -> str:
        """The name of the primitive with its algorithm, for the envelope."""
        return f"hmac-{self.hash}"

    def key_material(self, secret: bytes) -> bytes:
        """Decode a secret. Raises `ValueError` with a hint."""
        return key_material(self.key, secret)

    def read(self, sent: Headers) -> Claim:
        """Check all that can be checked without the body. Raises `Rejected`."""
        index = headers.once(sent, self.signed_headers)
        header = headers.value(index, self.header, Reason.HEADER_MISSING)
        texts, timestamp = self.parser.parse(header)
        candidates = [self._candidate(text) for text in texts]
        values = self.message.read(index)
        if self.freshness is None:
            return Claim(candidates, b"", values)
        if self.timestamp_header is not None:
            timestamp = headers.value(index, self.timestamp_header, Reason.TIMESTAMP_MISSING)
        return Claim(candidates, self.freshness.check(timestamp), values)

    def claimed_ms(self, sent: Headers) -> int | None:
        """Say when the delivery claims to have been signed; None where it does not say.

        Raises `Rejected`, as `read` does.
        """
        claim = self.read(sent)
        return None if self.freshness is None else self.freshness.sent_ms(claim.timestamp)

    def verify(self, delivery: Delivery, keys: Sequence[bytes]) -> int:
        """Return the index of the key that signed. Raises `Rejected`, and nothing else."""
        if not keys:
            raise Rejected(Reason.KEY_MISSING)
        claim = self.read(delivery.headers)
        # The timestamp is signed as it was sent: rendering a parsed number could differ from it.
        message = self.message.render(claim.timestamp, claim.values, delivery.body)
        matched = None
        for index, key in enumerate(keys):
            expected = hmac.digest(key, message, self.hash_name)
            for candidate in claim.candidates:
                if hmac.compare_digest(expected, candidate):
                    matched = index
        if matched is None:
            raise Rejected(Reason.SIGNATURE_MISMATCH)
        # Age is judged last: until the signature holds, the timestamp is only a claim.
        if self.freshness is not None:
            self.freshness.judge(claim.timestamp, delivery.received_ms)
        return matched

    def _candidate(self, text: bytes) -> bytes:
        try:
            candidate = decode(self.encoding, text)
        except ValueError:
            raise Rejected(Reason.HEADER_MALFORMED) from None
        if len(candidate) != self.digest_bytes:
            raise Rejected(Reason.HEADER_MALFORMED)
        return candidate
