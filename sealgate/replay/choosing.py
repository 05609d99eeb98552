"""Which events a replay is about: a person's filters, held against an event as stored. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from consumers.lifecycle import Verdict
from consumers.reading import Read
from consumers.refusals import WrongWords
from consumers.rereading import Known
from consumers.store.port import EventKey, PaymentKey


class Choice(NamedTuple):
    """Events for which all that is said here holds. Empty says nothing."""

    sources: frozenset[str] = frozenset()
    """A source by all it may be called in an event; none of these is any source."""
    provider: str = ""
    payment: PaymentKey | None = None
    event: EventKey | None = None
    verdicts: frozenset[str] = frozenset()

    def takes(self, read: Read) -> bool:
        """Say whether an event is chosen, as far as it says so itself."""
        return (
            (not self.sources or read.event.source in self.sources)
            and self.provider in {"", read.event.key.provider}
            and self.payment in {None, read.payment}
        )

    def takes_known(self, read: Read, known: Known) -> bool:
        """Say whether an event is chosen, by what is stored of it."""
        is_named = self.event in {None, read.event.key}
        return is_named and (not self.verdicts or known.verdict in self.verdicts)


def verdicts(text: str) -> frozenset[str]:
    """Read verdicts, with commas between them. Raises `WrongWords`."""
    asked: Sequence[str] = [one.strip().lower().replace("-", "_") for one in text.split(",")]
    found = frozenset(one for one in asked if one)
    unknown = found - {str(one) for one in Verdict}
    if unknown:
        known = ", ".join(Verdict)
        raise WrongWords(f"--verdict: {min(unknown)} is none; there are {known}")
    return found
