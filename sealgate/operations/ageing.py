"""`sealgate exceptions report`: how old the queue is and what it is worth, as of an instant.

The items of the queue flow in, those also that were closed since; what flows out is a document that
is the same however it is shown. A report of an instant that has passed is made from what is known
now: which items were open then is exact, and their money is what was last told of it.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

from consumers import business_days
from consumers.ageing import Ageing, Closed, Group, Kind
from consumers.facts import NETWORK_MARK
from consumers.interpret import assets
from consumers.operating import WrongWords
from consumers.store.aged import AgedReader
from consumers.store.port import Store
from ingress import telemetry
from sealgate.config import Configuration
from sealgate.exposure.instants import read_ms, show
from sealgate.exposure.storing import with_store
from sealgate.operations import ageing_sheet, words
from sealgate.operations.answering import EXIT_OK, Document, answer, refuse

DIMENSIONS = ("code", "bucket", "asset")
# Longer than the longest wait of most items, and short enough to show what has changed.
CLOSED_WITHIN = "30d"


@dataclass(frozen=True, slots=True)
class ReportAsked:
    """Which report a person wants to see."""

    as_of: str = ""
    by: str = ",".join(DIMENSIONS)
    closed_within: str = CLOSED_WITHIN


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What was asked for, understood."""

    as_of_ms: int
    names: tuple[str, ...]
    since_ms: int
    zone: tzinfo


def report(configuration: Configuration, asked: ReportAsked, *, output: str) -> int:
    """Print the report as a table, as JSON or as CSV; return the exit code."""
    as_json = output == "json"
    try:
        wanted = _read(configuration, asked, telemetry.now_ms())
    except WrongWords as wrong:
        return refuse(wrong, as_json=as_json)

    async def ask(store: Store) -> Document:
        ageing, closed = await _gather(store, wanted)
        environment = configuration.settings.environment
        return document(ageing, closed, wanted.names, environment, assets.load().decimals)

    if output != "csv":
        return answer(configuration, ask, ageing_sheet.lines, as_json=as_json)

    async def write(store: Store) -> int:
        # The ends of its lines are part of a sheet, so it is not printed line by line.
        sys.stdout.write(ageing_sheet.sheet(await ask(store)))
        return EXIT_OK

    return with_store(configuration, write)


def document(
    ageing: Ageing,
    closed: Closed,
    names: tuple[str, ...],
    environment: str,
    decimals: Mapping[str, int],
) -> Document:
    """Write the report."""
    groups = ageing.by(names)
    return {
        "format": "sealgate.ageing/1",
        "environment": environment,
        "as_of": show(ageing.at_ms),
        "period_begins": show(ageing.begins_ms),
        "by": list(names),
        "open": sum(group.items for group in groups.values()),
        "crosses_period_end": sum(group.crossing for group in groups.values()),
        "rows": [_row(kind, group, names, decimals) for kind, group in groups.items()],
        "closed": {
            "from": show(closed.from_ms),
            "to": show(closed.to_ms),
            "codes": [_ended(closed, code) for code in closed.codes],
        },
    }


def _row(kind: Kind, group: Group, names: tuple[str, ...], decimals: Mapping[str, int]) -> Document:
    """Write items that are alike; money only where all of it is of one asset."""
    told: Document = {
        name: text for name, text in zip(Kind._fields, kind, strict=True) if name in names
    }
    if "asset" in names:
        has_money = bool(kind.asset)
        told |= {
            "network": kind.asset.partition(NETWORK_MARK)[2],
            "atomic": str(group.amount) if has_money else None,
            "decimals": decimals.get(kind.asset) if has_money else None,
        }
    return {
        **told,
        "count": group.items,
        "without_amount": group.unknown,
        "crosses_period_end": group.crossing,
        "oldest": show(group.oldest_ms),
    }


def _ended(closed: Closed, code: str) -> Document:
    """Write how the items of a code ended: what share of them nobody had to touch."""
    by_itself, by_people = closed.by_itself[code], closed.by_people[code]
    percent = round(100 * by_itself / (by_itself + by_people))
    return {
        "code": code,
        "by_itself": by_itself,
        "by_people": by_people,
        "by_itself_percent": percent,
    }


async def _gather(store: Store, wanted: _Wanted) -> tuple[Ageing, Closed]:
    ageing = Ageing(wanted.as_of_ms, business_days.period_begin(wanted.as_of_ms, wanted.zone))
    closed = Closed(wanted.since_ms, wanted.as_of_ms)
    reader = AgedReader.of(store)
    async for one in reader.open():
        ageing.add(one)
    async for one in reader.closed(wanted.since_ms):
        ageing.add(one)
        closed.add(one)
    return ageing, closed


def _read(configuration: Configuration, asked: ReportAsked, now_ms: int) -> _Wanted:
    """Understand what was asked. Raises `WrongWords`."""
    try:
        as_of_ms = read_ms(asked.as_of, "--as-of") if asked.as_of else now_ms
    except ValueError as wrong:
        raise WrongWords(str(wrong)) from None
    if as_of_ms > now_ms:
        raise WrongWords("--as-of: nobody knows yet what will be open then")
    names = tuple(name.strip() for name in asked.by.split(","))
    if not names or set(names) - set(DIMENSIONS) or len(set(names)) < len(names):
        raise WrongWords(f"--by: one or several of {', '.join(DIMENSIONS)}, with a comma between")
    posting = configuration.settings.consumer.posting
    zone: tzinfo = UTC if posting is None else ZoneInfo(posting.zone)
    since_ms = as_of_ms - words.span_ms(asked.closed_within, "closed-within")
    return _Wanted(as_of_ms, names, since_ms, zone)
