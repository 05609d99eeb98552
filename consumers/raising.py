"""Hold the open exceptions against what time has done: raise, make worse, and end.

Nothing is remembered between two looks: what should be open is compared with what is, so a crash
or a second process leaves nothing behind. Both who watches the states (`timers`) and who watches
what is owed (`debts`) write through here.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from consumers.exceptions import Code, subject_of
from consumers.moving import anomaly
from consumers.overdue import Overstay
from consumers.store.cases import Anomaly, AtRisk, Item, ItemFilter, Resolution, place_of
from consumers.store.port import Changes, Payment, PaymentKey, Store
from ingress import telemetry

PAGE = 500
# A page of 500 costs some 5 ms of a core, so a million abandoned carts cost ten seconds at each
# sweep. Resting four times as long as a page took keeps that below a fifth of a core, whatever
# there is; the sweep takes longer instead, and nothing here is a matter of seconds.
REST = 4.0
REST_MIN_S = 0.01
RAISED_MAX = 500
# Of one kind. Nobody works through more, and a sweep has to remember them.
OPEN_MAX = 20_000
# A subject that long holds no slash: provider/account/reference can be taken apart again.
_KEY_NAMES = 2


@dataclass(frozen=True, slots=True)
class Raising:
    """Reads and writes exceptions about payments."""

    store: Store
    clock: telemetry.Clock

    async def open(self, code: Code) -> dict[str, Item]:
        """Read the open exceptions of a code, by their subject."""
        found: dict[str, Item] = {}
        wanted = ItemFilter(codes=frozenset({code.value}))
        page = await self.store.cases.items(wanted, None, PAGE)
        while page:
            found.update((item.anomaly.subject, item) for item in page)
            is_last = len(page) < PAGE or len(found) >= OPEN_MAX
            page = () if is_last else await self.store.cases.items(wanted, place_of(page[-1]), PAGE)
        return found

    async def payment(self, item: Item) -> Payment | None:
        """Read the payment that an exception is about."""
        key = await self._key(item)
        return None if key is None else await self.store.payment(key)

    async def write(
        self, worse: Sequence[Overstay], ended: Mapping[Code, Sequence[Item]], why: str
    ) -> None:
        """Raise exceptions and end exceptions, in one transaction; `why` they ended."""
        now_ms = self.clock()
        resolved = [
            Resolution(code.value, item.anomaly.subject, why, now_ms)
            for code, items in ended.items()
            for item in items
        ]
        if not worse and not resolved:
            return
        changes = Changes(
            anomalies=[await self._raised(one, now_ms) for one in worse], resolved=resolved
        )
        async with self.store.transaction() as tx:
            await tx.save(changes)

    async def _key(self, item: Item) -> PaymentKey | None:
        """Name the payment of an exception: by its subject, which may be a digest, or its event."""
        provider, *names = item.anomaly.subject.split("/", 2)
        if len(names) == _KEY_NAMES:
            return PaymentKey(provider, *names)
        event = None if item.anomaly.event is None else await self.store.event(item.anomaly.event)
        if event is None:
            return None
        return PaymentKey(*event.event.key[:2], event.event.reference)

    async def _raised(self, one: Overstay, now_ms: int) -> Anomaly:
        """Make the exception, with the event that brought the payment where it is."""
        key = one.payment.key
        history = await self.store.transitions(key)
        event = history[-1].event if history else None
        told = anomaly(one.code, subject_of(key), one.evidence, event, now_ms)
        [*sums] = one.at_risk.items()
        risk = AtRisk(*sums[0]) if len(sums) == 1 else None
        return replace(told, severity=one.severity, at_risk=risk)


def is_news(one: Overstay, item: Item | None) -> bool:
    """Say whether an exception is to be raised, or made worse."""
    return item is None or one.severity < item.anomaly.severity


async def rest(begun_s: float) -> None:
    """Let others work for a while, after work that began then."""
    await asyncio.sleep(max(REST_MIN_S, REST * (time.monotonic() - begun_s)))
