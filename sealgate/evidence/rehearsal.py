"""The self-test: a throw-away gateway is made, run, attacked and read, and its findings come back.

It takes a few seconds, opens ports on this machine alone, and leaves nothing. The real gateway is
neither asked nor told: what is proven here is what this version does with these profiles, this
policy and these mappings.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from consumers.store.cases import Item, ItemFilter
from consumers.store.port import EventKey, PaymentKey
from consumers.store.proving import ProvingReads
from ingress.contract import topics
from ingress.contract.envelope import Envelope
from sealgate.config import Configuration
from sealgate.demo.observe import read_notice
from sealgate.drills.stage import records
from sealgate.evidence import ground, judged, place
from sealgate.evidence.acts import Actor, Deeds
from sealgate.evidence.claims import Finding
from sealgate.evidence.ground import STAND_IN, Ground, Running, SelfTestFailed
from sealgate.evidence.judged import Seen, Shortfall, subject_text
from sealgate.simulator.twist import Twist

PAYMENTS_MAX = 10_000
ITEMS_MAX = 10_000
SHORT = ("created", "underpaid")
REST = ("seen", "confirmed")


def rehearse(real: Configuration) -> tuple[list[Finding], list[str]]:
    """Play it all; return the findings, and what was left out.

    Raises `SelfTestFailed`, and `KeyboardInterrupt` where a signal ended it.
    """
    with place.directory() as where:
        made = _prepared(where, real)
        played: list[tuple[Deeds, Seen]] = []

        async def steps(running: Running) -> None:
            actor = Actor(made, running)
            await actor.everything()
            short = await _fall_short(actor)
            await _break(actor)
            await actor.applied()
            seen = await gather(made, running)
            played.append((actor.deeds, replace(seen, shortfall=short)))

        ground.run(made, steps)
        if not played:
            # The throw-away gateway takes the signal as any gateway does, and ends in peace.
            raise KeyboardInterrupt
        deeds, seen = played[0]
        return judged.findings(deeds, seen), [*_limits(made), *deeds.unsendable]


def _prepared(where: Path, real: Configuration) -> Ground:
    """Make the gateway's ground. Raises `SelfTestFailed`."""
    try:
        return ground.prepare(where, real)
    except OSError as wrong:
        raise SelfTestFailed(f"its files could not be written: {place.said(wrong)}") from None


def _limits(made: Ground) -> Iterator[str]:
    """Say what was not tried, and what was tried that is not configured."""
    yield f"the self-test adds {STAND_IN}, a source that is not configured, to tell payments by"
    untold = [one.slug for one in made.subjects if one.samples is None]
    if untold:
        yield f"no payment was told by {', '.join(untold)}: their providers have no sample events"
    yield from made.left_out


async def _fall_short(actor: Actor) -> Shortfall | None:
    """Underpay a payment of the stand-in, and pay the rest."""
    subject = next((one for one in actor.ground.subjects if one.slug == STAND_IN), None)
    if subject is None or subject.samples is None:
        return None
    reference = subject.samples.reference.make(b"short" + actor.ground.lines.as_posix().encode())
    payment = PaymentKey(subject.profile.name, subject.account, reference)
    found: list[Sequence[Item]] = []
    for names in (SHORT, REST):
        for name in names:
            await actor.tell(subject, subject.samples, reference, name)
            await actor.applied()
        found.append(await _items(actor.running, payment))
    return Shortfall(payment, *found)


async def _items(running: Running, payment: PaymentKey) -> Sequence[Item]:
    """Read every exception about a payment, open and closed."""
    about = ItemFilter(subject=subject_text(payment))
    cases = running.store.cases
    open_now = await cases.items(about, None, ITEMS_MAX)
    return [*open_now, *await cases.items(about._replace(is_open=False), None, ITEMS_MAX)]


async def _break(actor: Actor) -> None:
    """Sign what is no JSON, and send it."""
    subject = next((one for one in actor.ground.subjects if one.slug == STAND_IN), None)
    if subject is None or subject.samples is None:
        return
    reference = subject.samples.reference.make(b"broken")
    sent = await actor.tell(subject, subject.samples, reference, "confirmed", Twist.BROKEN)
    actor.deeds.told.remove(sent)
    actor.deeds.broken = sent


async def gather(made: Ground, running: Running) -> Seen:
    """Read what there is now in the log and in the database."""
    environment, store = made.configuration.settings.environment, running.store
    sealed = [
        Envelope.decode(one.headers, one.value)
        for one in await records(running.log, topics.verified(environment))
    ]
    places = Counter(EventKey(one.provider, one.account, one.event_key) for one in sealed)
    found = {key: await store.event(key) for key in places}
    payments = {one.key: one for one in await store.list_payments(PAYMENTS_MAX)}
    reads = ProvingReads.of(store)
    return Seen(
        envelopes={one.correlation_id: one for one in sealed},
        rows={key: row for key, row in found.items() if row is not None},
        events=sum(one.events for one in await reads.events()),
        twice=len(await reads.moved_twice()),
        payments=payments,
        moves={key: await store.transitions(key) for key in payments},
        heard=[
            read_notice(one) for one in await records(running.log, topics.lifecycle(environment))
        ],
        raised={one.code for one in await reads.items()},
        places=places,
    )
