"""Public-key signatures by themselves: the right kind of key, the key that was named, one hash."""

import base64
import hashlib
import re

import pytest
from cryptography.hazmat.primitives import hashes

from ingress.delivery import Delivery, Reason, Rejected
from ingress.schemes.asym import KID_MAX, Asym, Hash, Naming
from ingress.schemes.parts import places
from ingress.schemes.parts.encoding import Encoding
from ingress.schemes.parts.fresh import Freshness, Unit
from ingress.schemes.parts.keys import Key
from ingress.schemes.parts.message import compile_message
from ingress.schemes.parts.parsers import Named, Plain
from ingress.schemes.parts.public_keys import KeyType
from ingress.schemes.parts.statement import Stamp, Statement
from tests.support.signers import pairs

BODY = b'{"amount":"10.50"}'
STATEMENT = Statement(
    places.parse("header:x-sig"), Plain(), Encoding.BASE64, (compile_message("{body}"),)
)
NAMED = Naming(places.parse("header:x-key"), re.compile("[a-z0-9-]+"))
IN_BODY = Naming(places.parse("/kid"), re.compile("[a-z]+"), Reason.CERTIFICATE_UNTRUSTED)
RSA256 = Asym(KeyType.RSA, Hash.SHA256, STATEMENT)
HASHES = {Hash.SHA1: hashes.SHA1(), Hash.SHA256: hashes.SHA256(), Hash.SHA512: hashes.SHA512()}


def _delivery(*headers: tuple[bytes, bytes], body: bytes = BODY) -> Delivery:
    return Delivery("shop", "POST", b"", headers, body, 1_760_000_000_000)


def _signed(signature: bytes, *more: tuple[bytes, bytes], body: bytes = BODY) -> Delivery:
    return _delivery((b"x-sig", base64.b64encode(signature)), *more, body=body)


def _refusal(asym: Asym, delivery: Delivery, keys: list[Key]) -> Reason:
    with pytest.raises(Rejected) as refused:
        asym.verify(delivery, keys)
    return refused.value.reason


def _keys(asym: Asym, pair: pairs.Pair, *kids: str) -> list[Key]:
    old, new = kids or ("", "")
    return [
        asym.key(pairs.public_pem(pair.old), old),
        asym.key(pairs.public_pem(pair.new), new),
    ]


@pytest.mark.parametrize("algorithm", HASHES)
def test_an_rsa_signature_holds_with_its_hash_and_no_other(algorithm: Hash) -> None:
    """The hash is the profile's; one that the sender chose would be the weakest."""
    sent = _signed(pairs.rsa_sign(pairs.RSA.new, BODY, HASHES[algorithm]))
    for other in HASHES:
        asym = Asym(KeyType.RSA, other, STATEMENT)
        keys = _keys(asym, pairs.RSA)
        if other is algorithm:
            assert asym.verify(sent, keys) == 1
            assert asym.scheme == f"rsa-{algorithm.value}"
        else:
            assert _refusal(asym, sent, keys) is Reason.SIGNATURE_MISMATCH


@pytest.mark.parametrize(
    ("kind", "pair"), [(KeyType.P256, pairs.P256), (KeyType.SECP256K1, pairs.SECP256K1)]
)
def test_an_elliptic_signature_holds(kind: KeyType, pair: pairs.Pair) -> None:
    """Circle and Ramp, by curve."""
    asym = Asym(kind, Hash.SHA256, STATEMENT)
    keys = _keys(asym, pair)
    assert asym.verify(_signed(pairs.ecdsa_sign(pair.old, BODY)), keys) == 0
    assert asym.scheme == f"{kind.value}-sha256"
    forged = _signed(pairs.ecdsa_sign(pair.old, BODY), body=BODY + b" ")
    assert _refusal(asym, forged, keys) is Reason.SIGNATURE_MISMATCH


def test_ed25519_has_its_own_hash() -> None:
    """So its scheme names none."""
    asym = Asym(KeyType.ED25519, Hash.NONE, STATEMENT)
    keys = _keys(asym, pairs.ED25519)
    assert asym.verify(_signed(pairs.ed25519_sign(pairs.ED25519.new, BODY)), keys) == 1
    assert asym.scheme == "ed25519"


def test_a_message_may_be_hashed_before_it_is_signed() -> None:
    """Bridge signs a digest as if it were the message: two hashes in all."""
    digest = hashlib.sha512(BODY).digest()
    sent = _signed(pairs.rsa_sign(pairs.RSA.old, digest, hashes.SHA256()))
    twice = Asym(KeyType.RSA, Hash.SHA256, STATEMENT, prehash=Hash.SHA512)
    assert twice.verify(sent, _keys(twice, pairs.RSA)) == 0
    assert _refusal(RSA256, sent, _keys(RSA256, pairs.RSA)) is Reason.SIGNATURE_MISMATCH
    once = _signed(pairs.rsa_sign(pairs.RSA.old, BODY, hashes.SHA256()))
    assert _refusal(twice, once, _keys(twice, pairs.RSA)) is Reason.SIGNATURE_MISMATCH


def test_a_key_of_another_kind_is_refused_when_it_is_loaded() -> None:
    """Otherwise every delivery would fail, one by one."""
    with pytest.raises(ValueError, match="of type p256; expected an RSA public key"):
        RSA256.key(pairs.public_pem(pairs.P256.old))
    assert RSA256.key(pairs.public_pem(pairs.RSA.old), "kid").kid == "kid"


def test_one_good_signature_among_several_is_enough() -> None:
    """A provider in the middle of a rotation signs with both keys."""
    statement = Statement(
        places.parse("header:x-sig"),
        Named(b",", b"v0"),
        Encoding.BASE64,
        (compile_message("{timestamp}{body}"),),
        stamp=Stamp(Freshness(Unit.SECONDS, 300), field=b"t"),
    )
    asym = Asym(KeyType.RSA, Hash.SHA256, statement)
    good = base64.b64encode(pairs.rsa_sign(pairs.RSA.new, b"1760000000" + BODY, hashes.SHA256()))
    bad = base64.b64encode(bytes(256))
    sent = _delivery((b"x-sig", b"t=1760000000,v0=" + bad + b",v0=" + good))
    assert asym.verify(sent, _keys(asym, pairs.RSA)) == 1
    assert asym.claimed_ms(sent) == 1_760_000_000_000
    stale = Delivery("shop", "POST", b"", sent.headers, BODY, 1_760_000_300_001)
    assert _refusal(asym, stale, _keys(asym, pairs.RSA)) is Reason.TIMESTAMP_STALE


@pytest.mark.parametrize(
    ("kids", "index"), [(("a", "b"), 1), (("", "b"), 1), (("b", ""), 1), (("", ""), 1)]
)
def test_the_key_that_is_named_is_asked(kids: tuple[str, str], index: int) -> None:
    """One without a name fits any delivery: a file that an operator gave."""
    asym = Asym(KeyType.RSA, Hash.SHA256, STATEMENT, naming=NAMED)
    sent = _signed(pairs.rsa_sign(pairs.RSA.new, BODY, hashes.SHA256()), (b"x-key", b"b"))
    assert asym.verify(sent, _keys(asym, pairs.RSA, *kids)) == index


@pytest.mark.parametrize(
    ("kids", "reason"),
    [(("b", "a"), Reason.SIGNATURE_MISMATCH), (("a", "c"), Reason.KEY_UNKNOWN)],
)
def test_a_key_of_another_name_is_not_asked(kids: tuple[str, str], reason: Reason) -> None:
    """An unknown name is told apart from a wrong signature: that key may be fetched."""
    asym = Asym(KeyType.RSA, Hash.SHA256, STATEMENT, naming=NAMED)
    sent = _signed(pairs.rsa_sign(pairs.RSA.new, BODY, hashes.SHA256()), (b"x-key", b"b"))
    assert _refusal(asym, sent, _keys(asym, pairs.RSA, *kids)) is reason


def test_without_keys_nothing_verifies() -> None:
    """Attack 29: with a name or without."""
    sent = _signed(b"x", (b"x-key", b"b"))
    for asym in (RSA256, Asym(KeyType.RSA, Hash.SHA256, STATEMENT, naming=NAMED)):
        assert _refusal(asym, sent, []) is Reason.KEY_MISSING


@pytest.mark.parametrize(
    ("naming", "headers", "reason"),
    [
        (NAMED, (), Reason.HEADER_MISSING),
        (NAMED, ((b"x-key", b"a b"),), Reason.HEADER_MALFORMED),
        (NAMED, ((b"x-key", b""),), Reason.HEADER_MALFORMED),
        (NAMED, ((b"x-key", b"caf\xc3\xa9"),), Reason.HEADER_MALFORMED),
        (NAMED, ((b"x-key", b"a" * (KID_MAX + 1)),), Reason.HEADER_MALFORMED),
        (NAMED, ((b"x-key", b"a"), (b"x-key", b"a")), Reason.HEADER_DUPLICATED),
    ],
)
def test_a_name_that_cannot_be_the_providers_is_refused_early(
    naming: Naming, headers: tuple[tuple[bytes, bytes], ...], reason: Reason
) -> None:
    """Attack 26: names become requests for keys, and each costs."""
    asym = Asym(KeyType.RSA, Hash.SHA256, STATEMENT, naming=naming)
    sent = _signed(b"x", *headers)
    with pytest.raises(Rejected) as refused:
        asym.precheck(sent.headers)
    assert refused.value.reason is reason
    assert _refusal(asym, sent, _keys(asym, pairs.RSA)) is reason
    assert asym.kid(sent) is None


def test_a_name_of_full_length_is_a_name() -> None:
    """And it is told to whoever fetches keys."""
    asym = Asym(KeyType.RSA, Hash.SHA256, STATEMENT, naming=NAMED)
    sent = _signed(b"x", (b"x-key", b"a" * KID_MAX))
    asym.precheck(sent.headers)
    assert asym.kid(sent) == "a" * KID_MAX
    assert KID_MAX == 256


def test_a_name_in_the_body_waits_for_it_and_has_its_own_reason() -> None:
    """A certificate's address that is not the provider's is an attack of its own (25)."""
    asym = Asym(KeyType.RSA, Hash.SHA256, STATEMENT, naming=IN_BODY)
    asym.precheck(_signed(b"x").headers)
    good = _signed(b"x", body=b'{"kid":"abc"}')
    bad = _signed(b"x", body=b'{"kid":"http://evil"}')
    assert asym.kid(good) == "abc"
    assert asym.kid(bad) is None
    assert _refusal(asym, bad, _keys(asym, pairs.RSA)) is Reason.CERTIFICATE_UNTRUSTED


def test_what_is_needed_to_verify_again_includes_the_name() -> None:
    """Whoever holds all the provider's keys must know which."""
    with_name = Asym(KeyType.RSA, Hash.SHA256, STATEMENT, naming=NAMED)
    assert with_name.signed_headers == (b"x-sig", b"x-key")
    assert Asym(KeyType.RSA, Hash.SHA256, STATEMENT, naming=IN_BODY).signed_headers == (b"x-sig",)
    same = Naming(places.parse("header:x-sig"), re.compile(".*"))
    assert Asym(KeyType.RSA, Hash.SHA256, STATEMENT, naming=same).signed_headers == (b"x-sig",)
    assert RSA256.signed_headers == (b"x-sig",)


def test_a_signature_carries_no_content_and_without_naming_no_name() -> None:
    """It speaks for the body."""
    sent = _signed(b"x")
    assert RSA256.payload(sent) is None
    assert RSA256.kid(sent) is None
    assert RSA256.claimed_ms(sent) is None
    with pytest.raises(Rejected) as refused:
        RSA256.precheck(())
    assert refused.value.reason is Reason.HEADER_MISSING
