"""The providers' own libraries against ours: what they sign we accept, what we accept they accept.

Where they are known to differ, the difference is folded before the library is asked: hex in
capitals (we read it, they compare text) and blanks around a header (HTTP's, not the header's).
"""

import base64
import time
from collections.abc import Callable
from datetime import UTC, datetime

import coinbase_commerce.webhook
import pytest
import standardwebhooks
import stripe
from coinbase_commerce.error import SignatureVerificationError
from hypothesis import given
from hypothesis import strategies as st

from ingress.delivery import Delivery, Rejected
from ingress.providers import load
from sealgate.simulator.sign import sign
from tests.support import signers

bodies = st.text(st.characters(codec="utf-8"), max_size=200)
# The libraries take text and refuse blank secrets; ours are letters, as dashboards show them.
secrets = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=64)
keys = st.binary(min_size=24, max_size=64)
stamps = st.integers(0, 4_000_000_000)
edits = st.lists(
    st.tuples(
        st.integers(0, 120),
        st.sampled_from(["insert", "replace", "remove"]),
        st.sampled_from("0aAfF9=,. vt1-+/\t\u00e9"),
    ),
    max_size=3,
)


def _edited(text: str, changes: list[tuple[int, str, str]]) -> str:
    for where, kind, letter in changes:
        at = where % (len(text) + 1)
        rest = text[at:] if kind == "insert" else text[at + 1 :]
        text = text[:at] + ("" if kind == "remove" else letter) + rest
    return text


def _accepts(provider: str, secret: str, headers: dict[str, str], body: str, at_s: int) -> bool:
    profile = load(provider)
    sent = tuple((name.lower().encode(), value.encode()) for name, value in headers.items())
    delivery = Delivery("shop", "POST", b"", sent, body.encode(), at_s * 1000)
    try:
        profile.verify(delivery, [profile.key_material(secret.encode())])
    except Rejected:
        return False
    return True


def _stripe_accepts(header: str, secret: str, body: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(body, header, secret, tolerance=None)
    except stripe.SignatureVerificationError:
        return False
    return True


def _coinbase_accepts(header: str, secret: str, body: str) -> bool:
    try:
        coinbase_commerce.webhook.WebhookSignature.verify_sig_header(body, header, secret)
    except SignatureVerificationError:
        return False
    return True


def _standard_accepts(headers: dict[str, str], secret: str, body: str) -> bool:
    try:
        standardwebhooks.Webhook(secret).verify(body, headers, json_parse=False)
    # It raises more than it says: a bare ValueError for a list item without a comma.
    except (standardwebhooks.WebhookVerificationError, ValueError):
        return False
    return True


def _whsec(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


@given(bodies, secrets, stamps)
def test_what_stripes_library_signs_is_accepted(body: str, secret: str, at_s: int) -> None:
    """Stripe's own signer is the nearest thing to Stripe."""
    header = stripe.WebhookSignature.generate_signature_header(body, secret, at_s)
    assert _accepts("stripe", secret, {"Stripe-Signature": header}, body, at_s)


@given(bodies, secrets, stamps)
def test_what_coinbases_library_signs_is_accepted(body: str, secret: str, at_s: int) -> None:
    """The official Python library computes the signature it verifies with."""
    header = coinbase_commerce.webhook.WebhookSignature._compute_signature(body, secret)
    assert _accepts("coinbase_commerce", secret, {"X-CC-Webhook-Signature": header}, body, at_s)


@given(bodies, keys, stamps)
def test_what_the_standards_library_signs_is_accepted(body: str, key: bytes, at_s: int) -> None:
    """The specification's own signer, for any key length it allows."""
    moment = datetime.fromtimestamp(at_s, UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at_s),
        "webhook-signature": standardwebhooks.Webhook(key).sign("msg_1", moment, body),
    }
    assert _accepts("standard_webhooks", _whsec(key), headers, body, at_s)


@given(bodies, secrets, stamps, edits)
def test_what_we_accept_as_stripes_the_library_accepts(
    body: str, secret: str, at_s: int, changes: list[tuple[int, str, str]]
) -> None:
    """To accept what the provider's library refuses would be a hole of our own."""
    signed = signers.stripe(secret.encode(), body.encode(), at_s)
    header = _edited(signed[0][1].decode(), changes)
    if _accepts("stripe", secret, {"Stripe-Signature": header}, body, at_s):
        assert _stripe_accepts(header.strip(" \t").lower(), secret, body)


@given(bodies, secrets, edits)
def test_what_we_accept_as_coinbases_the_library_accepts(
    body: str, secret: str, changes: list[tuple[int, str, str]]
) -> None:
    """The same, for a header that is nothing but the signature."""
    signed = signers.coinbase_commerce(secret.encode(), body.encode(), 0)
    header = _edited(signed[0][1].decode(), changes)
    if _accepts("coinbase_commerce", secret, {"X-CC-Webhook-Signature": header}, body, 0):
        assert _coinbase_accepts(header.strip(" \t").lower(), secret, body)


@given(bodies, keys, edits, st.sampled_from([0, 1, 2]))
def test_what_we_accept_as_standard_the_library_accepts(
    body: str, key: bytes, changes: list[tuple[int, str, str]], which: int
) -> None:
    """The same, with an edit in any of the three headers."""
    at_s = int(time.time())
    secret = _whsec(key)
    signed = signers.standard_webhooks(secret.encode(), body.encode(), at_s)
    headers = {name.decode(): value.decode() for name, value in signed}
    edited = list(headers)[which]
    headers[edited] = _edited(headers[edited], changes)
    if _accepts("standard_webhooks", secret, headers, body, at_s):
        assert _standard_accepts(
            {name: value.strip(" \t") for name, value in headers.items()}, secret, body
        )


@pytest.mark.parametrize(
    ("sender", "library"),
    [
        (signers.stripe, _stripe_accepts),
        (signers.coinbase_commerce, _coinbase_accepts),
    ],
)
def test_our_test_senders_satisfy_the_libraries(
    sender: Callable[[bytes, bytes, int], signers.Headers],
    library: Callable[[str, str, str], bool],
) -> None:
    """The senders used in all other tests are themselves held against an outside judge."""
    ((_, header),) = sender(b"a secret", b'{"id":"evt_1"}', int(time.time()))
    assert library(header.decode(), "a secret", '{"id":"evt_1"}')


def test_our_standard_sender_satisfies_the_library() -> None:
    """The same, for the sender that uses three headers."""
    secret = _whsec(b"k" * 24)
    signed = signers.standard_webhooks(secret.encode(), b"{}", int(time.time()))
    assert _standard_accepts({n.decode(): v.decode() for n, v in signed}, secret, "{}")


@given(bodies, secrets)
def test_the_simulators_stripe_satisfies_the_library(body: str, secret: str) -> None:
    """What we send for a trial must be what the provider would send."""
    now_ms = int(time.time() * 1000)
    headers = sign(
        load("stripe"), secret=secret.encode(), body=body.encode(), now_ms=now_ms, message_id="m"
    )
    assert _stripe_accepts(headers["stripe-signature"], secret, body)


@given(bodies, keys)
def test_the_simulators_standard_webhook_satisfies_the_library(body: str, key: bytes) -> None:
    """The same, for Standard Webhooks."""
    now_ms = int(time.time() * 1000)
    profile = load("standard_webhooks")
    headers = sign(profile, secret=key, body=body.encode(), now_ms=now_ms, message_id="msg_1")
    assert _standard_accepts(headers, _whsec(key), body)
