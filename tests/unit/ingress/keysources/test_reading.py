"""Keys out of providers' answers: every form they use, and everything that is not a key."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwcrypto.jwk import JWK

from ingress.keysources.cache import Found
from ingress.keysources.declaration import WHOLE_SET, Declaration
from ingress.keysources.reading import Reader
from ingress.keysources.result import FetchFailed, Result
from tests.support.https import issued
from tests.support.key_sources import (
    CERT_URL,
    CIRCLE,
    FIREBLOCKS,
    PAYPAL,
    PLAID,
    UUID,
)

NOW = datetime.now(UTC)
NOW_MS = int(NOW.timestamp() * 1000)
NAME = "messageverificationcerts.paypal.com"
EC_KEY = ec.generate_private_key(ec.SECP256R1()).public_key()
RSA_JWK = JWK.generate(kty="RSA", size=2048, kid="rsa-1", use="sig", alg="RS512")
EC_JWK = JWK.generate(kty="EC", crv="P-256", kid=UUID, use="sig", alg="ES256")


def public(key: JWK, **more: Any) -> dict[str, Any]:
    """Show a key as its provider does."""
    shown: dict[str, Any] = key.export_public(as_dict=True)
    return shown | more


def numbers(found: Found) -> object:
    """Return what makes a key that key."""
    material = found.key.material
    assert not isinstance(material, bytes)
    return material.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def unusable(declaration: Declaration, answer: bytes, name: str = WHOLE_SET) -> FetchFailed:
    """Return how an answer is refused."""
    with pytest.raises(FetchFailed) as failed:
        Reader(declaration, ROOTS)(name, answer, NOW_MS)
    assert failed.value.__context__ is None
    return failed.value


def test_every_key_of_a_set_keeps_its_name() -> None:
    """Providers rotate by adding a key beside the old one; what is for another use is not ours."""
    other = JWK.generate(kty="RSA", size=2048, kid="rsa-2")
    keys = [public(RSA_JWK), public(other), public(EC_JWK), public(RSA_JWK, kid="e", use="enc")]
    found = Reader(FIREBLOCKS)(WHOLE_SET, json.dumps({"keys": keys}).encode(), NOW_MS)
    assert [one.key.kid for one in found] == ["rsa-1", "rsa-2"]
    assert [numbers(one) for one in found] == [
        key.get_op_key("verify").public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for key in (RSA_JWK, other)
    ]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>down for maintenance</html>",
        b"\xff\xfe",
        b"[]",
        b'{"keys": []}',
        b'{"keys": {}}',
        b'{"error": "busy"}',
        json.dumps({"keys": [public(EC_JWK)]}).encode(),
        json.dumps({"keys": [public(RSA_JWK), public(RSA_JWK, n="")]}).encode(),
        json.dumps({"keys": [public(RSA_JWK)]}).encode()[:-4],
        json.dumps({"keys": [public(RSA_JWK)] * 65}).encode(),
        b'{"keys":' + b"[" * 100_000,
    ],
)
def test_a_set_is_read_whole_or_not_at_all(answer: bytes) -> None:
    """A page for people, half a set, or a set of other keys must not replace good keys."""
    assert unusable(FIREBLOCKS, answer).result is Result.UNUSABLE


def test_a_key_in_der_is_found_behind_its_pointer() -> None:
    """As Circle shows it, under the id that was asked for."""
    der = EC_KEY.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    answer = {"data": {"id": UUID, "publicKey": base64.b64encode(der).decode()}}
    (found,) = Reader(CIRCLE)(UUID, json.dumps(answer).encode(), NOW_MS)
    assert found.key.kid == UUID
    assert numbers(found) == der
    assert found.expires_ms == float("inf")


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"publicKey": None},
        {"publicKey": 7},
        {"publicKey": ""},
        {"publicKey": "AAAA"},
        {"publicKey": ["x"]},
        {"publicKey": "-----BEGIN PUBLIC KEY-----"},
    ],
)
def test_an_answer_without_the_key_is_unusable(data: dict[str, object]) -> None:
    """An error page with status 200 is not rare."""
    answer = json.dumps({"data": data}).encode()
    assert unusable(CIRCLE, answer, UUID).result is Result.UNUSABLE


def test_a_key_of_another_kind_is_refused() -> None:
    """What the profile pins must hold for fetched keys too, or a swap of algorithms gets in."""
    der = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    answer = json.dumps({"data": {"publicKey": base64.b64encode(der).decode()}}).encode()
    assert unusable(CIRCLE, answer, UUID).result is Result.UNUSABLE
    jwk = json.dumps({"key": public(RSA_JWK, kid=UUID)}).encode()
    assert unusable(PLAID, jwk, UUID).result is Result.UNUSABLE


@pytest.mark.parametrize(
    ("expired_at", "ends_ms"),
    [
        (None, float("inf")),
        (NOW_MS // 1000 + 60, (NOW_MS // 1000 + 60) * 1000),
        (1e12, 1e15),
    ],
    ids=["never", "in a minute", "in some thirty thousand years"],
)
def test_a_jwk_is_good_until_its_provider_says(expired_at: object, ends_ms: float) -> None:
    """Plaid says null while a key is good."""
    jwk = public(EC_JWK, created_at=1560466143, expired_at=expired_at)
    answer = json.dumps({"key": jwk, "request_id": "x"}).encode()
    (found,) = Reader(PLAID)(UUID, answer, NOW_MS)
    assert (found.key.kid, found.expires_ms) == (UUID, ends_ms)
    der = EC_JWK.get_op_key("verify").public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert numbers(found) == der


@pytest.mark.parametrize(
    "expired_at",
    [0, -1, 1560466143, NOW_MS // 1000 - 1],
    ids=["at the epoch", "before it", "years ago", "a second ago"],
)
def test_a_jwk_that_has_expired_is_withdrawn(expired_at: int) -> None:
    """That is another thing than a failure: a key held already must go."""
    answer = json.dumps({"key": public(EC_JWK, expired_at=expired_at)}).encode()
    assert unusable(PLAID, answer, UUID).result is Result.WITHDRAWN


@pytest.mark.parametrize(
    "changes",
    [
        {"kid": "another"},
        {"kid": ""},
        {"expired_at": "1560466143"},
        {"expired_at": True},
        {"expired_at": {}},
        {"use": "enc"},
        {"d": "AAAA"},
        {"crv": "P-384"},
    ],
)
def test_a_jwk_that_is_not_the_one_asked_for_is_refused(changes: dict[str, Any]) -> None:
    """Held under a name that is not its own it would verify what another key signed."""
    answer = json.dumps({"key": public(EC_JWK) | changes}).encode()
    assert unusable(PLAID, answer, UUID).result is Result.UNUSABLE


def test_a_name_that_stands_twice_is_refused() -> None:
    """Of two keys under one name another reader may take the other."""
    once = json.dumps(public(EC_JWK))
    answer = f'{{"key": {once}, "key": {once}}}'.encode()
    assert unusable(PLAID, answer, UUID).result is Result.UNUSABLE


CA = trustme.CA()
STRANGER = trustme.CA()
ROOTS = (x509.load_pem_x509_certificate(CA.cert_pem.bytes()),)
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
DAY = timedelta(days=1)


def certificate(
    name: str = NAME, ca: trustme.CA = CA, begins: timedelta = -DAY, ends: timedelta = DAY
) -> bytes:
    """Make a certificate with an RSA key, as PEM."""
    return issued(ca, name, RSA_KEY, NOW + begins, NOW + ends)


def test_a_certificate_that_a_root_vouches_for_holds_until_it_ends() -> None:
    """Its name is its URL, because that is how a delivery names it."""
    pem = certificate()
    (found,) = Reader(PAYPAL, ROOTS)(CERT_URL, pem, NOW_MS)
    leaf = x509.load_pem_x509_certificate(pem)
    assert found.key.kid == CERT_URL
    assert found.expires_ms == leaf.not_valid_after_utc.timestamp() * 1000
    assert numbers(found) == leaf.public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: certificate("evil.com"),
        lambda: certificate("messageverificationcerts.paypal.com.evil.com"),
        lambda: certificate(ca=STRANGER),
        lambda: certificate(begins=-9 * DAY, ends=-DAY),
        lambda: certificate(begins=DAY, ends=9 * DAY),
        lambda: issued(CA, NAME, EC_KEY, NOW - DAY, NOW + DAY),
        lambda: b"",
        lambda: b"<html></html>",
        lambda: b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ],
    ids=[
        "another name",
        "another domain",
        "another authority",
        "expired",
        "not yet valid",
        "another kind of key",
        "empty",
        "a page",
        "junk",
    ],
)
def test_a_certificate_that_nobody_vouches_for_is_refused(make: Callable[[], bytes]) -> None:
    """The host serves what it was given; the chain says whose it is."""
    assert unusable(PAYPAL, make(), CERT_URL).result is Result.UNUSABLE


def test_a_certificate_served_without_the_one_above_it_is_refused() -> None:
    """No system trusts the authority between directly."""
    between = CA.create_child_ca()
    leaf = certificate(ca=between)
    with pytest.raises(FetchFailed):
        Reader(PAYPAL, ROOTS)(CERT_URL, leaf, NOW_MS)
    chain = leaf + between.cert_pem.bytes()
    assert Reader(PAYPAL, ROOTS)(CERT_URL, chain, NOW_MS)


def test_the_name_on_a_certificate_may_be_the_hosts_own() -> None:
    """SNS has a certificate for each region."""
    own = replace(PAYPAL, subjects=("other.example.com", "{host}"))
    assert Reader(own, ROOTS)(CERT_URL, certificate("api.paypal.com"), NOW_MS)
    with pytest.raises(FetchFailed):
        Reader(own, ROOTS)(CERT_URL, certificate("api-m.paypal.com"), NOW_MS)


def test_without_a_chain_the_connection_vouches_but_the_dates_still_hold() -> None:
    """What Amazon serves can be had no other way; a certificate that ended is none."""
    alone = replace(PAYPAL, subjects=(), is_chained=False)
    assert Reader(alone)(CERT_URL, certificate("any.name", STRANGER), NOW_MS)
    for pem in (
        certificate(begins=-9 * DAY, ends=-DAY),
        certificate(begins=DAY, ends=9 * DAY),
        certificate()[:200],
    ):
        assert unusable(alone, pem, CERT_URL).result is Result.UNUSABLE
