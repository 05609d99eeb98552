"""Drill: half of a provider is away, and the two halves tell different stories.

First its API fails while its webhooks come: nothing may follow from that. Then two answers are
stale for a moment. Then the worker stands still while windows close, and sightings lie unread: no
clock may call these payments Expired. At last the webhooks stop and the API answers everything from
a replica that is behind: nothing moves, everything freezes, one alert. People clear it, with a
second person; then the webhooks resume, late, out of order and some not at all, and the provider is
asked. In the end every payment must be where it is after a day on which nothing happened.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from consumers.fetching.passing import Fetching
from consumers.lifecycle import State
from consumers.store.port import PaymentKey
from ingress import providers, telemetry
from ingress.contract import topics
from sealgate.commands.context import EXIT_OK
from sealgate.drills import ledger
from sealgate.drills.clockwork import MINUTE_MS, Clock, Clockwork
from sealgate.drills.divergence_judged import CRITERIA, STALE, Judge, Seen
from sealgate.drills.sheet import Sheet
from sealgate.drills.stage import DrillFailed, Running, Services, Stage, run, until
from sealgate.drills.traffic import Traffic
from sealgate.role import Role
from sealgate.simulator import events
from sealgate.simulator.api import Mood, ProviderApi
from sealgate.simulator.api_styles import Payment
from sealgate.simulator.events import Occasion
from sealgate.simulator.keys import SECRET_BYTES, new_secret
from sealgate.simulator.provider import Parcel

SOURCE, PROVIDER, ACCOUNT, KEY = "till", "kobbopay", "shop", "2026-11"
AGO_MIN = 9 * 60
SETTLES_S = 60.0
PASSES = 4
# A payment is asked about a quarter of this after it is Paid.
LIMITS = "stuck_s = { Paid = 600 }\nsettle_s = 0\ntimers_s = 0.2\n"
PRICE = "49.00"
TRIED = ("--by", "drill", "--role", "finance", "--reason", "the API answers from a current replica")


@dataclass(frozen=True, slots=True)
class Cast:
    """The payments by what befalls them."""

    paid: Sequence[int] = range(16)
    """Paid before the outage; their confirmation comes after it."""

    lost: Sequence[int] = range(16, 20)
    """As these, but nobody ever sends the confirmation again."""

    mirror: Sequence[int] = range(20, 24)
    """Confirmed by webhook while the API fails."""

    unread: Sequence[int] = range(24, 32)
    """Paid in time, and the sighting lies unread while the window closes."""

    empty: Sequence[int] = range(32, 36)
    """Never paid: these do expire."""

    @property
    def everybody(self) -> Sequence[int]:
        """Return all of them."""
        return (*self.paid, *self.lost, *self.mirror, *self.unread, *self.empty)


_MINUTES = {"created": 0, "seen": 2, "confirmed": 13}
_WORDS = {"created": "Pending", "seen": "Paid", "confirmed": "Confirmed"}


@dataclass(slots=True)
class Divergence:
    """The drill's steps, and what they saw."""

    stage: Stage
    sheet: Sheet
    clock: Clock
    secret: str = field(repr=False)
    seed: bytes = b""
    api_key: str = field(default_factory=partial(secrets.token_hex, 24), repr=False)
    cast: Cast = field(default_factory=Cast)
    states: Mapping[PaymentKey, State] = field(default_factory=dict)

    async def diverge(self, running: Running) -> None:
        """Play the whole story."""
        async with ProviderApi(PROVIDER, key=self.api_key) as api:
            clockwork = self._clockwork(running, api)
            seen = Seen()
            await self._begin(running, clockwork, api)
            await self._mirror(running, clockwork, api, seen)
            await self._blip(running, clockwork, api, seen)
            await self._lag(running, clockwork, seen)
            await self._outage(running, clockwork, api, seen)
            await self._recover(running, clockwork, api, seen)
        self.states = (await ledger.books(running.store)).states
        await Judge(self.stage, self.sheet, running).all(seen)

    async def quiet(self, running: Running) -> None:
        """Play a day on which nothing happened: everything comes once, in order and in time."""
        clockwork = Clockwork(running, self.stage.configuration, self.clock)
        cast = self.cast
        paid = (*cast.paid, *cast.lost, *cast.mirror, *cast.unread)
        async with clockwork.working():
            for minutes, event, who in (
                (1, "created", cast.everybody),
                (3, "seen", paid),
                (14, "confirmed", [one for one in paid if one not in cast.unread]),
            ):
                self.clock.move(minutes)
                await self._send(running, [self._parcel(one, event) for one in who])
                await self._applied(running)
            self.clock.move(40)
            await clockwork.sweep()
        self.states = (await ledger.books(running.store)).states

    async def _begin(self, running: Running, clockwork: Clockwork, api: ProviderApi) -> None:
        """Open every payment, and see some of them paid."""
        cast = self.cast
        async with clockwork.working():
            self.clock.move(1)
            await self._send(running, [self._parcel(one, "created") for one in cast.everybody])
            await self._applied(running)
            self._show(api, cast.everybody, "created")
            self.clock.move(3)
            seen = (*cast.paid, *cast.lost, *cast.mirror)
            await self._send(running, [self._parcel(one, "seen") for one in seen])
            await self._applied(running)
            self._show(api, seen, "seen")

    async def _mirror(
        self, running: Running, clockwork: Clockwork, api: ProviderApi, seen: Seen
    ) -> None:
        """Let the API fail while webhooks come."""
        self._note("the API answers with 500, the webhooks come")
        api.mood = Mood.BROKEN
        fetching = clockwork.fetching()
        # Six minutes after they were seen: near their limit, which is what makes them due.
        self.clock.move(9)
        before = await ledger.versions(running.store)
        await fetching.look()
        seen.asked_broken = len(api.asked)
        seen.moved_broken = await ledger.versions(running.store) != before
        seen.raised_broken = await ledger.diverging(running.store)
        async with clockwork.working():
            confirmed = [self._parcel(one, "confirmed") for one in self.cast.mirror]
            await self._send(running, confirmed)
            await self._applied(running)
        seen.mirrored = await self._count(running, self.cast.mirror, State.CONFIRMED)
        seen.mirror_due = len(self.cast.mirror)
        self._show(api, self.cast.mirror, "confirmed")
        api.mood = Mood.FRESH

    async def _blip(
        self, running: Running, clockwork: Clockwork, api: ProviderApi, seen: Seen
    ) -> None:
        """Let two answers be stale, once."""
        self._note("two answers are stale, once")
        stale = [self._reference(one) for one in self.cast.paid[:STALE]]
        api.moods = dict.fromkeys(stale, Mood.STALE)
        fetching = clockwork.fetching()
        before, asked = await ledger.versions(running.store), len(api.asked)
        await self._ask(fetching, 12)
        api.moods = {}
        told = [one.path.rpartition("/")[2] for one in api.asked[asked:]]
        await self._ask(fetching, 18)
        seen.stale_once = sum(one in stale for one in told)
        seen.moved_once = await ledger.versions(running.store) != before
        seen.raised_once = await ledger.diverging(running.store)

    async def _lag(self, running: Running, clockwork: Clockwork, seen: Seen) -> None:
        """Let windows close while the sightings lie unread, and then let the worker read them."""
        self._note("the worker stands still; sightings lie unread, and windows close")
        self.clock.move(19)
        await self._send(running, [self._parcel(one, "seen") for one in self.cast.unread])
        self.clock.move(40)
        seen.frozen_as = await clockwork.sweep()
        expired = await self._count(running, self.cast.everybody, State.EXPIRED)
        seen.expired_behind = expired
        async with clockwork.working():
            await self._applied(running)
            await clockwork.sweep()
            await self._told(running)
        seen.expired = await self._count(running, self.cast.everybody, State.EXPIRED)
        seen.expired_due = len(self.cast.empty)
        seen.paths_in_time = [self._path(one) for one in self.cast.unread]

    async def _outage(
        self, running: Running, clockwork: Clockwork, api: ProviderApi, seen: Seen
    ) -> None:
        """Stop the webhooks, and answer everything from a replica that is behind."""
        self._note("the webhooks stop, and the API answers from a replica that is behind")
        self._show(api, self.cast.unread, "seen")
        api.mood = Mood.STALE
        fetching = clockwork.fetching()
        before = await ledger.versions(running.store)
        asked = len(api.asked)
        # Often enough for every payment to be shown twice, and far enough apart.
        for minutes in (60, 66, 130, 136):
            await self._ask(fetching, minutes)
        seen.asked_stale = len(api.asked) - asked
        seen.moved_stale = await ledger.versions(running.store) != before
        seen.raised_stale = await ledger.diverging(running.store)
        seen.freezes_stale = await ledger.freezes(running.store)

    async def _recover(
        self, running: Running, clockwork: Clockwork, api: ProviderApi, seen: Seen
    ) -> None:
        """Clear the freeze; let webhooks resume in no order, and ask the provider meanwhile."""
        self.clock.catch_up()
        alone = await self.stage.command(self.sheet, "freeze", "off", *TRIED)
        seen.refused_alone = alone.code != EXIT_OK
        both = await self.stage.command(
            self.sheet, "freeze", "off", *TRIED, "--approved-by", "somebody else"
        )
        seen.cleared = both.code == EXIT_OK
        seen.freezes = await ledger.freezes(running.store)
        settled = (*self.cast.paid, *self.cast.lost)
        self._show(api, settled, "confirmed")
        api.mood = Mood.FRESH
        fetching = clockwork.fetching()
        late = [self._parcel(one, "confirmed") for one in self.cast.paid]
        late += [self._parcel(one, "seen") for one in (*self.cast.paid, *self.cast.unread)]
        self._note("the webhooks resume, in no order; some never come")
        async with clockwork.working():
            await asyncio.gather(self._send(running, _shuffled(late)), fetching.look())
            await self._applied(running)
            await self._ask(fetching, AGO_MIN + 1)
            await self._told(running)
        seen.diverging = await ledger.diverging(running.store)

    async def _ask(self, fetching: Fetching, minutes: float) -> None:
        """Make passes until everybody who is due was asked: one pass asks no more than a few."""
        self.clock.move(minutes)
        for _ in range(PASSES):
            await fetching.look()
            self.clock.at_ms += MINUTE_MS // 4

    def _clockwork(self, running: Running, api: ProviderApi) -> Clockwork:
        """Say where the provider is asked, in a configuration of the consumers' own."""
        file = self.stage.secret("api", self.api_key)
        told = self.stage.crew_configuration.read_text("utf-8")
        told += f'\n[source.fetch]\nbase_url = "{api.url}"\nkey_file = "{file}"\nprivate = true\n'
        path = self.stage.directory / "asking.toml"
        path.write_text(told + "rate_per_s = 100\n", "utf-8")
        return Clockwork(running, path, self.clock)

    def _note(self, what: str) -> None:
        self.sheet.note(telemetry.now_ms(), what)

    def _reference(self, number: int) -> str:
        return events.load(PROVIDER).reference.make(self.seed + b"%d" % number)

    def _path(self, number: int) -> str:
        return f"{PROVIDER}/{ACCOUNT}/{self._reference(number)}"

    def _parcel(self, number: int, event: str) -> Parcel:
        begun_ms = self.clock.begun_ms
        return Parcel(
            event,
            Occasion(
                reference=self._reference(number),
                event_id=events.load(PROVIDER).event_id.make(
                    self.seed + f"{number}/{event}".encode()
                ),
                opened_ms=begun_ms,
                seen_ms=begun_ms + _MINUTES["seen"] * MINUTE_MS,
                at_ms=begun_ms + _MINUTES[event] * MINUTE_MS,
                closes_ms=begun_ms + 15 * MINUTE_MS,
            ),
        )

    def _show(self, api: ProviderApi, who: Iterable[int], event: str) -> None:
        """Let the provider's API know where payments are."""
        paid = "0" if event == "created" else PRICE
        at_ms = self.clock.begun_ms + _MINUTES[event] * MINUTE_MS
        for number in who:
            api.show(Payment(self._reference(number), _WORDS[event], PRICE, paid, at_ms))

    async def _send(self, running: Running, parcels: Iterable[Parcel]) -> None:
        """Deliver webhooks. Raises `DrillFailed` for what was not taken."""
        url = f"{running.edge_url}/hooks/{SOURCE}"
        traffic = Traffic(providers.load(PROVIDER), url, running.wire, self.seed)
        traffic.add_key(KEY, self.secret)
        for one in await traffic.send(parcels, KEY):
            if not one.attempt.taken:
                raise DrillFailed(f"a webhook was answered with {one.attempt.status}")

    async def _applied(self, running: Running) -> None:
        topic = topics.verified(self.stage.environment)

        async def applied() -> bool:
            return await ledger.caught_up(running.store, running.log, topic, self.stage.group)

        if not await until(applied, within_s=SETTLES_S):
            raise DrillFailed("the worker did not catch up")

    async def _told(self, running: Running) -> None:
        async def told() -> bool:
            return not await running.store.notices_pending()

        if not await until(told, within_s=SETTLES_S):
            raise DrillFailed("the relay did not catch up")

    async def _count(self, running: Running, who: Iterable[int], state: State) -> int:
        wanted = {self._reference(one) for one in who}
        states = (await ledger.books(running.store)).states
        return sum(key.reference in wanted and one is state for key, one in states.items())


def _shuffled(parcels: Sequence[Parcel]) -> list[Parcel]:
    """Put them in no order but that of a lot."""

    def lot(one: Parcel) -> bytes:
        return hashlib.sha256(one.occasion.event_id.encode()).digest()

    return sorted(parcels, key=lot)


def drill(place: Path, services: Services) -> Sheet:
    """Play the drill in `place`; return its sheet. Raises `DrillFailed`."""
    mark, seed = secrets.token_hex(4), secrets.token_bytes(32)
    secret = new_secret(providers.load(PROVIDER), secrets.token_bytes(SECRET_BYTES))
    begun_ms = telemetry.now_ms() - AGO_MIN * MINUTE_MS
    sheet = Sheet("divergence", f"drill-{mark}", CRITERIA)
    stage = _stage(place / "drill", sheet.environment, services, secret)
    outage = Divergence(stage, sheet, Clock(begun_ms), secret, seed)
    run(stage, outage.diverge, (Role.EDGE, Role.MONITOR))
    quiet = Sheet("control", f"drill-{mark}-control", {})
    control = _stage(place / "control", quiet.environment, Services(), secret)
    calm = Divergence(control, quiet, Clock(begun_ms), secret, seed)
    run(control, calm.quiet, (Role.EDGE, Role.MONITOR))
    differing = {
        key: (outage.states.get(key), calm.states.get(key))
        for key in outage.states.keys() | calm.states.keys()
        if outage.states.get(key) is not calm.states.get(key)
    }
    sheet.affected = sorted(f"{key.provider}/{key.account}/{key.reference}" for key in calm.states)
    sheet.check(
        "as on a quiet day",
        f"{len(calm.states)} payments compared, {len(differing)} differ",
        holds=not differing and len(calm.states) == len(Cast().everybody),
    )
    sheet.residual = (
        "While it was frozen, what the provider's API showed less of was believed by nobody: money"
        " that was really gone meanwhile is seen when the freeze is cleared, and no sooner."
    )
    return sheet


def _stage(place: Path, environment: str, services: Services, secret: str) -> Stage:
    place.mkdir(mode=0o700)
    stage = Stage(place, environment, services, consumer=LIMITS)
    stage.texts.append(f"""
[[source]]
slug = "{SOURCE}"
provider = "{PROVIDER}"
account = "{ACCOUNT}"

[[source.key]]
id = "{KEY}"
file = "{stage.secret(SOURCE, secret)}"
""")
    stage.write()
    return stage
