"""What may happen to a delivery on its way, or be tried by an attacker: a closed list. Pure.

A body and what its provider signs with flow in, the request to be posted flows out. `Twist.GENUINE`
is the provider as it is; every other one breaks exactly one thing, so that the answer can only be
about that.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from ingress.providers import Profile
from sealgate.simulator.sign import sign

# Above what any source may allow (`ingress.settings.EdgeSettings.body_bytes_max`).
OVERSIZED_BYTES = 1024 * 1024 + 1
# Longer than any replay window a payment provider recommends (300 s).
STALE_MS = 3_600_000
MISSING_BYTES = 64


class Twist(StrEnum):
    """One thing done to a delivery."""

    GENUINE = "genuine"
    FORGED = "forged signature"  # of the right form, and not made with the key
    WRONG_KEY = "wrong key"  # signed well, with a key that is not the source's
    UNSIGNED = "unsigned"  # no signature header at all
    ALTERED = "altered body"  # the signature of another body
    STALE = "stale timestamp"  # a genuine delivery, captured and sent again an hour later
    CUT = "body cut"  # half of the body, with the length of the half
    SHORT = "length too long"  # declares more bytes than ever arrive
    BROKEN = "broken JSON"  # signed well, and not JSON
    OVERSIZED = "oversized body"  # signed well, and larger than anybody may send


@dataclass(frozen=True, slots=True)
class Signer:
    """What a delivery is signed with. `wrong` is a secret that the source does not have."""

    profile: Profile
    secret: bytes = field(repr=False)
    wrong: bytes = field(repr=False)

    def request(self, twist: Twist, body: bytes, now_ms: int, message_id: str) -> "Request":
        """Return what goes over the wire at `now_ms`."""
        content = _contents(twist, body)
        secret = self.wrong if twist is Twist.WRONG_KEY else self.secret
        then_ms = now_ms - STALE_MS if twist is Twist.STALE else now_ms
        signed = content + b" " if twist is Twist.ALTERED else content
        headers = sign(
            self.profile, secret=secret, body=signed, now_ms=then_ms, message_id=message_id
        )
        signature = self.profile.declaration.signature.header
        if twist is Twist.FORGED:
            headers[signature] = _other(headers[signature])
        elif twist is Twist.UNSIGNED:
            del headers[signature]
        headers["Content-Type"] = self.profile.declaration.content_types[0]
        if twist is Twist.CUT:
            content = content[: len(content) // 2]
        declared = len(content) + (MISSING_BYTES if twist is Twist.SHORT else 0)
        return Request(headers, content, declared)


@dataclass(frozen=True, slots=True)
class Request:
    """One POST: `declared_bytes` is its Content-Length, whatever the body's length is."""

    headers: dict[str, str]
    body: bytes = field(repr=False)
    declared_bytes: int


def _contents(twist: Twist, body: bytes) -> bytes:
    """Change the content before it is signed."""
    if twist is Twist.BROKEN:
        return body.rstrip().removesuffix(b"}")
    if twist is Twist.OVERSIZED:
        return body.ljust(OVERSIZED_BYTES)
    return body


def _other(signature: str) -> str:
    """Return a signature of the same form that is another one.

    Near the end, but before the padding, both hexadecimal and base64 have a digit there.
    """
    place = len(signature) - 6
    digit = "1" if signature[place] == "0" else "0"
    return signature[:place] + digit + signature[place + 1 :]
