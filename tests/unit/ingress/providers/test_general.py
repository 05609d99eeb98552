"""Rules of the format that the general providers need: repeated bodies, digests, Svix's secrets.

Expected values are worked by hand from the rule, or are published by the provider.
"""

import base64
import hashlib
from pathlib import Path

import pytest

from ingress.delivery import Delivery, Reason, Rejected
from ingress.providers import load, load_file
from ingress.schemes.parts.keys import KeyForm, key_material

NOW_MS = 1_760_000_000_000


def _delivery(
    body: bytes, received_ms: int = NOW_MS, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> Delivery:
    return Delivery("shop", "POST", b"", headers, body, received_ms, "https://hooks.example/")


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("mollie_legacy", b"id=tr_WDqYK6vllg"),
        ("dropbox", b'{"list_folder":{"accounts":["dbid:AAH"]},"delta":{"users":[1]}}'),
    ],
)
def test_the_same_words_later_are_another_event(provider: str, body: bytes) -> None:
    """Every change of a payment sends the same id: as one event, all but the first were lost."""
    profile = load(provider)
    first = profile.identify(_delivery(body)).event_key
    assert profile.identify(_delivery(body)).event_key == first
    assert profile.identify(_delivery(body, NOW_MS + 1)).event_key != first
    assert first == "sha256:" + hashlib.sha256(b"1760000000000." + body).hexdigest()


def test_where_the_moment_is_signed_a_replay_is_the_same_event() -> None:
    """Received twice and signed once: the moment of the signature counts."""
    claims = base64.urlsafe_b64encode(b'{"iat":1760000000}').rstrip(b"=")
    head = base64.urlsafe_b64encode(b'{"alg":"ES256","kid":"k"}').rstrip(b"=")
    tail = base64.urlsafe_b64encode(bytes(63) + b"\x01").rstrip(b"=")
    token = (b"plaid-verification", b".".join((head, claims, tail)))
    profile, body = load("plaid"), b'{"webhook_type":"TRANSACTIONS"}'
    first = profile.identify(_delivery(body, NOW_MS + 1, (token,))).event_key
    assert profile.identify(_delivery(body, NOW_MS + 2, (token,))).event_key == first
    assert first == "sha256:" + hashlib.sha256(b"1760000000000." + body).hexdigest()


def test_elsewhere_the_same_bytes_are_the_same_event() -> None:
    """A retry repeats its bytes, and must not count twice."""
    profile, body = load("checkout"), b"no json"
    first = profile.identify(_delivery(body)).event_key
    assert profile.identify(_delivery(body, NOW_MS + 1)).event_key == first


@pytest.mark.parametrize("body", [b'{"type":"x","event_id":"Ev1","text":"%b"}', b' ["%b"]'])
def test_a_text_in_json_is_no_field_of_a_form(body: bytes) -> None:
    """Whoever writes a message could otherwise choose the id and the type of its event."""
    written = b"&payload=%7B%22event_id%22:%22Ev2%22,%22type%22:%22evil%22%7D&command=/evil&"
    identity = load("slack").identify(_delivery(body % written))
    assert identity.event_type in {"x", "unknown"}
    assert "Ev2" not in identity.event_key


def test_a_form_is_still_read() -> None:
    """An interaction carries its JSON in a field, a command carries none."""
    slack = load("slack")
    interaction = b"payload=%7B%22type%22:%22block_actions%22%7D"
    assert slack.identify(_delivery(interaction)).event_type == "block_actions"
    assert slack.identify(_delivery(b"command=%2Fpay&text=x")).event_type == "/pay"


def test_svix_gave_out_secrets_shorter_than_the_standard_allows() -> None:
    """The secret of its own documentation holds 18 bytes."""
    shown = b"whsec_plJ3nmyCDGBKInavdOK15jsl"
    expected = base64.b64decode(b"plJ3nmyCDGBKInavdOK15jsl")
    assert key_material(KeyForm.SVIX, shown) == expected
    with pytest.raises(ValueError, match="24-64"):
        key_material(KeyForm.WHSEC, shown)
    with pytest.raises(ValueError, match="empty"):
        key_material(KeyForm.SVIX, b"whsec_")


TWILIO = """
title = "T"
type_prefix = "com.example"
confidence = "A"
coverage = "full"
[signature]
kind = "mac"
hash = "sha256"
header = "X-Sig"
encoding = "hex"
message = "MESSAGE"
body_digest = "DIGEST"
[identity]
[[evidence]]
what = "a test"
read = 2026-11-22
"""


def _profile(folder: Path, message: str, digest: str) -> Path:
    file = folder / "digest.toml"
    file.write_text(TWILIO.replace("MESSAGE", message).replace("DIGEST", digest))
    return file


@pytest.mark.parametrize(
    ("message", "digest"),
    [("{url}", "query:sum"), ("{header:x-sum}", "header:x-sum")],
)
def test_a_digest_that_is_signed_covers_the_body(tmp_path: Path, message: str, digest: str) -> None:
    """Then, and only then, the signature speaks for every byte."""
    assert load_file(_profile(tmp_path, message, digest)).assurance == "B"


@pytest.mark.parametrize(
    ("message", "digest"),
    [("{method}", "query:sum"), ("{url}", "header:x-sum"), ("{url}", "/sum")],
)
def test_a_digest_that_nobody_signed_is_a_mistake(
    tmp_path: Path, message: str, digest: str
) -> None:
    """Anybody could change it together with the body."""
    with pytest.raises(ValueError, match="body_digest"):
        load_file(_profile(tmp_path, message, digest))


@pytest.mark.parametrize("claimed", ["0" * 64, "zz", "", hashlib.sha256(b"{} ").hexdigest()])
def test_a_body_of_another_digest_is_refused(tmp_path: Path, claimed: str) -> None:
    """Whatever stands in the digest's place, and before any signature is looked at."""
    profile = load_file(_profile(tmp_path, "{header:x-sum}", "header:x-sum"))
    headers = ((b"x-sig", b"00" * 32), (b"x-sum", claimed.encode()))
    with pytest.raises(Rejected) as refused:
        profile.verify(_delivery(b"{}", headers=headers), [profile.key(b"secret")])
    assert refused.value.reason is Reason.DIGEST_MISMATCH


def test_paypals_weaker_algorithm_is_another_signature() -> None:
    """PayPal documents SHA-1 still; to take it would let the message choose."""
    headers = (
        (b"paypal-auth-algo", b"SHA1withRSA"),
        (b"paypal-cert-url", b"https://api.paypal.com/v1/notifications/certs/CERT-1"),
        (b"paypal-transmission-id", b"1"),
        (b"paypal-transmission-sig", b"AAAA"),
        (b"paypal-transmission-time", b"2026-05-18T15:45:13Z"),
    )
    with pytest.raises(Rejected) as refused:
        load("paypal", {"webhook_id": "W"}).precheck(headers)
    assert refused.value.reason is Reason.VERSION_UNSUPPORTED


@pytest.mark.parametrize(
    "url",
    [
        b"http://api.paypal.com/v1/notifications/certs/CERT-1",
        b"https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1",
        b"https://evilpaypal.com/v1/notifications/certs/CERT-1",
        b"https://evil@api.paypal.com/v1/notifications/certs/CERT-1",
        b"https://api.paypal.com:8443/v1/notifications/certs/CERT-1",
        b"https://api.paypal.com/elsewhere/CERT-1",
        b"https://api.paypal.com/v1/notifications/certs/../../x",
        b"https://127.0.0.1/v1/notifications/certs/CERT-1",
    ],
)
def test_a_certificate_from_elsewhere_is_none_of_paypals(url: bytes) -> None:
    """Refused before anything is fetched, also where the certificate is pinned in a file."""
    headers = (
        (b"paypal-auth-algo", b"SHA256withRSA"),
        (b"paypal-cert-url", url),
        (b"paypal-transmission-id", b"1"),
        (b"paypal-transmission-sig", b"AAAA"),
        (b"paypal-transmission-time", b"2026-05-18T15:45:13Z"),
    )
    with pytest.raises(Rejected) as refused:
        load("paypal", {"webhook_id": "W"}).precheck(headers)
    assert refused.value.reason is Reason.CERTIFICATE_UNTRUSTED


@pytest.mark.parametrize(
    ("provider", "lacks"),
    [("paypal", 1), ("aws_sns", 1), ("google_pubsub", 2), ("braintree", 1), ("github", 0)],
)
def test_a_source_must_say_whose_deliveries_it_takes(provider: str, lacks: int) -> None:
    """Without, a valid signature would prove that somebody is a customer of the provider."""
    assert len(load(provider).lacking) == lacks
