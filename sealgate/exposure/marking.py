"""`sealgate events void` and `mark`: choose events, say a word about them, show what follows.

The writing is `consumers.voiding`, which does the same in a dry run and rolls it back: what is
shown here before anything is applied is not a guess. A report of `sealgate keys exposure` can name
the events; it is refused where it is of another environment.
"""

import json
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from consumers import voiding
from consumers.exposure import value
from consumers.interpret import assets
from consumers.notices import TYPE_PREFIX
from consumers.store.port import EventKey, Fenced, Judgement, Mark, Store
from consumers.voiding import Correction, Marking, Rim
from ingress import telemetry
from ingress.contract import cloudevents
from sealgate.config import Configuration
from sealgate.exposure import addresses, report
from sealgate.exposure.addresses import Account, Unclear
from sealgate.exposure.storing import EXIT_CONFIGURATION, with_store
from sealgate.exposure.table import fact_text
from sealgate.plain import plain
from sealgate.policies import policy_of

EXIT_OK = 0
EXIT_FAILED = 1
REPORT_BYTES_MAX = 256 * 1024 * 1024

Only = Literal["contradicted", "uncorroborated"]


class ReportUnusable(ValueError):
    """The file is no report of this environment; the message says what it is."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person says of which events, and who says it."""

    judgement: Judgement
    events: Sequence[str]
    reason: str
    by: str
    is_applied: bool
    from_report: Path | None = None
    only: Only = "contradicted"


def run(configuration: Configuration, asked: Asked) -> int:
    """Mark the events, or show what marking them would do; return the exit code."""
    try:
        chosen = _listed(asked, configuration.settings.environment)
        _check_words(asked, chosen)
    except ValueError as wrong:
        print(plain(str(wrong)), file=sys.stderr)
        return EXIT_CONFIGURATION

    async def use(store: Store) -> int:
        try:
            keys = [*chosen, *await _found(store, asked.events, accounts(configuration))]
            marks = _marks(dict.fromkeys(keys), asked, telemetry.now_ms())
            rim = Rim(
                configuration.settings.environment,
                telemetry.now_ms,
                telemetry.traceparent,
                policy_of(configuration),
            )
            marking = await voiding.void(store, marks, rim, dry_run=not asked.is_applied)
        except (Unclear, voiding.UnknownEvents) as unknown:
            print(plain(str(unknown)), file=sys.stderr)
            return EXIT_FAILED
        except Fenced:
            print("the payments keep moving: nothing was written, try again", file=sys.stderr)
            return EXIT_FAILED
        for line in _lines(asked, len(marks), marking):
            print(plain(line))
        return EXIT_OK

    return with_store(configuration, use, writes=True)


def accounts(configuration: Configuration) -> frozenset[Account]:
    """Return the accounts in which a bare event key is looked for."""
    return frozenset(Account(one.provider, one.account) for one in configuration.settings.source)


def _listed(asked: Asked, environment: str) -> list[EventKey]:
    """Read the events of a report that stand as `only` says. Raises `ReportUnusable`."""
    if asked.from_report is None:
        return []
    path = asked.from_report
    try:
        if path.stat().st_size > REPORT_BYTES_MAX:
            raise ReportUnusable(f"{path} is larger than {REPORT_BYTES_MAX} bytes")
        told = json.loads(path.read_bytes())
        if told["format"] != report.FORMAT:
            raise ReportUnusable(f"{path} is not of the format {report.FORMAT}")
        if told["environment"] != environment:
            raise ReportUnusable(f"{path} is a report of another environment")
        chosen = [one["event"] for one in told["events"] if one["standing"] == asked.only]
        keys = [addresses.read(name) for name in chosen]
    except OSError as wrong:
        raise ReportUnusable(f"{path} cannot be read: {wrong.strerror}") from None
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError, UnicodeDecodeError):
        raise ReportUnusable(
            f"{path} is no report; make one with sealgate keys exposure … --json"
        ) from None
    if None in keys:
        raise ReportUnusable(f"{path} names an event that is not provider/account/key")
    return [key for key in keys if key is not None]


def _check_words(asked: Asked, chosen: Collection[EventKey]) -> None:
    """Refuse what would leave a mark that explains nothing. Raises `ValueError`."""
    for flag, text in (("--reason", asked.reason), ("--by", asked.by)):
        if not text.strip() or not cloudevents.is_attribute(text):
            raise ValueError(
                f"{flag}: say it in one line of at most {cloudevents.ATTRIBUTE_CHARS_MAX}"
                " printable characters; it is kept with the event for ever"
            )
    if not asked.events and not chosen:
        where = f"{asked.from_report} lists no {asked.only} event" if asked.from_report else ""
        raise ValueError(where or "name at least one event, or a report with --from-report")


async def _found(store: Store, texts: Sequence[str], known: Collection[Account]) -> list[EventKey]:
    return [(await addresses.find(store, text, known)).event.key for text in texts]


def _marks(keys: Collection[EventKey], asked: Asked, now_ms: int) -> list[Mark]:
    return [Mark(key, asked.judgement, asked.reason, asked.by, now_ms) for key in keys]


def _lines(asked: Asked, events: int, done: Marking) -> Iterator[str]:
    """Say what follows from the marks, or would."""
    decimals = assets.load().decimals
    for mark in done.marks:
        yield f"{mark.judgement.value}: {addresses.write(mark.event)}"
    for correction in done.corrections:
        yield ""
        yield from _correction(correction, decimals, is_applied=asked.is_applied)
    if done.marks:
        yield ""
    said = events - len(done.marks)
    if said:
        yield f"{said} of {events} events: nothing new, they are {asked.judgement.value} already"
    if done.unrestated:
        yield (
            f"warning: {len(done.unrestated)} of these events came before this database kept who"
            " repeats a fact: what another event of that time told too goes with them, so hold"
            " the payments above against the provider:"
        )
        yield from (f"  {addresses.write(key)}" for key in done.unrestated)
    moved = sum(one.transition is not None for one in done.corrections)
    what = f"marks {len(done.marks)}, payments changed {len(done.corrections)}, moved {moved}"
    if asked.is_applied:
        yield f"written: {what}"
    else:
        yield f"dry run, nothing was written: {what}; add --apply to do it"


def _correction(one: Correction, decimals: Mapping[str, int], *, is_applied: bool) -> Iterator[str]:
    before, after = one.before, one.after
    yield f"payment {addresses.write(before.key)}"
    yield f"  state   {before.state.value} -> {after.state.value}"
    was, now = value(before.facts), value(after.facts)
    for asset in sorted(was.keys() | now.keys()):
        old, new = was.get(asset, 0), now.get(asset, 0)
        shown = [report.major(asset, amount, decimals) for amount in (old, new)]
        yield f"  value   {' -> '.join(shown)}"
    for sign, facts in (("-", before.facts - after.facts), ("+", after.facts - before.facts)):
        for fact in sorted(facts, key=lambda fact: (fact.at_ms, fact.kind, fact.key)):
            yield f"  fact    {sign} {fact_text(report.fact_document(fact, decimals))}"
    tense = "is told" if is_applied else "would be told"
    if one.transition is None:
        yield f"  notice  none: the state stays, nothing {tense} downstream"
    else:
        kind = TYPE_PREFIX + after.state.lower()
        cause = one.transition.cause.value
        yield f"  notice  downstream {tense} {kind}, version {after.version}, cause {cause}"
