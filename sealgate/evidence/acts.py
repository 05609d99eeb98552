"""What is done to the throw-away gateway: genuine deliveries, attacks, repetitions, payments told.

Every subject gets the same: one genuine delivery, the very same bytes three times more, two of them
at once, and every attack that its way of signing can express, each of an event of its own. Payments
are told forwards and backwards where the provider's words are known. What was sent and answered
flows out; `judged` says what it proves.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from ingress import telemetry
from ingress.contract import topics
from ingress.providers import signature as signs
from sealgate.drills.ledger import caught_up
from sealgate.drills.stage import until
from sealgate.evidence.ground import Ground, Running, SelfTestFailed, Subject
from sealgate.simulator import minimal
from sealgate.simulator.draft import CONTENT_TYPE, JSON, Draft
from sealgate.simulator.events import Occasion, Samples
from sealgate.simulator.twist import Inexpressible, Request, Signer, Twist
from sealgate.simulator.wire import Answer, Unreachable

ATTACKS = (Twist.FORGED, Twist.WRONG_KEY, Twist.UNSIGNED, Twist.ALTERED, Twist.STALE)
TALE = ("created", "seen", "confirmed")
SETTLES_S = 30.0
_MINUTE_MS = 60_000
_OPENED_MIN_AGO = 30
_MINUTES = {"created": 0, "underpaid": 3, "seen": 6, "confirmed": 12}
_WINDOW_MIN = 15
_SEEN_MIN = 2
_SEED_BYTES = 16


@dataclass(frozen=True, slots=True)
class Sent:
    """One delivery: what it was, of whom, about which payment, and its answer."""

    subject: str
    what: Twist
    reference: str
    event: str
    answer: Answer


@dataclass(slots=True)
class Deeds:
    """Everything that was done, in order; `inexpressible` are attacks that mean nothing somewhere.

    What is `unrepeatable` names no event: by its profile each call is one of its own. A tale is a
    payment of a subject, told forwards and backwards: two references.
    """

    genuine: list[Sent] = field(default_factory=list)
    again: list[Sent] = field(default_factory=list)
    attacks: list[Sent] = field(default_factory=list)
    inexpressible: list[str] = field(default_factory=list)
    unrepeatable: list[str] = field(default_factory=list)
    unsendable: list[str] = field(default_factory=list)
    tales: list[tuple[Subject, str, str]] = field(default_factory=list)
    told: list[Sent] = field(default_factory=list)
    broken: Sent | None = None


@dataclass(slots=True)
class Actor:
    """Sends to one running gateway."""

    ground: Ground
    running: Running
    deeds: Deeds = field(default_factory=Deeds)

    async def everything(self) -> None:
        """Do all of it. Raises `SelfTestFailed`."""
        for subject in self.ground.subjects:
            try:
                await self._introduce(subject)
            except ValueError as wrong:
                why = str(wrong).partition("\n")[0]
                self.deeds.unsendable.append(f"source {subject.slug} was not tried: {why}")
        for subject in self.ground.subjects:
            if subject.samples is not None:
                await self._tell_both_ways(subject, subject.samples)

    async def _introduce(self, subject: Subject) -> None:
        """Deliver genuinely, again, and as an attacker would. Raises `ValueError`."""
        occasion, draft = _event(subject)
        request = _signed(subject, Twist.GENUINE, draft, occasion)
        first = await self._send(subject, request, Twist.GENUINE, occasion)
        self.deeds.genuine.append(first)
        if subject.profile.declaration.identity.repeats:
            self.deeds.unrepeatable.append(subject.slug)
        else:
            await self._repeat(subject, request, occasion)
        for twist in ATTACKS:
            await self._attack(subject, twist)

    async def _repeat(self, subject: Subject, request: Request, occasion: Occasion) -> None:
        """Deliver the very same bytes again: twice at once, and once more."""
        at_once = [self._send(subject, request, Twist.GENUINE, occasion) for _ in range(2)]
        self.deeds.again += await asyncio.gather(*at_once)
        self.deeds.again.append(await self._send(subject, request, Twist.GENUINE, occasion))

    async def _attack(self, subject: Subject, twist: Twist) -> None:
        occasion, draft = _event(subject)
        if twist is Twist.STALE and not _expires(subject):
            self.deeds.inexpressible.append(f"{subject.slug}: nothing signed says when it was sent")
            return
        try:
            request = _signed(subject, twist, draft, occasion)
        except Inexpressible as why:
            self.deeds.inexpressible.append(f"{subject.slug}: {twist.value}: {why}")
            return
        self.deeds.attacks.append(await self._send(subject, request, twist, occasion))

    async def _tell_both_ways(self, subject: Subject, samples: Samples) -> None:
        forwards, backwards = _reference(samples), _reference(samples)
        for name in TALE:
            await self.tell(subject, samples, forwards, name)
            await self.applied()
        for name in reversed(TALE):
            await self.tell(subject, samples, backwards, name)
            await self.applied()
        self.deeds.tales.append((subject, forwards, backwards))

    async def tell(
        self,
        subject: Subject,
        samples: Samples,
        reference: str,
        name: str,
        twist: Twist = Twist.GENUINE,
    ) -> Sent:
        """Tell one event of a payment in the provider's words."""
        opened_ms = telemetry.now_ms() - _OPENED_MIN_AGO * _MINUTE_MS
        seed = reference.encode() + name.encode() + twist.encode()
        occasion = _occasion(samples, reference, seed, opened_ms, _MINUTES[name])
        draft = Draft(headers={CONTENT_TYPE: JSON}, body=samples.body(name, occasion))
        request = _signed(subject, twist, draft, occasion)
        sent = await self._send(subject, request, twist, occasion)
        self.deeds.told.append(sent)
        return sent

    async def applied(self) -> None:
        """Wait until everything was applied and told. Raises `SelfTestFailed`."""
        settings = self.ground.configuration.settings
        topic, store = topics.verified(settings.environment), self.running.store

        async def settled() -> bool:
            done = await caught_up(store, self.running.log, topic, settings.consumer.group)
            return done and not await store.notices_pending()

        if not await until(settled, within_s=SETTLES_S):
            raise SelfTestFailed("the throw-away gateway did not apply what it accepted")

    async def _send(
        self, subject: Subject, request: Request, what: Twist, occasion: Occasion
    ) -> Sent:
        url = f"{self.running.edge_url}/hooks/{subject.slug}"
        try:
            answer = await self.running.wire.send(url, request)
        except Unreachable as away:
            raise SelfTestFailed(str(away)) from None
        return Sent(subject.slug, what, occasion.reference, occasion.event_id, answer)


def _event(subject: Subject) -> tuple[Occasion, Draft]:
    """Make an event that nobody sent before: in the provider's words, else the smallest."""
    now_ms = telemetry.now_ms()
    if subject.samples is not None:
        reference = _reference(subject.samples)
        occasion = _occasion(subject.samples, reference, reference.encode(), now_ms, 0)
        body = subject.samples.body("created", occasion)
        return occasion, Draft(headers={CONTENT_TYPE: JSON}, body=body)
    mark = secrets.token_hex(_SEED_BYTES)
    occasion = Occasion(f"pay_{mark}", f"evt_{mark}", now_ms, now_ms, now_ms, now_ms)
    return occasion, minimal.draft(subject.profile, occasion)


def _occasion(
    samples: Samples, reference: str, seed: bytes, opened_ms: int, minute: int
) -> Occasion:
    return Occasion(
        reference=reference,
        event_id=samples.event_id.make(seed),
        opened_ms=opened_ms,
        seen_ms=opened_ms + _SEEN_MIN * _MINUTE_MS,
        at_ms=opened_ms + minute * _MINUTE_MS,
        closes_ms=opened_ms + _WINDOW_MIN * _MINUTE_MS,
    )


def _reference(samples: Samples) -> str:
    return samples.reference.make(secrets.token_bytes(_SEED_BYTES))


def _signed(subject: Subject, twist: Twist, draft: Draft, occasion: Occasion) -> Request:
    """Sign a draft. Raises `Inexpressible`, `ValueError`."""
    addressed = Draft(draft.method, subject.url, draft.query, draft.headers, draft.body)
    signer = Signer(subject.profile, subject.key, subject.wrong)
    return signer.request(twist, addressed, telemetry.now_ms(), occasion.event_id)


def _expires(subject: Subject) -> bool:
    """Say whether a captured delivery of this profile is too old some day."""
    says = subject.profile.declaration
    tokens: Sequence[object] = says.signature
    return says.is_judged or any(
        isinstance(one, signs.Jws) and one.requires_expiry for one in tokens
    )
