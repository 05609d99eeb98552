"""JSON read from strangers: strict to the letter, bounded, linear, and refusing in one way only."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingress.delivery import Reason, Rejected
from ingress.schemes.parts import lexemes
from ingress.schemes.parts.lexemes import MISSING, Missing, Node, Number

MIB = 2**20

_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # No lone surrogates: no encoding can write them.
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=20,
)


def _refused(body: bytes) -> None:
    with pytest.raises(Rejected) as refused:
        lexemes.parse(body)
    assert refused.value.reason is Reason.BODY_MALFORMED


def _read(body: bytes) -> Node | Missing:
    """Read what may be JSON; `MISSING` if it is refused for the one reason there is."""
    try:
        return lexemes.parse(body)
    except Rejected as refusal:
        if refusal.reason is not Reason.BODY_MALFORMED:
            raise
        return MISSING


def _plain(node: Node | Missing) -> Any:
    """Turn a tree into what Python's own reader makes of the same text."""
    if isinstance(node, Number):
        return json.loads(node.text)
    if isinstance(node, list):
        return [_plain(value) for value in node]
    if isinstance(node, dict):
        return {name: _plain(value) for name, value in node.items()}
    return node


def test_a_body_is_read_and_its_numbers_keep_their_letters() -> None:
    """`1.10` and `1e-7` are what was signed; `1.1` and `1e-07` are not."""
    body = b' { "a" : [1.10, -0, 1E+2, 1e-7 ,12345678901234567890.0], "\\u00e9":"\\/\\n",'
    body += b' "t":true,"f":false,"n":null,"o":{} }\r\n'
    letters = ["1.10", "-0", "1E+2", "1e-7", "12345678901234567890.0"]
    assert lexemes.parse(body) == {
        "a": [Number(text) for text in letters],
        "é": "/\n",
        "t": True,
        "f": False,
        "n": None,
        "o": {},
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"1", Number("1")),
        (b'"x"', "x"),
        (b"null", None),
        (b"\t\n\r []", []),
        (b'"\\\\ud800"', "\\ud800"),
        (b'"\\ud83d\\uDe00"', "\U0001f600"),
        (b'"\x7f"', "\x7f"),
        ('"\uffff\u2028\U0010ffff"'.encode(), "\uffff\u2028\U0010ffff"),
    ],
)
def test_any_value_may_stand_alone(body: bytes, expected: Node) -> None:
    """RFC 8259 knows no special top level; what looks like half a character may be none."""
    assert lexemes.parse(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b" ", b"{", b"}", b"[", b"]", b'"', b"[}", b'{"a"}', b'{"a":}', b"{a:1}", b"{1:1}"),
        *(b"[1,]", b'{"a":1,}', b"[,1]", b"[1 2]", b"[1]]", b"1 1", b"{}x", b"[]\x00", b"{},"),
        *(b"01", b"-01", b"-", b"+1", b".5", b"1.", b"1.e1", b"1e", b"1e+", b"0x1", b"1_0", b"- 1"),
        *(b"NaN", b"Infinity", b"-Infinity", b"[NaN]", b"nan", b"True", b"nul", b"undefined"),
        *(b"'a'", b'"\n"', b'"\x00"', b'"\x1f"', b'"\\x41"', b'"\\u12"', b'"\\u00g0"', b'"\\'),
        *(b'"\\u 041"', b'"\\u+041"', b'"\\U0041"', b"/**/1", b"1//", b"\x0b1", b"\xc2\xa01"),
        # Another encoding, a byte order mark, digits of another script.
        *(b"\xef\xbb\xbf1", '"a"'.encode("utf-16"), '{"a":1}'.encode("utf-16-le"), b'"\xff"'),
        *(b'"\xc3"', b'"\xc0\x80"', b'"\xf4\x90\x80\x80"', "\uff11".encode(), "1\uff12".encode()),
    ],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    """Two readers that forgive differently see two bodies under one signature."""
    _refused(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'[{"b":{"":0,"":0}}]',
        b'{"\\ud83d\\ude00":1,"\xf0\x9f\x98\x80":2}',
    ],
)
def test_a_name_twice_in_an_object_is_refused(body: bytes) -> None:
    """The signature is checked on one of them, and the amount may be read from the other."""
    _refused(body)


@pytest.mark.parametrize(
    "body",
    [
        b'"\\ud800"',
        b'"\\uDBFF"',
        b'"\\udc00"',
        b'"\\uDfff\\uD800"',
        b'"\\ud83d\\ud83d\\ude00"',
        b'"\\ud83d\\ude00\\ude00"',
        b'"\\ud83d\\\\\\ude00"',
        b'"\\ud83d \\ude00"',
        b'{"\\ud800":1}',
        b'"\xed\xa0\x80"',
        b'"\xed\xa0\xbd\xed\xb8\x80"',
    ],
)
def test_half_a_character_is_refused(body: bytes) -> None:
    """It passes Python's decoder and fails at the first encoding, far away from here."""
    _refused(body)


def test_depth_ends_at_sixty_four() -> None:
    """The decoder recurses: what it may follow is bounded before it begins."""
    for opening, closing in ((b"[", b"]"), (b'{"a":[', b"]}")):
        levels = len(opening) // 3 or 1
        full = opening * (64 // levels) + closing * (64 // levels)
        assert lexemes.parse(full)
        _refused(b"[" + full + b"]")
    assert lexemes.parse(b"[" + b"[]," * 200 + b"[]]")


def test_brackets_in_a_string_are_no_depth() -> None:
    """A string ends at its quote and not at an escaped one, whatever stands before the escape."""
    text = "[" * 100 + '"' + "{" * 100 + "\\" + '"['
    body = json.dumps({text: [text, text]}).encode()
    assert lexemes.parse(body) == {text: [text, text]}
    # Brackets behind a string that ends in a backslash are depth again.
    _refused(b'["\\\\",' + b"[" * 64 + b'"\\""' + b"]" * 65)


@pytest.mark.parametrize(("digits", "kept"), [(1000, True), (1001, False), (100_000, False)])
def test_a_number_ends_at_a_thousand_letters(digits: int, kept: bool) -> None:
    """Digits are turned into nothing here, but somebody behind us will."""
    for body in (b"1" * digits, b"-" + b"1" * (digits - 1), b"1." + b"0" * (digits - 2)):
        if kept:
            assert lexemes.parse(body) == Number(body.decode())
        else:
            _refused(b'{"amount":' + body + b"}")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"[" * 200_000 + b"]" * 200_000,
        b'"' * MIB,
        b'"' + b'\\"' * (MIB // 2),
        b'"' + b"\\" * MIB,
        b'"' + b"\\ud83d" * (MIB // 6) + b'"',
        b'"' + b"\\ud83d\\ude00" * (MIB // 12) + b'\\ud83d"',
        b"-" * MIB,
        b"1" * MIB,
        b"1." + b"0" * MIB + b"e",
        b" " * MIB,
        b"[" + b'"",' * (MIB // 3),
        b"{" + b'"":0,' * (MIB // 5) + b'"":0}',
        b"\\\\" * (MIB // 2),
        b"}" * MIB,
    ],
    ids=lambda body: f"{body[:10]!r}-{len(body)}",
)
def test_a_hostile_mebibyte_is_refused_in_linear_time(body: bytes) -> None:
    """Anything quadratic over a mebibyte takes an hour, and this test its time limit."""
    _refused(body)


@pytest.mark.parametrize("letter", ["a", "é", '"', "\\", "\U0001f600", "["])
def test_a_huge_string_is_read(letter: str) -> None:
    """Its size is the edge's business: here it costs its length."""
    text = letter * (MIB // 4)
    for escaped in (True, False):
        body = json.dumps([text], ensure_ascii=escaped).encode()
        assert lexemes.parse(body) == [text]


@given(_values, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_what_python_writes_is_read_back(
    value: Any, ascii_: bool, indent: int | str | None
) -> None:
    """Every value, escaped or literal, compact or not."""
    body = json.dumps(value, ensure_ascii=ascii_, indent=indent).encode()
    assert _plain(lexemes.parse(body)) == value


@given(st.binary(max_size=60) | st.text('[]{}",:\\u019-+.eEdDnulltrue \n\x00', max_size=40))
@example(b"\xed\xa0\x80")
@example('"\\ud800')
def test_bytes_are_read_as_python_reads_them_or_refused(sent: bytes | str) -> None:
    """Nothing but `Rejected` comes out, and what is read is what an independent reader reads."""
    body = sent if isinstance(sent, bytes) else sent.encode()
    node = _read(body)
    if node is not MISSING:
        assert _plain(node) == json.loads(body.decode())


@given(_values, st.data())
def test_a_mutated_body_never_raises_anything_else(value: Any, data: st.DataObject) -> None:
    """A byte flipped, dropped or doubled anywhere in honest JSON."""
    body = bytearray(json.dumps(value).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body)))
        body[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    node = _read(bytes(body))
    if node is not MISSING:
        assert _plain(node) == json.loads(body.decode())


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ((), {"a": [{"b": None}, "x"], "0": Number("1"), "": False}),
        (("a", "0", "b"), None),
        (("a", "1"), "x"),
        (("0",), Number("1")),
        (("",), False),
        (("a", "2"), MISSING),
        (("a", "-"), MISSING),
        (("a", "-1"), MISSING),
        (("a", "01"), MISSING),
        (("a", "\u0661"), MISSING),
        (("a", "1" * 5000), MISSING),
        (("b",), MISSING),
        (("a", "b"), MISSING),
        (("0", "text"), MISSING),
        (("0", "0"), MISSING),
        (("a", "1", "0"), MISSING),
        (("a", "0", "b", "c"), MISSING),
    ],
)
def test_a_pointer_finds_what_stands_there(tokens: tuple[str, ...], expected: Node) -> None:
    """`null` stands there; what is missing does not, and a number or a string has no inside."""
    node = lexemes.parse(b'{"a":[{"b":null},"x"],"0":1,"":false}')
    found = lexemes.find(node, tokens)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'"x"', "x"),
        (b'""', ""),
        (b"1.10", "1.10"),
        (b"true", "true"),
        (b"false", "false"),
        (b"null", ""),
        (b"0", "0"),
        (b"{}", None),
        (b"[1]", None),
    ],
)
def test_a_value_has_a_text_or_none(body: bytes, expected: str | None) -> None:
    """`null` is empty where a provider joins fields; an object has no text to join."""
    assert lexemes.text(lexemes.parse(body)) == expected


def test_a_number_never_passes_for_a_string() -> None:
    """`1` and `"1"` are written differently, so a signature tells them apart, and so do we."""
    assert lexemes.parse(b"[1]") != lexemes.parse(b'["1"]')


def test_a_member_is_left_out_and_the_order_stays() -> None:
    """Schemes that carry the signature in the body sign the body without it."""
    node = lexemes.parse(b'{"z":1,"sign":"s","a":{"sign":"inner"}}')
    less = lexemes.without(node, "sign")
    assert isinstance(less, dict)
    assert list(less.items()) == [("z", Number("1")), ("a", {"sign": "inner"})]
    assert lexemes.find(node, ("sign",)) == "s"


@pytest.mark.parametrize("body", [b"{}", b'{"a":{"sign":1}}', b'["sign"]', b'"sign"', b"null"])
def test_a_member_that_is_absent_cannot_be_left_out(body: bytes) -> None:
    """Nothing was signed there."""
    with pytest.raises(Rejected) as refused:
        lexemes.without(lexemes.parse(body), "sign")
    assert refused.value.reason is Reason.BODY_MALFORMED
