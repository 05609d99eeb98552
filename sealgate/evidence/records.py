"""What this gateway's own log and database show: asked in one go, judged claim by claim.

Everything is read beside a running gateway, and nothing is written. What is counted, is counted in
the database over all there is; what is read row by row is bounded, and the report says so.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from consumers.audit import root_of
from consumers.chainwalk import Anchor, Walk
from consumers.chainwalk import Report as Walked
from consumers.exceptions import Code
from consumers.policy import Policy
from consumers.store import chain
from consumers.store.cases import ItemFilter
from consumers.store.port import Cause, Store
from consumers.store.proving import MoveCount, Noted, ProvingReads
from ingress.contract import cloudevents
from ingress.eventlog.port import EventLog
from ingress.settings import ConfigurationInvalid
from sealgate.audit import folder
from sealgate.audit.command import Checkpoints, chained
from sealgate.building import build_sources
from sealgate.config import Configuration
from sealgate.drills import recording
from sealgate.evidence import judging, lately
from sealgate.evidence.claims import Finding
from sealgate.evidence.judging import finding
from sealgate.exposure.command import addresses_of
from sealgate.tail.proving import Prover

PAYMENTS_MAX = 1000
ILLEGAL_MAX = 1000

LIMITS = (
    f"of the log, the latest {lately.RECORDS_MAX:,} records of each topic were read",
    f"of the log, the latest {lately.VERIFIED_MAX:,} records were verified again",
    f"states were computed anew for the {PAYMENTS_MAX:,} payments that changed last",
    "the tables were not held against the audit chain row by row: `sealgate audit verify` does",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the questions need beside the log and the store. `signing` are slugs of who signs."""

    configuration: Configuration
    policy: Policy
    signing: Sequence[str]
    version: str


async def findings(asked: Asked, store: Store, log: EventLog) -> list[Finding]:
    """Look at everything. Raises `StoreUnavailable`, `LogUnavailable`, `OSError`."""
    reads = ProvingReads.of(store)
    counts, moves = await reads.events(), await reads.moves()
    total, by_event = _moved(moves), _moved([one for one in moves if one.cause is Cause.EVENT])
    return [
        judging.verified(counts, _sources(asked)),
        await _verified_again(asked, log),
        await _refused(asked, log),
        await _repeated(asked, store, log),
        judging.moved_once(counts, await reads.moved_twice()),
        judging.declared(moves),
        judging.connected(total, await reads.unconnected(), await reads.unfounded()),
        await _reduced(asked, store),
        await _audited(asked.configuration, store),
        judging.closed(await reads.items()),
        judging.severe(await store.anomalies_open()),
        judging.drilled([one async for one in _drills(reads)], asked.version),
        judging.connected_events(by_event, await reads.uncorrelated()),
        judging.told(total, await reads.notices(), await reads.untold()),
        judging.posted(await reads.postings(), await reads.stray_postings()),
    ]


def _moved(counts: Sequence[MoveCount]) -> int:
    return sum(one.moves for one in counts)


def _sources(asked: Asked) -> Mapping[str, frozenset[str]]:
    return {slug: addresses_of(asked.configuration, slug) for slug in asked.signing}


async def _verified_again(asked: Asked, log: EventLog) -> Finding:
    """Verify with the edge's keys, where this machine has them."""
    configuration = asked.configuration
    try:
        sources = build_sources(configuration)
    except ConfigurationInvalid as invalid:
        return judging.verified_again({}, (), str(invalid.mistakes[0]))
    prover = Prover(sources, configuration.settings.environment)
    words, wrong, unknown = await lately.verify_again(log, prover)
    return judging.verified_again(words, wrong, "", unknown)


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


async def _audited(configuration: Configuration, store: Store) -> Finding:
    """Hash the chains again. The tables are for `audit verify`: it holds every row in hand."""
    public = _public(configuration)
    settings = configuration.settings
    found = Checkpoints()
    if public is not None:
        kept = list(folder.kept(configuration.base / settings.audit.directory))
        found = chained(kept, public, settings.environment)
    return _chained(await _walked(store, settings.environment, found.anchors()), found)


async def _walked(store: Store, environment: str, anchors: Sequence[Anchor]) -> Walked:
    """Hash every chain again, as of one moment."""
    report = Walked()
    async with store.auditing() as moment:
        root = await root_of(moment)
        known = {head.chain for head in await moment.heads()} | {one.chain for one in anchors}
        for name in (chain.OPERATOR, *sorted(known - {chain.OPERATOR})):
            seen = [one for one in anchors if one.chain == name]
            walk = Walk(name, environment, report, seen)
            walk.hash = chain.NOTHING if name == chain.OPERATOR else root
            async for entry in moment.entries(name, walk.seq):
                walk.take(entry)
            walk.end()
    return report


def _public(configuration: Configuration) -> Ed25519PublicKey | None:
    named = configuration.settings.audit.key_file
    if named is None:
        return None
    return folder.public_key(configuration.base, folder.public_path(configuration.base / named))


def _chained(walked: Walked, found: Checkpoints) -> Finding:
    wrong = [*found.problems, *(one.text for one in walked.problems)]
    looked = [
        ("entries hashed again", str(walked.entries)),
        *((f"chain {name}", f"to entry {seq}") for name, seq in walked.heads.items()),
    ]
    missing = "there is no entry yet: nothing was written" if not walked.entries else ""
    if found.sound:
        last = found.sound[-1]
        at = cloudevents.timestamp(last.at_ms)
        looked.append(("checkpoints that agree", f"{len(found.sound)}, the last of {at}"))
    else:
        looked.append(("checkpoints that agree", "0"))
        missing = missing or (
            "there is no checkpoint outside of the database: `sealgate audit init`, and run the"
            " monitor"
        )
    told = f"{wrong[0]}: docs/audit.md says what to do" if wrong else ""
    return finding("audit-chain", told, missing, looked)
