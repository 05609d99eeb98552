"""The edge as one thing that starts, says how it is, and stops: for whoever composes a process."""

import asyncio
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from ingress import safety, telemetry
from ingress.allowlist import Allowlists
from ingress.contract import topics
from ingress.edge import Edge, Means
from ingress.eventlog.journaled import JournaledPublisher, Journaling
from ingress.eventlog.port import EventLog, LogUnavailable, Publisher
from ingress.fetching import Fetching, is_whole
from ingress.keeping import Keeper
from ingress.keyfacts import KeyFacts
from ingress.metrics import EdgeMetrics, FetchMetrics, Suspicion
from ingress.refusals import Refusals
from ingress.report import counting
from ingress.safety import Guard, UnsafeTopics
from ingress.sealing import Seals
from ingress.series import MANY, Use
from ingress.settings import EdgeSettings, QuarantineSettings
from ingress.sources import Snapshot, Source, moment_ms
from ingress.tls import Loaded

if TYPE_CHECKING:
    # An HTTP client and its cryptography, for sources that fetch keys; most do not.
    from ingress.keysources.fetch import Fetch

RETRY_S = 1.0
# While the log stays away for the same reason, that is worth a line a minute, not a second.
SAY_AGAIN_S = 60.0
# A log that hangs is told from one that is merely asked within this; until then, 503.
UNASKED_S = 3.0
READY_S = 3.0
READY_POLL_S = 0.01
DAY_MS = 86_400_000
# Some ten microseconds each.
KEYS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Parts:
    """What the edge is made of, chosen by whoever composes the process.

    `fetch` is how public keys are asked for: the strict way, where it is absent. `state_file` is
    where it is remembered over a restart which sources verified lately. `sockets` are listening
    already; without, the edge binds its own. `accepts_unsafe` writes even to topics that one
    broker alone can lose. `journal` is what stands in front of the log, if anything does.
    """

    environment: str
    settings: EdgeSettings
    sources: Snapshot
    log: EventLog
    partitions: int
    registry: CollectorRegistry
    clock: telemetry.Clock
    fetch: "Fetch | None" = None
    quarantine: QuarantineSettings = field(default_factory=QuarantineSettings)
    seals: Seals = field(default_factory=Seals)
    state_file: Path | None = None
    tls: Loaded | None = None
    sockets: Sequence[socket.socket] = ()
    accepts_unsafe: bool = False
    journal: Journaling | None = None


@dataclass(slots=True)
class Said:
    """What was said lately, so that it is not said each time."""

    _at_s: dict[str, float] = field(default_factory=dict)

    def is_due(self, words: str, now_s: float) -> bool:
        """Say whether to say it now; then it is said."""
        self._at_s = {one: at for one, at in self._at_s.items() if now_s - at < SAY_AGAIN_S}
        if words in self._at_s:
            return False
        self._at_s[words] = now_s
        return True


class EdgeApp:
    """The edge with its publisher: starts without the log, and answers 503 until it is there."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._metrics = metrics = EdgeMetrics(parts.registry, parts.settings.metric_sources_max)
        self._publisher: Publisher = parts.log.publisher(
            deadline_s=parts.settings.publish_s, observer=metrics.publishing
        )
        self._journaled: JournaledPublisher | None = None
        if parts.journal is not None:
            self._journaled = parts.journal.before(self._publisher, metrics.journal)
            limits = parts.journal.terms.limits
            metrics.journal.watch(self._journaled.state, limits.bytes_max)
            self._publisher = self._journaled
        self._key_facts = KeyFacts(parts.registry, parts.settings.metric_sources_max)
        self._sources: Snapshot = {}
        self._fetches: dict[str, FetchMetrics] = {}
        self._keyless: set[str] = set()
        self._fetching = Fetching(
            {},
            lambda slug, result, held: self._fetches[slug].note(result, held),
            parts.clock,
            parts.fetch,
        )
        self._expect(parts.sources)
        keeper = Keeper(parts.quarantine, parts.seals, self._publisher, time.monotonic)
        self._refusals = Refusals(keeper, parts.state_file, parts.clock)
        metrics.watch_suspects(self._suspects)
        metrics.quarantine.watch(self._refusals.ration)
        self._allowlists = Allowlists(metrics.address_fetches.note, parts.fetch)
        means = Means(
            self._publisher, self._refusals, metrics, parts.clock, self._allowlists, parts.tls
        )
        self._edge = Edge(parts.settings, parts.sources, self._fetching.by_slug, means)
        self._log = telemetry.logger("edge")
        self._guard = Guard(parts.accepts_unsafe)
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Listen and return the port; connect to the log now, or as soon as it is there.

        Where others accept at the same port, not before the log is there, unless it is away for
        long: what comes here first would be answered 503, and not where another takes it.
        """
        self._refusals.start()
        self.task = asyncio.create_task(self._run())
        if self._parts.sockets:
            await self._until_ready()
        port = await self._edge.start(self._parts.sockets)
        self._fetching.start()
        self._allowlists.start()
        return port

    async def _until_ready(self) -> None:
        for _ in range(round(READY_S / READY_POLL_S)):
            if self._publisher.ready():
                return
            await asyncio.sleep(READY_POLL_S)

    def ready(self) -> Sequence[tuple[str, bool] | tuple[str, bool, bool]]:
        """Answer ``/readyz``: each check by name, whether it holds, and whether it has to."""
        # Once they were there, that they are gone is for metrics to say: see the log.
        self._keyless = {slug for slug in self._keyless if not self._fetching.has_keys(slug)}
        return (
            ("edge accepts deliveries", not self._edge.draining),
            ("log accepts envelopes", self._publisher.ready()),
            *self._guard.checks(),
            *self._ready_journal(),
            *((f"source {slug} has its provider's keys", False) for slug in sorted(self._keyless)),
            *((f"the addresses of {one} are here", False) for one in self._allowlists.awaited()),
        )

    async def stop(self) -> None:
        """Drain the edge, then the publisher: in this order nothing accepted is lost."""
        await self._edge.drain()
        await self._refusals.stop()
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait({self.task})
        await self._fetching.stop()
        await self._allowlists.stop()
        await self._publisher.stop()

    async def replace(self, sources: Snapshot) -> None:
        """Serve these sources from now on, all at once; whoever is under way is not disturbed."""
        # Half a millisecond for a new source: not while deliveries wait.
        planned = await asyncio.to_thread(counting, sources, self._metrics)
        for slug, source in self._sources.items():
            # A source of which nothing changed is the very same object.
            if sources.get(slug) is not source:
                self._refusals.renew(slug)
        self._expect(sources)
        self._edge.serve(sources, self._fetching.by_slug, planned)

    async def keys(self, slug: str | None = None) -> Mapping[str, object]:
        """Tell every verifying key of every source, or of one, and when it last proved something.

        Of this process alone: others know of other uses.
        """
        sources = self._sources
        chosen = sources if slug is None else sources.keys() & {slug}
        told = {}
        for count, one in enumerate(chosen):
            told[one] = self._keys(sources[one])
            if count % KEYS_AT_ONCE == 0:
                await asyncio.sleep(0)
        return told

    def _keys(self, source: Source) -> Mapping[str, object]:
        # Its source may be gone: another configuration can be put in place between two steps.
        uses = self._edge.uses(source.slug)
        unused = Use()
        # As configured: one that is revoked is told too, though its file may be gone.
        keys = [key for key in source.setting.key if key.role == "verify"]
        return {
            "provider": source.profile.name,
            "keys": [
                {
                    "id": key.id,
                    "status": key.status.value,
                    "not_before_ms": moment_ms(key.not_before),
                    "not_after_ms": moment_ms(key.not_after),
                    "last_used_ms": uses.get(key.id, unused).last_ms,
                    "verified": uses.get(key.id, unused).verified,
                }
                for key in keys
            ],
        }

    def _expect(self, sources: Snapshot) -> None:
        """Fetch keys for these sources, and for no others."""
        plans = {slug: one.plan for slug, one in sources.items() if one.plan is not None}
        is_many = self._metrics.sources.is_many(len(sources))
        for slug in [slug for slug in self._fetches if slug not in plans]:
            self._fetches.pop(slug).hold(0)
        labels = {slug: MANY if is_many else slug for slug in plans}
        for slug, label in labels.items():
            fetches = self._metrics.fetches(label)
            if slug in self._fetches:
                held = self._fetches[slug].ours
                self._fetches[slug].hold(0)
                fetches.hold(held)
            self._fetches[slug] = fetches
        self._metrics.keep_fetches(labels.values())
        self._fetching.replace(plans)
        # These verify nothing before their keys are there, and need no delivery to fetch them.
        self._keyless = {
            slug
            for slug, needed in plans.items()
            if is_whole(needed) and not sources[slug].ring.keys
        }
        self._sources = sources
        self._key_facts.serve(sources, self._parts.clock())

    def renew_tls(self, loaded: Loaded) -> None:
        """Serve new connections with these files from now on."""
        self._edge.renew_tls(loaded)

    def keep(self, settings: QuarantineSettings, seals: Seals) -> None:
        """Keep what is refused within these limits and under these seals from now on.

        For how many days is for the log to know when it is opened: that takes a restart.
        """
        self._refusals.change(settings, seals)

    def _suspects(self) -> Iterator[Suspicion]:
        """Say of every source whose its failures are, and since when they are ours."""
        is_many = self._metrics.sources.is_many(len(self._sources))
        for slug, source in self._sources.items():
            label = MANY if is_many else slug
            standing = self._refusals.standing(slug)
            yield Suspicion(
                label,
                source.profile.name,
                standing.is_suspect,
                standing.is_besieged,
                self._edge.failing(slug, is_doubted=standing.is_doubted),
            )

    def _ready_journal(self) -> Sequence[tuple[str, bool, bool]]:
        """Tell what is behind the journal: an edge that has one does its work without it."""
        if self._journaled is None:
            return ()
        return (("Kafka confirms what the journal holds", self._journaled.confirms(), False),)

    async def _run(self) -> None:
        """Connect, and carry what waits in the journal to the log from when it is there."""
        if self._journaled is None:
            await self._connect()
            return
        self._bar(safety.UNASKED)
        asyncio.get_running_loop().call_later(UNASKED_S, self._presume_safe)
        # Taken for granted until the log is there to be asked: `ensure_topics` compares.
        await self._journaled.open(dict.fromkeys(self._topics(), self._parts.partitions))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._journaled.run())
            tasks.create_task(self._connect())

    def _bar(self, reason: str) -> None:
        """Take nothing into the journal, for this reason; or again, where there is none.

        Without a journal, a publisher that was not started takes nothing.
        """
        if self._journaled is not None:
            self._journaled.bar(reason)

    def _presume_safe(self) -> None:
        """Take the log for away, since it does not answer: as in any outage, the journal takes."""
        if not self._guard.is_unsafe:
            self._bar("")

    def _topics(self) -> tuple[str, ...]:
        """Return the topics that the edge writes; the relay writes the other, from its database."""
        environment = self._parts.environment
        named = (topics.verified, topics.alarms, topics.quarantine)
        return tuple(name(environment) for name in named)

    async def _connect(self) -> None:
        """Make the topics and start the publisher, however long the log is away.

        Ends only by being cancelled, or with what no waiting mends: topics made otherwise.
        """
        written = self._topics()
        names = (*written, topics.lifecycle(self._parts.environment))
        kept_ms = self._parts.quarantine.days * DAY_MS
        said = Said()
        while True:
            try:
                await self._parts.log.ensure_topics(
                    dict.fromkeys(names, self._parts.partitions),
                    {topics.quarantine(self._parts.environment): kept_ms},
                )
                await self._guard.check(self._parts.log, written)
                self._bar("")
                await self._publisher.start()
            except UnsafeTopics:
                self._bar(safety.UNSAFE)
                await asyncio.sleep(safety.RETRY_S)
            except LogUnavailable as away:
                self._presume_safe()
                if said.is_due(str(away), time.monotonic()):
                    self._log.warning("log_unavailable", reason=str(away), retry_in_s=RETRY_S)
                await asyncio.sleep(RETRY_S)
            else:
                self._log.info("log_connected")
                await asyncio.get_running_loop().create_future()
