"""Senders of the Standard Webhooks family: id, timestamp and body with dots between, base64."""

import base64
from collections.abc import Callable

from tests.support.signers import pairs
from tests.support.signers.shape import Outgoing, Sent, Signer, mac, sent, swap

OLD = b"whsec_" + base64.b64encode(b"the first secret, 24 bytes+")
NEW = b"whsec_" + base64.b64encode(b"the second secret, after it")


def _family(
    names: str, sign: Callable[[bytes, bytes], bytes], version: bytes = b"v1,"
) -> Callable[[Outgoing], Sent]:
    """Sign under these header names; the version stands before each signature."""

    def signs(out: Outgoing) -> Sent:
        message = b".".join((out.message_id.encode(), out.stamp, out.body))
        more = tuple((name.encode(), text.encode()) for name, text in out.extra.items())
        return sent(
            out,
            (f"{names}-id".encode(), out.message_id.encode()),
            (f"{names}-timestamp".encode(), out.stamp),
            (f"{names}-signature".encode(), version + base64.b64encode(sign(out.key, message))),
            *more,
        )

    return signs


def _shared(key: bytes, message: bytes) -> bytes:
    """Sign with the bytes behind `whsec_`; the padding of the base64 is optional."""
    text = key.removeprefix(b"whsec_").rstrip(b"=")
    return mac(base64.b64decode(text + b"=" * (-len(text) % 4)), message)


def _private(key: bytes, message: bytes) -> bytes:
    """Sign with Ed25519."""
    return pairs.ed25519_sign(key, message)


def _member(provider: str, names: str, body: bytes, event: bytes) -> Signer:
    return Signer(
        provider,
        provider,
        _family(names, _shared),
        body,
        f"header:{names}-signature",
        "base64",
        b"v1,",
        old=OLD,
        new=NEW,
        timed=300,
        stamp_place=f"header:{names}-timestamp",
        covered=swap(event, event[::-1]),
        joint=b" v1,",
    )


INVOICE = (
    b'{"type":"invoice.paid","timestamp":"2025-10-09T08:53:20Z",'
    b'"data":{"id":"inv_7","amount":"10.50","note":"caf\xc3\xa9"}}'
)
PUSH = (
    b'{"object_kind":"push","event_name":"push","ref":"refs/heads/main",'
    b'"checkout_sha":"da1560886d4f094c3e6c9ef40349f7d38b5d27d7","project_id":15,'
    b'"project":{"id":15,"name":"Diaspora","path_with_namespace":"mike/diaspora"}}'
)
BATCH = (
    b'{"id":"evt_685343a1381c819085d44c354e1b330e","object":"event","created_at":1750287018,'
    b'"type":"batch.completed","data":{"id":"batch_abc123"}}'
)

STANDARD = _member("standard_webhooks", "webhook", INVOICE, b"invoice.paid")

FAMILY = (
    STANDARD,
    _member("svix", "svix", INVOICE, b"invoice.paid"),
    _member("standard_webhooks_gitlab", "webhook", PUSH, b"refs/heads/main"),
    _member("openai", "webhook", BATCH, b"batch.completed"),
    Signer(
        "standard_webhooks_v1a",
        "standard_webhooks_v1a",
        _family("webhook", _private, b"v1a,"),
        INVOICE,
        "header:webhook-signature",
        "base64",
        b"v1a,",
        old=pairs.ED25519.old,
        new=pairs.ED25519.new,
        shown=pairs.public_whpk,
        timed=300,
        stamp_place="header:webhook-timestamp",
        covered=swap(b"invoice.paid", b"invoice.void"),
        joint=b" v1a,",
    ),
)
