"""Verify again what was refused, and publish what is found to be true, once.

Kept deliveries flow in, oldest first of each source; each is judged by today's keys, told, and with
`publish` its envelope goes to the topic of verified events and a release behind the delivery. The
release is what a second run finds. A crash between the two leaves an event without its release: the
next run publishes it again, and the consumers, who claim every event once, take no notice.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ingress.contract import topics
from ingress.contract.envelope import Envelope
from ingress.contract.quarantined import Quarantined, Release
from ingress.delivery import Delivery
from ingress.eventlog.port import Message, MessageRefused, Position
from ingress.sealing import Seals, deserialise
from ingress.sources import Snapshot, Source
from ingress.telemetry import Clock
from sealgate.quarantine.archive import Archive, Look
from sealgate.quarantine.fetched import Keys
from sealgate.quarantine.judge import Fate, Judgement, judge
from sealgate.quarantine.wanted import Wanted

Publish = Callable[[Message], Awaitable[Position]]
Tell = Callable[[Quarantined, Judgement], None]


@dataclass(frozen=True, slots=True)
class Court:
    """Who judges: sources as they are today, the seals, the fetched keys, and the clock.

    `renewed` returns the sources as they are by now, where the work may outlast them.
    """

    sources: Snapshot
    seals: Seals
    keys: Keys
    clock: Clock
    renewed: Callable[[], Snapshot] | None = None

    async def judge(self, kept: Quarantined) -> Judgement:
        """Decide about one, waiting for its key where its provider may yet show it."""
        source = self._source(kept.slug)
        if source is None:
            return _gone(kept)
        try:
            delivery = unsealed(kept, self.seals)
        except ValueError as wrong:
            return Judgement(Fate.CLOSED, str(wrong))
        judgement = self._judge(kept, delivery, source)
        while judgement.awaits_key and await self.keys.arrived(kept.slug):
            source = self._source(kept.slug)
            if source is None:
                return _gone(kept)
            judgement = self._judge(kept, delivery, source)
        return judgement

    def _source(self, slug: str) -> Source | None:
        return (self.sources if self.renewed is None else self.renewed()).get(slug)

    def _judge(self, kept: Quarantined, delivery: Delivery, source: Source) -> Judgement:
        return judge(kept, delivery, source, self.keys.of(kept.slug), self.clock())


def _gone(kept: Quarantined) -> Judgement:
    return Judgement(Fate.GONE, f"{kept.slug!r} is not configured any more")


def unsealed(kept: Quarantined, seals: Seals) -> Delivery:
    """Open what was kept. Raises `ValueError`, saying what to do."""
    return deserialise(seals.open(kept.seal, kept.content, kept.about))


async def reverify(
    archive: Archive, look: Look, wanted: Wanted, court: Court, publish: Publish | None, tell: Tell
) -> Counter[Fate]:
    """Judge what is meant, and publish it unless `publish` is None; count what became of it.

    Raises `LogUnavailable`: what was told until then is done, and the rest is for another run.
    """
    count: Counter[Fate] = Counter()
    async for kept in archive.deliveries(wanted):
        if kept.id in look.released:
            judgement = Judgement(Fate.RELEASED, f"as {look.released[kept.id]}")
        else:
            judgement = await court.judge(kept)
        if judgement.envelope is not None and publish is not None:
            judgement = await _released(kept, judgement, judgement.envelope, publish, court.clock)
        count[judgement.fate] += 1
        tell(kept, judgement)
    return count


async def _released(
    kept: Quarantined, judgement: Judgement, envelope: Envelope, publish: Publish, clock: Clock
) -> Judgement:
    """Publish an event, and only then say that it was released."""
    verified, quarantine = topics.verified(kept.environment), topics.quarantine(kept.environment)
    release = Release(
        id=kept.id,
        environment=kept.environment,
        slug=kept.slug,
        event_key=envelope.event_key,
        key_id=envelope.key_id,
        at_ms=clock(),
    )
    try:
        for topic, said in ((verified, envelope), (quarantine, release)):
            record_key, headers, value = said.encode()
            await publish(Message(topic, record_key, value, headers))
    except MessageRefused as refused:
        return Judgement(Fate.UNPUBLISHABLE, str(refused))
    return judgement
