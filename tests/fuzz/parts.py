"""Targets below the profiles: the readers of texts, keys and URLs.

Any other exception than the documented refusal is a finding. Beyond that, each asserts what must
hold of whatever was accepted, because a crash is the smaller half of what can go wrong.
"""

import base64
import contextlib
import json
import re
from datetime import UTC, datetime
from urllib.parse import urlsplit

from ingress.delivery import Delivery, Reason, Rejected
from ingress.keysources.address import Places
from ingress.schemes import handshake
from ingress.schemes.parts import (
    canonical,
    certificates,
    forms,
    lexemes,
    message,
    places,
    pointer,
    public_keys,
    urls,
)
from ingress.schemes.parts.claims import Claims
from ingress.schemes.parts.encoding import Encoding, decode
from ingress.schemes.parts.fresh import Freshness, Unit
from ingress.schemes.parts.keys import KeyForm, key_material
from ingress.schemes.parts.parsers import CANDIDATES_MAX, Named, Parser, Plain, Versions
from ingress.schemes.parts.public_keys import KeyType
from ingress.schemes.parts.view import View
from tests.fuzz.registry import check, target, text_of
from tests.support.attacks import NOW_MS


@target
def json_lexemes(data: bytes) -> None:
    """Strict JSON: what is read is what `json` reads, and every writer writes JSON again."""
    try:
        node = lexemes.parse(data)
    except Rejected:
        return
    plain = json.loads(data)
    for order in canonical.Order:
        assert json.loads(canonical.js(node, order)) == plain
    try:
        # PHP has one kind of array: an object of its indices comes out as a list.
        json.loads(canonical.php(node))
        assert json.loads(canonical.python(node)) == plain
    except Rejected as rejected:
        # A number that Python cannot write as it was written.
        check(rejected.reason is Reason.BODY_MALFORMED, "another reason")


@target
def form(data: bytes) -> None:
    """Forms: PHP's and Twilio's texts are made of what was read, or refused."""
    try:
        fields = forms.parse(data)
    except Rejected:
        return
    assert len(fields) <= forms.FIELDS_MAX
    assert forms.twilio(fields) == forms.twilio(list(reversed(fields)))
    for name in {name for name, _ in fields[:3]}:
        try:
            assert forms.php_serialize(fields, name).startswith(b"a:")
        except Rejected:
            continue


PARSERS: tuple[Parser, ...] = (
    Plain(),
    Plain(b"sha256="),
    Named(b",", b"v1"),
    Named(b", ", b"v1"),
    Named(b";", b"h1"),
    Named(b"&", b"key", b"|"),
    Versions(b" ", b"v1"),
)


@target
def signature_text(data: bytes) -> None:
    """Signatures' texts: at least one candidate, and never more than the bound."""
    for parser in PARSERS:
        try:
            parsed = parser.parse(data)
        except Rejected:
            continue
        assert 1 <= len(parsed.signatures) <= CANDIDATES_MAX
        assert all(len(text) <= len(data) for text in parsed.signatures)


@target
def timestamp(data: bytes) -> None:
    """Timestamps: what passes is plain ASCII, and a number that can be judged."""
    for unit in Unit:
        rule = Freshness(unit, 300)
        try:
            assert rule.check(data) == data
        except Rejected:
            continue
        assert data.isascii()
        assert abs(rule.sent_ms(data)) < 10**16
        try:
            rule.judge(data, NOW_MS)
        except Rejected as rejected:
            known = {Reason.TIMESTAMP_STALE, Reason.TIMESTAMP_FUTURE}
            check(rejected.reason in known, "another reason")


@target
def place(data: bytes) -> None:
    """Places: what is read is written as the same place."""
    try:
        found = places.parse(text_of(data))
    except ValueError:
        return
    assert places.parse(str(found)) == found
    delivery = Delivery("fuzz", "POST", data, (), data, NOW_MS)
    try:
        View(delivery).text(found)
    except Rejected:
        return


@target
def json_pointer(data: bytes) -> None:
    """Pointers: what is read is written as the same pointer."""
    try:
        tokens = pointer.parse(text_of(data))
    except ValueError:
        return
    assert pointer.parse(pointer.render(tokens)) == tokens


@target
def template(data: bytes) -> None:
    """Message templates come from an operator: a mistake is a `ValueError`."""
    try:
        compiled = message.compile_message(text_of(data))
    except ValueError:
        return
    assert compiled.stretches


@target
def encodings(data: bytes) -> None:
    """Read encodings: one spelling for one value."""
    for encoding, write in (
        (Encoding.HEX, lambda raw: raw.hex().encode()),
        (Encoding.BASE64, base64.b64encode),
    ):
        try:
            raw = decode(encoding, data)
        except ValueError:
            continue
        assert write(raw) == (data.lower() if encoding is Encoding.HEX else data)


@target
def secrets(data: bytes) -> None:
    """Secrets: an empty one is none, and no message repeats what was given."""
    for form_ in KeyForm:
        try:
            material = key_material(form_, data)
        except ValueError as wrong:
            check(len(data) < 12 or text_of(data) not in str(wrong), "repeats it")
            continue
        assert material


@target
def public_key(data: bytes) -> None:
    """Public keys in every form: a key of the kind asked for, or a `ValueError`."""
    for kind in KeyType:
        try:
            found = public_keys.load(kind, data)
        except ValueError as wrong:
            check(len(data) < 24 or text_of(data) not in str(wrong), "repeats it")
            continue
        assert public_keys.type_of(found) is kind


@target
def jwks(data: bytes) -> None:
    """Read published sets as if a stranger had written them: they come over a network."""
    try:
        for kid, kind, found in public_keys.from_jwks(data):
            assert public_keys.is_kid(kid)
            assert public_keys.type_of(found) is kind
    except (ValueError, Rejected):
        return


@target
def certificate(data: bytes) -> None:
    """Certificates: nobody vouches for what a fuzzer makes."""
    try:
        certificates.key_of(data)
        certificates.expires(data)
    except ValueError:
        return
    try:
        certificates.verify_chain(data, (), "sns.amazonaws.com", datetime(2026, 1, 1, tzinfo=UTC))
    except ValueError:
        return
    raise AssertionError("a chain without a root was believed")


@target
def claims(data: bytes) -> None:
    """Claims of a token whose signature holds."""
    rule = Claims({"aud": ("a",)}, requires_expiry=True, iat_window_s=300, body_hash="h")
    with contextlib.suppress(Rejected):
        rule.judge(data, b"", NOW_MS)
    try:
        rule.issued_ms(data)
    except Rejected:
        return


@target
def url(data: bytes) -> None:
    """URLs: written from the registered one, whatever the query holds."""
    registered, _, query = data.partition(b"\n")
    text = registered.decode("ascii", "replace")
    called = urls.called(text, query)
    for port in urls.Port:
        urls.with_port(called, port)
    assert urls.path(text).startswith(b"/")


ALLOWED = Places(
    re.compile(r"sns\.[a-z0-9-]{3,}\.amazonaws\.com"),
    re.compile(r"/SimpleNotificationService-[a-f0-9]+\.pem"),
)


@target
def certificate_url(data: bytes) -> None:
    """URLs of certificates: what passes leads to an allowed host, for every other parser too."""
    text = text_of(data)
    try:
        address = ALLOWED.admit(text)
    except ValueError:
        return
    parts = urlsplit(text)
    assert parts.scheme == "https"
    assert parts.netloc == parts.hostname == address.host
    assert address.host.startswith("sns.")
    assert address.host.endswith(".amazonaws.com")


@target
def handshake_template(data: bytes) -> None:
    """Templates of answers come from an operator."""
    try:
        handshake.template(text_of(data))
    except ValueError:
        return
