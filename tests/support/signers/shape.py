"""What a sender is: the words that every provider's way of signing is told in.

A secret, a body and a moment flow in (`Outgoing`); what would stand on the wire flows out (`Sent`).
Around the function that does it stands the data a test needs to attack it (`Signer`): where the
signature and the timestamp stand, how they are written, and what of the body they cover.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from tests.support import canary

Headers = tuple[tuple[bytes, bytes], ...]
Change = Callable[[bytes], bytes]

URL = "https://hooks.example/payments?tenant=7"
FORM = b"application/x-www-form-urlencoded"
MESSAGE_ID = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"
OLD = b"1st-secret-of-this-endpoint_Qm7x"
NEW = b"2nd-secret-of-this-endpoint_Wd4z"


@dataclass(frozen=True)
class Outgoing:
    """One delivery before it is signed, as its provider knows it."""

    key: bytes
    body: bytes
    at_s: int
    method: str = "POST"
    url: str = URL
    message_id: str = MESSAGE_ID
    kid: str = ""
    beyond_ms: int = 0
    # What this provider's scheme signs besides: covered headers, nonce, client id, webhook id.
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def stamp(self) -> bytes:
        """The moment in Unix seconds, as text."""
        return b"%d" % self.at_s

    @property
    def stamp_ms(self) -> bytes:
        """The moment in Unix milliseconds, as text."""
        return b"%d" % (self.at_s * 1000 + self.beyond_ms)


@dataclass(frozen=True)
class Sent:
    """One delivery on the wire: the URL as called; header names in lower case."""

    method: str
    url: str
    headers: Headers
    body: bytes


@dataclass(frozen=True)
class Signer:
    """A provider as a sender; see the package for what each field says."""

    name: str
    provider: str
    signs: Callable[[Outgoing], Sent]
    body: bytes
    place: str
    encoding: str = "hex"
    prefix: bytes = b""
    old: bytes = OLD
    new: bytes = NEW
    shown: Change = bytes
    kid: Callable[[bytes], str] = lambda _: ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    method: str = "POST"
    url: str = URL
    content_type: bytes = b"application/json"
    timed: int | None = None
    stamp_place: str = ""
    unit: Literal["s", "ms", "iso"] = "s"
    covers: Literal["body", "canonical", "fields", "nothing"] = "body"
    covered: Change | None = None
    uncovered: Change | None = None
    also: Headers = ()
    topic: Headers = ()
    joint: bytes = b""
    repeats: bool = False

    def __post_init__(self) -> None:
        canary.secret(f"the old key of {self.name}", self.old)
        canary.secret(f"the new key of {self.name}", self.new)

    def __str__(self) -> str:
        return self.name

    @property
    def several(self) -> bool:
        """Whether the scheme itself defines more than one signature in a delivery."""
        return bool(self.joint) or self.repeats

    def send(self, key: bytes, body: bytes, at_s: int) -> Sent:
        """Sign and build a delivery to the registered URL."""
        out = Outgoing(key, body, at_s, method=self.method, url=self.url, kid=self.kid(key))
        signed = self.signs(out)
        return replace(signed, headers=signed.headers + self.topic + self.also)

    def sample(self, at_s: int, key: bytes | None = None) -> Sent:
        """Send the sample body, with the old key if no other is given."""
        return self.send(self.old if key is None else key, self.body, at_s)

    def sign(self, key: bytes, body: bytes, at_s: int) -> Headers:
        """Tell the headers alone, for schemes that leave the body as it is."""
        return self.send(key, body, at_s).headers

    @property
    def header(self) -> bytes:
        """The header of the signature; of use only where it stands in one."""
        kind, _, name = self.place.partition(":")
        return name.encode() if kind == "header" else b""

    @property
    def stamp_header(self) -> bytes | None:
        """The header that is nothing but the timestamp, if there is one."""
        kind, _, name = self.stamp_place.partition(":")
        return name.encode() if kind == "header" else None


def swap(old: bytes, new: bytes) -> Change:
    """Make the change of one text, which must stand in the body exactly once."""

    def change(body: bytes) -> bytes:
        if body.count(old) != 1:
            raise AssertionError(f"{old!r} stands {body.count(old)} times in {body!r}")
        return body.replace(old, new)

    return change


def hexed(digest: bytes) -> bytes:
    """Write a digest in lower-case hex."""
    return digest.hex().encode()


ENCODINGS: Mapping[str, Change] = {"hex": hexed, "base64": base64.b64encode}


def mac(key: bytes, message: bytes, algorithm: str = "sha256") -> bytes:
    """HMAC, by its usual name."""
    return hmac.new(key, message, algorithm).digest()


def sha256(message: bytes) -> bytes:
    """SHA-256, in hex."""
    return hashlib.sha256(message).hexdigest().encode()


def sent(out: Outgoing, *headers: tuple[bytes, bytes], body: bytes | None = None) -> Sent:
    """Put a delivery on the wire with these headers, and the body it came with or another."""
    return Sent(out.method, out.url, headers, out.body if body is None else body)


def unsigned(out: Outgoing) -> Sent:
    """Say something that proves nothing: the receiver has to ask the provider's API."""
    return sent(out)


def over_body(
    header: bytes, algorithm: str = "sha256", encoding: str = "hex", prefix: bytes = b""
) -> Callable[[Outgoing], Sent]:
    """Sign the raw body and nothing else, in one header."""

    def signs(out: Outgoing) -> Sent:
        text = ENCODINGS[encoding](mac(out.key, out.body, algorithm))
        return sent(out, (header, prefix + text))

    return signs


def plain(  # one row of a table of providers
    provider: str, header: str, body: bytes, covered: Change, **scheme: str
) -> Signer:
    """Make the most frequent sender: an HMAC of the raw body in one header."""
    how = {"algorithm": "sha256", "encoding": "hex", "prefix": ""} | scheme
    prefix = how["prefix"].encode()
    return Signer(
        how.get("name", provider),
        provider,
        over_body(header.encode(), how["algorithm"], how["encoding"], prefix),
        body,
        f"header:{header}",
        how["encoding"],
        prefix,
        covered=covered,
    )


def token(provider: str, header: str, body: bytes, covered: Change, prefix: bytes = b"") -> Signer:
    """Make a sender that shows its secret in a header; nothing of the body is covered."""

    def signs(out: Outgoing) -> Sent:
        return sent(out, (header.encode(), prefix + out.key))

    return Signer(
        provider,
        provider,
        signs,
        body,
        f"header:{header}",
        "token",
        prefix,
        covers="nothing",
        uncovered=covered,
    )


def with_extra(out: Outgoing, **extra: str) -> Outgoing:
    """Fill in what the scheme signs besides, where the test did not say."""
    return replace(out, extra=extra | dict(out.extra))
