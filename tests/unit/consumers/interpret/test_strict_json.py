"""A body is read in one way only: what two parsers could read differently is refused."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consumers.interpret import strict_json
from consumers.interpret.drift import Drift

REFUSED = {
    "nothing": b"",
    "no json": b"amount=1",
    "truncated": b'{"a": 1',
    "two documents": b"{}{}",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "utf-16": '{"a": 1}'.encode("utf-16"),
    "not utf-8": b'{"a": "\xff"}',
    "overlong utf-8": b'{"a": "\xc0\xaf"}',
    "a lone surrogate": rb'{"a": "\ud800"}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": -Infinity}',
    "a repeated key": b'{"amount": 1, "amount": 2}',
    "a repeated key, escaped once": rb'{"amount": 1, "\u0061mount": 2}',
    "a repeated key, deep inside": b'{"a": [{"b": 1, "b": 1}]}',
    "depth 200,000": b"[" * 200_000 + b"]" * 200_000,
    "depth 65": b"[" * 65 + b"]" * 65,
    "depth 65 in objects": b'{"a":' * 65 + b"1" + b"}" * 65,
    "100,000 digits": b'{"a": ' + b"9" * 100_000 + b"}",
    "129 digits": b'{"a": ' + b"9" * 129 + b"}",
    "a fraction of 129 characters": b'{"a": 0.' + b"1" * 127 + b"}",
    "1e400": b'{"a": 1e400}',
    "an exponent no decimal has": b'{"a": 1e9999999999999999999}',
    "a leading zero": b'{"a": 01}',
    "a comment": b'{"a": 1} // paid',
    "single quotes": b"{'a': 1}",
    "a trailing comma": b'{"a": 1,}',
    "a raw NUL in a text": b'{"a": "\x00"}',
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_a_body_that_could_be_read_in_two_ways_is_refused(body: bytes) -> None:
    """Attack 23: the signature is right, and the content is a trap for some parser behind us."""
    with pytest.raises(Drift) as refused:
        strict_json.loads(body)
    assert "999999" not in str(refused.value), "the evidence quotes the body"


def test_every_digit_of_a_number_survives() -> None:
    """12 units at 18 decimals are beyond 64 bits, where a faster parser turns to floats."""
    document = strict_json.loads(b'{"a": 12000000000000000001, "b": 0.10, "c": 1e-8}')
    assert document == {
        "a": 12_000_000_000_000_000_001,
        "b": Decimal("0.10"),
        "c": Decimal("0.00000001"),
    }
    assert str(document["b"]) == "0.10"


def test_width_is_no_depth() -> None:
    """A long list of payments must not be taken for an attack."""
    assert strict_json.loads(b"[" + b",".join([b"{}"] * 1000) + b"]") == [{}] * 1000
    assert strict_json.loads(b"[" * 64 + b"]" * 64)


def test_the_same_key_in_two_objects_is_no_repetition() -> None:
    """Every payment of a list has an id."""
    assert strict_json.loads(b'[{"id": 1}, {"id": 2}]') == [{"id": 1}, {"id": 2}]


SPACE = st.sampled_from(["", "", "", " ", "\n  ", "\t", "\r\n"])
# Texts that look like what stands between members, and keys that meet.
TEXT = st.sampled_from(["a", "b", "", ":", "a:", '":', '" :', "\n:", "{", "\u00e9"]) | st.text(
    max_size=5
)
NUMBER = st.sampled_from(
    [
        "0",
        "-0",
        "7",
        "-12",
        "1.0",
        "0.10",
        "1e3",
        "-0.0",
        "1E-2",
        str(2**64 - 1),
        str(2**64),
        "9" * 30,
    ]
) | st.integers().map(str)


@st.composite
def _rendered(draw: st.DrawFn, depth: int = 3) -> str:
    """Write a document in any way that JSON allows, repeated keys among them."""
    kinds = ["text", "number", "word", "object", "object", "array"]
    kind = draw(st.sampled_from(kinds if depth else kinds[:3]))
    if kind == "text":
        return json.dumps(draw(TEXT), ensure_ascii=draw(st.booleans()))
    if kind == "number":
        return draw(NUMBER)
    if kind == "word":
        return draw(st.sampled_from(["true", "false", "null"]))
    parts = draw(st.lists(_rendered(depth - 1), max_size=4))
    spaced = [f"{draw(SPACE)}{part}{draw(SPACE)}" for part in parts]
    if kind == "array":
        return f"[{','.join(spaced)}]"
    keys = [f"{draw(SPACE)}{json.dumps(draw(TEXT))}{draw(SPACE)}" for _ in spaced]
    return "{" + ",".join(f"{key}:{part}" for key, part in zip(keys, spaced, strict=True)) + "}"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise Drift("repeated")
    return dict(pairs)


def _outcome(body: bytes, *, slowly: bool) -> str:
    """Return what a body says, down to the types, or that it is refused."""
    try:
        if slowly:
            return repr(json.loads(body, object_pairs_hook=_unique, parse_float=Decimal))
        return repr(strict_json.loads(body))
    except (Drift, UnicodeError):
        return "refused"


@example('{"a":1,"b":":","a" :2}')
@example('{"a" :1,"a":2,"b":"\\":"}')
@example('[{"a":{"b":0.5}}]')
@example("0.10")
@settings(max_examples=400)
@given(_rendered())
def test_a_body_that_is_read_once_says_what_the_slow_reader_says(text: str) -> None:
    """What is taken from the quick reader must be what the exact one would have said."""
    body = text.encode("utf-8", "surrogatepass")
    assert _outcome(body, slowly=False) == _outcome(body, slowly=True)
