"""Keys out of an answer: the bytes of a 200 flow in, and `Found` keys flow out, or `FetchFailed`.

An answer is believed because of the connection it came over, and read all the same as if a stranger
had written it: whole, of the kind declared, or not at all. Pure: the time is an argument.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import inf

from cryptography import x509

from ingress.delivery import Rejected
from ingress.keysources.cache import Found
from ingress.keysources.declaration import Declaration, Kind
from ingress.keysources.result import FetchFailed, Result
from ingress.schemes.parts import certificates, lexemes, pointer, public_keys
from ingress.schemes.parts.keys import Key
from ingress.schemes.parts.lexemes import Number
from ingress.schemes.parts.public_keys import KeyType, PublicKey

# Plaid's own member of a JWK: when the key ended, in seconds; null while it is good.
_EXPIRES = "expired_at"


class Reader:
    """Reads the answers of one source. `roots` vouch for certificates."""

    def __init__(self, declaration: Declaration, roots: Sequence[x509.Certificate] = ()) -> None:
        self._declaration = declaration
        self._roots = roots

    def __call__(self, name: str, answer: bytes, now_ms: int) -> Sequence[Found]:
        """Return the keys in an answer: one at least, each good now. Raises `FetchFailed`."""
        read = {
            Kind.JWKS: self._set,
            Kind.BY_ID: self._one,
            Kind.CERTIFICATE: self._certificate,
        }[self._declaration.kind]
        try:
            return read(name, answer, now_ms)
        except Rejected:
            failed = FetchFailed(Result.UNUSABLE, "the answer is not JSON")
        except ValueError as wrong:
            failed = FetchFailed(Result.UNUSABLE, str(wrong))
        raise failed

    def _set(self, name: str, answer: bytes, now_ms: int) -> Sequence[Found]:
        found = [
            Found(Key(material, kid))
            for kid, kind, material in public_keys.from_jwks(answer)
            if kind is self._declaration.key_type
        ]
        if not found:
            raise ValueError(f"the set holds no key of the kind {self._declaration.key_type}")
        return found

    def _one(self, name: str, answer: bytes, now_ms: int) -> Sequence[Found]:
        match lexemes.find(lexemes.parse(answer), pointer.parse(self._declaration.key)):
            case str(text):
                material = public_keys.load(self._declaration.key_type, text.encode())
                return [Found(Key(material, name))]
            case dict(jwk):
                kid, kind, material = public_keys.from_jwk(jwk)
                if kid != name:
                    raise ValueError("the answer holds another key than the one asked for")
                ends_ms = _ends_ms(jwk.get(_EXPIRES), now_ms)
                return [Found(Key(self._of_kind(material, kind), name), ends_ms)]
            case _:
                raise ValueError(f"the answer holds no key at {self._declaration.key}")

    def _certificate(self, name: str, answer: bytes, now_ms: int) -> Sequence[Found]:
        now = datetime.fromtimestamp(now_ms / 1000, UTC)
        if self._declaration.is_chained:
            host = self._declaration.places.admit(name).host
            subjects = [one.replace("{host}", host) for one in self._declaration.subjects]
            material = certificates.verify_chain(answer, self._roots, subjects, now)
        else:
            material = certificates.key_of(answer)
            if now < x509.load_pem_x509_certificate(answer).not_valid_before_utc:
                raise ValueError("the certificate is not valid yet")
        ends = certificates.expires(answer)
        if now >= ends:
            raise ValueError("the certificate has expired")
        kind = public_keys.type_of(material)
        return [Found(Key(self._of_kind(material, kind), name), ends.timestamp() * 1000)]

    def _of_kind(self, material: PublicKey, kind: KeyType) -> PublicKey:
        if kind is not self._declaration.key_type:
            raise ValueError(f"the key is {kind}, and must be {self._declaration.key_type}")
        return material


def _ends_ms(told: lexemes.Node, now_ms: int) -> float:
    """Read when a key ends; where nothing is told, it does not. Raises `FetchFailed`."""
    match told:
        case None:
            return inf
        case Number(text):
            ends_ms = float(text) * 1000
        case _:
            raise ValueError(f"the key's {_EXPIRES} is no number of seconds")
    if ends_ms <= now_ms:
        raise FetchFailed(Result.WITHDRAWN, "the provider says that the key has expired")
    return ends_ms
