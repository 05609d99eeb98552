"""The keys that a provider publishes, fetched before anything is verified with them; and no longer.

The sources that have anything to verify flow in; what was fetched within a bounded time flows out.
A key that a delivery names is wished for, and waited for as long as its source has time left: many
deliveries under one missing key wait once.
"""

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING

from ingress import telemetry
from ingress.fetching import Fetching, is_whole
from ingress.keysources.result import Result
from ingress.sources import Snapshot
from ingress.verification import Fetched

if TYPE_CHECKING:
    from ingress.keysources.fetch import Fetch

WAIT_S = 15.0
"""Of one source, all in all: three requests at their slowest."""
LOOK_S = 0.05


class Keys:
    """The fetched keys of some sources."""

    def __init__(
        self,
        sources: Snapshot,
        slugs: Collection[str],
        clock: telemetry.Clock,
        fetch: "Fetch | None" = None,
    ) -> None:
        chosen = ((slug, sources[slug].plan) for slug in sorted(slugs) if slug in sources)
        plans = {slug: plan for slug, plan in chosen if plan is not None}
        self._fetching = Fetching(plans, _unnoted, clock, fetch)
        self._whole = [slug for slug, plan in plans.items() if is_whole(plan)]
        self._left_s = dict.fromkeys(plans, WAIT_S)

    @property
    def slugs(self) -> list[str]:
        """The sources whose keys are fetched."""
        return list(self._left_s)

    def of(self, slug: str) -> Fetched | None:
        """Return what verifies deliveries of a source beside its configured keys."""
        return self._fetching.by_slug.get(slug)

    async def start(self) -> list[str]:
        """Fetch what can be fetched at once; return the sources that nothing was fetched for."""
        self._fetching.start()
        await asyncio.gather(*(self.arrived(slug) for slug in self._whole))
        return [slug for slug in self._whole if not self._fetching.has_keys(slug)]

    async def arrived(self, slug: str) -> bool:
        """Wait until other keys are held than now; say whether that happened in time."""
        source = self._fetching.by_slug[slug]
        before = source.keys()
        while self._left_s[slug] > 0:
            await asyncio.sleep(LOOK_S)
            self._left_s[slug] -= LOOK_S
            if source.keys() != before:
                return True
        return False

    async def stop(self) -> None:
        """Fetch no more."""
        await self._fetching.stop()


def _unnoted(slug: str, result: Result, held: int) -> None:
    """Count nothing: this process has no metrics."""
