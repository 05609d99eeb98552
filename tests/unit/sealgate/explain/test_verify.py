"""`sealgate verify`, as an engineer at three in the morning uses it: it names the cause.

Deliveries are signed here by hand, with `hmac` alone, altered in one way, and explained.
"""

import base64
import gzip
import hashlib
import hmac
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ingress.delivery import Reason
from sealgate.explain.asked import Keys, Question, Reading
from sealgate.explain.command import explain, run

SECRET = b"whsec_c2VjcmV0LW9mLXRoaXMtZW5kcG9pbnQtMTIz"
BODY = '{"id":"evt_1","name":"Zürich","price":1.10,"url":"https://a.example/b"}'.encode()
AT_S = 1_760_000_000
NOW_MS = AT_S * 1000 + 3_600_000


@dataclass(frozen=True)
class Sent:
    """A delivery of BTCPay on the wire, and the secret's file."""

    body: bytes = BODY
    header: bytes = b"sha256=" + hmac.digest(SECRET, BODY, "sha256").hex().encode()
    name: bytes = b"BTCPay-Sig"
    file: bytes = SECRET
    more: bytes = b""

    @property
    def raw(self) -> bytes:
        """The request as HTTP/1.1 writes it."""
        head = b"POST /hooks/shop HTTP/1.1\r\nHost: hooks.example\r\n" + self.more
        return head + self.name + b": " + self.header + b"\r\n\r\n" + self.body


SENT = Sent()


def _signed(body: bytes, secret: bytes = SECRET) -> bytes:
    return b"sha256=" + hmac.digest(secret, body, "sha256").hex().encode()


def _ask(folder: Path, sent: Sent, **more: str) -> Question:
    (folder / "request").write_bytes(sent.raw)
    (folder / "the-key").write_bytes(sent.file)
    keys = Keys(key_file=(str(folder / "the-key"),), url=more.pop("url", ""))
    reading = Reading(at=more.pop("at", ""))
    return Question(folder / "request", keys, reading, provider=more.pop("provider", "btcpay"))


def _names(folder: Path, sent: Sent, **more: str) -> set[str]:
    report = explain(_ask(folder, sent, **more), {}, NOW_MS)
    assert not report.verdict.is_valid
    return {finding.name for finding in report.findings if finding.proven}


def _pretty(indent: int | None, **more: Any) -> bytes:
    # `json` prints 1.10 as 1.1; the price is a text here, so that only the layout differs.
    table = json.loads(BODY) | {"price": "1.10"}
    return json.dumps(table, indent=indent, **more).encode()


COMPACT = _pretty(None, separators=(",", ":"), ensure_ascii=False)
ACCIDENTS: dict[str, Sent] = {
    "line-end-added": replace(SENT, body=BODY + b"\n"),
    "line-end-missing": replace(SENT, header=_signed(BODY + b"\r\n")),
    "lf-became-crlf": replace(SENT, body=b"{\r\n}", header=_signed(b"{\n}")),
    "crlf-became-lf": replace(SENT, body=b"{\n}", header=_signed(b"{\r\n}")),
    "byte-order-mark": replace(SENT, body=b"\xef\xbb\xbf" + BODY),
    "json-compact": replace(SENT, body=_pretty(2), header=_signed(COMPACT)),
    "json-pretty-2": replace(SENT, body=COMPACT, header=_signed(_pretty(2))),
    "json-pretty-4": replace(SENT, body=COMPACT, header=_signed(_pretty(4))),
    "json-spaced": replace(SENT, body=COMPACT, header=_signed(_pretty(None))),
    "json-compact-sorted": replace(
        SENT,
        body=b'{"b":1,"a":"x/y"}',
        header=_signed(b'{"a":"x\\/y","b":1}'),
    ),
    "compressed": replace(SENT, body=gzip.compress(BODY)),
    "base64": replace(SENT, body=base64.b64encode(BODY)),
    "charset": replace(SENT, body=BODY.decode("latin-1").encode()),
    "form-encoded": replace(SENT, body=b"a=b+c&d=%2f", header=_signed(b"a=b%20c&d=%2F")),
    "quoted": replace(SENT, body=json.dumps(BODY.decode()).encode()),
    "blanks": replace(SENT, file=SECRET + b" \n\n"),
    "quotes": replace(SENT, file=b'"' + SECRET + b'"'),
    "name": replace(SENT, file=b"SECRET=" + SECRET),
    "hex": replace(SENT, file=SECRET.hex().encode()),
    "label-left-off": replace(SENT, file=SECRET.removeprefix(b"whsec_")),
    "label-left-on": replace(SENT, header=_signed(BODY, SECRET.removeprefix(b"whsec_"))),
    "empty": replace(SENT, header=_signed(BODY, b"")),
    "prefix-missing": replace(SENT, header=SENT.header.removeprefix(b"sha256=")),
    "prefix-case": replace(SENT, header=b"SHA256=" + SENT.header.removeprefix(b"sha256=")),
    "prefix-foreign": replace(SENT, header=b"v1=" + SENT.header.removeprefix(b"sha256=")),
    "encoding": replace(
        SENT, header=b"sha256=" + base64.b64encode(hmac.digest(SECRET, BODY, "sha256"))
    ),
    "hash": replace(SENT, header=b"sha256=" + hmac.digest(SECRET, BODY, "sha1").hex().encode()),
    "other-header": replace(SENT, name=b"X-Renamed-Sig"),
    "sent-twice": replace(SENT, more=b"BTCPay-Sig: sha256=" + b"0" * 64 + b"\r\n"),
    "other-profile": replace(SENT, name=b"X-Hub-Signature-256"),
}


@pytest.mark.parametrize("name", ACCIDENTS)
def test_an_accident_is_called_by_its_name(tmp_path: Path, name: str) -> None:
    """Whoever reads the name knows what to change; a guess would cost them the day."""
    assert name in _names(tmp_path, ACCIDENTS[name])


def test_two_accidents_together_are_found(tmp_path: Path) -> None:
    """A pretty-printing framework does not spare who has a line end in the secret's file."""
    both = replace(ACCIDENTS["json-compact"], file=SECRET + b" ")
    assert _names(tmp_path, both) == {"json-compact", "blanks"}


def test_a_forgery_is_explained_by_nothing(tmp_path: Path) -> None:
    """No alteration may make a signature hold that nobody made: the table must not lie."""
    assert _names(tmp_path, replace(SENT, header=b"sha256=" + b"0" * 64)) == set()


def test_what_is_whole_is_valid(tmp_path: Path) -> None:
    """And the key that signed is named, for whoever rotates."""
    out = io.StringIO()
    assert run(_ask(tmp_path, SENT), {}, NOW_MS, out) == 0
    assert "VALID: signed with the key 'the-key'" in out.getvalue()


def _stripe(stamp: int, version: str = "v1") -> Sent:
    signature = hmac.digest(SECRET, b"%d." % stamp + BODY, "sha256").hex()
    return Sent(header=f"t={stamp},{version}={signature}".encode(), name=b"Stripe-Signature")


@pytest.mark.parametrize(
    ("stamp", "found"), [(AT_S - 301, "stale"), (AT_S + 301, "future"), (AT_S * 1000, "unit")]
)
def test_age_and_unit_are_told_apart(tmp_path: Path, stamp: int, found: str) -> None:
    """All three read as a timestamp that is wrong; only one of them is a replay."""
    assert found in _names(tmp_path, _stripe(stamp), provider="stripe", at=str(AT_S))


def test_the_moment_claimed_is_assumed_and_said(tmp_path: Path) -> None:
    """A capture of last week is valid as of then, and nobody may take that for fresh."""
    question = _ask(tmp_path, _stripe(AT_S), provider="stripe")
    report = explain(question, {}, NOW_MS)
    told = "\n".join(line for step in report.steps for line in step.lines)
    assert report.verdict.is_valid
    assert "assumed to be the moment the delivery claims" in told
    assert "that was 60.0 minutes ago" in told


def test_a_weaker_version_is_named_and_not_taken(tmp_path: Path) -> None:
    """Stripe's v0 alone is a downgrade: it is explained, and never accepted."""
    assert "other-version" in _names(tmp_path, _stripe(AT_S, "v0"), provider="stripe")


URL = "https://hooks.example/hooks/shop"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("http://hooks.example/hooks/shop", "scheme"),
        (URL + "/", "slash"),
        ("https://hooks.example:443/hooks/shop", "port"),
        ("https://intern.example/hooks/shop", "host"),
    ],
)
def test_a_wrong_url_is_found(tmp_path: Path, given: str, name: str) -> None:
    """Square signs the URL as registered, to the letter, and nothing shows it on the wire."""
    signature = base64.b64encode(hmac.digest(SECRET, URL.encode() + BODY, "sha256"))
    sent = Sent(header=signature, name=b"X-Square-HmacSha256-Signature")
    assert name in _names(tmp_path, sent, provider="square", url=given)


def test_another_providers_delivery_is_recognised(tmp_path: Path) -> None:
    """The commonest mistake of all: the URL registered at the wrong provider."""
    report = explain(_ask(tmp_path, _stripe(AT_S)), {}, NOW_MS)
    assert any("looks like Stripe" in finding.what for finding in report.findings)


@pytest.mark.parametrize("name", [*ACCIDENTS, "valid"])
@pytest.mark.parametrize("as_json", [False, True])
def test_nothing_made_with_the_secret_is_told(tmp_path: Path, name: str, as_json: bool) -> None:
    """The output ends in tickets and chats: an expected signature there is a key to the door."""
    sent = ACCIDENTS.get(name, SENT)
    question = _ask(tmp_path, sent)
    reading = replace(question.reading, json=as_json)
    out = io.StringIO()
    run(replace(question, reading=reading), {}, NOW_MS, out)
    secrets = {SECRET, sent.file.strip(), SECRET.removeprefix(b"whsec_")}
    bodies = {sent.body, BODY, COMPACT}
    digests = [hmac.digest(one, body, "sha256") for one in secrets for body in bodies]
    digests += [hashlib.sha256(one).digest() for one in secrets]
    forbidden = [one.decode("latin-1") for one in secrets] + [one.hex() for one in digests]
    forbidden += [base64.b64encode(one).decode() for one in digests]
    assert [text for text in forbidden if text in out.getvalue()] == []


def test_the_body_is_shown_only_where_asked(tmp_path: Path) -> None:
    """Bodies hold names and addresses, and the output is pasted anywhere."""
    question = _ask(tmp_path, SENT)
    hidden, shown = io.StringIO(), io.StringIO()
    run(question, {}, NOW_MS, hidden)
    run(replace(question, reading=Reading(show_body=True)), {}, NOW_MS, shown)
    assert "evt_1" not in hidden.getvalue()
    assert "evt_1" in shown.getvalue()


UNUSABLE: dict[str, Callable[[Path], Question]] = {
    "no request": lambda folder: Question(folder / "none", provider="btcpay"),
    "no judge": lambda folder: replace(_ask(folder, SENT), provider=""),
    "no profile": lambda folder: _ask(folder, SENT, provider="btcpai"),
    "no key file": lambda folder: replace(_ask(folder, SENT), keys=Keys(("/nowhere",))),
    "no moment": lambda folder: _ask(folder, SENT, at="yesterday"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_cannot_be_examined_is_another_exit_code(tmp_path: Path, name: str) -> None:
    """A script must not take a typing mistake for a forgery."""
    assert run(UNUSABLE[name](tmp_path), {}, NOW_MS, io.StringIO()) == 2


def test_a_configured_source_judges_and_a_swapped_key_is_found(tmp_path: Path) -> None:
    """Two shops of one provider, and the keys in each other's place."""
    (tmp_path / "a").write_bytes(b"the secret of the one")
    (tmp_path / "b").write_bytes(SECRET)
    blocks = [
        f'[[source]]\nslug = "{slug}"\nprovider = "btcpay"\n'
        f'[[source.key]]\nid = "k-{slug}"\nfile = "{slug}"\n'
        for slug in ("a", "b")
    ]
    config = tmp_path / "sealgate.toml"
    config.write_text('environment = "test"\n' + "".join(blocks))
    question = Question(_ask(tmp_path, SENT).request, source="a", config=config)
    report = explain(question, {}, NOW_MS)
    assert [one.name for one in report.findings if one.proven] == ["other-source"]
    assert "'k-b' of the source 'b'" in report.findings[0].what
    assert explain(replace(question, source="b"), {}, NOW_MS).verdict.is_valid


def _told(folder: Path, sent: Sent, **more: str) -> str:
    out = io.StringIO()
    run(_ask(folder, sent, **more), {}, NOW_MS, out)
    return " ".join(out.getvalue().split())


@pytest.mark.parametrize(
    "name", ["line-end-added", "json-compact", "prefix-missing", "blanks", "base64", "other-header"]
)
def test_one_accident_is_told_once(tmp_path: Path, name: str) -> None:
    """Of many changes that undo the same, the smallest is the cause; the others mislead."""
    assert _names(tmp_path, ACCIDENTS[name]) == {name}


def test_a_line_end_behind_compact_json_is_no_printing(tmp_path: Path) -> None:
    """An editor added it: nobody's middleware is to blame."""
    sent = replace(SENT, body=COMPACT + b"\n", header=_signed(COMPACT))
    assert _names(tmp_path, sent) == {"line-end-added"}


def test_what_holds_otherwise_is_told_as_a_line_of_a_profile(tmp_path: Path) -> None:
    """Whoever writes a profile wants the line, not the story."""
    assert 'signature.hash = "sha1"' in _told(tmp_path, ACCIDENTS["hash"])
    assert 'signature.encoding = "base64"' in _told(tmp_path, ACCIDENTS["encoding"])
    assert 'prefix = "v1="' in _told(tmp_path, ACCIDENTS["prefix-foreign"])


def test_what_was_valid_then_and_is_stale_now_is_called_so(tmp_path: Path) -> None:
    """VALID alone would be taken for: the gateway accepts it."""
    told = _told(tmp_path, _stripe(AT_S), provider="stripe")
    assert "VALID at the moment it claims: signed with" in told
    assert "received now it would be refused (timestamp_too_old)" in told
    given = _told(tmp_path, _stripe(AT_S), provider="stripe", at=str(AT_S + 1))
    assert "VALID: signed with" in given
    assert "received now" not in given


def test_now_is_a_moment(tmp_path: Path) -> None:
    """The question that is most often meant."""
    question = _ask(tmp_path, _stripe(AT_S), provider="stripe", at="now")
    assert run(question, {}, NOW_MS, io.StringIO()) == 1


def test_a_moment_ahead_is_not_ago(tmp_path: Path) -> None:
    """A clock that is wrong must be seen as that."""
    sent = _stripe(AT_S + 7200)
    assert "that is 60.0 minutes ahead of now" in _told(tmp_path, sent, provider="stripe")


def test_an_unreadable_signature_leaves_the_timestamp_and_tries_no_key(tmp_path: Path) -> None:
    """What can be read is told, and nothing that was not done."""
    sent = Sent(header=b"t=%d,v1=nonsense" % AT_S, name=b"Stripe-Signature")
    told = _told(tmp_path, sent, provider="stripe")
    assert "signed 2025-10-09 08:53:20 UTC, as the delivery claims" in told
    assert "'the-key': not tried" in told


def test_the_identity_is_always_told(tmp_path: Path) -> None:
    """It is what consumers will see; an event named by its digest cannot be deduplicated."""
    body = b'{"type":"InvoiceSettled","invoiceId":"in_1"}'
    told = _told(tmp_path, replace(SENT, body=body, header=_signed(body)))
    assert "InvoiceSettled" in told
    assert "payment in_1" in told
    assert "(by digest: no id is named)" in told
    question = _ask(tmp_path, replace(SENT, body=body, header=_signed(body)))
    out = io.StringIO()
    run(replace(question, reading=Reading(json=True)), {}, NOW_MS, out)
    identity = json.loads(out.getvalue())["identity"]
    assert (identity["payment_ref"], identity["key_is_digest"]) == ("in_1", True)


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (replace(SENT, header=b""), "empty-header"),
        (replace(SENT, header=SENT.header[:-1]), "signature-length"),
        (replace(SENT, body=BODY[:-3]), "broken-json"),
    ],
)
def test_what_strikes_the_eye_is_told(tmp_path: Path, sent: Sent, name: str) -> None:
    """Nothing that is tried would find it, and everybody sees it once it is said."""
    found = [one.name for one in explain(_ask(tmp_path, sent), {}, NOW_MS).findings]
    assert name in found


def test_of_a_signed_url_the_url_is_doubted_first(tmp_path: Path) -> None:
    """It is the commonest cause, and no try can find a URL that nobody knows."""
    signature = base64.b64encode(hmac.digest(SECRET, b"https://other.example/" + BODY, "sha256"))
    sent = Sent(header=signature, name=b"X-Square-HmacSha256-Signature")
    assert "most likely it is registered otherwise" in _told(
        tmp_path, sent, provider="square", url=URL
    )


def test_an_older_signature_is_named_and_no_provider_that_signs_alike(tmp_path: Path) -> None:
    """GitHub's SHA-1 is no delivery of Intercom's, though it would verify as one."""
    header = b"sha1=" + hmac.digest(SECRET, BODY, "sha1").hex().encode()
    report = explain(
        _ask(tmp_path, Sent(header=header, name=b"X-Hub-Signature"), provider="github"), {}, NOW_MS
    )
    assert [one.name for one in report.findings] == ["signed-otherwise"]
    assert "HMAC sha1" in report.findings[0].what
    assert "Intercom" not in report.findings[0].what


def test_a_piece_of_a_message_is_refused_as_at_the_edge(tmp_path: Path) -> None:
    """Its signature holds, because the message has no end of its parts."""
    body = b"no json"
    signature = hmac.digest(SECRET, b"%d." % AT_S + body, "sha256").hex()
    sent = Sent(body, f"t={AT_S},s={signature}".encode(), b"Moonpay-Signature-V2")
    report = explain(_ask(tmp_path, sent, provider="moonpay"), {}, NOW_MS)
    assert not report.verdict.is_valid
    assert report.verdict.reason is Reason.BODY_MALFORMED
    assert "the signature holds, and the body is not one JSON" in report.judgement
    assert [one.name for one in report.findings if one.proven] == ["content"]


def test_one_hash_in_the_place_of_two_is_found(tmp_path: Path) -> None:
    """Bridge hashes twice, and whoever signs by its words hashes once."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    message = b"%d." % (AT_S * 1000) + BODY
    signature = base64.b64encode(private.sign(message, padding.PKCS1v15(), hashes.SHA256()))
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header = b"t=%d,v0=" % (AT_S * 1000) + signature
    sent = Sent(header=header, name=b"X-Webhook-Signature", file=public)
    report = explain(_ask(tmp_path, sent, provider="bridge"), {}, NOW_MS)
    assert [(one.name, one.line) for one in report.findings if one.proven] == [
        ("prehash", 'signature.prehash = ""')
    ]


def test_a_terminal_is_told_no_commands(tmp_path: Path) -> None:
    """The request line is a stranger's."""
    question = _ask(tmp_path, SENT)
    question.request.write_bytes(SENT.raw.replace(b"/hooks/shop", b"/\x1b[2J\xff"))
    out = io.StringIO()
    run(question, {}, NOW_MS, out)
    assert "\x1b" not in out.getvalue()
    assert out.getvalue().encode()
