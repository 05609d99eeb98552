"""Verify what a tail shows, by the keys as they are now, and keep count of what came of it.

The configuration is read again while it follows, so that a key that is added or revoked meanwhile
counts. While somebody edits it, what was whole last is what serves, here as at an edge.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from ingress.contract.envelope import Envelope
from ingress.eventlog.port import Record
from ingress.settings import ConfigurationInvalid
from ingress.sources import Snapshot
from sealgate.quarantine.today import Today
from sealgate.tail.proving import SOUND, Proof, Prover, Word


@dataclass(slots=True)
class Check:
    """The proofs of one tail; `tell` hears of a configuration that cannot be used."""

    today: Today
    environment: str
    tell: Callable[[str], None]
    unread: int = 0
    proofs: Counter[Word] = field(default_factory=Counter)
    _last: Snapshot | None = None
    _is_amiss: bool = False

    def prove(self, record: Record, envelope: Envelope) -> Proof:
        """Judge an envelope, and count it."""
        proof = Prover(self._sources(), self.environment).prove(record.key, envelope)
        self.proofs[proof.word] += 1
        return proof

    @property
    def is_sound(self) -> bool:
        """Say whether all that was shown could be read, and is as it should be."""
        return not self.unread and SOUND.issuperset(self.proofs)

    def summary(self) -> str:
        """Say what came of all of it."""
        told = [f"{self.proofs[word]} {word.value}" for word in Word if word in self.proofs]
        told += [f"{self.unread} not readable"] if self.unread else []
        return "verified again: " + (", ".join(told) or "no envelope came")

    def _sources(self) -> Snapshot:
        try:
            self._last = self.today.sources()
            self._is_amiss = False
        except ConfigurationInvalid as invalid:
            if self._last is None:
                raise
            if not self._is_amiss:
                self.tell(f"the configuration has a mistake, so that of before stays: {invalid}")
            self._is_amiss = True
        return self._last
