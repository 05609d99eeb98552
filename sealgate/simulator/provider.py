"""A provider that delivers like the real one, over real HTTP, and can be made to misbehave.

Events flow in as `Parcel`s; each is signed at the moment it is sent, posted, and recorded as an
`Attempt`. What is refused is sent again by the provider's own rules: after which answers, after
which waits (times a scale, or a test would take an hour), and with what the provider rewrites in a
redelivery. Duplicates, delays and a changed order are the caller's to ask for with `Dispatch`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ingress.telemetry import Clock
from sealgate.simulator.draft import CONTENT_TYPE, JSON, Draft
from sealgate.simulator.events import Occasion, Samples
from sealgate.simulator.twist import Signer, Twist
from sealgate.simulator.wire import Unreachable, Wire, is_success


@dataclass(frozen=True, slots=True)
class Parcel:
    """One event to be delivered. `key` names the secret to sign with; empty is the first."""

    event: str
    occasion: Occasion
    key: str = ""


@dataclass(frozen=True, slots=True)
class Dispatch:
    """A parcel, when to send it, how often, and what happens to it on the way."""

    parcel: Parcel
    after_s: float = 0.0
    copies: int = 1
    twist: Twist = Twist.GENUINE


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery: what was sent, and what came of it. `status` is None where no answer came."""

    parcel: Parcel
    number: int
    twist: Twist
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    status: int | None
    correlation_id: str
    latency_s: float
    trouble: str = ""

    @property
    def taken(self) -> bool:
        """Say whether the receiver took it."""
        return self.status is not None and is_success(self.status)


@dataclass(slots=True)
class Provider:
    """One provider, registered to deliver to `url`. `attempts` is its own delivery log."""

    samples: Samples
    url: str
    signers: Mapping[str, Signer]
    wire: Wire
    clock: Clock
    time_scale: float = 1.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    attempts: list[Attempt] = field(default_factory=list)

    async def deliver(
        self, parcel: Parcel, twist: Twist = Twist.GENUINE, number: int = 1
    ) -> Attempt:
        """Make one attempt."""
        body = self.samples.body(parcel.event, parcel.occasion.again(number))
        signer = self.signers[parcel.key or next(iter(self.signers))]
        draft = Draft(url=self.url, headers={CONTENT_TYPE: JSON}, body=body)
        request = signer.request(twist, draft, self.clock(), parcel.occasion.event_id)
        status, correlation_id, latency_s, trouble = None, "", 0.0, ""
        try:
            answer = await self.wire.send(self.url, request)
            status, correlation_id = answer.status, answer.correlation_id
            latency_s = answer.latency_s
        except Unreachable as away:
            trouble = str(away)
        attempt = Attempt(
            parcel=parcel,
            number=number,
            twist=twist,
            headers=request.headers,
            body=request.body,
            status=status,
            correlation_id=correlation_id,
            latency_s=latency_s,
            trouble=trouble,
        )
        self.attempts.append(attempt)
        return attempt

    async def deliver_until_taken(
        self, parcel: Parcel, twists: Sequence[Twist] = ()
    ) -> list[Attempt]:
        """Deliver and retry as this provider does; the n-th attempt suffers the n-th twist.

        Ends with the first 2xx, an answer after which this provider gives up, or its last retry.
        """
        made: list[Attempt] = []
        for wait_s in (0.0, *self.samples.retry.waits_s):
            if made:
                await self.sleep(wait_s * self.time_scale)
            number = len(made) + 1
            twist = twists[number - 1] if number <= len(twists) else Twist.GENUINE
            made.append(await self.deliver(parcel, twist, number))
            if made[-1].taken or not self.samples.retry.again(made[-1].status):
                break
        return made

    async def dispatch(self, dispatches: Sequence[Dispatch]) -> list[Attempt]:
        """Send everything side by side, each after its delay: one attempt for each copy."""
        sendings = [self._send_later(one) for one in dispatches for _ in range(one.copies)]
        return list(await asyncio.gather(*sendings))

    async def _send_later(self, dispatch: Dispatch) -> Attempt:
        if dispatch.after_s > 0:
            await self.sleep(dispatch.after_s * self.time_scale)
        return await self.deliver(dispatch.parcel, dispatch.twist)
