"""The part of a process that asks providers: made from the configuration, started, and stopped."""

import asyncio
from collections.abc import Sequence
from typing import Self

from consumers import app
from consumers.fetching.budget import Budget
from consumers.fetching.metrics import FetchMetrics
from consumers.fetching.passing import Fetching, Reach
from consumers.fetching.port import Account
from consumers.fetching.queue import Queue, Wishes
from consumers.fetching.taking import Rim, Taker
from consumers.patience import Limit, all_limits
from consumers.settings import ConsumerSettings
from consumers.store.port import StoreUnavailable
from ingress import telemetry
from sealgate import mappings
from sealgate.config import Configuration
from sealgate.fetching.http import HttpFetcher, Place
from sealgate.fetching.reaching import Reached, reached


class FetchApp(app.Background):
    """Asks for payments for ever; a provider that is away ends nothing."""

    def __init__(self, parts: app.Parts, fetching: Fetching) -> None:
        super().__init__(parts)
        self._fetching = fetching

    @classmethod
    def of(cls, configuration: Configuration, parts: app.Parts) -> Self:
        """Make the part that a configuration asks for."""
        return cls(parts, build(configuration, parts))

    async def work(self) -> None:
        """Ask for ever."""
        await self._fetching.run()

    async def _run(self) -> None:
        """Begin as soon as the store is there: of the log, nothing is needed."""
        store, environment = self._parts.store, self._parts.environment
        said = ""
        while not self.is_prepared:
            try:
                await store.open(environment)
                self.is_prepared = True
            except StoreUnavailable as away:
                if str(away) != said:
                    said = str(away)
                    telemetry.logger("fetching").warning("not_yet_there", reason=said)
                await asyncio.sleep(app.RETRY_S)
        await self.work()


def build(configuration: Configuration, parts: app.Parts) -> Fetching:
    """Put together what asks, what is asked about, and what takes the answers."""
    settings = configuration.settings.fetching
    found = reached(configuration)
    reaches = {
        Account(one.source.provider, one.source.account): Reach(
            HttpFetcher(_place(one), parts.clock), Budget(one.fetch.rate_per_s)
        )
        for one in found
    }
    wishes = Wishes(
        limits=_limits(parts.settings) if settings.overdue else (),
        terms=parts.policy.terms,
        confirmed_ms=int(settings.confirmed_s * 1000),
    )
    parked = {
        Account(source.provider, source.account)
        for source in configuration.settings.source
        if source.slug in configuration.settings.policy.expect_first
    }
    taker = Taker(
        store=parts.store,
        interpreters=mappings.in_force(configuration),
        policy=parts.policy,
        rim=Rim(parts.environment, str(parts.mode), parts.clock),
        parked=frozenset(parked),
    )
    return Fetching(
        reaches=reaches,
        queue=Queue(parts.store, frozenset(reaches), wishes),
        taker=taker,
        metrics=FetchMetrics(parts.registry, reaches),
        clock=parts.clock,
        every_s=settings.every_s,
    )


def _limits(settings: ConsumerSettings) -> Sequence[Limit]:
    given = [
        Limit(one.state, one.warn_s, one.critical_s, one.provider, one.asset, one.network)
        for one in settings.stuck
    ]
    return all_limits(given, settings.stuck_s)


def _place(one: Reached) -> Place:
    return Place(
        base=one.base,
        path=one.answers.path,
        header=one.answers.header,
        prefix=one.answers.prefix,
        key=one.key,
        is_private=one.fetch.private,
    )
