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
    assert "that is 60.0 minutes ago now" in told


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
