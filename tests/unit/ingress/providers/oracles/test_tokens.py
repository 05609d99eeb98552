"""Token libraries: PyJWT (Plaid, Transak), google-auth (Pub/Sub), jwcrypto (Fireblocks)."""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.oracles import Sent, altered, bodies, changes, letters, sdk, stamps, verdict
from tests.support.signers import pairs

Edits = list[tuple[int, int, str, str]]
KID = "6c5516e1-92dc-479e-a8ff-5a51992e0001"
P256 = pairs.public_pem(pairs.P256.old).decode()
RSA = pairs.public_pem(pairs.RSA.old).decode()
AUDIENCE, EMAIL = "https://hooks.example/pubsub", "push@project.iam.gserviceaccount.com"
PUBSUB = {"audience": AUDIENCE, "email": EMAIL}


def _plaid(body: str, at_s: int) -> Sent:
    claims = {"iat": at_s, "request_body_sha256": hashlib.sha256(body.encode()).hexdigest()}
    token = sdk("jwt").encode(claims, pairs.P256.old, algorithm="ES256", headers={"kid": KID})
    return Sent({"Plaid-Verification": token}, body)


def _plaid_accepts(sent: Sent, at_s: int) -> bool:
    """Plaid's documented steps, with the library that its documentation uses."""
    claims = sdk("jwt").decode(
        sent.headers["Plaid-Verification"].strip(" \t"),
        P256,
        algorithms=["ES256"],
        options={"verify_iat": False},
    )
    digest = hashlib.sha256(sent.body.encode()).hexdigest()
    fresh = abs(at_s - claims["iat"]) <= 300
    return fresh and hmac.compare_digest(claims["request_body_sha256"], digest)


@settings(max_examples=30, deadline=None)
@given(bodies, stamps, st.integers(-400, 400))
def test_plaids_token_is_accepted_within_five_minutes(body: str, at_s: int, late_s: int) -> None:
    """The token speaks for the body by its hash, and for the moment by its claim."""
    sent = _plaid(body, at_s)
    assert (verdict("plaid", P256, sent, at_s + 400 + late_s) == "") == _plaid_accepts(
        sent, at_s + 400 + late_s
    )
    assert verdict("plaid", P256, sent, at_s) == ""


@settings(max_examples=60, deadline=None)
@given(bodies, stamps, changes)
def test_a_token_that_we_accept_plaids_steps_accept(body: str, at_s: int, edits: Edits) -> None:
    """Edits in the token's three parts and in the body."""
    sent = altered(_plaid(body, at_s), edits)
    if verdict("plaid", P256, sent, at_s) == "":
        assert _plaid_accepts(sent, at_s)


def _transak(secret: str, word: str) -> Sent:
    claims = {"eventID": "ORDER_COMPLETED", "webhookData": {"id": word}}
    return Sent({}, json.dumps({"data": sdk("jwt").encode(claims, secret, algorithm="HS256")}))


# A key shorter than its hash makes PyJWT warn; Transak's access tokens are longer.
tokens = letters.map(lambda word: "access-token-of-the-partner-" + word.rjust(32, "x"))


@settings(max_examples=30, deadline=None)
@given(tokens, letters, changes)
def test_transaks_token_and_pyjwt_agree(secret: str, word: str, edits: Edits) -> None:
    """What the library signs we accept, and edited we accept nothing that it refuses."""
    sent = _transak(secret, word)
    assert verdict("transak", secret, sent, 1_760_000_000) == ""
    sent = altered(sent, edits)
    if verdict("transak", secret, sent, 1_760_000_000) == "":
        assert sdk("jwt").decode(json.loads(sent.body)["data"], secret, algorithms=["HS256"])


def _claims(at_s: int) -> dict[str, object]:
    return {
        "iss": "https://accounts.google.com",
        "aud": AUDIENCE,
        "email": EMAIL,
        "email_verified": True,
        "iat": at_s,
        "exp": at_s + 3600,
    }


def _google(claims: Mapping[str, object], key: bytes = pairs.RSA.old) -> Sent:
    token = sdk("jwt").encode(dict(claims), key, algorithm="RS256", headers={"kid": "1"})
    return Sent({"Authorization": f"Bearer {token}"}, '{"message":{"messageId":"1"}}')


def _google_accepts(sent: Sent) -> bool:
    """Decode with google-auth, and check what Google's sample checks behind it."""
    library = sdk("google.auth.jwt")
    token = sent.headers["Authorization"].strip(" \t").removeprefix("Bearer ")
    certificate = pairs.certificate("google")(pairs.RSA.old).decode()
    try:
        claims = library.decode(token, certs={"1": certificate}, audience=AUDIENCE)
    except (sdk("google.auth.exceptions").GoogleAuthError, ValueError):
        return False
    issuers = ("accounts.google.com", "https://accounts.google.com")
    known = claims.get("iss") in issuers and claims.get("email") == EMAIL
    return known and claims.get("email_verified") is True


WRONG = {
    "iss": ["", "evil", "http://accounts.google.com", None],
    "aud": ["", "evil", AUDIENCE + "/", None, ["evil"]],
    "email": ["", "evil", EMAIL.upper(), None, [EMAIL]],
    "email_verified": [False, "true", 1, None],
    "exp": [0, 1_760_000_000, None],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_claim_that_is_not_ours_is_refused_as_googles_library_does(
    name: str, value: object
) -> None:
    """Somebody else's audience, account or issuer; and a claim left out is not waved by."""
    now_s = int(time.time())
    claims = _claims(now_s) | {name: value}
    sent = _google({key: text for key, text in claims.items() if text is not None})
    assert verdict("google_pubsub", RSA, sent, now_s, PUBSUB) != ""
    assert not _google_accepts(sent)


@pytest.mark.parametrize("issuer", ["accounts.google.com", "https://accounts.google.com"])
def test_googles_two_names_of_itself_are_accepted(issuer: str) -> None:
    """Both stand in tokens of today."""
    now_s = int(time.time())
    sent = _google(_claims(now_s) | {"iss": issuer})
    assert verdict("google_pubsub", RSA, sent, now_s, PUBSUB) == ""
    assert _google_accepts(sent)


def test_googles_library_asks_for_more_than_the_standard() -> None:
    """An audience in a list and a token without its issue are lawful (RFC 7519); Google sends none.

    Whoever can sign with Google's key needs neither.
    """
    now_s = int(time.time())
    listed = _google(_claims(now_s) | {"aud": [AUDIENCE]})
    undated = _google({name: text for name, text in _claims(now_s).items() if name != "iat"})
    for sent in (listed, undated):
        assert not _google_accepts(sent)
        assert verdict("google_pubsub", RSA, sent, now_s, PUBSUB) == ""


@settings(max_examples=30, deadline=None)
@given(changes)
def test_a_token_that_we_accept_googles_library_accepts(edits: Edits) -> None:
    """Edits in the header, the claims and the signature."""
    now_s = int(time.time())
    sent = altered(_google(_claims(now_s)), edits)
    if verdict("google_pubsub", RSA, sent, now_s, PUBSUB) == "":
        assert _google_accepts(sent)


def test_a_token_of_another_key_is_refused_by_both() -> None:
    """A stranger can fill in our audience and account, and cannot sign."""
    now_s = int(time.time())
    sent = _google(_claims(now_s), pairs.RSA.new)
    assert verdict("google_pubsub", RSA, sent, now_s, PUBSUB) == "no_matching_signature"
    assert not _google_accepts(sent)


def _fireblocks(body: str) -> Sent:
    jwk, jws = sdk("jwcrypto.jwk"), sdk("jwcrypto.jws")
    made = jws.JWS(body.encode())
    key = jwk.JWK.from_pem(pairs.RSA.old)
    made.add_signature(key, protected=json.dumps({"alg": "RS512", "kid": "k1"}))
    head, _, signature = made.serialize(compact=True).split(".")
    return Sent({"Fireblocks-Webhook-Signature": f"{head}..{signature}"}, body)


def _fireblocks_accepts(sent: Sent) -> bool:
    jwk, jws = sdk("jwcrypto.jwk"), sdk("jwcrypto.jws")
    made = jws.JWS()
    made.allowed_algs = ["RS512"]
    made.deserialize(sent.headers["Fireblocks-Webhook-Signature"].strip(" \t"))
    made.detach_payload()
    made.objects["payload"] = sent.body.encode()
    made.verify(jwk.JWK.from_pem(RSA.encode()))
    return bool(made.is_valid)


@settings(max_examples=30, deadline=None)
@given(bodies.filter(bool), changes)
def test_fireblocks_detached_token_and_jwcrypto_agree(body: str, edits: Edits) -> None:
    """The body is the payload that the token leaves out."""
    sent = _fireblocks(body)
    assert verdict("fireblocks_v2", RSA, sent, 1_760_000_000) == ""
    assert _fireblocks_accepts(sent)
    sent = altered(sent, edits)
    if verdict("fireblocks_v2", RSA, sent, 1_760_000_000) == "":
        assert _fireblocks_accepts(sent)


@pytest.mark.parametrize("algorithm", ["HS256", "none"])
@pytest.mark.parametrize("provider", ["plaid", "google_pubsub"])
def test_a_token_that_chooses_its_own_algorithm_is_refused(provider: str, algorithm: str) -> None:
    """The public key is public: as a shared secret it would sign for anybody."""
    header = json.dumps({"alg": algorithm, "kid": KID}).encode()
    b64url = sdk("jwt.utils").base64url_encode
    signed = b64url(header) + b"." + b64url(json.dumps(_claims(1_760_000_000)).encode())
    key = (P256 if provider == "plaid" else RSA).encode()
    digest = hmac.digest(key, signed, "sha256") if algorithm == "HS256" else b""
    token = (signed + b"." + b64url(digest)).decode()
    name = {"plaid": "Plaid-Verification", "google_pubsub": "Authorization"}[provider]
    text = token if provider == "plaid" else f"Bearer {token}"
    assert verdict(provider, key.decode(), Sent({name: text}, "{}"), 1_760_000_000) != ""
