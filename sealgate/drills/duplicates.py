"""Drill: every provider sends everything again and again, and the workers die in between.

Payments of five providers are told in a storm: each event several times, in no order, redeliveries
written and signed anew. Five workers of one group are killed, each at another step of applying, and
two relays at the two steps of telling; an owner of long ago wakes up and goes on with the batch it
had in hand. Then the providers send the last hour once more. In the end every payment must be where
it is after one quiet run of every event once and in order, and whoever ships goods on hearing
Confirmed must have shipped exactly once.
"""

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from consumers.apply import Applier
from consumers.store.port import Claim, Fenced
from ingress import providers, telemetry
from ingress.contract import topics
from ingress.contract.envelope import Mode
from ingress.eventlog.port import Partition, Record
from sealgate.drills import ledger, letters
from sealgate.drills.crew import Crew
from sealgate.drills.duplicates_judged import CRITERIA, Judge, compare
from sealgate.drills.ledger import Books
from sealgate.drills.letters import ACCOUNT, PROVIDERS, Letter, Tale
from sealgate.drills.sheet import Sheet
from sealgate.drills.stage import DrillFailed, Running, Services, Stage, records, run, until
from sealgate.role import Role
from sealgate.simulator import keys
from sealgate.simulator.draft import CONTENT_TYPE, JSON, Draft
from sealgate.simulator.keys import SECRET_BYTES, new_secret
from sealgate.simulator.twist import Signer, Twist
from sealgate.simulator.wire import is_success

APPLIES = ("apply.begun", "apply.advanced", "apply.claimed", "apply.saved", "apply.committed")
TELLS = ("relay.published", "relay.marked")
WORKERS = 2
EACH = 3
AT_ONCE = 8
SETTLES_S = 90.0
# Small, so that a death leaves something to do, and every member gets some of it.
BATCHES = "batch_max = 8\nnotices_max = 12\n"
_OPENED_MIN_AGO = 60
_QUIET = (Role.EDGE, Role.WORKER, Role.RELAY, Role.MONITOR)


@dataclass(slots=True)
class Duplicates:
    """The drill's steps, and what they saw."""

    stage: Stage
    sheet: Sheet
    tales: Sequence[Tale]
    made: Mapping[str, str] = field(repr=False)
    seed: bytes = b""
    books: Books | None = None

    async def rage(self, running: Running) -> None:
        """Let the storm pass over everything."""
        crew = Crew(self.stage, self.sheet)
        try:
            await self._rage(running, crew)
        finally:
            await crew.end()

    async def _rage(self, running: Running, crew: Crew) -> None:
        turning = letters.letters_of([tale for tale in self.tales if tale.turns])
        wild = letters.letters_of([tale for tale in self.tales if not tale.turns])
        sent = letters.storm(wild, self.seed)
        await self._deliver(running, sent)
        former = await self._own(running)
        await self._kill_workers(crew)
        living = [await crew.start("consume") for _ in range(WORKERS)]
        await self._applied(running)
        for step in TELLS:
            await crew.died(await crew.start("relay", step))
        await crew.start("relay")
        await self._told(running)
        await self._in_order(running, turning)
        # Its records come again right after: a position it moved back is moved on, and counted.
        await self._wake(running, former)
        ends = await running.log.ends(self._topic)
        last = len(self._letters[0].bodies) - 1
        await self._deliver(running, [(letter, last) for letter in self._letters])
        self.sheet.note(telemetry.now_ms(), "the providers sent the last hour again")
        await self._applied(running)
        await self._told(running)
        await crew.end()
        judge = Judge(self.stage, self.sheet, self.tales)
        judge.repetitions(living, ends)
        number = len(sent) + len(turning) + len(self._letters)
        self.sheet.figures["deliveries sent"] = str(number)
        self.books = await ledger.books(running.store)
        await judge.all(running, self.books)

    async def calm(self, running: Running) -> None:
        """Tell everything once and in order."""
        await self._in_order(running, self._letters)
        self.books = await ledger.books(running.store)

    async def _in_order(self, running: Running, told: Sequence[Letter]) -> None:
        """Send each letter when the one before it was taken, and wait until all are applied."""
        for letter in told:
            await self._deliver(running, [(letter, 0)])
        await self._applied(running)

    @property
    def _letters(self) -> list[Letter]:
        return letters.letters_of(self.tales)

    @property
    def _topic(self) -> str:
        return topics.verified(self.stage.environment)

    async def _deliver(self, running: Running, sent: Iterable[tuple[Letter, int]]) -> None:
        """Sign and send, some at once. Raises `DrillFailed` for what was not taken."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(letter: Letter, time: int) -> None:
            profile = providers.load(PROVIDERS[letter.source])
            key = keys.read(profile, self.made[letter.source].encode())
            url = f"{running.edge_url}/hooks/{letter.source}"
            draft = Draft(url=url, headers={CONTENT_TYPE: JSON}, body=letter.bodies[time])
            signer = Signer(profile, key, key)
            request = signer.request(Twist.GENUINE, draft, telemetry.now_ms(), letter.event_id)
            async with gate:
                status = (await running.wire.send(url, request)).status
            if not is_success(status):
                raise DrillFailed(f"an event of {profile.title} was answered with {status}")

        await asyncio.gather(*(one(letter, time) for letter, time in sent))

    async def _kill_workers(self, crew: Crew) -> None:
        """Start a group of workers, each of which dies at another step, and wait for their ends."""
        dying = [await crew.start("consume", step) for step in APPLIES]
        for member in dying:
            await crew.died(member)

    async def _applied(self, running: Running) -> None:
        async def applied() -> bool:
            return await ledger.caught_up(running.store, running.log, self._topic, self.stage.group)

        if not await until(applied, within_s=SETTLES_S):
            raise DrillFailed("the workers did not catch up")

    async def _told(self, running: Running) -> None:
        async def told() -> bool:
            return not await running.store.notices_pending()

        if not await until(told, within_s=SETTLES_S):
            raise DrillFailed("the relay did not catch up")

    async def _own(self, running: Running) -> tuple[Sequence[Record], Mapping[Partition, Claim]]:
        """Take every partition, and the first records of one in hand, as a worker does."""
        await running.store.open(self.stage.environment)
        ends = await running.log.ends(self._topic)
        claims = await running.store.claim_partitions(self.stage.group, ends, "an old owner")
        found: list[Record] = []

        async def reached() -> bool:
            found[:] = await records(running.log, self._topic)
            return bool(found)

        # What was acknowledged may be in the journal still: a broker that has just begun is slow.
        if not await until(reached, within_s=SETTLES_S):
            raise DrillFailed("no delivery reached the log")
        first = found[0].position.partition
        return [one for one in found if one.position.partition == first][:3], claims

    async def _wake(
        self, running: Running, former: tuple[Sequence[Record], Mapping[Partition, Claim]]
    ) -> None:
        """Go on as the owner of long ago."""
        old = Applier(
            store=running.store,
            environment=self.stage.environment,
            group=self.stage.group,
            clock=telemetry.now_ms,
            mode=Mode.LIVE,
        )
        found, is_fenced = "the batch was committed", False
        try:
            await old.apply(*former)
        except Fenced as fenced:
            found, is_fenced = f"refused: {fenced}", True
        self.sheet.note(telemetry.now_ms(), "an old owner woke up with a batch in hand")
        self.sheet.check("an old owner writes nothing", found, holds=is_fenced)


def drill(place: Path, services: Services) -> Sheet:
    """Play the drill in `place`; return its sheet. Raises `DrillFailed`."""
    mark = secrets.token_hex(4)
    seed = secrets.token_bytes(32)
    made = {
        source: new_secret(providers.load(provider), secrets.token_bytes(SECRET_BYTES))
        for source, provider in PROVIDERS.items()
    }
    opened_ms = telemetry.now_ms() - _OPENED_MIN_AGO * 60_000
    tales = letters.tell(seed, opened_ms, EACH)
    sheet = Sheet("duplicate-delivery", f"eu-{mark}", CRITERIA)
    stormy = Duplicates(_stage(place / "drill", f"eu-{mark}", services, made), sheet, tales, made)
    stormy.seed = seed
    run(stormy.stage, stormy.rage, (Role.EDGE, Role.MONITOR))
    quiet = Sheet("control", f"eu-{mark}-control", {})
    control = Duplicates(
        _stage(place / "control", quiet.environment, Services(), made), quiet, tales, made
    )
    run(control.stage, control.calm, _QUIET)
    compare(sheet, stormy.books, control.books)
    sheet.residual = (
        "A subscriber that ships by anything but the effect key ships twice: a relay that dies"
        " between publishing and marking publishes again, and a payment may be Confirmed twice."
    )
    return sheet


def _stage(place: Path, environment: str, services: Services, made: Mapping[str, str]) -> Stage:
    """Write a configuration with a source of each provider."""
    place.mkdir(mode=0o700)
    stage = Stage(place, environment, services, "live", consumer=BATCHES)
    for source, provider in PROVIDERS.items():
        stage.texts.append(f"""
[[source]]
slug = "{source}"
provider = "{provider}"
account = "{ACCOUNT}"

[[source.key]]
id = "2026-11"
file = "{stage.secret(source, made[source])}"
""")
    stage.write()
    return stage
