"""The provider and the attacker of a drill: who sends what, signed with which key, and a ledger.

The provider's ledger is the truth of the drill: what it sent is what happened, whatever reached us.
The attacker holds a leaked key and sends what never happened.
"""

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ingress import telemetry
from ingress.providers import Profile
from sealgate.simulator import events, keys
from sealgate.simulator.events import Occasion
from sealgate.simulator.keys import SigningKey
from sealgate.simulator.provider import Attempt, Parcel, Provider
from sealgate.simulator.twist import Signer
from sealgate.simulator.wire import Wire

AT_ONCE = 8
_MINUTE_MS = 60_000
_OPENED_MIN_AGO = 30
_MINUTES = {"created": 0, "seen": 2, "payment_settled": 12, "confirmed": 13}


@dataclass(frozen=True, slots=True)
class Sent:
    """One attempt, with the moments around it: milliseconds since the epoch."""

    attempt: Attempt
    key_id: str
    begun_ms: int
    ended_ms: int


@dataclass(slots=True)
class Traffic:
    """Everything that is sent to one source of one provider."""

    profile: Profile
    url: str
    wire: Wire
    seed: bytes
    signing: dict[str, SigningKey] = field(default_factory=dict, repr=False)
    sent: list[Sent] = field(default_factory=list)

    def add_key(self, key_id: str, secret: str) -> None:
        """Sign with this secret where `key_id` is asked for."""
        self.signing[key_id] = keys.read(self.profile, secret.encode())

    def payment(self, number: int) -> str:
        """Return the reference of a payment of this run."""
        return events.load(self.profile.name).reference.make(self.seed + b"%d" % number)

    def parcel(self, number: int, event: str, by: str = "provider") -> Parcel:
        """Make one event of a payment; two senders never choose the same event id."""
        samples = events.load(self.profile.name)
        opened_ms = telemetry.now_ms() - _OPENED_MIN_AGO * _MINUTE_MS
        seed = self.seed + f"{number}/{event}/{by}".encode()
        occasion = Occasion(
            reference=self.payment(number),
            event_id=samples.event_id.make(seed),
            opened_ms=opened_ms,
            seen_ms=opened_ms + 2 * _MINUTE_MS,
            at_ms=opened_ms + _MINUTES[event] * _MINUTE_MS,
            closes_ms=opened_ms + 15 * _MINUTE_MS,
        )
        return Parcel(event, occasion)

    async def send(self, parcels: Iterable[Parcel], key_id: str) -> list[Sent]:
        """Send parcels, some at once, each one time, signed with a key."""
        gate = asyncio.Semaphore(AT_ONCE)
        key = self.signing[key_id]
        provider = Provider(
            events.load(self.profile.name),
            self.url,
            {key_id: Signer(self.profile, key, key)},
            self.wire,
            telemetry.now_ms,
        )

        async def one(parcel: Parcel) -> Sent:
            async with gate:
                begun_ms = telemetry.now_ms()
                attempt = await provider.deliver(parcel)
                return Sent(attempt, key_id, begun_ms, telemetry.now_ms())

        done = list(await asyncio.gather(*(one(parcel) for parcel in parcels)))
        self.sent += done
        return done


def refused(sent: Iterable[Sent]) -> list[Parcel]:
    """Return what was not taken, to be sent again."""
    return [one.attempt.parcel for one in sent if not one.attempt.taken]


def event_ids(parcels: Iterable[Parcel]) -> set[str]:
    """Return the ids of events."""
    return {parcel.occasion.event_id for parcel in parcels}


def ledger_lines(parcels: Sequence[Parcel], account: str) -> str:
    """Write the provider's ledger: one JSON line for each event that it sent."""
    lines = [
        json.dumps(
            {
                "account": account,
                "event": parcel.occasion.event_id,
                "payment": parcel.occasion.reference,
            }
        )
        for parcel in parcels
    ]
    return "\n".join(lines) + "\n"
