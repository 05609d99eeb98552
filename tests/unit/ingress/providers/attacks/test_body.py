"""Bodies of other bytes under the signature of the first: attacks 7, 8, 9 and 23."""

import gzip
import json
import re
import time
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote_plus, unquote_plus

import pytest

from ingress.contract.envelope import Assurance, Coverage
from ingress.delivery import Reason, Rejected
from tests.support.attacks import (
    NOW_S,
    SENDERS,
    against,
    profile,
    received,
    refusal,
    ring,
    sample,
    verify,
)
from tests.support.signers import Sent, Signer
from tests.support.signers.shape import FORM
from tests.support.turns import in_turn

FORGED = {Reason.SIGNATURE_MISMATCH, Reason.DIGEST_MISMATCH}
# Where the scheme reads a part of the body, a body that cannot be read is refused for that.
UNREAD = {Reason.BODY_MALFORMED, Reason.HEADER_MISSING, Reason.HEADER_DUPLICATED}
STAMP = {Reason.TIMESTAMP_MISSING, Reason.TIMESTAMP_MALFORMED}


def _covers_bytes(signer: Signer) -> bool:
    return signer.covers == "body" and bool(signer.body)


def _covers_json(signer: Signer) -> bool:
    return _covers_bytes(signer) and signer.content_type != FORM


def _covers_form(signer: Signer) -> bool:
    return signer.covers != "nothing" and signer.content_type == FORM


def _reads_json(signer: Signer) -> bool:
    """Say whether the scheme has to read the body as JSON before it can verify."""
    in_body = signer.place.startswith("json:") or signer.stamp_place.startswith("json:")
    return (signer.covers in {"canonical", "fields"} or in_body) and signer.content_type != FORM


def _altered(signer: Signer, change: Callable[[bytes], bytes]) -> Sent:
    """Change the body as sent, and leave everything else; fail where the change changes nothing."""
    sent = sample(signer)
    body = change(sent.body)
    assert body != sent.body
    return replace(sent, body=body)


def _reason(signer: Signer, change: Callable[[bytes], bytes]) -> Reason:
    return refusal(signer, received(signer, _altered(signer, change)))


def _expected(signer: Signer) -> set[Reason]:
    return FORGED | UNREAD | STAMP if _reads_json(signer) else FORGED


@against(_covers_bytes, profiles=63)
@in_turn(
    "change",
    [
        lambda body: body + b"\n",
        lambda body: body + b"\r\n",
        lambda body: body + b" ",
        lambda body: b" " + body,
        lambda body: body + b"\x00",
        lambda body: b"\xef\xbb\xbf" + body,
        lambda body: body[:-1],
        lambda body: body[1:],
        lambda body: body + body,
        lambda body: body[::-1],
        lambda _: b"",
        gzip.compress,
        lambda body: body.decode().encode("utf-16"),
        lambda body: body.swapcase(),
    ],
    ids=[
        "line end",
        "CRLF",
        "blank behind",
        "blank before",
        "NUL",
        "BOM",
        "cut",
        "cut before",
        "twice",
        "backwards",
        "empty",
        "gzip",
        "UTF-16",
        "other case",
    ],
)
def test_a_body_of_other_bytes_is_refused(signer: Signer, change: Callable[[bytes], bytes]) -> None:
    """Attacks 7 and 9: what means the same is not the same; the signature is over bytes."""
    assert _reason(signer, change) in _expected(signer)


@against(_covers_json, profiles=61)
@in_turn(
    "change",
    [
        lambda body: json.dumps(json.loads(body), indent=1).encode(),
        lambda body: json.dumps(json.loads(body), sort_keys=True, indent=2).encode(),
        lambda body: body.replace(b'"', b'"\\u0020', 1),
        lambda body: re.sub(rb'"([a-zA-Z])', lambda m: b'"\\u%04x' % ord(m[1]), body, count=1),
        lambda body: re.sub(rb"([,:{\[])", rb"\1\r\n", body),
    ],
    ids=["indented", "sorted", "blank in a name", "escaped letter", "line ends"],
)
def test_json_written_anew_is_refused(signer: Signer, change: Callable[[bytes], bytes]) -> None:
    """Attack 7: a proxy that parses and prints JSON breaks every signature over bytes."""
    assert _reason(signer, change) in _expected(signer)


def _has_accents(signer: Signer) -> bool:
    return _covers_bytes(signer) and b"\xc3" in signer.body


@against(_has_accents, profiles=18)
@in_turn(
    "change",
    [
        lambda body: unicodedata.normalize("NFD", body.decode()).encode(),
        lambda body: body.decode().encode("latin-1"),
        lambda body: body.decode("latin-1").encode(),
        lambda body: json.dumps(json.loads(body)).encode(),
    ],
    ids=["NFD", "latin-1", "twice UTF-8", "escaped"],
)
def test_letters_encoded_otherwise_are_refused(
    signer: Signer, change: Callable[[bytes], bytes]
) -> None:
    """Attack 8: the same letters, of other bytes."""
    assert _reason(signer, change) in _expected(signer)


def _form_bytes(signer: Signer) -> bool:
    return _covers_bytes(signer) and signer.content_type == FORM


@against(_form_bytes, profiles=2)
@in_turn(
    "change",
    [
        lambda body: b"&".join(reversed(body.split(b"&"))),
        lambda body: body.replace(b"&", b";"),
        lambda body: body.replace(b"=", b"%3D", 1),
        lambda body: b"&" + body,
        lambda body: body + b"&amount=1",
    ],
    ids=["order", "semicolons", "escape", "empty field", "one more"],
)
def test_a_form_written_anew_is_refused(signer: Signer, change: Callable[[bytes], bytes]) -> None:
    """Attack 7: a form that was decoded and encoded again is another body."""
    assert _reason(signer, change) in FORGED


@against(lambda signer: signer.covered is not None, profiles=74)
def test_a_change_of_what_is_signed_is_refused(signer: Signer) -> None:
    """The forgery that matters: another amount, another state, another payment."""
    assert signer.covered is not None
    assert _reason(signer, signer.covered) in FORGED


@against(lambda signer: signer.uncovered is not None, profiles=23)
def test_only_what_the_provider_leaves_open_can_be_changed(signer: Signer) -> None:
    """What a scheme does not cover still verifies; so the profile must not claim that it does."""
    assert signer.uncovered is not None
    sent = _altered(signer, signer.uncovered)
    assert verify(signer, received(signer, sent)) == 0
    assert profile(signer).assurance >= Assurance.C


@pytest.mark.parametrize("signer", SENDERS, ids=str)
def test_no_profile_claims_more_than_its_provider_covers(signer: Signer) -> None:
    """Consumers move money on the assurance; the sender's own description is the judge of it."""
    found = profile(signer)
    if signer.covers in {"fields", "nothing"} and signer.method == "POST":
        assert found.assurance >= Assurance.C
        assert found.coverage is not Coverage.FULL
    elif signer.covers == "canonical":
        assert found.assurance >= Assurance.C
    assert (found.assurance is Assurance.E) == (not signer.place)
    if found.assurance is Assurance.A:
        assert signer.timed is not None


def _first_member_twice(body: bytes) -> bytes:
    """Write the first member of the object once more, in front, with another value."""
    found = re.match(rb'\s*\{\s*("[^"]*")\s*:', body)
    assert found is not None
    return b"{" + found[1] + b':"evil",' + body.lstrip()[1:]


@against(
    lambda signer: _reads_json(signer) and not signer.stamp_place.startswith("json:/webhook"),
    profiles=8,
)
def test_a_name_twice_in_an_object_is_refused(signer: Signer) -> None:
    """Attack 23: of two members, the one that is verified need not be the one that is read."""
    assert _reason(signer, _first_member_twice) in UNREAD


@against(_covers_form, profiles=6)
def test_a_field_added_to_a_form_is_not_passed_over(signer: Signer) -> None:
    """Two fields of one name: the verifier and the consumer may believe different ones."""
    name = signer.body.split(b"=")[0]

    def change(body: bytes) -> bytes:
        return body + b"&" + name + b"=evil"

    if signer.covers == "fields" and signer.provider == "braintree":
        name = b"bt_payload"
    assert _reason(signer, change) in FORGED | UNREAD


@against(lambda signer: signer.covers == "canonical" and signer.content_type == FORM, profiles=2)
def test_a_form_means_the_same_in_any_spelling(signer: Signer) -> None:
    """Schemes over decoded fields allow other escapes, and nothing that changes a value."""
    sent = sample(signer)
    pairs = [pair.split(b"=") for pair in sent.body.split(b"&")]
    texts = [[quote_plus(unquote_plus(half.decode())) for half in pair] for pair in pairs]
    body = "&".join("=".join(pair) for pair in texts).encode()
    assert verify(signer, received(signer, replace(sent, body=body))) == 0


HOSTILE = {
    "deep list": b"[" * 200_000,
    "deep list, closed": b"[" * 100_000 + b"]" * 100_000,
    "deep object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "long integer": b'{"id":' + b"9" * 200_000 + b"}",
    "infinite": b'{"id":1e400000}',
    "NaN": b'{"id":NaN}',
    "lone surrogate": b'{"id":"\\ud800"}',
    "NUL": b'{"id":"\\u0000"}',
    "no text": bytes(range(256)),
    "wrong kinds": b'{"Type":[],"signature":[],"sign":{},"data":1,"notificationItems":{}}',
    "empty items": b'{"notificationItems":[]}',
    "odd items": b'{"notificationItems":[null,1,"x",[],{}]}',
    "null": b"null",
    "many fields": b"a=1&" * 50_000,
    "bad escapes": b"%zz=%&a=%f&%ff=%c3%28",
    "only separators": b"&=" * 1000,
    "a million blanks": b" " * 1_000_000,
}


@pytest.mark.parametrize("signer", SENDERS, ids=str)
def test_a_hostile_body_raises_nothing_but_a_refusal(signer: Signer) -> None:
    """Attack 23: an error would be answered with 500, and the provider would send it for ever."""
    found, keys = profile(signer), ring(signer)
    began_s = time.process_time()
    for body in HOSTILE.values():
        delivery = received(signer, replace(sample(signer), body=body))
        found.kid(delivery)
        try:
            found.verify(delivery, keys)
        except Rejected:
            pass
        else:
            # A signature that covers no body cannot refuse one; it is read all the same.
            assert signer.covers == "nothing"
        assert found.identify(delivery).event_key
    # Together some three megabytes: a quadratic reader would take minutes.
    assert time.process_time() - began_s < 30


@pytest.mark.parametrize("signer", SENDERS, ids=str)
def test_a_delivery_of_nothing_is_refused(signer: Signer) -> None:
    """No header, no body, no query; only a hint needs no proof."""
    nothing = Sent(signer.method, signer.url.partition("?")[0], (), b"")
    delivery = received(signer, nothing, at_ms=NOW_S * 1000)
    if not profile(signer).is_signed:
        assert profile(signer).verify(delivery, []) == 0
        return
    reasons = UNREAD | STAMP | {Reason.HEADER_MALFORMED}
    assert refusal(signer, delivery) in reasons
