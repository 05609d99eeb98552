"""A secret sent as it is, in every delivery: proof that the sender knows it, and of nothing else.

The body is not covered, and whoever reads one request can send any other. So what verifies here is
a hint: it may tell us to look, and moves no money. The comparison takes the same time for every
guess; a token is never stored with the event.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from ingress.delivery import Reason, Rejected
from ingress.schemes.parts.headers import Headers, Index
from ingress.schemes.parts.keys import Key, KeyForm, key_material
from ingress.schemes.parts.places import Kind, Place
from ingress.schemes.parts.verifier import Verifier
from ingress.schemes.parts.view import View


def redacted(query: bytes, name: str) -> bytes:
    """Return a query without the parameter in which the token stands, however it is written."""
    kept = [
        pair
        for pair in query.split(b"&")
        if unquote_to_bytes(pair.partition(b"=")[0].replace(b"+", b" ")) != name.encode()
    ]
    return b"&".join(kept)


@dataclass(frozen=True, slots=True)
class Token(Verifier):
    """Where the token stands, and what stands before it."""

    at: Place
    prefix: bytes = b""
    scheme: str = "token"
    signed_headers: tuple[bytes, ...] = ()

    def key(self, secret: bytes, kid: str = "") -> Key:
        """Take the token as it stands. Raises `ValueError` for an empty one."""
        return Key(key_material(KeyForm.UTF8, secret), kid)

    def precheck(self, headers: Headers) -> None:
        """Look for the token where it is in a header. Raises `Rejected`."""
        if self.at.kind is Kind.HEADER:
            self._token(Index(headers).value(self.at.header))

    def read(self, view: View) -> bytes:
        """Return the token sent. Raises `Rejected` where there is none."""
        return self._token(view.text(self.at))

    def prove(self, view: View, claim: bytes, keys: Sequence[Key]) -> int:
        """Return the index of the token that was sent. Raises `Rejected`, and nothing else."""
        if not keys:
            raise Rejected(Reason.KEY_MISSING)
        matched = None
        for index, key in enumerate(keys):
            assert isinstance(key.material, bytes)
            if hmac.compare_digest(key.material, claim):
                matched = index
        if matched is None:
            raise Rejected(Reason.SIGNATURE_MISMATCH)
        return matched

    def _token(self, text: bytes) -> bytes:
        if not text.startswith(self.prefix) or len(text) == len(self.prefix):
            raise Rejected(Reason.HEADER_MALFORMED)
        return text[len(self.prefix) :]
