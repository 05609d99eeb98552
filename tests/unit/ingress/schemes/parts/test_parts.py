"""The parts that primitives share, each by literal values."""

import pytest

from ingress.delivery import Reason, Rejected
from ingress.schemes.parts.encoding import Encoding, decode
from ingress.schemes.parts.fresh import Freshness, Unit
from ingress.schemes.parts.headers import Index
from ingress.schemes.parts.keys import Key, KeyForm, key_material
from ingress.schemes.parts.parsers import Named, Parser, Plain, Versions, bounded, single

STRIPE = Named(b",", b"v1")
BRAINTREE = Named(b"&", b"pub", b"|")
STANDARD = Versions(b" ", b"v1")


@pytest.mark.parametrize(
    ("encoding", "text", "expected"),
    [
        (Encoding.HEX, b"00ff", b"\x00\xff"),
        (Encoding.HEX, b"00FF", b"\x00\xff"),
        (Encoding.HEX, b"0fF0", b"\x0f\xf0"),
        (Encoding.BASE64, b"AP8=", b"\x00\xff"),
        (Encoding.BASE64, b"/+8=", b"\xff\xef"),
    ],
)
def test_text_becomes_its_bytes(encoding: Encoding, text: bytes, expected: bytes) -> None:
    """The honest spellings."""
    assert decode(encoding, text) == expected


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        (Encoding.HEX, b"0"),
        (Encoding.HEX, b"0g"),
        (Encoding.HEX, b"00 ff"),
        (Encoding.HEX, b"0x00"),
        (Encoding.HEX, b"00\n"),
        (Encoding.BASE64, b"AP8"),
        (Encoding.BASE64, b"AP9="),
        (Encoding.BASE64, b"_-8="),
        (Encoding.BASE64, b"A P8="),
        (Encoding.BASE64, b"AP8=\n"),
        (Encoding.BASE64, b"AP8=AP8="),
        (Encoding.BASE64, b"=AP8"),
        (Encoding.BASE64, b"AP\xff="),
    ],
)
def test_another_spelling_of_bytes_is_refused(encoding: Encoding, text: bytes) -> None:
    """Python's decoders forgive blanks and tail bits unless they are told not to."""
    with pytest.raises(ValueError):
        decode(encoding, text)


@pytest.mark.parametrize(
    ("form", "secret", "expected"),
    [
        (KeyForm.UTF8, b"whsec_dGVzdA==", b"whsec_dGVzdA=="),
        (KeyForm.UTF8, b" blank ", b" blank "),
        (KeyForm.TRIM, b" blank\n", b"blank"),
        (KeyForm.HEX, b"00fF", b"\x00\xff"),
        (KeyForm.BASE64, b"AP8=", b"\x00\xff"),
        (KeyForm.WHSEC, b"whsec_" + b"QUFB" * 8, b"A" * 24),
        (KeyForm.WHSEC, b"QUFB" * 8, b"A" * 24),
        (KeyForm.WHSEC, b"whsec_" + b"QUFB" * 8 + b"QQ==", b"A" * 25),
        (KeyForm.WHSEC, b"whsec_" + b"QUFB" * 8 + b"QQ", b"A" * 25),
        (KeyForm.WHSEC, b"whsec_" + b"QUFB" * 21 + b"QQ", b"A" * 64),
        (KeyForm.SVIX, b"whsec_QUFB", b"AAA"),
        (KeyForm.SVIX, b"QUFBQQ", b"AAAA"),
        # FIPS 180-2, appendix A.1: the SHA-1 of "abc".
        (KeyForm.SHA1, b"abc", bytes.fromhex("a9993e364706816aba3e25717850c26c9cd0d89d")),
    ],
)
def test_a_secret_becomes_key_material(form: KeyForm, secret: bytes, expected: bytes) -> None:
    """The same letters are another key under another form."""
    assert key_material(form, secret) == expected


@pytest.mark.parametrize(
    ("form", "secret", "hint"),
    [
        (KeyForm.UTF8, b"", "empty"),
        (KeyForm.TRIM, b" \n", "empty"),
        (KeyForm.HEX, b"", "empty"),
        (KeyForm.SHA1, b"", "empty"),
        (KeyForm.BASE64, b"", "empty"),
        (KeyForm.HEX, b"5ecretly", "hexadecimal"),
        (KeyForm.BASE64, b"5ecre", "base64 with its padding"),
        (KeyForm.WHSEC, b"whsec_", "24-64 bytes behind whsec_; this one holds 0"),
        (KeyForm.WHSEC, b"whsec_" + b"QUFB" * 7, "this one holds 21"),
        (KeyForm.WHSEC, b"whsec_" + b"QUFB" * 22, "this one holds 66"),
        (KeyForm.WHSEC, b"whsec_5ecret!y" + b"QUFB" * 8, "base64 behind whsec_"),
        (KeyForm.WHSEC, b"whpk_" + b"QUFB" * 8, "asymmetric"),
        (KeyForm.WHSEC, b"whsk_" + b"QUFB" * 8, "asymmetric"),
    ],
)
def test_an_unfit_secret_is_refused_without_showing_it(
    form: KeyForm, secret: bytes, hint: str
) -> None:
    """The message goes to a log; the secret must not go with it."""
    with pytest.raises(ValueError, match=hint) as refused:
        key_material(form, secret)
    assert "5ecre" not in str(refused.value)
    assert "QUFB" not in str(refused.value)


@pytest.mark.parametrize(
    ("parser", "text", "signatures", "fields"),
    [
        (Plain(), b"abc", [b"abc"], {}),
        (Plain(b"sha256="), b"sha256=abc", [b"abc"], {}),
        (Plain(b"sha256="), b"sha256=", [b""], {}),
        (
            STRIPE,
            b"t=1,v1=a,v1=b,v0=c",
            [b"a", b"b"],
            {b"t": [b"1"], b"v1": [b"a", b"b"], b"v0": [b"c"]},
        ),
        (STRIPE, b"v1=a==,t=1", [b"a=="], {b"v1": [b"a=="], b"t": [b"1"]}),
        (STRIPE, b"v1=a", [b"a"], {b"v1": [b"a"]}),
        (STRIPE, b"v1=a,t=1,t=2", [b"a"], {b"v1": [b"a"], b"t": [b"1", b"2"]}),
        (BRAINTREE, b"pub|a&other|b|c", [b"a"], {b"pub": [b"a"], b"other": [b"b|c"]}),
        (STANDARD, b"v1,a v1a,b v1,c", [b"a", b"c"], {}),
        (STANDARD, b"v1,a,b", [b"a,b"], {}),
    ],
)
def test_a_text_is_taken_apart(
    parser: Parser, text: bytes, signatures: list[bytes], fields: dict[bytes, list[bytes]]
) -> None:
    """Candidates of our version only, and what else the text says, as it was sent."""
    assert parser.parse(text) == (signatures, fields)


def test_a_text_offers_at_most_five_signatures_and_sixteen_items() -> None:
    """Every candidate is compared with every key; there must be an end to them."""
    assert len(STRIPE.parse(b"t=1" + b",v1=a" * 5).signatures) == 5
    assert len(STANDARD.parse(b" ".join([b"v1,a"] * 5)).signatures) == 5
    assert STRIPE.parse(b"v1=a" + b",x=y" * 15).signatures == [b"a"]
    assert STANDARD.parse(b"v1,a" + b" v2,b" * 15).signatures == [b"a"]
    for parser, text in ((STRIPE, b"v1=a" + b",x=y" * 16), (STANDARD, b"v1,a" + b" v2,b" * 16)):
        with pytest.raises(Rejected) as refused:
            parser.parse(text)
        assert refused.value.reason is Reason.HEADER_MALFORMED


def test_no_signature_of_our_version_is_no_downgrade() -> None:
    """Only other versions were offered: that is not a bad signature, and not a good one."""
    assert bounded([b"a"] * 5) == [b"a"] * 5
    for found, reason in (([], Reason.VERSION_UNSUPPORTED), ([b"a"] * 6, Reason.HEADER_MALFORMED)):
        with pytest.raises(Rejected) as refused:
            bounded(found)
        assert refused.value.reason is reason


def test_a_field_that_counts_comes_at_most_once() -> None:
    """Of two timestamps one could be judged and the other signed."""
    assert single({b"t": [b"1"]}, b"t") == b"1"
    assert single({}, b"t") is None
    with pytest.raises(Rejected) as refused:
        single({b"t": [b"1", b"1"]}, b"t")
    assert refused.value.reason is Reason.HEADER_MALFORMED


@pytest.mark.parametrize(
    ("parser", "header", "reason"),
    [
        (Plain(b"sha256="), b"sha1=abc", Reason.VERSION_UNSUPPORTED),
        (Plain(b"sha256="), b"", Reason.HEADER_MALFORMED),
        (STRIPE, b"", Reason.HEADER_MALFORMED),
        (STRIPE, b"t=1", Reason.VERSION_UNSUPPORTED),
        (STRIPE, b"t=1,v0=a", Reason.VERSION_UNSUPPORTED),
        (STRIPE, b"t=1, v1=a", Reason.VERSION_UNSUPPORTED),
        (STRIPE, b"t=1,v1", Reason.HEADER_MALFORMED),
        (STRIPE, b"t=1,v1=a,", Reason.HEADER_MALFORMED),
        (STRIPE, b"t=1" + b",v1=a" * 6, Reason.HEADER_MALFORMED),
        (STANDARD, b"v1a,a v2,b", Reason.VERSION_UNSUPPORTED),
        (STANDARD, b"v1", Reason.HEADER_MALFORMED),
        (STANDARD, b"v1,a  v1,b", Reason.HEADER_MALFORMED),
        (STANDARD, b" ".join([b"v1,a"] * 6), Reason.HEADER_MALFORMED),
    ],
)
def test_a_header_of_another_shape_is_refused(
    parser: Parser, header: bytes, reason: Reason
) -> None:
    """A header that is half understood is not understood."""
    with pytest.raises(Rejected) as refused:
        parser.parse(header)
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    ("unit", "text", "at_ms"),
    [
        (Unit.SECONDS, b"1760000000", 1_760_000_000_000),
        (Unit.SECONDS, b"0", 0),
        (Unit.SECONDS, b"000000000001", 1_000),
        (Unit.SECONDS, b"999999999999", 999_999_999_999_000),
        (Unit.MILLISECONDS, b"1760000000123", 1_760_000_000_123),
        (Unit.MILLISECONDS, b"999999999999999", 999_999_999_999_999),
        (Unit.ISO, b"1970-01-01T00:00:01Z", 1_000),
        (Unit.ISO, b"1970-01-01T00:00:01", 1_000),
        (Unit.ISO, b"1970-01-01T01:00:01.5+01:00", 1_500),
        (Unit.ISO, b"2024-01-26T18:22:19.779834211Z", 1_706_293_339_779),
        (Unit.ISO, b"2000-02-29T00:00:00-00:30", 951_784_200_000),
    ],
)
def test_a_timestamp_is_read_in_its_unit(unit: Unit, text: bytes, at_ms: int) -> None:
    """Providers count in seconds and in milliseconds."""
    rule = Freshness(unit, 300)
    assert rule.sent_ms(rule.check(text)) == at_ms


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        (Unit.SECONDS, b"1" * 13),
        (Unit.MILLISECONDS, b"1" * 16),
        (Unit.SECONDS, b""),
        (Unit.SECONDS, b"1\n"),
        (Unit.SECONDS, b"+1"),
        (Unit.SECONDS, b"-1"),
        (Unit.SECONDS, b"1.5"),
        (Unit.SECONDS, "\uff11".encode()),
        (Unit.MILLISECONDS, b"1e3"),
        (Unit.ISO, b"2023-02-29T00:00:00Z"),
        (Unit.ISO, b"2023-02-28"),
        (Unit.ISO, b"2023-02-28 00:00:00Z"),
        (Unit.ISO, b"2023-02-28T24:00:01Z"),
        (Unit.ISO, b"2023-02-28T00:00:00z"),
        (Unit.ISO, b"2023-02-28T00:00:00.Z"),
        (Unit.ISO, b"2023-02-28T00:00:00.1234567890Z"),
        (Unit.ISO, b"2023-02-28T00:00:00+01"),
        (Unit.ISO, b"20230228T000000Z"),
        (Unit.ISO, b"1760000000"),
    ],
)
def test_a_timestamp_of_another_shape_is_refused(unit: Unit, text: bytes) -> None:
    """`int` would read some of these."""
    with pytest.raises(Rejected) as refused:
        Freshness(unit, 300).check(text)
    assert refused.value.reason is Reason.TIMESTAMP_MALFORMED


@pytest.mark.parametrize(
    ("received_ms", "reason"),
    [
        (1_300_000, None),
        (700_000, None),
        (1_300_001, Reason.TIMESTAMP_STALE),
        (699_999, Reason.TIMESTAMP_FUTURE),
        (0, Reason.TIMESTAMP_FUTURE),
        (10**18, Reason.TIMESTAMP_STALE),
    ],
)
def test_the_window_ends_at_its_last_millisecond(received_ms: int, reason: Reason | None) -> None:
    """300 s either way of second 1000: inside to the millisecond, outside one further."""
    rule = Freshness(Unit.SECONDS, 300)
    if reason is None:
        rule.judge(b"1000", received_ms)
        return
    with pytest.raises(Rejected) as refused:
        rule.judge(b"1000", received_ms)
    assert refused.value.reason is reason


def test_a_missing_timestamp_is_told_apart_from_a_bad_one() -> None:
    """The one is a sender's mistake, the other often a proxy's."""
    with pytest.raises(Rejected) as refused:
        Freshness(Unit.SECONDS, 300).check(None)
    assert refused.value.reason is Reason.TIMESTAMP_MISSING


@pytest.mark.parametrize("received_ms", [0, 1_000_000, 10**18])
def test_without_a_window_no_age_is_judged(received_ms: int) -> None:
    """Where a provider documents no tolerance, none is invented."""
    Freshness(Unit.SECONDS, None).judge(b"1000", received_ms)


def test_the_age_of_a_written_date_is_judged_as_well() -> None:
    """To the millisecond, like that of a number."""
    rule = Freshness(Unit.ISO, 1)
    rule.judge(b"1970-01-01T00:00:10Z", 11_000)
    with pytest.raises(Rejected) as refused:
        rule.judge(b"1970-01-01T00:00:10Z", 11_001)
    assert refused.value.reason is Reason.TIMESTAMP_STALE


SENT = ((b"a", b" 1\t"), (b"b", b"2"), (b"a", b"3"), (b"sig-1", b"x "), (b"sig-2", b"y"))


def test_only_the_headers_relied_upon_must_be_single() -> None:
    """Others may repeat; these may not."""
    index = Index(SENT)
    assert index.find(b"b") == index.value(b"b") == b"2"
    assert index.find(b"c") is None
    for ask in (index.find, index.value):
        with pytest.raises(Rejected) as refused:
            ask(b"a")
        assert refused.value.reason is Reason.HEADER_DUPLICATED


def test_a_missing_header_has_the_reason_that_its_reader_gives() -> None:
    """A missing timestamp is not a missing signature."""
    with pytest.raises(Rejected) as refused:
        Index(SENT).value(b"c")
    assert refused.value.reason is Reason.HEADER_MISSING
    with pytest.raises(Rejected) as refused:
        Index(SENT).value(b"c", Reason.TIMESTAMP_MISSING)
    assert refused.value.reason is Reason.TIMESTAMP_MISSING


def test_headers_are_told_without_the_blanks_around_them() -> None:
    """HTTP allows blanks there, and they are no part of a value; others are."""
    index = Index(((b"a", b" \t1 2\t "), (b"b", b"\x0b3\x0c")))
    assert index.value(b"a") == b"1 2"
    assert index.value(b"b") == b"\x0b3\x0c"


def test_every_value_of_a_header_is_told_in_order() -> None:
    """Some schemes send one header for each key, or a family of them."""
    index = Index(SENT)
    assert index.every(b"a") == [b"1", b"3"]
    assert index.every(b"sig-*") == [b"x", b"y"]
    assert index.every(b"sig-") == []
    assert index.every(b"c") == []


def test_a_key_does_not_show_itself() -> None:
    """It stands in tuples and dataclasses that somebody will log one day."""
    assert "secret" not in repr(Key(b"secret", "kid-7"))
    assert "kid-7" in repr(Key(b"secret", "kid-7"))
