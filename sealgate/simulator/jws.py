"""Write JSON Web Signatures as the profile's provider would: compact, or detached from the body.

A key, a body and a moment flow in, the token's text flows out. What the profile expects of the
claims is claimed; a token that has an expiry lives for five minutes.
"""

import base64
import hashlib
import hmac
import json

from ingress.delivery import Rejected
from ingress.providers.signature import Jws
from ingress.schemes.parts import lexemes
from ingress.schemes.parts.lexemes import Node, Number
from sealgate.simulator import pairs
from sealgate.simulator.draft import written
from sealgate.simulator.keys import SigningKey

LIFE_S = 300
_SECOND_MS = 1000
_HASHES = {"RS256": "sha256", "RS512": "sha512", "ES256": "sha256", "EdDSA": ""}


def token(said: Jws, key: SigningKey, body: bytes, now_ms: int, *, is_content: bool) -> str:
    """Return the token. With `is_content` the body is what the token carries, as its claims.

    Raises `ValueError` where such a body is no JSON object.
    """
    names = {"kid": key.kid} if key.kid else {}
    head = _segment(json.dumps({"alg": said.algorithm, "typ": "JWT", **names}).encode())
    payload = body if said.detached else _claims(said, body, now_ms, is_content=is_content)
    middle = _segment(payload)
    tail = _segment(_signature(said.algorithm, key, f"{head}.{middle}".encode()))
    return f"{said.prefix}{head}.{'' if said.detached else middle}.{tail}"


def _claims(said: Jws, body: bytes, now_ms: int, *, is_content: bool) -> bytes:
    claims: dict[str, Node] = _object(body) if is_content else {}
    for name, value in said.claims.items():
        if value != "":
            claims[name] = value[0] if isinstance(value, list) else value
    issued_s = now_ms // _SECOND_MS
    claims["iat"] = Number(str(issued_s))
    if said.requires_expiry:
        claims["exp"] = Number(str(issued_s + LIFE_S))
    if said.body_hash_claim:
        claims[said.body_hash_claim] = hashlib.sha256(body).hexdigest()
    return written(claims)


def _object(body: bytes) -> dict[str, Node]:
    try:
        found = lexemes.parse(body)
    except Rejected:
        found = None
    if isinstance(found, dict):
        return found
    raise ValueError("the body must be a JSON object: it is sent as the claims of a token")


def _signature(algorithm: str, key: SigningKey, signed: bytes) -> bytes:
    if isinstance(key.material, bytes):
        return hmac.digest(key.material, signed, "sha256")
    signature = pairs.sign(key.material, signed, _HASHES[algorithm])
    return pairs.as_halves(signature) if algorithm == "ES256" else signature


def _segment(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()
