"""What every primitive offers, and what most of them have nothing to say to."""

from collections.abc import Sequence
from typing import Any, Protocol

from ingress.delivery import Delivery
from ingress.schemes.parts.headers import Headers
from ingress.schemes.parts.keys import Key
from ingress.schemes.parts.view import View


class Verifier(Protocol):
    """A signature primitive with a provider's particulars."""

    @property
    def scheme(self) -> str:
        """The name of the primitive with its algorithm, for the envelope."""

    @property
    def signed_headers(self) -> tuple[bytes, ...]:
        """The headers that anybody holding the key needs in order to verify again."""

    def key(self, secret: bytes, kid: str = "") -> Key:
        """Decode a secret or public key. Raises `ValueError` with a hint, never the secret."""

    def precheck(self, headers: Headers) -> None:
        """Check all that can be checked without the body. Raises `Rejected`."""

    def read(self, view: View) -> Any:
        """Return what the delivery states, well formed and unproven. Raises `Rejected`."""

    def prove(self, view: View, claim: Any, keys: Sequence[Key]) -> int:
        """Return the index of the key that signed. Raises `Rejected`, and nothing else."""

    def verify(self, delivery: Delivery, keys: Sequence[Key]) -> int:
        """Read and prove. Raises `Rejected`, and nothing else."""
        view = View.of(delivery)
        return self.prove(view, self.read(view), keys)

    def claimed_ms(self, delivery: Delivery) -> int | None:
        """Say when the delivery claims to have been signed, if it does. Raises `Rejected`."""
        return None

    def kid(self, delivery: Delivery) -> str | None:
        """Say which key the delivery names, if it names one that could be."""
        return None

    def payload(self, delivery: Delivery) -> bytes | None:
        """Return the content that the signature itself carries, of a *verified* delivery."""
        return None
