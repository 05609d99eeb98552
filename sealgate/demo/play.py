"""Play scenarios against a running edge, over real HTTP, with one simulated provider each.

Scenarios flow in, `Played` flows out: which payment each was about, and every attempt that was made
for each of its steps. Nothing is judged here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from consumers.store.port import PaymentKey
from ingress import providers
from ingress.providers import Profile
from ingress.telemetry import Clock
from sealgate.demo.ground import Ground
from sealgate.demo.scenario import ACCOUNT, SOURCES, Scenario, Step
from sealgate.simulator import events, keys
from sealgate.simulator.events import Occasion
from sealgate.simulator.keys import SECRET_BYTES, SigningKey, new_secret
from sealgate.simulator.provider import Attempt, Dispatch, Parcel, Provider
from sealgate.simulator.twist import Signer, Twist
from sealgate.simulator.wire import Wire

# A wait of ten seconds becomes ten milliseconds.
TIME_SCALE = 0.001
WINDOW_MIN = 15
SEEN_MIN = 2
# All of it happened before now: an event from the future would be a scenario of its own.
OPENED_MIN_AGO = 30
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Played:
    """A scenario as it went: for each step its attempts, in the order of their answers."""

    scenario: Scenario
    payment: PaymentKey
    attempts: tuple[tuple[Attempt, ...], ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """Where scenarios are played. `run` makes the ids of this run differ from any other's."""

    edge_url: str
    ground: Ground
    run: bytes
    wire: Wire
    clock: Clock

    async def play(self, scenario: Scenario) -> Played:
        """Play one scenario, step by step."""
        samples = events.load(scenario.provider)
        seed = self.run + scenario.title.encode()
        reference = samples.reference.make(seed)
        provider = Provider(
            samples=samples,
            url=f"{self.edge_url}/hooks/{scenario.source}",
            signers=self._signers(scenario, seed),
            wire=self.wire,
            clock=self.clock,
            time_scale=TIME_SCALE,
        )
        opened_ms = self.clock() - OPENED_MIN_AGO * _MINUTE_MS
        made = []
        for step in scenario.steps:
            # An event is its name: the same step again is a redelivery, not a new event.
            event_id = samples.event_id.make(seed + step.event.encode())
            occasion = _occasion(reference, event_id, opened_ms, step.minute)
            made.append(await _deliver(provider, step, occasion))
        payment = PaymentKey(scenario.provider, ACCOUNT, reference)
        return Played(scenario, payment, tuple(made))

    def _signers(self, scenario: Scenario, seed: bytes) -> Mapping[str, Signer]:
        """Make one signer for each key of the source; of an unknown source, for a provider's."""
        known = {source.slug: source for source in SOURCES}
        same = (source for source in SOURCES if source.provider == scenario.provider)
        source = known.get(scenario.source) or next(same)
        profile = providers.load(source.provider, dict(source.parameters))
        wrong = _key(profile, new_secret(profile, seed[:SECRET_BYTES]))
        return {
            key_id: Signer(profile, _key(profile, self.ground.secrets[source.slug, key_id]), wrong)
            for key_id in source.key_ids
        }


async def _deliver(provider: Provider, step: Step, occasion: Occasion) -> tuple[Attempt, ...]:
    parcel = Parcel(step.event, occasion, step.key)
    if step.together:
        dispatch = Dispatch(parcel, copies=len(step.expect))
        return tuple(await provider.dispatch([dispatch]))
    if len(step.expect) > 1:
        return tuple(await provider.deliver_until_taken(parcel, step.twists))
    twist = step.twists[0] if step.twists else Twist.GENUINE
    # One attempt, whatever comes: an attacker follows no provider's rules for retries.
    return (await provider.deliver(parcel, twist, step.number),)


def _occasion(reference: str, event_id: str, opened_ms: int, minute: int) -> Occasion:
    return Occasion(
        reference=reference,
        event_id=event_id,
        opened_ms=opened_ms,
        seen_ms=opened_ms + SEEN_MIN * _MINUTE_MS,
        at_ms=opened_ms + minute * _MINUTE_MS,
        closes_ms=opened_ms + WINDOW_MIN * _MINUTE_MS,
    )


def _key(profile: Profile, secret: str) -> SigningKey:
    return keys.read(profile, secret.encode())
