"""No signature at all: a hint that something may have happened, worth a look and nothing more.

Some providers sign nothing and say so: whoever gets their call is meant to fetch the object. Such a
source is off unless its configuration accepts hints; its events are marked with the weakest
assurance, and the consumers move nothing on their account.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ingress.schemes.parts.headers import Headers
from ingress.schemes.parts.keys import Key
from ingress.schemes.parts.verifier import Verifier
from ingress.schemes.parts.view import View


@dataclass(frozen=True, slots=True)
class Unsigned(Verifier):
    """Accepts every delivery, and proves nothing."""

    scheme: str = "none"
    signed_headers: tuple[bytes, ...] = ()

    def key(self, secret: bytes, kid: str = "") -> Key:
        """Refuse a key: there is nothing it could verify. Raises `ValueError`."""
        raise ValueError("this provider signs nothing, so a source of it has no key")

    def precheck(self, headers: Headers) -> None:
        """Find nothing to check."""

    def read(self, view: View) -> None:
        """Read nothing."""

    def prove(self, view: View, claim: None, keys: Sequence[Key]) -> int:
        """Return 0: there is no key to tell apart."""
        return 0
