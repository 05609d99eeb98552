"""A provider that is asked over real HTTP, a real store, and a clock that the test moves."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from prometheus_client import CollectorRegistry

from consumers.apply import Applier
from consumers.fetching.budget import Budget
from consumers.fetching.metrics import FetchMetrics
from consumers.fetching.passing import Fetching, Reach
from consumers.fetching.port import Account
from consumers.fetching.queue import Queue, Wishes
from consumers.fetching.taking import Rim, Taker
from consumers.interpret import interpreter, mapping
from consumers.lifecycle import State
from consumers.policy import NO_POLICY, Policy
from consumers.store.cases import Item, ItemFilter
from consumers.store.poll_store import Polls
from consumers.store.polls import Freeze, ProviderRead
from consumers.store.port import PaymentKey, Store
from consumers.weighing import Terms
from ingress.contract.envelope import Assurance, Envelope
from ingress.eventlog.port import Position, Record
from ingress.keyring import Secret
from sealgate.fetching.http import HttpFetcher, Limits, Place
from sealgate.fetching.origin import read
from sealgate.simulator.api import ProviderApi
from sealgate.simulator.api_styles import Payment
from tests.support.builders import NOW_MS, PARTITION, envelope

KEY = "read-only-c0ffee-canary"
ENVIRONMENT = "sandbox"
GROUP = "asked"
MINUTE_MS = 60_000
POLICY = Policy("asked", Terms())


@dataclass
class Asking:
    """One environment that asks one provider; `now_ms` is everybody's clock."""

    store: Store
    api: ProviderApi
    wishes: Wishes = field(default_factory=Wishes)
    rate_per_s: float = 1000.0
    limits: Limits = field(default_factory=Limits)
    policy: Policy = NO_POLICY
    parked: Sequence[Account] = ()
    now_ms: int = NOW_MS
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    fetching: Fetching = field(init=False)
    sent: int = 0

    def __post_init__(self) -> None:
        self.fetching = self.made(self.registry)

    @property
    def account(self) -> Account:
        """Name the account that is asked."""
        return Account(self.api.provider, "main")

    def key(self, reference: str) -> PaymentKey:
        """Name a payment."""
        return PaymentKey(*self.account, reference)

    def fetcher(self) -> HttpFetcher:
        """Make what asks, as the configuration would have it."""
        [told] = [one for one in mapping.load()[self.api.provider] if one.snapshot]
        assert told.snapshot is not None
        place = Place(
            base=read(self.api.url),
            path=told.snapshot.path,
            header=told.snapshot.header,
            prefix=told.snapshot.prefix,
            key=Secret(KEY.encode()),
            is_private=True,
        )
        return HttpFetcher(place, lambda: self.now_ms, self.limits)

    def made(self, registry: CollectorRegistry) -> Fetching:
        """Make it as another process would have it."""
        rim = Rim(ENVIRONMENT, "test", lambda: self.now_ms)
        taker = Taker(self.store, interpreter.load(), self.policy, rim, tuple(self.parked))
        return Fetching(
            reaches={self.account: Reach(self.fetcher(), Budget(self.rate_per_s, burst=1000))},
            queue=Queue(self.store, {self.account}, self.wishes),
            taker=taker,
            metrics=FetchMetrics(registry, [self.account]),
            clock=lambda: self.now_ms,
        )

    async def tell(self, word: str, reference: str, body: bytes = b"{}", **changes: Any) -> str:
        """Apply an event as a worker would; return its verdict."""
        [verdict] = await self.tell_all(word, {reference: body}, **changes)
        return verdict

    async def hint(self, word: str, reference: str) -> str:
        """Apply an event that proves nothing."""
        return await self.tell(word, reference, assurance=Assurance.D)

    async def tell_all(self, word: str, bodies: Mapping[str, bytes], **changes: Any) -> list[str]:
        """Apply events about several payments in one batch; return their verdicts."""
        claim = (await self.store.claim_partitions(GROUP, [PARTITION], "us"))[PARTITION]
        records = []
        for reference, body in bodies.items():
            sealed = self._sealed(word, reference, body, changes)
            key, headers, value = sealed.encode()
            records.append(Record(Position(PARTITION, self.sent), key, value, headers, self.now_ms))
            self.sent += 1
        applier = Applier(self.store, ENVIRONMENT, GROUP, self._clock, policy=self.policy)
        return [
            str(one.verdict) for one in (await applier.apply(records, {PARTITION: claim})).outcomes
        ]

    def _clock(self) -> int:
        return self.now_ms

    def _sealed(
        self, word: str, reference: str, body: bytes, changes: Mapping[str, Any]
    ) -> Envelope:
        plain = replace(
            envelope(body),
            provider=self.api.provider,
            event_key=f"{word}-{reference}-{self.sent}",
            event_type=word,
            payment_ref=reference,
            body_digest="sha256:" + hashlib.sha256(body + str(self.sent).encode()).hexdigest(),
            occurred_ms=self.now_ms,
            received_ms=self.now_ms,
        )
        return replace(plain, **changes)

    async def look(self, *, after_ms: int = 0) -> int:
        """Make one pass; return how many payments moved."""
        self.now_ms += after_ms
        return len(await self.fetching.look())

    async def state(self, reference: str) -> State | None:
        """Read where a payment is."""
        found = await self.store.payment(self.key(reference))
        return None if found is None else found.state

    async def moves(self, reference: str) -> list[tuple[State, str]]:
        """Read a payment's history: each state, and why it came to be."""
        found = await self.store.transitions(self.key(reference))
        return [(one.after, str(one.cause)) for one in found]

    async def open(self) -> list[Item]:
        """Read the open exceptions."""
        return [*await self.store.cases.items(ItemFilter(), None, 1000)]

    async def codes(self) -> list[str]:
        """Read the codes of the open exceptions."""
        return sorted(one.anomaly.code for one in await self.open())

    async def reads(self, reference: str) -> list[ProviderRead]:
        """Read what was answered about a payment, the last answer first."""
        return [*await Polls.of(self.store).reads(self.key(reference), 100)]

    async def comparisons(self, reference: str) -> list[str]:
        """Read how the answers stood, the first one first."""
        return [one.comparison for one in reversed(await self.reads(reference))]

    async def freeze(self) -> Freeze | None:
        """Read the last word on the freeze."""
        return await Polls.of(self.store).freeze()

    async def notices(self) -> int:
        """Count what downstream is to hear."""
        return await self.store.notices_pending()

    def shown(self, reference: str, word: str, paid: str = "0", price: str = "0.00049000") -> None:
        """Let the provider show a payment from now on."""
        self.api.show(Payment(reference, word, price, paid, self.now_ms))


def kobbo(reference: str, received: str = "0") -> bytes:
    """Write the body of an event of Kobbopay's."""
    told = {"payment_id": reference, "amount": "49.00", "currency": "USDC"}
    return json.dumps(told | {"amount_received": received}).encode()
