"""What the drill of divergence looks at, and what must hold.

What the steps saw flows in as `Seen`; the store, the lifecycle topic, the audit chain and what the
command line shows are read at the end; checks of the evidence sheet flow out.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import orjson

from consumers.lifecycle import State
from consumers.store.polls import Freeze
from ingress.contract import cloudevents, topics
from sealgate.commands.context import EXIT_OK
from sealgate.drills import ledger
from sealgate.drills.ledger import Diverging
from sealgate.drills.sheet import Sheet
from sealgate.drills.stage import Running, Stage, records

STALE = 2
"""Answers that are stale for a moment."""

CRITERIA = {
    "an API that fails moves nothing": "while the API answers with 500, no payment moves by it, no"
    " exception is raised, and webhooks are applied",
    "one stale answer moves nothing": "two answers that show less, once, move nothing and alarm"
    " nobody",
    "nothing expires unread": "no payment expires while the worker is behind; those that nobody"
    " paid expire once it has caught up",
    "stale answers move nothing": "while everything is shown as it was before, no payment moves",
    "one alert": "there is one divergence exception, of severity 1, however often the API is asked",
    "the breaker trips": "it froze by itself, once",
    "cleared by two": "clearing alone is refused; as finance with a second person it is cleared",
    "as on a quiet day": "after the recovery every payment has the state that it has after a day on"
    " which nothing happened",
    "all agree": "command line, notices and store say the same of every payment at one moment",
    "on record": "freeze and clearing are in the audit chain with who, why and the second person;"
    " the audit finds nothing wrong",
}


@dataclass(slots=True)
class Seen:
    """What the steps saw, each at its moment."""

    asked_broken: int = 0
    moved_broken: bool = True
    raised_broken: Sequence[Diverging] = ()
    mirrored: int = 0
    mirror_due: int = -1
    stale_once: int = 0
    moved_once: bool = True
    raised_once: Sequence[Diverging] = ()
    frozen_as: str = ""
    expired_behind: int = -1
    expired: int = 0
    expired_due: int = -1
    paths_in_time: Sequence[str] = ()
    asked_stale: int = 0
    moved_stale: bool = True
    raised_stale: Sequence[Diverging] = ()
    freezes_stale: Sequence[Freeze] = ()
    refused_alone: bool = False
    cleared: bool = False
    freezes: Sequence[Freeze] = field(default_factory=list)
    diverging: Sequence[Diverging] = ()


@dataclass(frozen=True, slots=True)
class Judge:
    """Looks at one stage."""

    stage: Stage
    sheet: Sheet
    running: Running

    async def all(self, seen: Seen) -> None:
        """Make every check but the comparison with the quiet day."""
        notices = await records(self.running.log, topics.lifecycle(self.stage.environment))
        told = [orjson.loads(one.value) for one in notices]
        self._answers(seen)
        self._time(seen, told)
        self._outage(seen)
        await self._agree(told)
        await self._record(seen)

    def _answers(self, seen: Seen) -> None:
        self.sheet.check(
            "an API that fails moves nothing",
            f"{seen.asked_broken} questions, moved: {seen.moved_broken}, exceptions:"
            f" {len(seen.raised_broken)}; {seen.mirrored} confirmed by webhook",
            holds=seen.asked_broken > 0
            and not seen.moved_broken
            and not seen.raised_broken
            and seen.mirrored == seen.mirror_due,
        )
        self.sheet.check(
            "one stale answer moves nothing",
            f"{seen.stale_once} questions, moved: {seen.moved_once}, exceptions:"
            f" {len(seen.raised_once)}",
            holds=seen.stale_once == STALE and not seen.moved_once and not seen.raised_once,
        )

    def _time(self, seen: Seen, told: Iterable[dict[str, object]]) -> None:
        in_time = set(seen.paths_in_time)
        wrong = [one for one in told if one["after"] == State.EXPIRED and one["payment"] in in_time]
        self.sheet.check(
            "nothing expires unread",
            f"{seen.expired_behind} expired while the timers were {seen.frozen_as or 'running'},"
            f" {len(wrong)} notices of it; then {seen.expired} of {seen.expired_due}",
            holds=seen.expired_behind == 0 and not wrong and seen.expired == seen.expired_due,
        )

    def _outage(self, seen: Seen) -> None:
        self.sheet.check(
            "stale answers move nothing",
            f"{seen.asked_stale} questions, moved: {seen.moved_stale}",
            holds=seen.asked_stale > 0 and not seen.moved_stale,
        )
        self.sheet.check(
            "one alert",
            "; ".join(f"{one.subject}, severity {one.severity}" for one in seen.raised_stale)
            or "none",
            holds=[one.severity for one in seen.raised_stale] == [1],
        )
        self.sheet.check(
            "the breaker trips",
            f"{len(seen.freezes_stale)} words: {[one.by for one in seen.freezes_stale]}",
            holds=[one.is_on for one in seen.freezes_stale] == [True],
        )
        self.sheet.check(
            "cleared by two",
            f"alone refused: {seen.refused_alone}, with a second person cleared: {seen.cleared},"
            f" open divergences: {len(seen.diverging)}",
            holds=seen.refused_alone and seen.cleared and not seen.diverging,
        )

    async def _agree(self, told: Sequence[dict[str, object]]) -> None:
        """Compare three ways to say where every payment is, by their digests."""
        done = await self.stage.command(self.sheet, "payments", "list", "--limit", "500", "--json")
        listed = json.loads(done.out)["payments"] if done.code == EXIT_OK else []
        last: dict[str, tuple[int, str]] = {}
        for one in told:
            version = (int(str(one["version"])), str(one["after"]))
            last[str(one["payment"])] = max(last.get(str(one["payment"]), version), version)
        held = await self.running.store.list_payments(ledger.PAYMENTS_MAX)
        digests = {
            "command line": _digest(
                (str(one["payment"]), int(one["moves"]), str(one["state"])) for one in listed
            ),
            "notices": _digest((name, *word) for name, word in last.items()),
            "store": _digest(("/".join(one.key), one.version, one.state.value) for one in held),
        }
        self.sheet.figures["moment"] = cloudevents.timestamp(max(one.changed_ms for one in held))
        self.sheet.check(
            "all agree",
            ", ".join(f"{name} {digest[:12]}" for name, digest in digests.items()),
            holds=len(set(digests.values())) == 1 and len(held) == len(listed) > 0,
        )

    async def _record(self, seen: Seen) -> None:
        words = await ledger.frozen_entries(self.running.store)
        done = await self.stage.command(self.sheet, "audit", "verify")
        wanted = [
            [one.is_on, one.reason, one.by, one.role, one.approved_by] for one in seen.freezes[::-1]
        ]
        last = seen.freezes[0] if seen.freezes else None
        is_signed = last is not None and bool(last.by and last.approved_by and last.reason)
        self.sheet.check(
            "on record",
            f"{len(words)} words in the chain, the last approved by"
            f" {'nobody' if last is None else last.approved_by or 'nobody'};"
            f" audit verify: {done.code}",
            holds=[row[:5] for row in words] == wanted
            and len(wanted) > 1
            and is_signed
            and done.code == EXIT_OK,
        )


def _digest(rows: Iterable[tuple[str, int, str]]) -> str:
    """Digest what somebody says of every payment: its name, version and state."""
    return hashlib.sha256(orjson.dumps(sorted(rows))).hexdigest()
