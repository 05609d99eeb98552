"""Which key made what a delivery states: every key is asked, every claim holds, age comes last."""

from collections.abc import Sequence

import pytest

from ingress.delivery import Delivery, Reason, Rejected
from ingress.schemes.parts import places
from ingress.schemes.parts.encoding import Encoding
from ingress.schemes.parts.fresh import Freshness, Unit
from ingress.schemes.parts.keys import Key
from ingress.schemes.parts.message import Pieces, compile_message
from ingress.schemes.parts.parsers import Named, Plain
from ingress.schemes.parts.statement import Claim, Stamp, Statement
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


CLAIM = Claim([b"sig"], [(b"message",)], b"1760000000")
KEYS = [Key(b"first"), Key(b"second"), Key(b"third")]


def _matching(*keys: bytes) -> "Asked":
    return Asked(keys)


class Asked:
    """A primitive that remembers what it was asked, and says yes to some keys."""

    def __init__(self, yes: Sequence[bytes]) -> None:
        self.yes = yes
        self.asked: list[tuple[object, Pieces, list[bytes]]] = []

    def __call__(self, key: Key, message: Pieces, candidates: Sequence[bytes]) -> bool:
        """Note the question and answer it."""
        self.asked.append((key.material, message, list(candidates)))
        return key.material in self.yes


@pytest.mark.parametrize(("yes", "index"), [(b"first", 0), (b"second", 1), (b"third", 2)])
def test_every_key_is_asked_whichever_signed(yes: bytes, index: int) -> None:
    """Work that depended on the match would tell which key is in use."""
    asked = _matching(yes)
    assert PLAIN.prove([CLAIM], KEYS, NOW_MS, asked) == index
    assert asked.asked == [(key.material, (b"message",), [b"sig"]) for key in KEYS]


def test_without_keys_or_without_a_match_nothing_is_proven() -> None:
    """Attack 29: an empty ring fails closed, and names our own mistake."""
    for keys, reason in (([], Reason.KEY_MISSING), (KEYS, Reason.SIGNATURE_MISMATCH)):
        with pytest.raises(Rejected) as refused:
            PLAIN.prove([CLAIM], keys, NOW_MS, _matching())
        assert refused.value.reason is reason


def test_of_several_items_every_one_must_be_signed() -> None:
    """An official library looks at the first and believes the rest."""
    good, bad = CLAIM, Claim([b"sig"], [(b"forged",)], b"")

    def matches(key: Key, message: Pieces, candidates: Sequence[bytes]) -> bool:
        return key.material == b"second" and message == (b"message",)

    assert ITEMS.prove([good, good], KEYS, NOW_MS, matches) == 1
    for claims in ([good, bad], [bad, good]):
        with pytest.raises(Rejected) as refused:
            ITEMS.prove(claims, KEYS, NOW_MS, matches)
        assert refused.value.reason is Reason.SIGNATURE_MISMATCH


@pytest.mark.parametrize(
    ("received_ms", "reason"),
    [
        (NOW_MS + 300_000, None),
        (NOW_MS - 300_000, None),
        (NOW_MS + 300_001, Reason.TIMESTAMP_STALE),
        (NOW_MS - 300_001, Reason.TIMESTAMP_FUTURE),
    ],
)
def test_age_is_judged_either_way(received_ms: int, reason: Reason | None) -> None:
    """And only where there is a timestamp."""
    assert PLAIN.prove([CLAIM], KEYS, received_ms, _matching(b"first")) == 0
    if reason is None:
        assert FIELD.prove([CLAIM], KEYS, received_ms, _matching(b"first")) == 0
        return
    with pytest.raises(Rejected) as refused:
        FIELD.prove([CLAIM], KEYS, received_ms, _matching(b"first"))
    assert refused.value.reason is reason


def test_age_is_judged_behind_the_signature() -> None:
    """Until it holds, the timestamp is only a claim, and the reason would be a stranger's word."""
    with pytest.raises(Rejected) as refused:
        FIELD.prove([CLAIM], KEYS, 0, _matching())
    assert refused.value.reason is Reason.SIGNATURE_MISMATCH


def test_a_delivery_claims_a_moment_if_it_has_a_timestamp() -> None:
    """In milliseconds, whatever the unit."""
    assert FIELD.claimed_ms(View(_delivery((b"x-sig", b"t=7,v1=0001")))) == 7_000
    assert PLAIN.claimed_ms(View(_delivery((b"x-sig", b"0001")))) is None
    assert PLAIN.claimed_ms(View(_delivery())) is None
    with pytest.raises(Rejected):
        FIELD.claimed_ms(View(_delivery()))


def test_a_stamp_names_its_header_if_it_stands_in_one() -> None:
    """A field of the signature's text has none."""
    assert Stamp(SECONDS, places.parse("header:x-at")).header == b"x-at"
    assert Stamp(SECONDS, places.parse("/at")).header == b""
    assert Stamp(SECONDS, field=b"t").header == b""
