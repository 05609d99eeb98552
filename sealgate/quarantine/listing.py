"""`sealgate quarantine list`: the newest of what is kept, and how much of it there is.

Kept deliveries flow in one by one; what is held of them is the newest rows, without their content,
and one count for each source and reason.
"""

import heapq
from collections import Counter
from dataclasses import dataclass, field

from ingress.contract import cloudevents
from ingress.contract.quarantined import Quarantined
from sealgate.explain import times
from sealgate.plain import in_json, plain
from sealgate.quarantine.archive import Archive
from sealgate.quarantine.wanted import Wanted
from sealgate.quarantine.words import table

_HEAD = ("id", "received", "source", "provider", "reason", "network", "bytes", "sealed", "released")
_SUM_HEAD = ("source", "reason", "kept", "released")


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One kept delivery, less its content. `released` is the key of its event, "" without one."""

    received_ms: int
    id: str
    source: str
    provider: str
    reason: str
    network: str
    length: int
    seal: str
    released: str


@dataclass(slots=True)
class Listing:
    """The newest rows, newest first, and the counts of all that is meant."""

    rows: list[Row] = field(default_factory=list)
    kept: Counter[tuple[str, str]] = field(default_factory=Counter)
    released: Counter[tuple[str, str]] = field(default_factory=Counter)
    unreadable: int = 0


async def gather(archive: Archive, wanted: Wanted, limit: int, *, every: bool) -> Listing:
    """Read the quarantine; without `every`, what was released is counted and not listed.

    Raises `LogUnavailable`.
    """
    look = await archive.look(wanted)
    found = Listing(unreadable=look.unreadable)
    newest: list[Row] = []
    async for kept in archive.deliveries(wanted):
        row = _row(kept, look.released.get(kept.id, ""))
        about = (row.source, row.reason)
        found.kept[about] += 1
        found.released[about] += bool(row.released)
        if every or not row.released:
            heapq.heappush(newest, row)
            if len(newest) > limit:
                heapq.heappop(newest)
    found.rows = sorted(newest, reverse=True)
    return found


def as_text(found: Listing) -> str:
    """Write it for a person."""
    lines: list[str] = []
    if found.rows:
        lines += [*table([_HEAD, *(_cells(row) for row in found.rows)]), ""]
    if found.kept:
        sums = [
            (plain(source), plain(reason), str(number), str(found.released[source, reason]))
            for (source, reason), number in sorted(found.kept.items())
        ]
        lines += table([_SUM_HEAD, *sums])
    else:
        lines.append("nothing is kept of what was asked for")
    if found.unreadable:
        lines.append(f"{found.unreadable} records cannot be read here: a newer version wrote them")
    return "\n".join(lines)


def as_json(found: Listing) -> str:
    """Write it for a machine."""
    return in_json(
        {
            "items": [
                {
                    "id": row.id,
                    "received": cloudevents.timestamp(row.received_ms),
                    "source": row.source,
                    "provider": row.provider,
                    "reason": row.reason,
                    "network": row.network,
                    "bytes": row.length,
                    "seal": row.seal or None,
                    "released_as": row.released or None,
                }
                for row in found.rows
            ],
            "summary": [
                {
                    "source": source,
                    "reason": reason,
                    "kept": number,
                    "released": found.released[source, reason],
                }
                for (source, reason), number in sorted(found.kept.items())
            ],
            "unreadable": found.unreadable,
        },
        indent=2,
    )


def _row(kept: Quarantined, released: str) -> Row:
    return Row(
        received_ms=kept.received_ms,
        id=kept.id,
        source=kept.slug,
        provider=kept.provider,
        reason=kept.reason,
        network=kept.network,
        length=kept.length,
        seal=kept.seal,
        released=released,
    )


def _cells(row: Row) -> tuple[str, ...]:
    return (
        plain(row.id),
        times.moment(row.received_ms),
        plain(row.source),
        plain(row.provider),
        plain(row.reason),
        plain(row.network) or "unknown",
        str(row.length),
        plain(row.seal) or "no",
        plain(row.released) or "no",
    )
