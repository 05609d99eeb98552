"""Accidents that happen between two machines: proxies, frameworks, terminals, cloud functions.

Each is made here by hand with `hmac` and the standard library, and must be called by its name.
"""

import base64
import hashlib
import hmac
import json
import unicodedata
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from sealgate.explain import numbers
from sealgate.explain.asked import Keys, Question, Reading
from sealgate.explain.command import explain
from sealgate.explain.report import Report

SECRET = b"canary-secret-of-this-endpoint"
BODY = '{"id":"evt_1","amount":1.10,"fee":5.0,"name":"Zürich <b>"}'.encode()
AT_S = 1_795_000_000
NOW_MS = AT_S * 1000
URL = "https://hooks.example/t"


def _report(
    folder: Path, provider: str, raw: bytes, secret: bytes = SECRET, url: str = ""
) -> Report:
    (folder / "request").write_bytes(raw)
    (folder / "the-key").write_bytes(secret)
    (folder / "the-key").chmod(0o600)
    keys = Keys(key_file=(str(folder / "the-key"),), url=url)
    question = Question(folder / "request", keys, Reading(at=str(AT_S)), provider=provider)
    return explain(question, {}, NOW_MS)


def _http(body: bytes, *headers: tuple[str, str], line: str = "POST /t") -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"{line} HTTP/1.1\r\nHost: hooks.example\r\n{head}\r\n".encode() + body


def _github(body: bytes = BODY) -> tuple[str, str]:
    return "X-Hub-Signature-256", "sha256=" + hmac.digest(SECRET, body, "sha256").hex()


def _stripe(body: bytes = BODY, separator: str = ",") -> tuple[str, str]:
    signature = hmac.digest(SECRET, b"%d." % AT_S + body, "sha256").hex()
    return "Stripe-Signature", f"t={AT_S}{separator}v1={signature}"


def _escaped(body: bytes) -> bytes:
    for plain, name in ((b"&", b"&amp;"), (b'"', b"&quot;"), (b"<", b"&lt;"), (b">", b"&gt;")):
        body = body.replace(plain, name)
    return body


CHUNKS = b"10\r\n" + BODY[:16] + b"\r\n%x\r\n" % len(BODY[16:]) + BODY[16:] + b"\r\n0\r\n\r\n"
BODIES: dict[str, bytes] = {
    "unicode-form": unicodedata.normalize("NFD", BODY.decode()).encode(),
    "html-escaped": _escaped(BODY),
    "chunks": CHUNKS,
    "form-field": b"payload=" + quote(BODY).encode() + b"&more=1",
    "charset": BODY.decode().encode("utf-16"),
}


def test_what_happens_to_a_body_on_its_way_is_called_by_its_name(tmp_path: Path) -> None:
    """Each of these is a day of somebody's life, and one word ends it."""
    for name, body in BODIES.items():
        report = _report(tmp_path, "github", _http(body, _github()))
        assert [one.name for one in report.findings if one.proven] == [name]


NUMBERS = {
    b'{"a":1.10}': b'{"a":1.1}',
    b'{"a":100.00,"b":7}': b'{"a": 100.0, "b": 7}',
    b'{"a":5.0,"id":17}': b'{"a":5,"id":17}',
    b'{"a":5,"b":"1.50"}': b'{"a":5.0,"b":"1.50"}',
    b'{"a":1e-7}': b'{"a":1e-07}',
    b'{"a":0.0000001}': b'{"a": 1e-07}',
    b'{"a":0.12000000}': b'{\n  "a": 0.12\n}',
}


def test_numbers_that_were_printed_anew_are_found(tmp_path: Path) -> None:
    """Every framework that parses JSON loses them, and on a screen they look the same."""
    for signed, here in NUMBERS.items():
        report = _report(tmp_path, "github", _http(here, _github(signed)))
        names = [one.name for one in report.findings if one.proven]
        assert names == ["json-numbers"], here


def test_a_number_too_large_to_print_costs_nothing(tmp_path: Path) -> None:
    """The capture is a stranger's: a billion zeros must not be printed to look for them."""
    report = _report(tmp_path, "github", _http(b'{"a":1e999999999,"b":1E-99999999}', _github()))
    assert [one.name for one in report.findings] == ["unexplained"]
    assert all(len(body) < 200 for body in numbers.rewritten(b'{"a":1e99999,"b":2E+000123}'))


def _twilio(query: str) -> tuple[str, str]:
    mac = hmac.digest(SECRET, f"{URL}?{query}".encode(), hashlib.sha1)
    return "X-Twilio-Signature", base64.b64encode(mac).decode()


QUERIES = {
    # As signed, and as received.
    "a=1%2F&b=2%20x": "b=2%20x&a=1%2F",
    "a=1%2F&b=3%20x": "a=1%2F&b=3+x",
    "a=1%2F&b=4": "a=1%2f&b=4",
    "a=1/&b=5": "trace=1&a=1/&b=5",
    "a=1&b=6": "a=1&b=6&utm_source=mail&utm_medium=x",
    "c=1&b=2&a=3&f=4&e=5&d=6&g=7&a=8": "c=1&b=2&a=3&f=4&e=5&d=6&g=7&a=8&z=",
    "b=1&a=2&c=7": "c=7&b=1&a=2",
    "a=1&b=2&c=3&d=4&e=5&f=6": "f=6&e=5&d=4&c=3&b=2&a=1",
}


def test_a_query_that_a_proxy_changed_is_found(tmp_path: Path) -> None:
    """The URL is signed with its query, and balancers like to put it in order."""
    for signed, received in QUERIES.items():
        raw = _http(b"", _twilio(signed), line=f"GET /t?{received}")
        report = _report(tmp_path, "twilio", raw, url=URL)
        names = [one.name for one in report.findings if one.proven]
        assert names == ["query-changed"], received


def test_a_list_in_url_safe_letters_is_read(tmp_path: Path) -> None:
    """Of a list, too, every signature may have lost its padding on the way."""
    # Under this key the signature of this id holds both of the letters that differ.
    key = b"k" * 32
    name, text = next(
        (name, text)
        for name in (f"msg_{number}" for number in range(1000))
        if {"+", "/"} <= set(text := _standard(key, name))
    )
    safe = text.translate(str.maketrans("+/", "-_")).rstrip("=")
    headers = (("webhook-id", name), ("webhook-timestamp", str(AT_S)))
    raw = _http(BODY, *headers, ("webhook-signature", f"v1a,AAAA v1,{safe}"))
    secret = b"whsec_" + base64.b64encode(key)
    report = _report(tmp_path, "standard_webhooks", raw, secret)
    assert [one.name for one in report.findings if one.proven] == ["url-safe"]


def _standard(key: bytes, name: str) -> str:
    message = f"{name}.{AT_S}.".encode() + BODY
    return base64.b64encode(hmac.digest(key, message, "sha256")).decode()


def test_a_blank_in_a_list_is_no_other_version(tmp_path: Path) -> None:
    """Nobody is to look for a setting at the provider because a log put a blank there."""
    report = _report(tmp_path, "stripe", _http(BODY, _stripe(separator=", ")))
    assert [one.name for one in report.findings] == ["wrapping"]


def test_what_cannot_be_undone_is_at_least_seen(tmp_path: Path) -> None:
    """An order of members that is lost is lost; whoever reads why stops looking at the key."""
    wide = b'{"id":"e","amount":1,"type":"t","at":2}'
    in_order = json.dumps(json.loads(wide), sort_keys=True, separators=(",", ":")).encode()
    shown = base64.b64encode(hmac.digest(SECRET, BODY, "sha256")).decode().upper()
    key, key_id = b"whsec_" + base64.b64encode(b"k" * 32), ("webhook-id", "msg_2")
    times = ("webhook-timestamp", str(AT_S))
    signature = ("webhook-signature", "v1," + _standard(b"k" * 32, "msg_1"))
    told = {
        "it has its members in the order of their names": _report(
            tmp_path, "github", _http(in_order, _github(wide))
        ),
        "has a blank after each comma and colon, as Python's": _report(
            tmp_path, "github", _http(json.dumps(json.loads(wide)).encode(), _github(wide[:-1]))
        ),
        "a header was changed that is signed too: webhook-": _report(
            tmp_path, "standard_webhooks", _http(BODY, key_id, times, signature), key
        ),
        "its letters are of one case": _report(
            tmp_path, "shopify", _http(BODY, ("X-Shopify-Hmac-Sha256", shown))
        ),
        "the secret that was sent is another than the one held": _report(
            tmp_path, "telegram", _http(BODY, ("X-Telegram-Bot-Api-Secret-Token", "other"))
        ),
        "begins as API keys do": _report(
            tmp_path, "stripe", _http(BODY, _stripe()), b"sk_live_canary-of-the-account"
        ),
    }
    for words, report in told.items():
        assert any(words in one.what for one in report.findings), words
        assert not any(one.proven for one in report.findings), words
        assert "canary" not in repr(report.findings)


def test_a_signature_of_two_numbers_side_by_side_is_found(tmp_path: Path) -> None:
    """WebCrypto and Java write ECDSA so; nothing of it is wrong but the wrapping."""
    private = ec.generate_private_key(ec.SECP256R1())
    r, s = decode_dss_signature(private.sign(b"%d" % AT_S + BODY, ec.ECDSA(hashes.SHA256())))
    plain = base64.b64encode(r.to_bytes(32) + s.to_bytes(32)).decode()
    name = "X-Twilio-Email-Event-Webhook"
    raw = _http(BODY, (f"{name}-Signature", plain), (f"{name}-Timestamp", str(AT_S)))
    report = _report(tmp_path, "sendgrid", raw, _public(private))
    assert [one.name for one in report.findings] == ["side-by-side"]


def _public(private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return private.public_key().public_bytes(serialization.Encoding.PEM, form)


def _token(head: dict[str, object]) -> str:
    parts = (json.dumps(head).encode(), b"{}", b"no signature")
    return "Bearer " + ".".join(base64.urlsafe_b64encode(one).decode().rstrip("=") for one in parts)


def test_what_is_not_accepted_is_named(tmp_path: Path) -> None:
    """The reason alone says that something is of another kind, and not what, nor what to do."""
    public = _public(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    paypal = [("PAYPAL-TRANSMISSION-ID", "t"), ("PAYPAL-TRANSMISSION-TIME", "2026-11-20T10:11:12Z")]
    paypal += [("PAYPAL-TRANSMISSION-SIG", "AAAA"), ("PAYPAL-CERT-URL", "https://evil.example/a")]
    told = {
        "token is signed with 'HS256'": (
            "google_pubsub",
            [("Authorization", _token({"alg": "HS256"}))],
        ),
        "token is signed with 'none'": (
            "google_pubsub",
            [("Authorization", _token({"alg": "none"}))],
        ),
        "asks for an extension (crit)": (
            "google_pubsub",
            [("Authorization", _token({"alg": "RS256", "crit": ["b64"], "b64": False}))],
        ),
        "paypal-auth-algo is 'SHA1withRSA'": (
            "paypal",
            [*paypal, ("PAYPAL-AUTH-ALGO", "SHA1withRSA")],
        ),
        "at 'https://evil.example/a', and PayPal keeps none": (
            "paypal",
            [*paypal, ("PAYPAL-AUTH-ALGO", "SHA256withRSA")],
        ),
        "key 'the-key': this is no public key": ("wise", [("X-Signature-SHA256", "AAAA")]),
    }
    for words, (provider, headers) in told.items():
        secret = SECRET if provider == "wise" else public
        report = _report(tmp_path, provider, _http(BODY, *headers), secret)
        assert any(words in one.what for one in report.findings), words
        assert "unexplained" not in {one.name for one in report.findings}, words
        assert "canary" not in repr(report.findings)


def test_a_condition_on_content_shows_no_content(tmp_path: Path) -> None:
    """Braintree's payload is somebody's payment, and the output is pasted anywhere."""
    raw = _http(b"bt_signature=public_key|00&bt_payload=an-event-of-somebody")
    report = _report(tmp_path, "braintree", raw)
    assert any("form:bt_payload is another than is expected" in one.what for one in report.findings)
    assert "somebody" not in repr(report.findings)


def test_valid_without_a_needed_parameter_is_not_the_whole_truth(tmp_path: Path) -> None:
    """Google signs for everybody: a token is ours by its audience, and nobody gave one."""
    report = _report(tmp_path, "google_pubsub", _http(BODY))
    missing = [one.what for one in report.findings if one.name == "parameter-missing"]
    assert [what.partition(" is needed")[0] for what in missing] == [
        "parameter 'audience'",
        "parameter 'email'",
    ]


@pytest.mark.parametrize(
    "event",
    [
        {"httpMethod": "POST", "path": "/t", "multiValueHeaders": {_github()[0]: [_github()[1]]}},
        {
            "rawPath": "/t",
            "rawQueryString": "a=b",
            "requestContext": {"http": {"method": "POST"}},
            "headers": dict([_github()]),
        },
    ],
)
@pytest.mark.parametrize("is_encoded", [True, False])
def test_the_event_of_a_cloud_function_is_a_capture(
    tmp_path: Path, event: dict[str, object], is_encoded: bool
) -> None:
    """It is what such an engineer has, and its body says itself how it stands there."""
    body = base64.b64encode(BODY).decode() if is_encoded else BODY.decode()
    raw = json.dumps({**event, "body": body, "isBase64Encoded": is_encoded}).encode()
    report = _report(tmp_path, "github", raw)
    assert report.verdict.is_valid
    assert any("a function's event" in line for line in report.steps[0].lines)
