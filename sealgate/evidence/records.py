"""What this gateway's own log and database show: asked in one go, judged claim by claim.

Everything is read beside a running gateway, and nothing is written. What is counted, is counted in
the database over all there is; what is read row by row is bounded, and the report says so.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from consumers.exceptions import Code
from consumers.policy import Policy
from consumers.store.cases import ItemFilter
from consumers.store.port import Cause, Store
from consumers.store.proving import MoveCount, Noted, ProvingReads
from ingress.eventlog.port import EventLog
from ingress.settings import ConfigurationInvalid
from ingress.sources import moment_ms
from sealgate.building import build_sources
from sealgate.config import Configuration
from sealgate.drills import recording
from sealgate.evidence import again, history, judging, lately
from sealgate.evidence.claims import Finding
from sealgate.evidence.vouching import counted, vouched
from sealgate.exposure.command import addresses_of
from sealgate.tail.proving import Prover

PAYMENTS_MAX = 1000
ILLEGAL_MAX = 1000

LIMITS = (
    f"of the log, the latest {lately.RECORDS_MAX:,} records of each topic were read",
    f"of the log, the latest {lately.VERIFIED_MAX:,} records were verified again",
    f"states were computed anew for the {PAYMENTS_MAX:,} payments that changed last",
)


def _silently(line: str) -> None:
    """Tell nobody how far it is."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the questions need beside the log and the store.

    `signing` are slugs of who signs; `tell` is told how far it is, where that takes long.
    """

    configuration: Configuration
    policy: Policy
    signing: Sequence[str]
    version: str
    tell: history.Tell = _silently


async def findings(asked: Asked, store: Store, log: EventLog) -> list[Finding]:
    """Look at everything. Raises `StoreUnavailable`, `LogUnavailable`, `OSError`.

    History comes last: what was counted was there when it is held against the chain.
    """
    reads = ProvingReads.of(store)
    counts, moves, items = await reads.events(), await reads.moves(), await reads.items()
    total, by_event = _moved(moves), _moved([one for one in moves if one.cause is Cause.EVENT])
    found = [
        counted(judging.verified(counts, _sources(asked), _ends(asked)), counts),
        await _verified_again(asked, log),
        await _refused(asked, log),
        await _repeated(asked, store, log),
        counted(judging.moved_once(counts, await reads.moved_twice()), counts),
        counted(judging.declared(moves), moves),
        judging.connected(total, await reads.unconnected(), await reads.unfounded()),
        await _reduced(asked, store),
        counted(judging.closed(items), items),
        judging.severe(await store.anomalies_open()),
        judging.drilled([one async for one in _drills(reads)], asked.version),
        judging.connected_events(by_event, await reads.uncorrelated()),
        judging.told(total, await reads.notices(), await reads.untold()),
        judging.posted(await reads.postings(), await reads.stray_postings()),
    ]
    past = await history.look(asked.configuration, store, asked.tell)
    contradicted = past.report.contradicted
    return [*vouched(found, contradicted, is_whole=past.is_whole), history.judge(past)]


def _moved(counts: Sequence[MoveCount]) -> int:
    return sum(one.moves for one in counts)


def _sources(asked: Asked) -> Mapping[str, frozenset[str]]:
    return {slug: addresses_of(asked.configuration, slug) for slug in asked.signing}


def _ends(asked: Asked) -> Mapping[tuple[str, str], int]:
    """Say since when keys are over that are configured so, as events name them."""
    return {
        (address, key.id): end_ms
        for source in asked.configuration.settings.source
        for address in addresses_of(asked.configuration, source.slug)
        for key in source.key
        if (end_ms := moment_ms(key.not_after)) is not None
    }


async def _verified_again(asked: Asked, log: EventLog) -> Finding:
    """Verify with the edge's keys, where this machine has them."""
    configuration = asked.configuration
    try:
        sources = build_sources(configuration)
    except ConfigurationInvalid as invalid:
        return judging.verified_again({}, (), str(invalid.mistakes[0]))
    prover = Prover(sources, configuration.settings.environment)
    found = await again.verify_again(log, prover)
    return judging.verified_again(found.words, found.wrong, "", found.unknown, found.old)


async def _refused(asked: Asked, log: EventLog) -> Finding:
    found = await lately.refusals(log, asked.configuration.settings.environment)
    return judging.refused(found.kept, found.released)


async def _repeated(asked: Asked, store: Store, log: EventLog) -> Finding:
    found = await lately.repetitions(log, asked.configuration.settings.environment)
    return await lately.one_row_each(found, store)


async def _reduced(asked: Asked, store: Store) -> Finding:
    wanted = ItemFilter(codes=frozenset({Code.ILLEGAL_TRANSITION.value}))
    illegal = {one.anomaly.subject for one in await store.cases.items(wanted, None, ILLEGAL_MAX)}
    terms = asked.policy.terms
    payments = [
        # A worker may have moved it between the reading of its state and of its facts.
        one if judging.agrees(one, terms) else await store.payment(one.key) or one
        for one in await store.list_payments(PAYMENTS_MAX)
    ]
    return judging.reduced(payments, terms, illegal)


async def _drills(reads: ProvingReads) -> AsyncIterator[tuple[Noted, Mapping[str, object]]]:
    for one in await reads.noted(recording.NAME):
        yield one, json.loads(one.detail)
