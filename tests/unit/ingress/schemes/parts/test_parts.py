"""The parts that primitives share, each by literal values."""

import pytest

from ingress.delivery import Reason, Rejected
from ingress.schemes.parts import headers
from ingress.schemes.parts.encoding import Encoding, decode
from ingress.schemes.parts.fresh import Freshness, Unit
from ingress.schemes.parts.keys import KeyForm, key_material
from ingress.schemes.parts.message import Kind, compile_message
from ingress.schemes.parts.parsers import Fields, Parser, Plain, Versions

STRIPE = Fields(b",", b"v1", b"t")
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
    ("parser", "header", "expected"),
    [
        (Plain(), b"abc", ([b"abc"], None)),
        (Plain(b"sha256="), b"sha256=abc", ([b"abc"], None)),
        (STRIPE, b"t=1,v1=a,v1=b,v0=c", ([b"a", b"b"], b"1")),
        (STRIPE, b"v1=a==,t=1", ([b"a=="], b"1")),
        (STRIPE, b"v1=a", ([b"a"], None)),
        (STRIPE, b"t=1,scheme=x,v1=a,v1=b,v1=c,v1=d,v1=e", ([b"a", b"b", b"c", b"d", b"e"], b"1")),
        (STANDARD, b"v1,a v1a,b v1,c", ([b"a", b"c"], None)),
        (STANDARD, b"v1,a,b", ([b"a,b"], None)),
    ],
)
def test_a_header_is_taken_apart(
    parser: Parser, header: bytes, expected: tuple[list[bytes], bytes | None]
) -> None:
    """Candidates of our version only, and the timestamp as it was sent."""
    assert parser.parse(header) == expected


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
        (STRIPE, b"t=1,t=1,v1=a", Reason.HEADER_MALFORMED),
        (STRIPE, b"t=1" + b",v1=a" * 6, Reason.HEADER_MALFORMED),
        (STRIPE, b"t=1,v1=a" + b",x=y" * 15, Reason.HEADER_MALFORMED),
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


def test_a_message_is_put_together_from_what_was_received() -> None:
    """Literals, a timestamp, a header and the body, in the order of the template."""
    message = compile_message("v0:{header:x-id}.{timestamp}.{body}\ufeff")
    built = message.render(b"007", {b"x-id": b"m"}, b"\xff{body}")
    assert built == b"v0:m.007.\xff{body}\xef\xbb\xbf"
    assert message.header_names == (b"x-id",)
    assert message.has(Kind.BODY)
    assert not compile_message("{timestamp}").has(Kind.BODY)


@pytest.mark.parametrize(
    "template", ["{body", "body}", "{{body}}", "{}", "{Body}", "{header:}", "{header:X-Id}"]
)
def test_a_template_that_is_not_understood_is_refused(template: str) -> None:
    """What is not a part would be signed as letters, and nothing would ever verify."""
    with pytest.raises(ValueError, match=r"\{timestamp\}, \{body\}"):
        compile_message(template)


@pytest.mark.parametrize(
    ("unit", "text", "at_ms"),
    [
        (Unit.SECONDS, b"1760000000", 1_760_000_000_000),
        (Unit.SECONDS, b"0", 0),
        (Unit.SECONDS, b"000000000001", 1_000),
        (Unit.MILLISECONDS, b"1760000000123", 1_760_000_000_123),
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


def test_only_the_headers_relied_upon_must_be_single() -> None:
    """Others may repeat; these may not."""
    sent = ((b"a", b"1"), (b"b", b"2"), (b"a", b"3"))
    assert headers.once(sent, [b"b"])[b"b"] == b"2"
    with pytest.raises(Rejected) as refused:
        headers.once(sent, [b"b", b"a"])
    assert refused.value.reason is Reason.HEADER_DUPLICATED
