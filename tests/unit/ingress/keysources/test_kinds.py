"""Each way of publishing keys, whole: over real TLS, from the wish to a key that verifies."""

import asyncio
import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwcrypto.jwk import JWK

from ingress import telemetry
from ingress.keyring import Secret
from ingress.keysources.declaration import Declaration
from ingress.keysources.reading import Reader
from ingress.keysources.result import Result
from ingress.keysources.source import KeySource, Means
from ingress.schemes.parts.public_keys import check
from tests.support.https import HttpsServer, authority, https, issued, ok, status
from tests.support.key_sources import (
    CERT_URL,
    CIRCLE,
    FIREBLOCKS,
    PAYPAL,
    PLAID,
    UUID,
)

ROOTS = (x509.load_pem_x509_certificate(authority().cert_pem.bytes()),)
CREDENTIAL = Secret(b"an-api-key")
MESSAGE = b"a delivery"


@contextmanager
def running(
    provider: HttpsServer, declaration: Declaration, noted: list[Any]
) -> Iterator[KeySource]:
    """Run a key source against a server until the block ends."""
    means = Means(
        fetch=provider.fetcher(),
        read=Reader(declaration, ROOTS),
        log=telemetry.logger("test"),
        note=lambda result, held: noted.append((result, held)),
    )
    source = KeySource("shop", declaration, means, CREDENTIAL)
    task = asyncio.create_task(source.run())
    try:
        yield source
        assert not task.done()
    finally:
        task.cancel()


def signed(private: rsa.RSAPrivateKey) -> bytes:
    """Sign as these providers do."""
    return private.sign(MESSAGE, PKCS1v15(), SHA256())


async def until_noted(noted: list[Any]) -> Any:
    """Wait for the end of the first fetch."""
    async with asyncio.timeout(10):
        while not noted:
            await asyncio.sleep(0.01)
    return noted[0]


async def test_a_set_of_keys_is_there_without_anybody_asking() -> None:
    """Fireblocks: the key in the set verifies what its private half signed."""
    private = JWK.generate(kty="RSA", size=2048, kid="k1", use="sig")
    noted: list[Any] = []
    async with https("eu2-keys.fireblocks.io") as provider:
        shown = {"keys": [private.export_public(as_dict=True)]}
        provider.answer = [ok(json.dumps(shown).encode())]
        with running(provider, FIREBLOCKS, noted) as source:
            assert await until_noted(noted) == (Result.FETCHED, 1)
    (key,) = source.keys()
    assert key.kid == "k1"
    signature = signed(private.get_op_key("sign"))
    assert not isinstance(key.material, bytes)
    assert check(key.material, signature, MESSAGE, "sha256")
    assert provider.asked[0].startswith(b"GET /.well-known/jwks.json HTTP/1.1\r\n")
    assert b"an-api-key" not in provider.asked[0]


async def test_a_key_is_fetched_by_its_id_with_the_bearer_credential() -> None:
    """Circle."""
    private = ec.generate_private_key(ec.SECP256R1())
    der = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    shown = {"data": {"id": UUID, "publicKey": base64.b64encode(der).decode()}}
    noted: list[Any] = []
    async with https("api.circle.com") as provider:
        provider.answer = [ok(json.dumps(shown).encode())]
        with running(provider, CIRCLE, noted) as source:
            source.want(UUID)
            assert await until_noted(noted) == (Result.FETCHED, 1)
    (key,) = source.keys()
    assert (key.kid, key.material) == (UUID, private.public_key())
    (asked,) = provider.asked
    assert asked.startswith(f"GET /v2/notifications/publicKey/{UUID} HTTP/1.1\r\n".encode())
    assert b"\r\nAuthorization: Bearer an-api-key\r\n" in asked


async def test_a_key_is_fetched_by_its_id_with_the_credential_posted() -> None:
    """Plaid."""
    private = JWK.generate(kty="EC", crv="P-256", kid=UUID, use="sig", alg="ES256")
    shown = {"key": private.export_public(as_dict=True) | {"expired_at": None}}
    noted: list[Any] = []
    async with https("production.plaid.com") as provider:
        provider.answer = [ok(json.dumps(shown).encode(), b"Content-Type: application/json")]
        with running(provider, PLAID, noted) as source:
            source.want(UUID)
            assert await until_noted(noted) == (Result.FETCHED, 1)
    held = source.keys()
    assert [key.kid for key in held] == [UUID]
    head, _, body = provider.asked[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /webhook_verification_key/get HTTP/1.1\r\n")
    assert json.loads(body) == {"client_id": "abc", "secret": "an-api-key", "key_id": UUID}


async def test_a_certificate_is_fetched_from_the_url_that_names_it() -> None:
    """PayPal: what a root vouches for verifies what its private half signed."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    now = datetime.now(UTC)
    pem = issued(
        authority(),
        "messageverificationcerts.paypal.com",
        private.public_key(),
        now - timedelta(days=1),
        now + timedelta(days=1),
    )
    noted: list[Any] = []
    async with https("api.paypal.com") as provider:
        provider.answer = [ok(pem)]
        with running(provider, PAYPAL, noted) as source:
            source.want(CERT_URL)
            assert await until_noted(noted) == (Result.FETCHED, 1)
    (key,) = source.keys()
    assert key.kid == CERT_URL
    assert not isinstance(key.material, bytes)
    assert check(key.material, signed(private), MESSAGE, "sha256")
    assert b"an-api-key" not in provider.asked[0]


async def test_a_certificate_that_no_root_vouches_for_is_not_held() -> None:
    """Also where the page it came from is the provider's own."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    now = datetime.now(UTC)
    day = timedelta(days=1)
    name = "messageverificationcerts.paypal.com"
    noted: list[Any] = []
    async with https("api.paypal.com") as provider:
        provider.answer = [
            ok(issued(trustme.CA(), name, private.public_key(), now - day, now + day))
        ]
        with running(provider, PAYPAL, noted) as source:
            source.want(CERT_URL)
            assert await until_noted(noted) == (Result.UNUSABLE, 0)
    assert source.keys() == ()


@pytest.mark.parametrize(
    "url",
    [
        CERT_URL.replace("https", "http"),
        CERT_URL.replace("api.paypal.com", "api.paypal.com.evil.com"),
        CERT_URL.replace("api.paypal.com", "evil.com#@api.paypal.com"),
        CERT_URL.replace("api.paypal.com", "169.254.169.254"),
        CERT_URL.replace("api.paypal.com", "api.paypal.com:8443"),
        CERT_URL + "?redirect=x",
        "https://api.paypal.com/v1/oauth2/token",
    ],
)
async def test_a_url_of_a_strangers_choice_reaches_no_server(url: str) -> None:
    """The wish after it is fetched, so the one before it was not merely late."""
    noted: list[Any] = []
    async with https("api.paypal.com") as provider:
        provider.answer = [status("404 Not Found")]
        with running(provider, PAYPAL, noted) as source:
            source.want(url)
            source.want(CERT_URL)
            assert await until_noted(noted) == (Result.STATUS, 0)
    (asked,) = provider.asked
    assert asked.startswith(b"GET /v1/notifications/certs/CERT-360caa42 HTTP/1.1\r\n")
