"""Public keys: every spelling a provider uses, nothing weak or private, and an honest check."""

import base64
import contextlib
import functools
import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from jwcrypto import jwk as jose

from ingress.schemes.parts import public_keys
from ingress.schemes.parts.public_keys import KeyType, PublicKey, check, load

# The order of the curve, as SEC 2 gives it.
N = {
    KeyType.P256: 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    KeyType.SECP256K1: 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
}
# The order of Ed25519's base point (RFC 8032, section 5.1).
L = 2**252 + 27742317777372353535851937790883648493
CANARY = b"canary-e1a5"


@functools.cache
def _private(kind: KeyType | str) -> object:
    made: dict[str, Callable[[], object]] = {
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "rsa1024": lambda: rsa.generate_private_key(65537, 1024),
    }
    return made[kind]()


def _pem(kind: str, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> bytes:
    return _private(kind).public_key().public_bytes(Encoding.PEM, form)


def _der(kind: str) -> bytes:
    form = PublicFormat.SubjectPublicKeyInfo
    return _private(kind).public_key().public_bytes(Encoding.DER, form)


def _certificate(kind: str) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "provider")])
    private = _private(kind)
    signed = (
        x509.CertificateBuilder(name, name, private.public_key(), 7)
        .not_valid_before(datetime(2011, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2012, 1, 1, tzinfo=UTC))
        .sign(private, None if kind == KeyType.ED25519 else hashes.SHA256())
    )
    return signed.public_bytes(Encoding.PEM)


def _jwk(kind: str, **more: str) -> dict[str, object]:
    return {**json.loads(jose.JWK.from_pem(_pem(kind)).export_public()), **more}


SPELLINGS: dict[str, Callable[[str], bytes]] = {
    "PEM": _pem,
    "PEM with blanks around it": lambda kind: b"\n  " + _pem(kind) + b"\r\n",
    "certificate, long expired": _certificate,
    "base64": lambda kind: base64.b64encode(_der(kind)),
    "base64, folded": lambda kind: base64.encodebytes(_der(kind)),
    "JWK": lambda kind: json.dumps(_jwk(kind, kid="k1", use="sig")).encode(),
}


@pytest.mark.parametrize("kind", list(KeyType))
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_a_key_is_the_same_key(kind: KeyType, spelling: str) -> None:
    """Whoever pastes what the dashboard shows must not have to convert it first."""
    key = load(kind, SPELLINGS[spelling](kind))
    assert key == _private(kind).public_key()
    assert public_keys.type_of(key) is kind


def test_an_rsa_key_may_be_in_its_older_armour() -> None:
    """``BEGIN RSA PUBLIC KEY`` is what OpenSSL wrote for years, and PHP still does."""
    assert load(KeyType.RSA, _pem("rsa", PublicFormat.PKCS1)) == _private("rsa").public_key()


@pytest.mark.parametrize(
    "write",
    [
        bytes.hex,
        lambda raw: raw.hex().upper(),
        lambda raw: "whpk_" + base64.b64encode(raw).decode(),
        lambda raw: "whpk_" + base64.b64encode(raw).decode().rstrip("="),
        lambda raw: base64.b64encode(raw).decode(),
        lambda raw: base64.b64encode(raw).decode().rstrip("="),
    ],
)
def test_an_ed25519_key_may_be_its_bare_bytes(write: Callable[[bytes], str]) -> None:
    """Discord shows 64 digits, Standard Webhooks (v1a) ``whpk_`` and base64; others the base64."""
    public = _private("ed25519").public_key()
    text = write(public.public_bytes_raw()).encode()
    assert load(KeyType.ED25519, text) == public


@pytest.mark.parametrize("kind", list(KeyType))
@pytest.mark.parametrize("other", [*KeyType, "p384"])
def test_a_key_of_another_kind_is_refused_with_the_kind_expected(kind: KeyType, other: str) -> None:
    """It would be found out by the first delivery, and look like a forgery."""
    if kind == other:
        return
    with pytest.raises(ValueError, match=r"expected .*(RSA|Ed25519|curve|P-256)"):
        load(kind, _pem(other))


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("armour", [Encoding.PEM, Encoding.DER])
@pytest.mark.parametrize("locked", [True, False])
def test_a_private_key_is_recognised_and_never_shown(
    form: PrivateFormat, armour: Encoding, locked: bool
) -> None:
    """It was put where public keys are copied about: whoever did it must learn what to do next."""
    if locked and armour is Encoding.DER and form is PrivateFormat.TraditionalOpenSSL:
        return  # there is no such form
    lock = serialization.BestAvailableEncryption(b"x") if locked else serialization.NoEncryption()
    text = _private("rsa").private_bytes(armour, form, lock)
    text = text if armour is Encoding.PEM else base64.b64encode(text)
    with pytest.raises(ValueError, match="this is a private key") as refused:
        load(KeyType.RSA, text)
    assert text.splitlines()[1 if armour is Encoding.PEM else 0].decode() not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        lambda: b"whsk_" + base64.b64encode(_private("ed25519").private_bytes_raw()),
        lambda: jose.JWK.from_pyca(_private("ed25519")).export_private().encode(),
    ],
)
def test_a_private_key_of_standard_webhooks_or_jose_is_one_too(text: Callable[[], bytes]) -> None:
    """``whsk_`` signs; the pair is worth nothing once it lay in a configuration."""
    with pytest.raises(ValueError, match="this is a private key"):
        load(KeyType.ED25519, text())


@pytest.mark.parametrize("kind", list(KeyType))
@pytest.mark.parametrize(
    "text",
    [
        b"",
        CANARY,
        b"whpk_" + CANARY,
        b"-----BEGIN PUBLIC KEY-----\n" + CANARY + b"\n-----END PUBLIC KEY-----",
        b"-----BEGIN CERTIFICATE-----\n" + CANARY + b"\n-----END CERTIFICATE-----",
        b'{"kty": "RSA", "n": "' + CANARY + b'"}',
        b'{"kty": "RSA", "n": "!", "e": "AQAB"}',
        b"{" + CANARY,
        b'{"kty": "oct", "k": "' + CANARY + b'"}',
        b"\xff\xfe" + CANARY,
        base64.b64encode(CANARY),
        b"0" * 63 + b"g",
    ],
)
def test_junk_is_refused_without_being_repeated(kind: KeyType, text: bytes) -> None:
    """What is pasted into the wrong box is often a secret, and errors are logged."""
    with pytest.raises(ValueError) as refused:
        load(kind, text)
    assert "canary" not in str(refused.value)


def test_line_breaks_that_became_letters_are_named() -> None:
    """An environment variable does this to a PEM file, and it takes people hours to see."""
    with pytest.raises(ValueError, match="line breaks are written as"):
        load(KeyType.P256, _pem("p256").replace(b"\n", rb"\n"))


@given(st.sampled_from(list(KeyType)), st.binary(max_size=200))
def test_whatever_stands_there_only_a_value_error_comes_of_it(kind: KeyType, text: bytes) -> None:
    """Configuration collects every mistake and tells them together; a crash would tell one."""
    with contextlib.suppress(ValueError):
        load(kind, text)


def test_rsa_of_1024_bits_is_the_weakest_accepted() -> None:
    """CryptAPI has nothing better; 768 bits have been factored in public."""
    assert load(KeyType.RSA, _pem("rsa1024")).key_size == 1024
    # RSA-768 of the RSA Factoring Challenge: its factors are known to everybody.
    modulus = int(
        "1230186684530117755130494958384962720772853569595334792197322452151726400507263657518745202"
        "1997864693899564749427740638459251925573263034537315482685079170261221429134616704292143116"
        "02221240479274737794080665351419597459856902143413"
    )
    encoded = base64.urlsafe_b64encode(modulus.to_bytes(96)).rstrip(b"=").decode()
    with pytest.raises(ValueError, match=r"bits|size"):
        public_keys.from_jwk({"kty": "RSA", "n": encoded, "e": "AQAB"})


def test_rsa_beyond_any_use_is_refused() -> None:
    """Verifying takes time with the square of the length: a fetched key could stop the edge."""
    encoded = base64.urlsafe_b64encode(b"\xff" * 1200).decode()
    with pytest.raises(ValueError, match="8192"):
        public_keys.from_jwk({"kty": "RSA", "n": encoded, "e": "AQAB"})


def test_a_key_for_which_anybody_can_sign_is_refused() -> None:
    """With the identity as the key, one signature fits every message: the library shows it."""
    identity = (1).to_bytes(32, "little")
    anybody = ed25519.Ed25519PublicKey.from_public_bytes(identity)
    assert check(anybody, identity + bytes(32), b"pay everything", "")
    for text in (identity.hex(), "0" * 64, "00" * 31 + "80", "ec" + "ff" * 31):
        with pytest.raises(ValueError, match="anybody can sign"):
            load(KeyType.ED25519, text.encode())


def _sign(kind: KeyType, message: bytes) -> bytes:
    private = _private(kind)
    if kind is KeyType.RSA:
        return private.sign(message, padding.PKCS1v15(), hashes.SHA256())
    if kind is KeyType.ED25519:
        return private.sign(message)
    return private.sign(message, ec.ECDSA(hashes.SHA256()))


def _public(kind: KeyType) -> PublicKey:
    return _private(kind).public_key()


@pytest.mark.parametrize("kind", list(KeyType))
def test_a_signature_holds_for_its_message_and_no_other(kind: KeyType) -> None:
    """The whole point; and each way of being wrong is an answer, not an exception."""
    good = _sign(kind, b"message")
    assert check(_public(kind), good, b"message", "sha256")
    assert not check(_public(kind), good, b"Message", "sha256")
    assert not check(_public(kind), b"", b"message", "sha256")
    assert not check(_public(kind), good[:-1], b"message", "sha256")
    assert not check(_public(kind), good + b"\x00", b"message", "sha256")
    for index in range(0, len(good), 7):
        bent = bytearray(good)
        bent[index] ^= 0x10
        assert not check(_public(kind), bytes(bent), b"message", "sha256")


@pytest.mark.parametrize("kind", [KeyType.RSA, KeyType.P256, KeyType.SECP256K1])
def test_the_hash_is_the_profiles(kind: KeyType) -> None:
    """A signature over another hash is another signature; a hash that is none proves nothing."""
    good = _sign(kind, b"message")
    for name in ("sha1", "sha512", "md5", "", "sha256\x00"):
        assert not check(_public(kind), good, b"message", name)


@pytest.mark.parametrize("name", ["sha1", "sha256", "sha512"])
def test_each_hash_a_profile_may_name_works(name: str) -> None:
    """Paddle Classic signs with SHA-1, Fireblocks with SHA-512: a system may have dropped one."""
    algorithm = {"sha1": hashes.SHA1(), "sha256": hashes.SHA256(), "sha512": hashes.SHA512()}[name]
    good = _private("rsa1024").sign(b"m", padding.PKCS1v15(), algorithm)
    assert check(_private("rsa1024").public_key(), good, b"m", name)


def test_the_other_padding_of_rsa_is_refused() -> None:
    """The profile says PKCS #1 v1.5, and one use of a key must not be turned against another."""
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    signature = _private("rsa").sign(b"m", pss, hashes.SHA256())
    assert not check(_public(KeyType.RSA), signature, b"m", "sha256")


@pytest.mark.parametrize("kind", list(N))
def test_both_twins_of_an_ecdsa_signature_hold(kind: KeyType) -> None:
    """Some signers keep to the low half and some do not: to refuse one would refuse money."""
    r, s = utils.decode_dss_signature(_sign(kind, b"m"))
    for one in (s, N[kind] - s):
        assert check(_public(kind), utils.encode_dss_signature(r, one), b"m", "sha256")


@pytest.mark.parametrize("kind", list(N))
def test_no_number_out_of_range_is_a_signature(kind: KeyType) -> None:
    """Zero for both once passed for anybody's signature in a famous runtime (CVE-2022-21449)."""
    r, s = utils.decode_dss_signature(_sign(kind, b"m"))
    n = N[kind]
    for pair in ((0, 0), (0, s), (r, 0), (n, n), (r + n, s), (r, s + n)):
        assert not check(_public(kind), utils.encode_dss_signature(*pair), b"m", "sha256")
    minus_one_twice = b"\x30\x06\x02\x01\xff\x02\x01\xff"
    assert not check(_public(kind), minus_one_twice, b"m", "sha256")


@pytest.mark.parametrize("kind", list(N))
def test_only_strict_der_is_read(kind: KeyType) -> None:
    """A longer length, a leading zero, bytes behind: each would be one more spelling of it."""
    der = _sign(kind, b"m")
    assert der[0] == 0x30
    r, s = (number.to_bytes(33) for number in utils.decode_dss_signature(der))
    numbers = b"\x02\x23\x00\x00" + r + b"\x02\x23\x00\x00" + s
    spellings = [
        b"\x30\x81" + der[1:],
        b"\x30\x80" + der[2:] + b"\x00\x00",
        b"\x30" + bytes([len(numbers)]) + numbers,
        der + b"\x00",
        b"\x30" + bytes([der[1] + 1]) + der[2:] + b"\x00",
    ]
    for spelling in spellings:
        assert not check(_public(kind), spelling, b"m", "sha256")


def test_an_ed25519_signature_has_no_twin() -> None:
    """``S + L`` solves the same equation; RFC 8032 has it refused."""
    good = _sign(KeyType.ED25519, b"m")
    twin = int.from_bytes(good[32:], "little") + L
    assert not check(_public(KeyType.ED25519), good[:32] + twin.to_bytes(32, "little"), b"m", "")


def test_the_standards_own_signature_verifies() -> None:
    """RFC 8032, section 7.1, test 2, knows nothing of us."""
    key = load(KeyType.ED25519, b"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert check(key, signature, b"\x72", "")


@settings(deadline=None)  # the first example makes the keys
@given(st.sampled_from(list(KeyType)), st.binary(max_size=300), st.sampled_from(["sha256", "x"]))
def test_no_bytes_are_an_exception(kind: KeyType, signature: bytes, name: str) -> None:
    """A signature is the first thing a stranger writes."""
    assert not check(_public(kind), signature, b"m", name)
