"""A body is read in one way only: what two parsers could read differently is refused."""

from decimal import Decimal

import pytest

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
