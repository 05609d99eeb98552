"""What a refused delivery would be today: the one decision of `sealgate quarantine reverify`. Pure.

A kept delivery, its source as it is configured now and the keys fetched for it flow in; a
`Judgement` flows out, with the envelope to publish where there is one. It is the edge's own
judgement, made late: today's keys within today's windows, today's registered URL and networks, but
the age by the receipt, because that it waited here is no fault of its sender. A key that is revoked
proves nothing, whenever the delivery came.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from ingress.admit import seal
from ingress.contract.envelope import Envelope
from ingress.contract.quarantined import Quarantined
from ingress.delivery import Delivery, Reason, Rejected
from ingress.networks import Networks, read_address
from ingress.settings import SourceSettings
from ingress.sources import Source
from ingress.verification import Fetched, KeyAwaited, verify


class Fate(StrEnum):
    """What becomes of one kept delivery: closed, and each is counted."""

    PUBLISHED = "published"
    RELEASED = "already released"
    HANDSHAKE = "a handshake"
    REFUSED = "still refused"
    ENVIRONMENT = "of another environment"
    CLOSED = "not opened"
    GONE = "of no source"
    UNPUBLISHABLE = "not taken by the log"


LEFT = frozenset({Fate.REFUSED, Fate.ENVIRONMENT, Fate.CLOSED, Fate.GONE, Fate.UNPUBLISHABLE})
"""What remains refused, and is still for a human to look at."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one kept delivery is today, in a word and in a sentence."""

    fate: Fate
    why: str
    envelope: Envelope | None = None
    awaits_key: bool = False
    """Whether its provider may yet show us the key that it names."""


def judge(
    kept: Quarantined, delivery: Delivery, source: Source, fetched: Fetched | None, now_ms: int
) -> Judgement:
    """Decide about one kept delivery by what is configured today."""
    # The registered URL may be what was wrong; it is the operator's word, then as now.
    delivery = replace(delivery, source=source.slug, url=source.url)
    denied = _denied(kept, delivery, source.setting)
    if denied is not None:
        return Judgement(Fate.REFUSED, f"because {denied.value}")
    try:
        signer = verify(delivery, source, fetched, now_ms)
    except Rejected as rejected:
        awaits = isinstance(rejected, KeyAwaited)
        return Judgement(Fate.REFUSED, f"because {rejected.reason.value}", awaits_key=awaits)
    if source.profile.handshake(delivery, verified=True) is not None:
        return Judgement(Fate.HANDSHAKE, "it carries no event; let the provider send it again")
    sealed = seal(delivery, source, signer.key_id, kept.id, late_ms=now_ms)
    # Of all ids, the one that the refusal was answered and logged with finds it again.
    sealed = replace(sealed, correlation_id=kept.id)
    if sealed.mode.contradicts(source.mode):
        why = f"it says of itself that it is {sealed.mode}, and this environment is {source.mode}"
        return Judgement(Fate.ENVIRONMENT, why)
    event = f"{sealed.type} {sealed.event_key}"
    return Judgement(Fate.PUBLISHED, f"as {event}, proven by {signer.key_id!r}", sealed)


def _denied(kept: Quarantined, delivery: Delivery, setting: SourceSettings) -> Reason | None:
    """Say why its sender may not deliver today, if that is so: before any signature is looked at.

    Certificates and published addresses are known at the receipt alone: what was refused for one of
    them needs the operator's word in the configuration.
    """
    if kept.reason == Reason.CERTIFICATE_REFUSED and setting.client_names:
        return Reason.CERTIFICATE_REFUSED
    if not setting.allow and not setting.allow_published:
        return None
    if setting.allow_published and kept.reason != Reason.ADDRESS_REFUSED:
        return None
    client = read_address(delivery.address)
    is_allowed = client is not None and client in Networks.of(setting.allow)
    return None if is_allowed else Reason.ADDRESS_REFUSED
