"""Several signatures of one provider: the first that is there is judged, and no other."""

import hashlib
import hmac
import re

import pytest

from ingress.delivery import Delivery, Reason, Rejected
from ingress.schemes.asym import Asym, Naming
from ingress.schemes.asym import Hash as SignedHash
from ingress.schemes.mac import Hash, Mac
from ingress.schemes.parts import places
from ingress.schemes.parts.encoding import Encoding
from ingress.schemes.parts.fresh import Freshness, Unit
from ingress.schemes.parts.keys import Key, KeyForm
from ingress.schemes.parts.message import compile_message
from ingress.schemes.parts.parsers import Named, Plain
from ingress.schemes.parts.public_keys import KeyType
from ingress.schemes.parts.statement import Stamp, Statement
from ingress.schemes.parts.view import View
from ingress.schemes.verifier import Alternatives

X_SIG = places.parse("header:x-sig")
STAMP = Stamp(Freshness(Unit.SECONDS, 300), field=b"t")
KEY = Key(b"secret")
BODY = b'{"event":"paid"}'
NOW_S = 1_760_000_000


def _version(key: bytes, message: str, form: KeyForm = KeyForm.UTF8) -> Mac:
    statement = Statement(
        X_SIG, Named(b",", key), Encoding.HEX, (compile_message(message),), 32, STAMP
    )
    return Mac(Hash.SHA256, form, statement)


NEWER = _version(b"v1", "{timestamp}.{field:h}.{covered:h}.{body}")
OLDER = _version(b"v0", "{timestamp}.{body}", KeyForm.HEX)
BOTH = Alternatives((NEWER, OLDER))


def _sign(message: bytes) -> bytes:
    return hmac.new(b"secret", message, hashlib.sha256).hexdigest().encode()


STAMPED = b"%d." % NOW_S
V0 = b"v0=" + _sign(STAMPED + BODY)
V1 = b"h=x-id,v1=" + _sign(STAMPED + b"x-id.m1." + BODY)
WRONG_V0 = b"v0=" + b"0" * 64
WRONG_V1 = b"h=x-id,v1=" + b"0" * 64


def _delivery(*parts: bytes, header: bytes = b"x-sig", at_s: int = NOW_S) -> Delivery:
    text = b",".join((b"t=%d" % at_s, *parts))
    return Delivery("shop", "POST", b"", ((header, text), (b"x-id", b"m1")), BODY, NOW_S * 1000)


def _refusal(delivery: Delivery) -> Reason:
    with pytest.raises(Rejected) as refused:
        BOTH.verify(delivery, [KEY])
    return refused.value.reason


@pytest.mark.parametrize("parts", [(V1,), (V0,), (V1, V0), (V0, V1), (V1, WRONG_V0)])
def test_the_stronger_signature_counts_where_it_is_there(parts: tuple[bytes, ...]) -> None:
    """The weaker one beside it is never looked at; alone, it is what there is."""
    delivery = _delivery(*parts)
    BOTH.precheck(delivery.headers)
    assert BOTH.verify(delivery, [Key(b"other"), KEY]) == 1


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((WRONG_V1, V0), Reason.SIGNATURE_MISMATCH),
        ((V0, WRONG_V1), Reason.SIGNATURE_MISMATCH),
        ((WRONG_V0,), Reason.SIGNATURE_MISMATCH),
        ((b"h=x-id,v1=zz", V0), Reason.HEADER_MALFORMED),
        ((b"v1=" + b"0" * 64, V0), Reason.HEADER_MALFORMED),
        ((b"h=x-id x-missing,v1=" + b"0" * 64, V0), Reason.HEADER_MALFORMED),
        ((b"v2=" + b"0" * 64,), Reason.VERSION_UNSUPPORTED),
    ],
)
def test_a_bad_signature_is_not_excused_by_a_weaker_one(
    parts: tuple[bytes, ...], reason: Reason
) -> None:
    """A downgrade is just this: whoever cannot make the one sends the other as well."""
    assert _refusal(_delivery(*parts)) is reason


def test_where_none_is_there_the_first_ones_reason_is_told() -> None:
    """The strongest is what was expected."""
    missing = _delivery(V1, header=b"x-other")
    assert _refusal(missing) is Reason.HEADER_MISSING
    with pytest.raises(Rejected) as refused:
        BOTH.precheck(missing.headers)
    assert refused.value.reason is Reason.HEADER_MISSING
    other = Alternatives((OLDER, _unnamed()))
    with pytest.raises(Rejected) as refused:
        other.verify(_delivery(b"v2=00"), [KEY])
    assert refused.value.reason is Reason.VERSION_UNSUPPORTED
    with pytest.raises(Rejected) as refused:
        other.precheck(_delivery(b"v2=00").headers)
    assert refused.value.reason is Reason.VERSION_UNSUPPORTED


def test_what_can_be_seen_early_is_refused_early() -> None:
    """A malformed stronger signature is refused, whatever stands beside it."""
    bad_time = _delivery(V1, V0).headers
    text = bad_time[0][1].replace(b"t=%d" % NOW_S, b"t=now")
    with pytest.raises(Rejected) as refused:
        BOTH.precheck(((b"x-sig", text),))
    assert refused.value.reason is Reason.TIMESTAMP_MALFORMED


def test_the_moment_claimed_is_that_of_the_signature_that_is_there() -> None:
    """Each alternative may have another place for it."""
    elsewhere = Mac(
        Hash.SHA256,
        KeyForm.UTF8,
        Statement(
            places.parse("header:x-new"), Plain(), Encoding.HEX, (compile_message("{body}"),)
        ),
    )
    either = Alternatives((elsewhere, OLDER))
    assert either.claimed_ms(_delivery(V0, at_s=7)) == 7_000
    assert BOTH.claimed_ms(_delivery(V1, at_s=8)) == 8_000
    with pytest.raises(Rejected):
        either.claimed_ms(Delivery("shop", "POST", b"", (), BODY, 0))


def _unnamed() -> Asym:
    statement = Statement(
        places.parse("header:x-rsa"), Plain(), Encoding.BASE64, (compile_message("{body}"),)
    )
    naming = Naming(places.parse("header:x-key"), re.compile("[a-z]+"))
    return Asym(KeyType.RSA, SignedHash.SHA256, statement, naming=naming)


def test_the_first_name_of_a_key_is_told() -> None:
    """A shared secret has none, so the next alternative is asked."""
    either = Alternatives((OLDER, _unnamed()))
    named = Delivery("shop", "POST", b"", ((b"x-key", b"abc"),), BODY, 0)
    assert either.kid(named) == "abc"
    assert either.kid(_delivery(V0)) is None


def test_alternatives_speak_with_one_voice() -> None:
    """One scheme and one form of the key; every header that any of them needs, once."""
    assert BOTH.scheme == "hmac-sha256"
    assert Alternatives((_unnamed(), OLDER)).scheme == "rsa-sha256"
    assert Alternatives((_unnamed(), OLDER, NEWER)).signed_headers == (b"x-rsa", b"x-key", b"x-sig")
    assert BOTH.key(b"00", "kid") == Key(b"00", "kid")
    assert BOTH.payload(_delivery(V1)) is None


def test_what_was_read_is_what_is_proven() -> None:
    """Reading and proving are two steps, so that keys can be fetched between them."""
    view = View(_delivery(V0))
    verifier, _ = claim = BOTH.read(view)
    assert verifier is OLDER
    assert BOTH.prove(view, claim, [KEY]) == 0
