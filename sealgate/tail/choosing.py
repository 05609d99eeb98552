"""Which records a tail shows: a person's filters, held against a record as read. Pure."""

import difflib
from typing import NamedTuple

from consumers.store.port import PaymentKey
from ingress.contract import cloudevents
from ingress.contract.envelope import Envelope
from sealgate.config import Configuration
from sealgate.exposure import addresses
from sealgate.exposure.command import addresses_of
from sealgate.tail.reading import Entry, Heard
from sealgate.tail.telling import payment_of


class NoSource(ValueError):
    """There is no such source; the message says which there are."""


class Origin(NamedTuple):
    """A source: what its envelopes call it, and whose notices are of its payments."""

    uris: frozenset[str]
    provider: str
    account: str


class Choice(NamedTuple):
    """Records for which all that is said here holds. None says nothing."""

    origin: Origin | None = None
    payment: str = ""

    def takes(self, entry: Entry) -> bool:
        """Say whether a record is shown. What cannot be read may be about anything, so it is."""
        if isinstance(entry, Envelope):
            is_from_there = self.origin is None or entry.source in self.origin.uris
            return is_from_there and self._is_about(payment_of(entry))
        if isinstance(entry, Heard):
            told = entry.content
            is_from_there = self.origin is None or self.origin[1:] == (told.provider, told.account)
            payment = PaymentKey(told.provider, told.account, told.reference)
            return is_from_there and self._is_about(payment)
        return True

    def _is_about(self, payment: PaymentKey | None) -> bool:
        if not self.payment:
            return True
        if payment is None:
            return False
        if payment.reference == cloudevents.attribute(self.payment):
            return True
        return tuple(payment) == tuple(addresses.read(self.payment) or ())


def choose(configuration: Configuration, source: str, payment: str) -> Choice:
    """Take a person's words. Raises `NoSource`."""
    if not source:
        return Choice(None, payment)
    for one in configuration.settings.source:
        if one.slug == source:
            uris = addresses_of(configuration, source)
            return Choice(Origin(uris, one.provider, one.account), payment)
    slugs = [one.slug for one in configuration.settings.source]
    near = difflib.get_close_matches(source, slugs, n=1)
    known = f"did you mean {near[0]}?" if near else f"known are {', '.join(slugs) or 'none'}"
    raise NoSource(f"--source: there is no source {source}; {known}")
