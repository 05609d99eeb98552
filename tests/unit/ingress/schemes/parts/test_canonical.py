"""What was signed, to the byte: recorded from Node.js 20 and PHP 8.2, and held against libraries.

The JavaScript columns were printed by `JSON.stringify`, by NOWPayments' own sorting in front of it,
and by fast-json-stable-stringify 2.1.0; the PHP column by `json_encode` with its one option. Only
numbers written as these languages write them appear, because their letters are kept.
"""

import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plisio import PlisioClient

from ingress.delivery import Reason, Rejected
from ingress.schemes.parts import canonical, lexemes
from ingress.schemes.parts.canonical import Order

_names = st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.sampled_from(
    ["0", "1", "10", "01", "a", "/"]
)
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=12,
)

NESTED = '{"b":1,"a":{"d":[{"z":1,"y":2},3],"c":null},"2":true,"10":false,"1":"x"}'
INDICES = '{"4294967295":1,"4294967294":2,"01":3,"-1":4,"0":5}'
ASTRAL = '{"\U00010000":1,"\ue000":2,"é":3,"B":4,"a":5}'
ESCAPES = r'{"s":"\u2028\u2029\/\u00e9\b\f\n\r\t\u0001\u001f\u007f\"\\\u0008\u000A"}'
SPACED = ' { "e" : "\\ud83d\\ude00 <&\\u0027>" , "n" : [ 1e-7 , 12345678901234567000 , -5 ] } '


@pytest.mark.parametrize(
    ("body", "order", "expected"),
    [
        (
            NESTED,
            Order.RECEIVED,
            '{"1":"x","2":true,"10":false,"b":1,"a":{"d":[{"z":1,"y":2},3],"c":null}}',
        ),
        (
            NESTED,
            Order.REBUILT,
            '{"1":"x","2":true,"10":false,"a":{"c":null,"d":[{"y":2,"z":1},3]},"b":1}',
        ),
        (
            NESTED,
            Order.STABLE,
            '{"1":"x","10":false,"2":true,"a":{"c":null,"d":[{"y":2,"z":1},3]},"b":1}',
        ),
        (
            INDICES,
            Order.RECEIVED,
            '{"0":5,"4294967294":2,"4294967295":1,"01":3,"-1":4}',
        ),
        (
            INDICES,
            Order.REBUILT,
            '{"0":5,"4294967294":2,"-1":4,"01":3,"4294967295":1}',
        ),
        (
            INDICES,
            Order.STABLE,
            '{"-1":4,"0":5,"01":3,"4294967294":2,"4294967295":1}',
        ),
        (ASTRAL, Order.RECEIVED, '{"\U00010000":1,"\ue000":2,"é":3,"B":4,"a":5}'),
        (ASTRAL, Order.REBUILT, '{"B":4,"a":5,"é":3,"\U00010000":1,"\ue000":2}'),
        (ASTRAL, Order.STABLE, '{"B":4,"a":5,"é":3,"\U00010000":1,"\ue000":2}'),
        (
            ESCAPES,
            Order.STABLE,
            '{"s":"\u2028\u2029/é\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\"\\\\\\b\\n"}',
        ),
        (
            SPACED,
            Order.RECEIVED,
            '{"e":"\U0001f600 <&\'>","n":[1e-7,12345678901234567000,-5]}',
        ),
        ("{}", Order.REBUILT, "{}"),
        ('[null,true,false,""]', Order.STABLE, '[null,true,false,""]'),
    ],
)
def test_javascript_prints_this(body: str, order: Order, expected: str) -> None:
    """An index before a name, a pair of code units before a later character: all in the digest."""
    assert canonical.js(lexemes.parse(body.encode()), order) == expected.encode()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (NESTED, NESTED),
        (INDICES, INDICES),
        (ASTRAL, ASTRAL),
        (
            ESCAPES,
            '{"s":"\\u2028\\u2029\\/é\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\"\\\\\\b\\n"}',
        ),
        (
            '{"a":{},"b":[],"c":{"0":"x","1":"y"},"d":{"1":"x","0":"y"},"e":{"0":{}}}',
            '{"a":[],"b":[],"c":["x","y"],"d":{"1":"x","0":"y"},"e":[[]]}',
        ),
        ("{}", "[]"),
        ('{"":0,"a":{"":{}},"/":1}', '{"":0,"a":{"":[]},"\\/":1}'),
        ('[{"00":0},{"0":{"1":1}},true,null]', '[{"00":0},[{"1":1}],true,null]'),
        ('{"e":"\\ud83d\\ude00 <&\\u0027>"}', '{"e":"\U0001f600 <&\'>"}'),
    ],
)
def test_php_prints_this(body: str, expected: str) -> None:
    """The slash is escaped, two line ends are, and an object that counts from 0 is a list."""
    assert canonical.php(lexemes.parse(body.encode())) == expected.encode()


@given(_values)
def test_python_prints_what_python_prints(value: object) -> None:
    """Plisio's library reads and writes again, so numbers are printed again too."""
    body = json.dumps(value, ensure_ascii=False, indent=1).encode()
    expected = json.dumps(json.loads(body), separators=(",", ":")).encode()
    assert canonical.python(lexemes.parse(body)) == expected


@pytest.mark.parametrize(
    "number", ["-0", "0", "-0.0", "1.10", "1E5", "1e-7", "1e22", "5e-324", "1e-400", "9" * 1000]
)
def test_python_prints_a_number_of_another_language_in_its_own_way(number: str) -> None:
    """Letters that Python would never write itself."""
    expected = json.dumps(json.loads(number)).encode()
    assert canonical.python(lexemes.parse(number.encode())) == expected


@given(st.dictionaries(_names, _values, max_size=4), st.text("abcXYZ09_-é", min_size=1))
def test_plisio_accepts_what_is_signed_over_it(payment: dict[str, object], key: str) -> None:
    """The provider's own library is the judge, on any callback."""
    payment["verify_hash"] = ""
    signed = lexemes.without(lexemes.parse(json.dumps(payment).encode()), "verify_hash")
    payment["verify_hash"] = hmac.new(key.encode(), canonical.python(signed), "sha1").hexdigest()
    assert PlisioClient(api_key=key).validate_callback(json.dumps(payment))


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b'{"a":[1E400]}'])
def test_a_number_that_python_cannot_hold_is_refused(number: bytes) -> None:
    """All such numbers would print the same word, and one signature would fit them all."""
    with pytest.raises(Rejected) as refused:
        canonical.python(lexemes.parse(number))
    assert refused.value.reason is Reason.BODY_MALFORMED


@given(_values)
def test_sorting_changes_no_value(value: object) -> None:
    """Whatever the order, a reader of the printed text reads what the sender sent."""
    tree = lexemes.parse(json.dumps(value).encode())
    for order in Order:
        printed = canonical.js(tree, order)
        assert json.loads(printed) == value
        assert canonical.js(lexemes.parse(printed), order) == printed


def test_letters_of_a_number_are_signed() -> None:
    """JavaScript and PHP have printed these numbers once already: another spelling is another."""
    node = lexemes.parse(b"[1.0,1e0,1]")
    assert canonical.js(node, Order.STABLE) == canonical.php(node) == b"[1.0,1e0,1]"


@pytest.mark.parametrize("order", Order)
def test_a_member_that_javascript_would_lose_is_signed(order: Order) -> None:
    """NOWPayments' sorting drops `__proto__`: unsigned, it could be added to a captured body."""
    node = lexemes.parse(b'{"__proto__":{"amount":1},"constructor":2,"b":3,"a":4}')
    assert b'"__proto__":{"amount":1}' in canonical.js(node, order)


def test_names_of_an_index_are_told_from_names() -> None:
    """A digit of another script, a sign or a blank makes a name, and no integer is read from it."""
    body = '{"b":1,"\u0661":2,"+1":3," 1":4,"1":5,"1.0":6,"99999999999":7,"":8,"98":9}'
    expected = '{"1":5,"98":9,"":8," 1":4,"+1":3,"1.0":6,"99999999999":7,"b":1,"\u0661":2}'
    assert canonical.js(lexemes.parse(body.encode()), Order.REBUILT) == expected.encode()
