"""How each provider signs, written from its documents with plain `hmac`.

Nothing of Sealgate is used or imitated here: these are the senders against which both the verifiers
and the simulator's own signing are held. Where a provider publishes a library that signs, the tests
in `test_oracles.py` hold these senders against it too.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Headers = tuple[tuple[bytes, bytes], ...]

MESSAGE_ID = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"


def _hex(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).hexdigest().encode()


def btcpay(secret: bytes, body: bytes, at_s: int) -> Headers:
    """Sign the body alone, in hex behind the name of the algorithm."""
    return ((b"btcpay-sig", b"sha256=" + _hex(secret, body)),)


def coinbase_commerce(secret: bytes, body: bytes, at_s: int) -> Headers:
    """Sign the body alone, in bare hex."""
    return ((b"x-cc-webhook-signature", _hex(secret, body)),)


def stripe(secret: bytes, body: bytes, at_s: int) -> Headers:
    """Sign timestamp, dot, body; the secret is used letter for letter."""
    stamp = str(at_s).encode()
    return ((b"stripe-signature", b"t=" + stamp + b",v1=" + _hex(secret, stamp + b"." + body)),)


def standard_webhooks(secret: bytes, body: bytes, at_s: int) -> Headers:
    """Sign id, timestamp and body with dots between; the secret is base64 behind its prefix."""
    key = base64.b64decode(secret.removeprefix(b"whsec_"))
    message = b".".join((MESSAGE_ID.encode(), str(at_s).encode(), body))
    mac = base64.b64encode(hmac.new(key, message, hashlib.sha256).digest())
    return (
        (b"webhook-id", MESSAGE_ID.encode()),
        (b"webhook-timestamp", str(at_s).encode()),
        (b"webhook-signature", b"v1," + mac),
    )


def kobbopay(secret: bytes, body: bytes, at_s: int) -> Headers:
    """Sign as the profile's documented defaults assume."""
    stamp = str(at_s).encode()
    return (
        (b"x-kobbopay-timestamp", stamp),
        (b"x-kobbopay-signature", _hex(secret, stamp + b"." + body)),
    )


def kobbopay_body(secret: bytes, body: bytes, at_s: int) -> Headers:
    """Sign the body alone with SHA-512, in base64 behind a prefix."""
    mac = base64.b64encode(hmac.new(secret, body, hashlib.sha512).digest())
    return ((b"x-signature", b"hmac=" + mac),)


@dataclass(frozen=True)
class Signer:
    """A provider as a sender: two secrets as its dashboard shows them, and its way of signing."""

    name: str
    provider: str
    sign: Callable[[bytes, bytes, int], Headers]
    header: bytes
    old: bytes = b"the first secret of this endpoint"
    new: bytes = b"the secret after the rotation"
    timed: bool = False
    stamp_header: bytes | None = None
    encoding: str = "hex"
    prefix: bytes = b""
    parameters: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


SIGNERS = (
    Signer("btcpay", "btcpay", btcpay, b"btcpay-sig", prefix=b"sha256="),
    Signer("coinbase_commerce", "coinbase_commerce", coinbase_commerce, b"x-cc-webhook-signature"),
    Signer("stripe", "stripe", stripe, b"stripe-signature", timed=True),
    Signer(
        "standard_webhooks",
        "standard_webhooks",
        standard_webhooks,
        b"webhook-signature",
        old=b"whsec_" + base64.b64encode(b"the first secret, 24 bytes+"),
        new=b"whsec_" + base64.b64encode(b"the second secret, after it"),
        timed=True,
        stamp_header=b"webhook-timestamp",
        encoding="base64",
        prefix=b"v1,",
    ),
    Signer(
        "kobbopay",
        "kobbopay",
        kobbopay,
        b"x-kobbopay-signature",
        timed=True,
        stamp_header=b"x-kobbopay-timestamp",
    ),
    Signer(
        "kobbopay signing the body",
        "kobbopay",
        kobbopay_body,
        b"x-signature",
        encoding="base64",
        prefix=b"hmac=",
        parameters={
            "header": "X-Signature",
            "hash": "sha512",
            "encoding": "base64",
            "prefix": "hmac=",
            "message": "{body}",
            "timestamp_header": "",
        },
    ),
)
