"""What a signed token must say before it is believed: about whom, when, and of which body.

The payload of a token whose signature holds flows in, with the delivery's body and the moment of
its receipt; nothing flows out, or `Rejected`. A good signature alone says only that the provider
issued the token: Google signs as many for strangers as for us, and it is the audience and the
account that make one ours. Moments are JSON numbers in plain digits; a text, a boolean or ``1e999``
is none.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ingress.delivery import Reason, Rejected
from ingress.schemes.parts import lexemes
from ingress.schemes.parts.encoding import Encoding, decode

_SECOND_MS = 1000
# Twelve digits of seconds reach the year 33658; some senders give fractions (RFC 7519, section 2).
_MOMENT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class Claims:
    """One provider's claims.

    `expect` maps a claim to the values any of which will do, each exactly so; the audience may be a
    list that holds one of them. A token that has an expiry, a beginning or an issue in the future
    is held to them even where they are not required. `body_hash` is a claim that is the body's
    SHA-256 in hex.
    """

    expect: Mapping[str, tuple[str | bool, ...]] = field(default_factory=dict)
    requires_expiry: bool = False
    iat_window_s: int | None = None
    body_hash: str = ""

    def __post_init__(self) -> None:
        for name, values in self.expect.items():
            if not values or "" in values:
                raise ValueError(f"say what the claim {name} must be; an empty text is no answer")

    def judge(self, payload: bytes, body: bytes, received_ms: int) -> None:
        """Return if the token speaks for this delivery. Raises `Rejected`."""
        said = _object(payload)
        if self.body_hash:
            _check_body(said.get(self.body_hash), body)
        for name, values in self.expect.items():
            if not _is_among(name, said.get(name), values):
                raise Rejected(Reason.CLAIM_MISMATCH)
        # Age is judged last: it is our fault more often than the sender's.
        self._judge_age(said, received_ms)

    def issued_ms(self, payload: bytes) -> int | None:
        """Say when the token claims to have been issued, if it does. Raises `Rejected`."""
        return _moment_ms(_object(payload), "iat")

    def _judge_age(self, said: Mapping[str, lexemes.Node], received_ms: int) -> None:
        expiry, begins, issued = (_moment_ms(said, name) for name in ("exp", "nbf", "iat"))
        if (expiry is None and self.requires_expiry) or (
            issued is None and self.iat_window_s is not None
        ):
            raise Rejected(Reason.TIMESTAMP_MISSING)
        # "On or after" (RFC 7519, section 4.1.4): at that very moment it has expired.
        if expiry is not None and received_ms >= expiry:
            raise Rejected(Reason.TIMESTAMP_STALE)
        if begins is not None and begins > received_ms:
            raise Rejected(Reason.TIMESTAMP_FUTURE)
        if issued is None:
            return
        ahead_s = self.iat_window_s or 0
        if issued > received_ms + ahead_s * _SECOND_MS:
            raise Rejected(Reason.TIMESTAMP_FUTURE)
        if self.iat_window_s is not None and received_ms - issued > self.iat_window_s * _SECOND_MS:
            raise Rejected(Reason.TIMESTAMP_STALE)


def _object(payload: bytes) -> dict[str, lexemes.Node]:
    said = lexemes.parse(payload)
    if not isinstance(said, dict):
        raise Rejected(Reason.BODY_MALFORMED)
    return said


def _check_body(claimed: lexemes.Node, body: bytes) -> None:
    try:
        digest = decode(Encoding.HEX, claimed.encode()) if isinstance(claimed, str) else b""
    except ValueError:
        digest = b""
    if not hmac.compare_digest(digest, hashlib.sha256(body).digest()):
        raise Rejected(Reason.DIGEST_MISMATCH)


def _is_among(name: str, said: lexemes.Node, values: tuple[str | bool, ...]) -> bool:
    """Say whether a claim is one of the values. No kind of value passes for another."""
    if name == "aud" and isinstance(said, list):
        return any(one in values for one in said)
    return said in values


def _moment_ms(said: Mapping[str, lexemes.Node], name: str) -> int | None:
    """Read a moment in seconds: milliseconds since the epoch; None where there is none."""
    if name not in said:
        return None
    moment = said[name]
    match = _MOMENT.fullmatch(moment.text) if isinstance(moment, lexemes.Number) else None
    if match is None:
        raise Rejected(Reason.TIMESTAMP_MALFORMED)
    return int(match[1]) * _SECOND_MS + int(((match[2] or "") + "000")[:3])
