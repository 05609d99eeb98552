"""`Wanted`: a selection that was understood, and says yes or no to one kept delivery. Pure."""

import math
from dataclasses import dataclass

from ingress.contract.quarantined import Quarantined
from ingress.delivery import Reason
from sealgate.explain import times
from sealgate.quarantine.asked import Selection


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is meant. `since_ms` is the first moment of receipt, `until_ms` the first too late."""

    source: str = ""
    reason: str = ""
    since_ms: float = -math.inf
    until_ms: float = math.inf
    ids: frozenset[str] = frozenset()

    def takes(self, kept: Quarantined) -> bool:
        """Say whether a kept delivery is meant."""
        return (
            self.since_ms <= kept.received_ms < self.until_ms
            and self.source in {"", kept.slug}
            and self.reason in {"", kept.reason}
            and (not self.ids or kept.id in self.ids)
        )


def wanted(selection: Selection) -> Wanted:
    """Understand what was typed. Raises `ValueError`, saying what may be."""
    reasons = {reason.value for reason in Reason}
    if selection.reason and selection.reason not in reasons:
        raise ValueError(
            f"--reason {selection.reason}: there is no such reason; there are: "
            + ", ".join(sorted(reasons))
        )
    since_ms = _moment("--since", selection.since, -math.inf)
    until_ms = _moment("--until", selection.until, math.inf)
    if since_ms >= until_ms:
        raise ValueError("--since is not before --until: nothing was received in between")
    ids = frozenset(selection.id)
    return Wanted(selection.source, selection.reason, since_ms, until_ms, ids)


def _moment(flag: str, text: str, absent_ms: float) -> float:
    try:
        return times.parse(text) if text else absent_ms
    except ValueError as wrong:
        raise ValueError(f"{flag}: {wrong}") from None
