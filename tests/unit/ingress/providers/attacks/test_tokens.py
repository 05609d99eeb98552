"""Tokens that choose for themselves, or were made for somebody else: attack 2."""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from ingress.delivery import Reason
from tests.support.attacks import (
    UNREADABLE,
    against,
    in_header,
    outgoing,
    profile,
    received,
    refused_for,
    sample,
    verify,
)
from tests.support.signers import Sent, Signer, pairs, wire
from tests.support.signers.json_text import compact, jwt, unb64url
from tests.support.signers.shape import mac

MISMATCH = {Reason.SIGNATURE_MISMATCH}


def _is_jws(signer: Signer) -> bool:
    return signer.encoding == "base64url"


def _token(signer: Signer, good: Sent) -> tuple[dict[str, object], bytes]:
    """Read the head and the payload of the token that a delivery carries."""
    declared = profile(signer).declaration.signature[0]
    prefix = getattr(declared, "prefix", "").encode()
    in_body = not in_header(signer)
    whole = json.loads(good.body)["data"].encode() if in_body else dict(good.headers)[signer.header]
    head, payload, _ = whole.removeprefix(prefix).split(b".")
    return json.loads(unb64url(head)), unb64url(payload)


def _with_token(signer: Signer, good: Sent, token: bytes) -> Sent:
    """Send another token in the place of the provider's."""
    declared = profile(signer).declaration.signature[0]
    prefix = getattr(declared, "prefix", "").encode()
    if getattr(declared, "detached", False):
        head, _, tail = token.split(b".")
        token = head + b".." + tail
    if in_header(signer):
        return wire.with_header(good, signer.header, lambda _: prefix + token)
    return replace(good, body=compact({"data": token.decode()}))


def _public(signer: Signer) -> list[bytes]:
    """Return every text of the public key that an attacker might use as a shared secret."""
    shown = signer.shown(signer.old)
    texts = [shown, shown.strip()]
    if shown.startswith(b"-----BEGIN PUBLIC"):
        key = load_pem_public_key(shown)
        texts.append(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return texts


def _forged(signer: Signer, change: dict[str, object], sign: Callable[[bytes], bytes]) -> Sent:
    good = sample(signer)
    head, payload = _token(signer, good)
    payload = payload or good.body
    return _with_token(signer, good, jwt(head | change, payload, sign))


@against(_is_jws, profiles=4)
@pytest.mark.parametrize("name", ["none", "None", "NONE", "", "nOnE", None, 0, ["RS256"], {}])
def test_a_token_without_an_algorithm_is_refused(signer: Signer, name: object) -> None:
    """`alg: none` is the oldest trick: a token that says it needs no signature."""
    for tail in (b"", b"\x00", b"signature"):
        forged = _forged(signer, {"alg": name}, lambda _, t=tail: t)
        refused_for(signer, forged, UNREADABLE)


def _is_public_jws(signer: Signer) -> bool:
    return _is_jws(signer) and signer.shown(signer.old) != signer.old


@against(_is_public_jws, profiles=3)
@pytest.mark.parametrize("name", ["HS256", "HS384", "HS512", "RS256", "RS512", "PS256", "ES256K"])
def test_a_token_cannot_choose_its_algorithm(signer: Signer, name: str) -> None:
    """Confusion: the public key as an HMAC secret, or the same key under another hash."""
    declared = getattr(profile(signer).declaration.signature[0], "algorithm", "")
    size = {"384": "sha384", "512": "sha512"}.get(name[-3:], "sha256")
    for secret in _public(signer):
        forged = _forged(signer, {"alg": name}, lambda text, s=secret: mac(s, text, size))
        reasons = UNREADABLE | MISMATCH if name == declared else {Reason.VERSION_UNSUPPORTED}
        refused_for(signer, forged, reasons)


def _rogue(text: bytes) -> bytes:
    return pairs.rsa_sign(pairs.RSA.new, text, hashes.SHA256())


@against(_is_jws, profiles=4)
@pytest.mark.parametrize(
    "brought",
    [
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/cert.pem"},
        {"x5c": ["MIIB"]},
        {"kid": "https://evil.example/key"},
    ],
    ids=["jwk", "jku", "x5u", "x5c", "kid"],
)
def test_a_key_that_the_token_brings_is_never_used(
    signer: Signer, brought: dict[str, object]
) -> None:
    """Whoever may bring the key along signs whatever he likes."""
    forged = _forged(signer, brought, _rogue)
    refused_for(signer, forged, UNREADABLE | MISMATCH | {Reason.KEY_UNKNOWN})


@against(_is_jws, profiles=4)
@pytest.mark.parametrize("crit", [["exp"], ["b64"], [], "exp", None])
def test_an_extension_that_must_be_understood_is_refused(signer: Signer, crit: object) -> None:
    """RFC 7515, 4.1.11: what is not understood must not be passed over."""
    good = sample(signer)
    head, payload = _token(signer, good)
    sign = _signing(signer)
    forged = _with_token(signer, good, jwt(head | {"crit": crit}, payload or good.body, sign))
    refused_for(signer, forged, {Reason.VERSION_UNSUPPORTED})
    # With the provider's own head, the same way of signing is accepted.
    assert (
        verify(
            signer,
            received(signer, _with_token(signer, good, jwt(head, payload or good.body, sign))),
        )
        == 0
    )


def _signing(signer: Signer) -> Callable[[bytes], bytes]:
    """Sign as the provider does, with the right key: what follows is refused for its head alone."""
    algorithm = getattr(profile(signer).declaration.signature[0], "algorithm", "")
    return {
        "RS256": lambda text: pairs.rsa_sign(signer.old, text, hashes.SHA256()),
        "RS512": lambda text: pairs.rsa_sign(signer.old, text, hashes.SHA512()),
        "ES256": lambda text: pairs.es256_sign(signer.old, text),
        "HS256": lambda text: hmac.digest(signer.old, text, hashlib.sha256),
    }[str(algorithm)]


@against(lambda signer: signer.provider == "google_pubsub", profiles=1)
@pytest.mark.parametrize(
    "claim",
    [
        {"audience": "https://evil.example/pubsub"},
        {"audience": ""},
        {"email": "evil@example.iam.gserviceaccount.com"},
        {"email": ""},
    ],
    ids=["other audience", "no audience", "other account", "no account"],
)
def test_a_token_of_googles_for_somebody_else_is_refused(
    signer: Signer, claim: dict[str, str]
) -> None:
    """Google signs as many tokens for strangers as for us."""
    forged = signer.signs(outgoing(signer, extra=claim))
    refused_for(signer, forged, {Reason.CLAIM_MISMATCH})
