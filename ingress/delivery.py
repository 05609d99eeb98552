"""One HTTP attempt by a provider, and the closed list of reasons for refusing it.

The edge reads a request into a `Delivery` and changes nothing on the way: header names and values
and the body are the bytes that came over the wire, because a signature is a statement about bytes.
Whoever refuses a delivery raises `Rejected` with a `Reason`; the reason is the metric label and the
log field, and the sender never learns it.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Reason(StrEnum):
    """Why a delivery of a known source did not verify: closed, because each value is a label."""

    HEADER_MISSING = "missing_header"
    HEADER_MALFORMED = "malformed_header"
    HEADER_DUPLICATED = "duplicated_header"
    VERSION_UNSUPPORTED = "unsupported_version"
    SIGNATURE_MISMATCH = "no_matching_signature"
    TIMESTAMP_MISSING = "timestamp_missing"
    TIMESTAMP_MALFORMED = "timestamp_malformed"
    TIMESTAMP_STALE = "timestamp_too_old"
    TIMESTAMP_FUTURE = "timestamp_in_future"
    KEY_UNKNOWN = "unknown_key_id"
    KEY_MISSING = "no_usable_key"
    CERTIFICATE_UNTRUSTED = "cert_untrusted"
    DIGEST_MISMATCH = "digest_mismatch"
    CLAIM_MISMATCH = "claim_mismatch"
    BODY_MALFORMED = "body_encoding"
    UNVERIFIABLE = "unverifiable"
    ADDRESS_REFUSED = "address_not_allowed"
    CERTIFICATE_REFUSED = "client_certificate"
    ENVIRONMENT_MISMATCH = "environment_mismatch"


class Rejected(Exception):
    """The delivery is not authentic, or not fresh; the only exception a verifier raises."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


# Made for every request, so not frozen: Python sets each field of a frozen one by a call, which
# takes three times as long. Nothing changes it all the same.
@dataclass(slots=True)
class Delivery:
    """What a provider sent, untouched.

    `headers` keeps order, repetition and bytes; names are lower-cased, since HTTP compares them
    without case. `received_ms` is the receipt by our clock, in milliseconds since the epoch:
    freshness is judged against it, however late the judgement is made. `url` is the registered
    public URL of the source, never one rebuilt from the request. `address` is the client's, as far
    as it is known. `seen` is kept by whoever reads it (`ingress.schemes.parts.view`), so that it is
    taken apart once.
    """

    source: str
    method: str
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    received_ms: int
    url: str = ""
    address: str = ""
    seen: object = field(default=None, init=False, repr=False, compare=False)

    @property
    def content(self) -> bytes:
        """What the provider had to say: the body, or of a GET the query."""
        return self.query if self.method == "GET" else self.body

    def values(self, name: bytes) -> list[bytes]:
        """Return every value of the header `name` (lower case), in the order received."""
        return [value for key, value in self.headers if key == name]

    def only(self, name: bytes) -> bytes:
        """Return the single value of a header that a scheme sends exactly once.

        Raises `Rejected`: a missing header proves nothing, and of two an attacker chose one.
        """
        found = self.values(name)
        if not found:
            raise Rejected(Reason.HEADER_MISSING)
        if len(found) > 1:
            raise Rejected(Reason.HEADER_DUPLICATED)
        return found[0]
