"""Forms read from strangers, and the bytes that two providers sign of them."""

import base64
import hmac
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from ingress.delivery import Reason, Rejected
from ingress.schemes.parts import forms

MIB = 2**20

_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_fields = st.lists(st.tuples(_texts, _texts), max_size=8)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", []),
        (b"a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
        (b"a=&b&=c&=", [("a", ""), ("b", ""), ("", "c"), ("", "")]),
        (b"&&a=1&", [("a", "1")]),
        (b"a=b=c&d=%3D%26", [("a", "b=c"), ("d", "=&")]),
        (b"a+b=c+d%2B", [("a b", "c d+")]),
        (b"%C3%A9=\xc3\xa9&x=%f0%9F%98%80", [("é", "é"), ("x", "\U0001f600")]),
        (b"a;b=1;c=2", [("a;b", "1;c=2")]),
        (b"a=%&b=%4&c=%zz&d=%%41&e=%u0041", None),
        (b"a=%00%0a\x00", [("a", "\x00\n\x00")]),
        (b"\xef\xbb\xbfa=1", [("\ufeffa", "1")]),
        (b"a[]=1&a[0]=2&a.b=3", [("a[]", "1"), ("a[0]", "2"), ("a.b", "3")]),
    ],
)
def test_a_form_is_taken_apart(body: bytes, expected: list[tuple[str, str]] | None) -> None:
    """In order, blank values and repetitions too; an escape that is none stands for itself."""
    if expected is None:
        expected = [("a", "%"), ("b", "%4"), ("c", "%zz"), ("d", "%A"), ("e", "%u0041")]
    assert forms.parse(body) == expected


@pytest.mark.parametrize(
    "body",
    [b"a=%ff", b"a=\xff", b"%c3=1", b"a=%C3%", b"a=%ed%a0%80", b"a=%c0%80", b"\xff\xfea\x00=\x00"],
)
def test_a_form_that_is_not_utf8_is_refused(body: bytes) -> None:
    """Replaced letters would be signed letters that nobody sent."""
    with pytest.raises(Rejected) as refused:
        forms.parse(body)
    assert refused.value.reason is Reason.BODY_MALFORMED


def test_fields_end_at_a_thousand() -> None:
    """Every field costs a scheme a comparison or a sort."""
    assert len(forms.parse(b"&".join([b"a=1"] * 1000))) == 1000
    for body in (b"&".join([b"a=1"] * 1001), b"&" * 1000, b"&" * MIB):
        with pytest.raises(Rejected) as refused:
            forms.parse(body)
        assert refused.value.reason is Reason.BODY_MALFORMED


@pytest.mark.parametrize("part", [b"%", b"%41", b"%4", b"=", b"+", b"a", b"\xc3\xa9%41", b"%25"])
def test_a_hostile_mebibyte_is_read_in_linear_time(part: bytes) -> None:
    """Anything quadratic over a mebibyte takes an hour, and this test its time limit."""
    assert len(forms.parse(part * (MIB // len(part)))) == 1


@given(_fields)
def test_what_python_writes_is_read_back(fields: list[tuple[str, str]]) -> None:
    """Any text in any field."""
    assert forms.parse(urlencode(fields).encode()) == fields


@given(st.binary(max_size=60))
def test_bytes_never_raise_anything_else(body: bytes) -> None:
    """And what is read is text that can be written again."""
    try:
        fields = forms.parse(body)
    except Rejected as refusal:
        if refusal.reason is not Reason.BODY_MALFORMED:
            raise
    else:
        assert forms.parse(urlencode(fields).encode()) == fields


def test_a_field_relied_upon_comes_once() -> None:
    """Of two an attacker added one; case makes another name."""
    fields = [("a", "1"), ("b", ""), ("A", "2"), ("c", "3"), ("c", "3")]
    assert forms.only(fields, "a") == "1"
    assert forms.only(fields, "b") == ""
    for name, reason in (("c", Reason.HEADER_DUPLICATED), ("d", Reason.HEADER_MISSING)):
        with pytest.raises(Rejected) as refused:
            forms.only(fields, name)
        assert refused.value.reason is reason


def test_php_prints_this() -> None:
    """Recorded from PHP 8.2 (`parse_str`, `ksort`, `serialize`): lengths are bytes, case counts."""
    body = b"name=J%C3%B6rg+%22x%22&p_signature=s%3D&alert_id=5&Alert=&_z=%25&alert-x=1&alert=2&a9"
    expected = (
        'a:7:{s:5:"Alert";s:0:"";s:2:"_z";s:1:"%";s:2:"a9";s:0:"";s:5:"alert";s:1:"2";'
        's:7:"alert-x";s:1:"1";s:8:"alert_id";s:1:"5";s:4:"name";s:9:"Jörg "x"";}'
    )
    assert forms.php_serialize(forms.parse(body), "p_signature") == expected.encode()


def test_php_prints_an_empty_array() -> None:
    """Nothing but the signature."""
    assert forms.php_serialize([("p_signature", "s")], "p_signature") == b"a:0:{}"


@pytest.mark.parametrize(
    "name", ["", "5", "-5", "1e3", " a", "a.b", "a b", "a[b]", "a[", "é", "a\x00", "a\n", "-a"]
)
def test_a_name_that_php_would_not_keep_is_refused(name: str) -> None:
    """As an integer, a nested array or another name it would be serialised otherwise."""
    with pytest.raises(Rejected) as refused:
        forms.php_serialize([("p_signature", "s"), (name, "1")], "p_signature")
    assert refused.value.reason is Reason.BODY_MALFORMED


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"status=paid&p_signature=s&status=open", Reason.HEADER_DUPLICATED),
        (b"p_signature=t&p_signature=s", Reason.HEADER_DUPLICATED),
        (b"status=paid", Reason.HEADER_MISSING),
    ],
)
def test_php_signs_every_field_once(body: bytes, reason: Reason) -> None:
    """PHP keeps the last: a field put in front of a captured body would ride along unsigned."""
    with pytest.raises(Rejected) as refused:
        forms.php_serialize(forms.parse(body), "p_signature")
    assert refused.value.reason is reason


def test_twilio_joins_sorted_fields() -> None:
    """Worked by hand: by name, then by value, equal pairs once, capitals first, blanks kept."""
    fields = forms.parse(b"b=2&a=2&a=1&a=1&B=x&c=&aa=0")
    assert forms.twilio(fields) == b"Bxa1a2aa0b2c"


class _Several(dict[str, list[str]]):
    """Repeated fields as the library takes them from a web framework."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


@given(st.lists(st.tuples(st.sampled_from("abAé") | _texts, st.sampled_from("12") | _texts)))
def test_twilio_signs_the_same(fields: list[tuple[str, str]]) -> None:
    """The provider's own library computes the signature of any form."""
    several = _Several()
    for name, value in fields:
        several.setdefault(name, []).append(value)
    message = b"https://example.com/x" + forms.twilio(fields)
    expected = RequestValidator("token").compute_signature("https://example.com/x", several)
    assert base64.b64encode(hmac.digest(b"token", message, "sha1")).decode() == expected
