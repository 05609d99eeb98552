"""What a delivery states: where the signatures stand, over which messages, and at what time."""

import re

import pytest

from ingress.delivery import Delivery, Reason, Rejected
from ingress.schemes.parts import places
from ingress.schemes.parts.encoding import Encoding
from ingress.schemes.parts.fresh import Freshness, Unit
from ingress.schemes.parts.keys import Key
from ingress.schemes.parts.message import compile_message
from ingress.schemes.parts.parsers import Named, Plain
from ingress.schemes.parts.statement import Claim, Condition, Stamp, Statement
from ingress.schemes.parts.view import View

NOW_MS = 1_760_000_000_000
SECONDS = Freshness(Unit.SECONDS, 300)
BODY = (compile_message("{body}"),)
TIMED = (compile_message("{timestamp}.{body}"),)
X_SIG = places.parse("header:x-sig")
T_V1 = Named(b",", b"v1")

PLAIN = Statement(X_SIG, Plain(), Encoding.HEX, BODY, digest_bytes=2)
FIELD = Statement(X_SIG, T_V1, Encoding.HEX, TIMED, 2, Stamp(SECONDS, field=b"t"))
HEADER = Statement(
    X_SIG, Plain(), Encoding.HEX, TIMED, 2, Stamp(SECONDS, places.parse("header:x-at"))
)
IN_BODY = Statement(
    places.parse("/sig"),
    Plain(),
    Encoding.HEX,
    (compile_message("{json:/at}{json:/id}"),),
    2,
    Stamp(SECONDS, places.parse("/at")),
)
FIELD_IN_FORM = Statement(
    places.parse("form:sig"), T_V1, Encoding.HEX, TIMED, 2, Stamp(SECONDS, field=b"t")
)
FAMILY = Statement(
    places.parse("header:x-sig-*"), Plain(), Encoding.HEX, BODY, digest_bytes=2, repeated=True
)
REPEATED = Statement(X_SIG, Plain(), Encoding.HEX, BODY, digest_bytes=2, repeated=True)
ITEMS = Statement(
    places.parse("/sig"),
    Plain(),
    Encoding.HEX,
    (compile_message("{json:/id}"),),
    2,
    each=("items",),
)


def _delivery(*headers: tuple[bytes, bytes], body: bytes = b"B") -> Delivery:
    return Delivery("shop", "POST", b"", headers, body, NOW_MS)


def _claims(statement: Statement, delivery: Delivery) -> list[Claim]:
    return statement.read(View(delivery))


def _refusal(statement: Statement, delivery: Delivery) -> Reason:
    with pytest.raises(Rejected) as refused:
        statement.read(View(delivery))
    return refused.value.reason


def _precheck_refusal(statement: Statement, *headers: tuple[bytes, bytes]) -> Reason:
    with pytest.raises(Rejected) as refused:
        statement.precheck(headers)
    return refused.value.reason


@pytest.mark.parametrize(
    ("statement", "delivery", "claims"),
    [
        (PLAIN, _delivery((b"x-sig", b"0aFF")), [([b"\x0a\xff"], [(b"B",)], b"")]),
        (
            FIELD,
            _delivery((b"x-sig", b"t=7,v1=0001,v0=0002,v1=0003")),
            [([b"\x00\x01", b"\x00\x03"], [(b"7.B",)], b"7")],
        ),
        (
            HEADER,
            _delivery((b"x-sig", b"0001"), (b"x-at", b" 07 ")),
            [([b"\x00\x01"], [(b"07.B",)], b"07")],
        ),
        (
            IN_BODY,
            _delivery(body=b'{"sig":"0001","at":"9","id":"i"}'),
            [([b"\x00\x01"], [(b"9i",)], b"9")],
        ),
        (
            FIELD_IN_FORM,
            _delivery(body=b"sig=t%3D7%2Cv1%3D0001"),
            [([b"\x00\x01"], [(b"7.sig=t%3D7%2Cv1%3D0001",)], b"7")],
        ),
        (
            FAMILY,
            _delivery((b"x-sig-1", b"0001"), (b"x-sig-2", b"0002"), (b"x-signature", b"0003")),
            [([b"\x00\x01", b"\x00\x02"], [(b"B",)], b"")],
        ),
        (
            REPEATED,
            _delivery((b"x-sig", b"0001"), (b"via", b"x"), (b"x-sig", b"0002")),
            [([b"\x00\x01", b"\x00\x02"], [(b"B",)], b"")],
        ),
        (
            ITEMS,
            _delivery(body=b'{"items":[{"sig":"0001","id":"a"},{"sig":"0002","id":"b"}]}'),
            [([b"\x00\x01"], [(b"a",)], b""), ([b"\x00\x02"], [(b"b",)], b"")],
        ),
    ],
    ids=["plain", "field", "header", "body", "form", "family", "repeated", "items"],
)
def test_a_delivery_states_its_claims(
    statement: Statement, delivery: Delivery, claims: list[Claim]
) -> None:
    """Candidates as bytes, the message put together, the timestamp as it was sent."""
    assert _claims(statement, delivery) == claims
    statement.precheck(delivery.headers)


def test_any_of_several_messages_may_be_signed() -> None:
    """A provider that writes its URL in two ways signs one of them."""
    both = Statement(
        X_SIG, Plain(), Encoding.HEX, (*BODY, compile_message("x{body}")), digest_bytes=2
    )
    (claim,) = _claims(both, _delivery((b"x-sig", b"0001")))
    assert claim.messages == [(b"B",), (b"xB",)]
    accepted = [
        both.prove([claim], [Key(b"k")], NOW_MS, lambda _, pieces, __, want=want: pieces == want)
        for want in [(b"B",), (b"xB",)]
    ]
    assert accepted == [0, 0]


@pytest.mark.parametrize(
    ("statement", "delivery", "reason"),
    [
        (PLAIN, _delivery(), Reason.HEADER_MISSING),
        (PLAIN, _delivery((b"x-sig", b"0001"), (b"x-sig", b"0001")), Reason.HEADER_DUPLICATED),
        (PLAIN, _delivery((b"x-sig", b"00")), Reason.HEADER_MALFORMED),
        (PLAIN, _delivery((b"x-sig", b"000102")), Reason.HEADER_MALFORMED),
        (PLAIN, _delivery((b"x-sig", b"00zz")), Reason.HEADER_MALFORMED),
        (PLAIN, _delivery((b"x-sig", b"")), Reason.HEADER_MALFORMED),
        (FIELD, _delivery((b"x-sig", b"v1=0001")), Reason.TIMESTAMP_MISSING),
        (FIELD, _delivery((b"x-sig", b"t=x,v1=0001")), Reason.TIMESTAMP_MALFORMED),
        (FIELD, _delivery((b"x-sig", b"t=1,t=1,v1=0001")), Reason.HEADER_MALFORMED),
        (FIELD, _delivery((b"x-sig", b"t=1,v0=0001")), Reason.VERSION_UNSUPPORTED),
        (HEADER, _delivery((b"x-sig", b"0001")), Reason.TIMESTAMP_MISSING),
        (HEADER, _delivery((b"x-sig", b"0001"), (b"x-at", b"+1")), Reason.TIMESTAMP_MALFORMED),
        (IN_BODY, _delivery(body=b'{"sig":"0001","id":"i"}'), Reason.TIMESTAMP_MISSING),
        (IN_BODY, _delivery(body=b'{"at":"1","id":"i"}'), Reason.HEADER_MISSING),
        (IN_BODY, _delivery(body=b"{"), Reason.BODY_MALFORMED),
        (FAMILY, _delivery((b"x-signature", b"0003")), Reason.HEADER_MISSING),
        (REPEATED, _delivery(*[(b"x-sig", b"0001")] * 6), Reason.HEADER_MALFORMED),
        (ITEMS, _delivery(body=b'{"items":[]}'), Reason.BODY_MALFORMED),
        (ITEMS, _delivery(body=b'{"items":{"sig":"0001"}}'), Reason.BODY_MALFORMED),
        (ITEMS, _delivery(body=b"{}"), Reason.BODY_MALFORMED),
        (ITEMS, _delivery(body=b'{"items":[{"sig":"0001","id":"a"},{}]}'), Reason.HEADER_MISSING),
    ],
)
def test_what_is_not_well_formed_states_nothing(
    statement: Statement, delivery: Delivery, reason: Reason
) -> None:
    """Every reason is a label, and one that is wrong sends an operator to the wrong place."""
    assert _refusal(statement, delivery) is reason


def test_five_repeated_headers_are_read_and_a_hundred_items() -> None:
    """A rotation makes two signatures, a batch many items; and there is an end to both."""
    five = _delivery(*[(b"x-sig", b"0001")] * 5)
    assert len(_claims(REPEATED, five)[0].candidates) == 5
    REPEATED.precheck(five.headers)
    assert _precheck_refusal(REPEATED, *[(b"x-sig", b"1")] * 6) is Reason.HEADER_MALFORMED
    item = b'{"sig":"0001","id":"a"}'
    hundred = _delivery(body=b'{"items":[' + b",".join([item] * 100) + b"]}")
    assert len(_claims(ITEMS, hundred)) == 100
    more = _delivery(body=b'{"items":[' + b",".join([item] * 101) + b"]}")
    assert _refusal(ITEMS, more) is Reason.BODY_MALFORMED


def test_a_candidate_that_is_no_signature_is_passed_over_among_others() -> None:
    """Of several signatures one may be of a kind to come; another one still holds."""
    sent = _delivery((b"x-sig", b"t=7,v1=zz,v1=000102,v1=0001"))
    assert _claims(FIELD, sent)[0].candidates == [b"\x00\x01"]
    none = _delivery((b"x-sig", b"t=7,v1=zz,v1=000102"))
    assert _refusal(FIELD, none) is Reason.HEADER_MALFORMED


def test_where_the_length_varies_any_length_will_do() -> None:
    """An RSA signature is as long as its key."""
    free = Statement(X_SIG, Plain(), Encoding.BASE64, BODY)
    assert _claims(free, _delivery((b"x-sig", b"AQID")))[0].candidates == [b"\x01\x02\x03"]


@pytest.mark.parametrize(
    ("statement", "headers", "reason"),
    [
        (PLAIN, (), Reason.HEADER_MISSING),
        (FIELD, ((b"x-sig", b"v1=0001"),), Reason.TIMESTAMP_MISSING),
        (FIELD, ((b"x-sig", b"t=now,v1=0001"),), Reason.TIMESTAMP_MALFORMED),
        (FIELD, ((b"x-sig", b"t=1"),), Reason.VERSION_UNSUPPORTED),
        (HEADER, ((b"x-sig", b"0001"),), Reason.TIMESTAMP_MISSING),
        (HEADER, ((b"x-sig", b"0001"), (b"x-at", b"now")), Reason.TIMESTAMP_MALFORMED),
        (HEADER, ((b"x-sig", b"0001"), (b"x-at", b"1"), (b"x-at", b"1")), Reason.HEADER_DUPLICATED),
        (FAMILY, ((b"x-sig", b"0001"),), Reason.HEADER_MISSING),
    ],
)
def test_headers_alone_are_enough_to_refuse(
    statement: Statement, headers: tuple[tuple[bytes, bytes], ...], reason: Reason
) -> None:
    """Attack 28: a junk request costs no body."""
    assert _precheck_refusal(statement, *headers) is reason


def test_what_stands_in_the_body_is_not_looked_for_among_the_headers() -> None:
    """Before the body is there nothing can be said of it; a header's own syntax can."""
    IN_BODY.precheck(())
    FIELD_IN_FORM.precheck(())
    ITEMS.precheck(())
    signed = Statement(
        X_SIG, Plain(), Encoding.HEX, (compile_message("{header:x-id}{body}"),), digest_bytes=2
    )
    assert _precheck_refusal(signed, (b"x-sig", b"0001")) is Reason.HEADER_MISSING
    in_body = Statement(places.parse("/sig"), Plain(), Encoding.HEX, signed.messages)
    assert _precheck_refusal(in_body) is Reason.HEADER_MISSING


def _when(*conditions: Condition) -> Statement:
    return Statement(X_SIG, Plain(), Encoding.HEX, BODY, digest_bytes=2, when=conditions)


VERSION = places.parse("header:x-version")
V2 = Condition(VERSION, equals=b"v2")
HAS_256 = Condition(VERSION, matches=re.compile(rb".*256.*"))
PRESENT = Condition(VERSION)
ABSENT = Condition(VERSION, absent=True)
TYPED = Condition(places.parse("/v"), equals=b"\xc3\xa9")


@pytest.mark.parametrize(
    ("condition", "version", "reason"),
    [
        (V2, b"v2", None),
        (V2, b"v1", Reason.VERSION_UNSUPPORTED),
        (V2, b"v2x", Reason.VERSION_UNSUPPORTED),
        (V2, None, Reason.HEADER_MISSING),
        (HAS_256, b"alg=sha256;x", None),
        (HAS_256, b"alg=sha1", Reason.VERSION_UNSUPPORTED),
        (HAS_256, None, Reason.HEADER_MISSING),
        (PRESENT, b"", None),
        (PRESENT, None, Reason.HEADER_MISSING),
        (ABSENT, None, None),
        (ABSENT, b"", Reason.VERSION_UNSUPPORTED),
    ],
)
def test_conditions_tell_whose_signature_it_is(
    condition: Condition, version: bytes | None, reason: Reason | None
) -> None:
    """Each reason says "not this one", so that the next alternative is tried."""
    statement = _when(condition)
    headers = ((b"x-sig", b"0001"),) + (() if version is None else ((b"x-version", version),))
    if reason is None:
        statement.precheck(headers)
        assert _claims(statement, _delivery(*headers))
        return
    assert _precheck_refusal(statement, *headers) is reason
    assert _refusal(statement, _delivery(*headers)) is reason


def test_a_condition_on_the_body_waits_for_it() -> None:
    """The headers say nothing of it."""
    statement = _when(TYPED)
    headers = ((b"x-sig", b"0001"),)
    statement.precheck(headers)
    assert _claims(statement, _delivery(*headers, body='{"v":"\u00e9"}'.encode()))
    other = _delivery(*headers, body=b'{"v":"e"}')
    assert _refusal(statement, other) is Reason.VERSION_UNSUPPORTED


def test_every_condition_must_hold() -> None:
    """The first one that does not is the reason."""
    statement = _when(PRESENT, V2)
    sent = _delivery((b"x-sig", b"0001"), (b"x-version", b"v1"))
    assert _refusal(statement, sent) is Reason.VERSION_UNSUPPORTED


def test_the_headers_needed_to_verify_again_are_named_once() -> None:
    """They travel with the event; a place in the body travels with the body."""
    statement = Statement(
        X_SIG,
        Plain(),
        Encoding.HEX,
        (compile_message("{header:x-id}{timestamp}"), compile_message("{header:x-id}{header:b}")),
        stamp=Stamp(SECONDS, places.parse("header:x-at")),
        when=(V2, TYPED),
    )
    assert statement.signed_headers == (b"x-version", b"x-sig", b"x-at", b"x-id", b"b")
    assert IN_BODY.signed_headers == ()
    assert FIELD.signed_headers == (b"x-sig",)


DIGESTED = Statement(
    X_SIG, Plain(), Encoding.HEX, BODY, 2, body_digest=places.parse("query:bodySHA256")
)
# FIPS 180-2, appendix B.1: the SHA-256 of "abc".
ABC = b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (b"bodySHA256=" + ABC, None),
        (b"a=1&bodySHA256=" + ABC.upper(), None),
        (b"bodySHA256=" + ABC[:-1] + b"e", Reason.DIGEST_MISMATCH),
        (b"bodySHA256=" + ABC[:-2], Reason.DIGEST_MISMATCH),
        (b"bodySHA256=zz", Reason.DIGEST_MISMATCH),
        (b"bodySHA256=", Reason.DIGEST_MISMATCH),
        (b"", Reason.HEADER_MISSING),
    ],
)
def test_a_digest_beside_the_body_must_be_the_bodys(query: bytes, reason: Reason | None) -> None:
    """Where only the digest is signed (Twilio's JSON), the body is nobody's until they agree."""
    sent = Delivery("shop", "POST", query, ((b"x-sig", b"0001"),), b"abc", NOW_MS)
    if reason is None:
        assert _claims(DIGESTED, sent)
    else:
        assert _refusal(DIGESTED, sent) is reason


def test_no_signature_at_all_is_none_of_any_length() -> None:
    """An empty text decodes to no bytes; it costs no mathematics."""
    free = Statement(X_SIG, Plain(), Encoding.BASE64, BODY)
    assert _refusal(free, _delivery((b"x-sig", b""))) is Reason.HEADER_MALFORMED
