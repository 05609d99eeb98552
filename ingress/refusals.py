"""What becomes of a delivery that is not published: kept, answered so that it may come again.

An `Admitted` that says no flows in with its delivery, and flows out with the status that its source
is to hear and with what came of keeping it. Two things make a refusal reversible: the quarantine
holds what was sent, and a source that verified lately and now fails altogether is answered 503,
because then the fault is ours.
"""

from dataclasses import dataclass

from ingress.admit import Admitted
from ingress.delivery import Delivery
from ingress.sources import Source


@dataclass(slots=True)
class Refusals:
    """Keeps what is refused, and remembers who verified lately."""

    def verified(self, source: Source) -> None:
        """Note that a delivery of the source verified."""

    def wants_body(self, source: Source, address: str, length: int) -> bool:
        """Say whether to read the body of a delivery that its head already refuses."""
        return False

    async def refused(self, admitted: Admitted, delivery: Delivery, source: Source) -> Admitted:
        """Keep a delivery that did not verify, and choose its status."""
        return admitted

    async def diverted(self, admitted: Admitted, delivery: Delivery, source: Source) -> Admitted:
        """Keep a delivery that verified and belongs to another environment, and raise an alarm."""
        return admitted
