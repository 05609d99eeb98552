"""Verify a stored envelope again, offline, by the configured keys. Pure.

An envelope flows in as it stands on the log, and a `Proof` flows out. The delivery is put together
again from what the envelope keeps of it: the exact body and the headers that were signed. Which
provider it is, which keys may prove it and what its body is about is asked of the configuration and
of the body, never of the envelope's own headers: whoever can write to the topic can write those.

The moment is that of the receipt, as it was for the edge: a key that was usable then proves it, one
that is revoked by now does not. Nothing is fetched.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit

from ingress.contract.envelope import Assurance, Envelope, Mode
from ingress.delivery import Delivery, Reason, Rejected
from ingress.providers import Profile
from ingress.schemes.parts.places import Kind
from ingress.sources import Snapshot, Source
from ingress.verification import Signer, verify
from sealgate.exposure.instants import show

_HINTS = frozenset({Assurance.D, Assurance.E})
_FOR_WANT_OF_A_KEY = frozenset({Reason.KEY_MISSING, Reason.KEY_UNKNOWN, Reason.SIGNATURE_MISMATCH})


class Word(StrEnum):
    """What became of the proof: closed, and each is counted."""

    PROVEN = "proven"
    HINT = "hint"
    """Its provider leaves no proof: it signs nothing, or shows a token, which is never stored."""

    KEYLESS = "keyless"
    """No key that could prove it is configured: its source is gone, its key is revoked or fetched.
    """

    DIFFERS = "differs"
    """The signature holds, and the envelope says other things than what was signed."""

    FAILED = "failed"


SOUND = frozenset({Word.PROVEN, Word.HINT})
"""What is as it should be; everything else makes the exit code 3."""


class Proof(NamedTuple):
    """What came of one envelope: `key_id` proved it; `why` says why it is not proven."""

    word: Word
    key_id: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Prover:
    """Judges envelopes by the sources as they are configured now."""

    sources: Snapshot
    environment: str

    def prove(self, key: bytes, envelope: Envelope) -> Proof:
        """Judge an envelope that stood on the log under `key`."""
        candidates = self.candidates(envelope)
        if not candidates:
            return Proof(Word.KEYLESS, why=f"no source {envelope.source} is configured")
        found = [self._judge(key, envelope, source) for source in candidates]
        # Of several sources of one account the one that was meant is the one that proves it.
        return min(found, key=lambda proof: list(Word).index(proof.word))

    def candidates(self, envelope: Envelope) -> Sequence[Source]:
        """Return the source that received it; of one that was renamed, those of its account."""
        exact = [one for one in self.sources.values() if envelope.source in self._names(one)]
        return exact or [
            one
            for one in self.sources.values()
            if (one.profile.name, one.account) == (envelope.provider, envelope.account)
        ]

    def _names(self, source: Source) -> set[str]:
        """Return what its envelopes say they come from, today and before it had a public URL."""
        return {source.uri, f"urn:sealgate:{source.environment}:{source.slug}"}

    def _judge(self, key: bytes, envelope: Envelope, source: Source) -> Proof:
        if not _can_be_received(envelope):
            why = "its address, or the name of a header, is one that no request can have"
            return Proof(Word.FAILED, why=why)
        try:
            delivery, signer = _proven(envelope, source)
        except Rejected as rejected:
            return _refused(rejected.reason, envelope, source)
        differing = list(self._differing(key, envelope, source, delivery, signer))
        if differing:
            return Proof(Word.DIFFERS, signer.key_id, "; ".join(differing))
        if not source.profile.is_signed:
            return Proof(Word.HINT, why="its provider signs nothing")
        return Proof(Word.PROVEN, signer.key_id)

    def _differing(
        self, key: bytes, envelope: Envelope, source: Source, delivery: Delivery, signer: Signer
    ) -> Iterator[str]:
        """Say where the envelope's own words are not those of what was signed."""
        if envelope.environment != self.environment:
            yield f"it says that it is of the environment {envelope.environment}"
        # Before version 2 the key did not name the environment.
        if key not in {envelope.key, envelope.key.partition(b"/")[2]}:
            yield "its record has the key of another payment"
        if envelope.body_digest != "sha256:" + hashlib.sha256(envelope.body).hexdigest():
            yield "its digest is of another body"
        if (envelope.provider, envelope.account) != (source.profile.name, source.account):
            yield f"its source is of {source.profile.name}/{source.account}"
        kid = "" if signer.key is None else signer.key.kid
        # One that was fetched went by its provider's own name of it.
        if envelope.key_id not in {signer.key_id, kid}:
            yield f"it names the key {envelope.key_id}"
        yield from _differing_words(envelope, source.profile, delivery)


def _differing_words(envelope: Envelope, profile: Profile, delivery: Delivery) -> Iterator[str]:
    """Say where the envelope's words are not those that its body or its provider stands for."""
    named = profile.identify(delivery)
    if named.payment_ref != envelope.payment_ref:
        yield f"its body is about the payment {named.payment_ref or '(none)'}"
    if (named.event_key, named.event_type) != (envelope.event_key, envelope.event_type):
        yield f"its body is the event {named.event_key} {named.event_type}"
    elif envelope.type != f"{profile.type_prefix}.{named.event_type}":
        yield f"it says that its type is {envelope.type}"
    at_ms = envelope.received_ms if named.occurred_ms is None else named.occurred_ms
    if at_ms != envelope.occurred_ms:
        yield f"its body says that it happened at {show(at_ms)}"
    # One that an earlier version wrote may say nothing of it.
    if envelope.mode not in {Mode.UNKNOWN, profile.mode(delivery)}:
        yield f"it says that it is {envelope.mode.value}, and its body does not"
    if envelope.assurance.value < profile.assurance.value:
        yield f"it says that its proof is of class {envelope.assurance.value}"


def _can_be_received(envelope: Envelope) -> bool:
    """Say whether a delivery can be put together again; whoever forges one may write anything."""
    try:
        urlsplit(envelope.source)
        for name, _ in envelope.signed_headers:
            name.encode("latin-1")
    except ValueError:
        return False
    return True


def _proven(envelope: Envelope, source: Source) -> tuple[Delivery, Signer]:
    """Return the delivery, and who signed it. Raises `Rejected`.

    The method is not stored: where a provider uses several, one of them must do.
    """
    refused: Rejected | None = None
    for method in source.profile.methods:
        delivery = _delivery(envelope, source, method)
        try:
            return delivery, verify(delivery, source, None, envelope.late_ms)
        except Rejected as rejected:
            refused = refused or rejected
    assert refused is not None
    raise refused


def _delivery(envelope: Envelope, source: Source, method: str) -> Delivery:
    """Put together what was received, as far as it is stored."""
    # Of a GET the query was published; a POST is called with the query that is registered.
    is_get = method == "GET"
    url = envelope.source if "://" in envelope.source else source.url
    return Delivery(
        source=source.slug,
        method=method,
        query=envelope.body if is_get else urlsplit(url).query.encode(),
        headers=tuple(_headers(envelope, source)),
        body=b"" if is_get else envelope.body,
        received_ms=envelope.received_ms,
        url=url,
    )


def _headers(envelope: Envelope, source: Source) -> Iterator[tuple[bytes, bytes]]:
    kept = [(name.encode("latin-1"), value) for name, value in envelope.signed_headers]
    yield from kept
    # Some providers tell the word for the event in a header that they do not sign. It travels as
    # the envelope's type, and belongs to what identifies the event.
    for place, *others in source.profile.identifier.event_type:
        if place.kind is Kind.HEADER and not others:
            if place.header not in dict(kept):
                yield place.header, envelope.event_type.encode("utf-8", "surrogatepass")
            return


def _refused(reason: Reason, envelope: Envelope, source: Source) -> Proof:
    """Say what it means that nothing proves an envelope."""
    profile = source.profile
    keeps_nothing = not profile.kept_names and not profile.kept_families
    if reason is Reason.HEADER_MISSING and keeps_nothing and profile.assurance in _HINTS:
        return Proof(Word.HINT, why="what proved it was a token, and no token is stored")
    if reason in _FOR_WANT_OF_A_KEY and source.plan is not None:
        why = f"{reason.value}; its provider's keys are fetched, and nothing is fetched here"
        return Proof(Word.KEYLESS, why=why)
    usable = source.ring.at(envelope.received_ms if envelope.late_ms is None else envelope.late_ms)
    if reason in _FOR_WANT_OF_A_KEY and envelope.key_id not in usable.ids:
        why = f"{reason.value}; the key {envelope.key_id} is revoked or not configured any more"
        return Proof(Word.KEYLESS, why=why)
    return Proof(Word.FAILED, why=reason.value)
