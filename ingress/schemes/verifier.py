"""How several signatures stand in for one provider.

A provider that is changing its signature sends two, or the one or the other. The first alternative
that can be read from a delivery is the one that is judged: a signature that fails is never excused
by a weaker one beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ingress.delivery import Delivery, Reason, Rejected
from ingress.schemes.parts.headers import Headers
from ingress.schemes.parts.keys import Key
from ingress.schemes.parts.verifier import Verifier
from ingress.schemes.parts.view import View

# The reasons that say "this is not my kind of signature", as opposed to "this is a bad one".
_NOT_THIS_ONE = frozenset({Reason.HEADER_MISSING, Reason.VERSION_UNSUPPORTED})


@dataclass(frozen=True, slots=True)
class Alternatives(Verifier):
    """Several signatures, of which a delivery carries one; the strongest stands first."""

    verifiers: tuple[Verifier, ...]

    @property
    def scheme(self) -> str:
        """The name of the first."""
        return self.verifiers[0].scheme

    @property
    def signed_headers(self) -> tuple[bytes, ...]:
        """The headers of all."""
        names = [name for verifier in self.verifiers for name in verifier.signed_headers]
        return tuple(dict.fromkeys(names))

    def key(self, secret: bytes, kid: str = "") -> Key:
        """Decode a secret, which serves all. Raises `ValueError` with a hint."""
        return self.verifiers[0].key(secret, kid)

    def precheck(self, headers: Headers) -> None:
        """Return if one of them may be there. Raises `Rejected`, with the first one's reason."""
        first: Rejected | None = None
        for verifier in self.verifiers:
            try:
                verifier.precheck(headers)
            except Rejected as rejected:
                if rejected.reason not in _NOT_THIS_ONE:
                    raise
                first = first or rejected
            else:
                return
        assert first is not None
        raise first

    def claimed_ms(self, delivery: Delivery) -> int | None:
        """Say when the delivery claims to have been signed, if it does. Raises `Rejected`."""
        verifier, _ = self.read(View.of(delivery))
        return verifier.claimed_ms(delivery)

    def kid(self, delivery: Delivery) -> str | None:
        """Say which key the delivery names, if it names one that could be."""
        return next((kid for one in self.verifiers if (kid := one.kid(delivery))), None)

    def read(self, view: View) -> tuple[Verifier, Any]:
        """Return the one that the delivery carries, and what it states. Raises `Rejected`."""
        first: Rejected | None = None
        for verifier in self.verifiers:
            try:
                return verifier, verifier.read(view)
            except Rejected as rejected:
                if rejected.reason not in _NOT_THIS_ONE:
                    raise
                first = first or rejected
        assert first is not None
        raise first

    def prove(self, view: View, claim: tuple[Verifier, Any], keys: Sequence[Key]) -> int:
        """Return the index of the key that signed. Raises `Rejected`, and nothing else."""
        verifier, stated = claim
        return verifier.prove(view, stated, keys)
