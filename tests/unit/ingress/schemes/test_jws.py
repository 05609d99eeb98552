"""Tokens: what other libraries sign verifies, wherever it stands, with the right key and no other.

The standards' own examples, PyJWT, jwcrypto and google-auth know nothing of us.
"""

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from google.auth import _helpers as google_clock
from google.auth import exceptions as google_refusals
from google.auth import jwt as google_jwt
from hypothesis import given, settings
from hypothesis import strategies as st
from jwcrypto import jwk as jose
from jwcrypto import jws as jose_jws

from ingress.delivery import Delivery, Reason, Rejected
from ingress.schemes.jws import Algorithm, Jws
from ingress.schemes.parts import places
from ingress.schemes.parts.claims import Claims
from ingress.schemes.parts.keys import Key
from ingress.schemes.parts.view import View

NOW_S = 1_760_000_000
RSA = rsa.generate_private_key(65537, 2048)
PRIVATE: dict[str, Any] = {
    "RS256": RSA,
    "RS512": RSA,
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "HS256": b"the-access-token-of-a-partner-32",
}
HEADER = places.parse("header:x-token")


def _shown(private: Any) -> bytes:
    """Write a key as the provider shows it."""
    if isinstance(private, bytes):
        return private
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return private.public_key().public_bytes(serialization.Encoding.PEM, spki)


def _delivery(*headers: tuple[bytes, bytes], body: bytes = b"{}", now_s: float = NOW_S) -> Delivery:
    return Delivery("shop", "POST", b"", headers, body, int(now_s * 1000))


def _in_header(token: str | bytes, body: bytes = b"{}", prefix: bytes = b"") -> Delivery:
    text = token if isinstance(token, bytes) else token.encode()
    return _delivery((b"x-token", prefix + text), body=body)


def _refusal(scheme: Jws, delivery: Delivery, keys: list[Key]) -> Reason:
    with pytest.raises(Rejected) as refused:
        scheme.verify(delivery, keys)
    return refused.value.reason


def _sign(algorithm: str, payload: Any, **head: Any) -> str:
    return jwt.encode(payload, PRIVATE[algorithm], algorithm, head)


def _pair(algorithm: str, **how: Any) -> tuple[Jws, Key]:
    scheme = Jws(Algorithm(algorithm), how.pop("at", HEADER), **how)
    return scheme, scheme.key(_shown(PRIVATE[algorithm]), "k1")


RFC_7515 = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290"
RFC_7515 += "Ijp0cnVlfQ"
HS256 = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow=="
ES256 = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
EDDSA = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
STANDARDS: list[tuple[str, bytes, tuple[str, str, str]]] = [
    (
        "HS256",
        base64.urlsafe_b64decode(HS256),
        (
            "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
            RFC_7515,
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ),
    ),
    (
        "ES256",
        json.dumps(ES256).encode(),
        (
            "eyJhbGciOiJFUzI1NiJ9",
            RFC_7515,
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
    ),
    (
        "EdDSA",
        json.dumps(EDDSA).encode(),
        (
            "eyJhbGciOiJFZERTQSJ9",
            "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ),
]


@pytest.mark.parametrize(("algorithm", "shown", "token"), STANDARDS, ids=["HS", "ES", "Ed"])
def test_the_standards_own_tokens_verify(
    algorithm: str, shown: bytes, token: tuple[str, str, str]
) -> None:
    """RFC 7515, appendices A.1 and A.3, and RFC 8037, appendix A.4."""
    scheme = Jws(Algorithm(algorithm), HEADER)
    delivery = _in_header(".".join(token))
    assert scheme.verify(delivery, [scheme.key(shown)]) == 0
    assert scheme.payload(delivery) == base64.urlsafe_b64decode(token[1] + "==")
    assert scheme.scheme == f"jws-{algorithm.lower()}"


@pytest.mark.parametrize("algorithm", PRIVATE)
def test_a_token_of_pyjwt_verifies_wherever_it_stands(algorithm: str) -> None:
    """In a header, behind ``Bearer``, in a member of the body (Transak)."""
    token = _sign(algorithm, {"eventID": "e1"}, kid="k1")
    member = json.dumps({"data": token, "n": 1e-7}).encode()
    placed: list[tuple[dict[str, Any], Delivery]] = [
        ({"at": HEADER}, _in_header(token)),
        ({"at": HEADER, "prefix": b"Bearer "}, _in_header(token, prefix=b"Bearer ")),
        ({"at": places.parse("/data")}, _delivery(body=member)),
    ]
    for how, delivery in placed:
        scheme, key = _pair(algorithm, claims=Claims(), **how)
        assert scheme.verify(delivery, [key]) == 0
        assert scheme.kid(delivery) == "k1"
        assert scheme.payload(delivery) == b'{"eventID":"e1"}'


@pytest.mark.parametrize("algorithm", PRIVATE)
@settings(max_examples=20, deadline=None)
@given(body=st.binary(max_size=300))
def test_a_detached_token_of_jwcrypto_speaks_for_the_body(algorithm: str, body: bytes) -> None:
    """Fireblocks sends ``head..signature``: the body is the payload, byte for byte."""
    private = PRIVATE[algorithm]
    key = jose.JWK.from_password(private.decode()) if algorithm == "HS256" else None
    key = jose.JWK.from_pyca(private) if key is None else key
    signed = jose_jws.JWS(body)
    signed.add_signature(key, algorithm, json.dumps({"alg": algorithm, "kid": "k1"}))
    head, _, signature = signed.serialize(compact=True).split(".")
    scheme, ours = _pair(algorithm, detached=True)
    assert scheme.verify(_in_header(f"{head}..{signature}", body), [ours]) == 0
    assert scheme.payload(_in_header(f"{head}..{signature}", body)) == body
    changed = _in_header(f"{head}..{signature}", body + b" ")
    assert _refusal(scheme, changed, [ours]) is Reason.SIGNATURE_MISMATCH
    attached = _in_header(signed.serialize(compact=True), body)
    if body:
        assert _refusal(scheme, attached, [ours]) is Reason.HEADER_MALFORMED


def _google(audience: str, email: str) -> Jws:
    """Pub/Sub's push tokens, as its documentation has them verified."""
    issuers = ("https://accounts.google.com", "accounts.google.com")
    expect = {"aud": (audience,), "iss": issuers, "email": (email,), "email_verified": (True,)}
    at = places.parse("header:authorization")
    return Jws(Algorithm.RS256, at, b"Bearer ", claims=Claims(expect, requires_expiry=True))


@settings(deadline=None)
@given(
    exp=st.sampled_from([-1, 0, 1, 3600]),
    iat=st.sampled_from([-3600, 0, 1]),
    aud=st.sampled_from(["ours", "theirs"]),
)
def test_google_auth_and_we_believe_the_same_tokens(exp: int, iat: int, aud: str) -> None:
    """Google's own verifier is the last word on Google's tokens, but for the moment of expiry.

    At that very second it still accepts; RFC 7519 says "on or after", and so do we.
    """
    said = {"aud": aud, "iss": "accounts.google.com", "email": "a@b", "email_verified": True}
    said |= {"iat": NOW_S + iat, "exp": NOW_S + exp}
    token = _sign("RS256", said, kid="k1")
    scheme = _google("ours", "a@b")
    sent = _delivery((b"authorization", b"Bearer " + token.encode()))
    with pytest.MonkeyPatch.context() as patch:
        now = datetime.fromtimestamp(NOW_S, UTC).replace(tzinfo=None)
        patch.setattr(google_clock, "utcnow", lambda: now)
        try:
            google_jwt.decode(token, {"k1": _shown(RSA)}, audience="ours")
        except google_refusals.GoogleAuthError:
            believed = False
        else:
            believed = exp != 0
    try:
        scheme.verify(sent, [scheme.key(_shown(RSA), "k1")])
    except Rejected:
        assert not believed
    else:
        assert believed


def test_a_key_is_chosen_by_its_name_and_a_nameless_one_fits_all() -> None:
    """Two sets overlap during a rotation, and the index tells which key is in use."""
    scheme, ours = _pair("RS256")
    other = scheme.key(_shown(rsa.generate_private_key(65537, 2048)), "k1")
    named, nameless = _in_header(_sign("RS256", {}, kid="k1")), _in_header(_sign("RS256", {}))
    k2, anonymous = Key(ours.material, "k2"), Key(ours.material)
    assert scheme.verify(named, [other, k2, ours]) == 2
    assert scheme.verify(named, [other, anonymous]) == 1
    assert scheme.verify(nameless, [other, k2]) == 1
    assert _refusal(scheme, named, [other]) is Reason.SIGNATURE_MISMATCH
    assert _refusal(scheme, named, [k2]) is Reason.KEY_UNKNOWN
    assert _refusal(scheme, named, []) is Reason.KEY_MISSING


def test_every_fitting_key_is_tried() -> None:
    """One secret is being replaced by another, and the provider says which to nobody."""
    scheme, _ = _pair("HS256", at=places.parse("/data"))
    keys = [scheme.key(secret) for secret in (b"old" * 11, PRIVATE["HS256"], b"new" * 11)]
    for used, key in enumerate(keys):
        token = jwt.encode({"e": 1}, key.material, "HS256")
        assert scheme.verify(_delivery(body=json.dumps({"data": token}).encode()), keys) == used


def test_the_moment_claimed_is_that_of_issue() -> None:
    """The log line of a refused delivery tells how old it says it is."""
    scheme, _ = _pair("ES256", claims=Claims(iat_window_s=300))
    assert scheme.claimed_ms(_in_header(_sign("ES256", {"iat": NOW_S - 7}))) == (NOW_S - 7) * 1000
    assert scheme.claimed_ms(_in_header(_sign("ES256", {}))) is None
    assert _pair("ES256")[0].claimed_ms(_in_header(_sign("ES256", {"iat": NOW_S}))) is None
    with pytest.raises(Rejected):
        scheme.claimed_ms(_in_header(b"x"))


def test_the_cheap_check_needs_no_body() -> None:
    """What is wrong in the header is refused before the body is read or a key is tried."""
    scheme, _ = _pair("RS512", detached=True)
    head, _, signature = _sign("RS512", {}, kid="k1").split(".")
    scheme.precheck(((b"x-token", f"{head}..{signature}".encode()),))
    for headers in ((), ((b"x-token", b"x"),), ((b"x-token", f"{head}..".encode()),)):
        with pytest.raises(Rejected):
            scheme.precheck(headers)
    _pair("HS256", at=places.parse("/data"))[0].precheck(())


def test_a_bearer_token_is_never_stored() -> None:
    """It would open other doors to whoever reads the log; a signature of the body opens none."""
    assert _google("a", "b").signed_headers == ()
    assert _pair("ES256")[0].signed_headers == (b"x-token",)
    assert _pair("ES256", is_stored=False)[0].signed_headers == ()
    assert _pair("HS256", at=places.parse("/data"))[0].signed_headers == ()
    stubborn = Jws(Algorithm.RS256, places.parse("header:Authorization"), is_stored=True)
    assert stubborn.signed_headers == ()


@pytest.mark.parametrize("how", [{"at": places.parse("/data")}, {"claims": Claims()}])
def test_a_detached_token_stands_in_a_header_alone(how: dict[str, Any]) -> None:
    """A token within the body it signs cannot exist, and the body is not its set of claims."""
    with pytest.raises(ValueError, match="detached"):
        _pair("RS512", detached=True, **how)


def test_a_key_never_shows_in_its_representation() -> None:
    """Keys are held by objects that are logged when something goes wrong."""
    scheme, key = _pair("HS256")
    assert "access-token" not in repr(key) + repr(scheme)


@pytest.mark.parametrize("algorithm", PRIVATE)
def test_no_secret_is_repeated_in_a_refusal(algorithm: str) -> None:
    """Whoever configures a source reads this in a terminal, and a log keeps it."""
    scheme = Jws(Algorithm(algorithm), HEADER)
    canary = b"-----BEGIN PUBLIC KEY-----\ncanary-e1a5\n-----END PUBLIC KEY-----"
    for text in (canary, b""):
        with pytest.raises(ValueError) as refused:
            scheme.key(text)
        assert "canary" not in str(refused.value)


def test_a_token_as_old_as_the_clock_of_this_machine_verifies() -> None:
    """The examples above stand still; a provider's do not."""
    now_s = time.time()
    claims = Claims(iat_window_s=300, requires_expiry=True)
    scheme, key = _pair("EdDSA", claims=claims)
    token = _sign("EdDSA", {"iat": now_s - 1, "exp": now_s + 60.5})
    assert scheme.verify(_delivery((b"x-token", token.encode()), now_s=now_s), [key]) == 0
    assert scheme.read(View(_in_header(token))).kid == ""
