"""Who works: whether anybody plays each role, as far as the log and the database can tell.

No process is asked, for they may be on other machines, and a dead one answers nothing. Workers are
in a group of the log, or nobody is. The relay leaves no notice waiting, and timers no window that
is long over: what waits is the only trace that they leave. What would be an alarm is looked at
twice, some seconds apart: a group that is just changing hands is empty for a moment, and a notice
may be on its way.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from consumers import overdue
from consumers.lifecycle import State
from consumers.store.poll_store import Polls
from consumers.store.port import Store
from consumers.store.waiting import Asked, Waits
from ingress.contract import cloudevents, topics
from ingress.eventlog.port import AccessRefused, EventLog
from sealgate.config import Configuration
from sealgate.doctor.findings import Finding, Level
from sealgate.keys import instants
from sealgate.policies import policy_of
from sealgate.role import Role

AGAIN_S = 3.0
"""Longer than a group needs to change hands, and short beside what a person waits for."""
NOTICE_MS = 60_000
"""A relay looks twice a second: what waits for a minute is not looked at."""
WINDOW_MS = 3_600_000
"""Timers look every minute, so many windows at a time; one that is over for an hour is left."""
PAGE = 500


class Crew(NamedTuple):
    """One topic as its workers have it: how many of them, and how many records they have to read.

    `members` is None where we may not ask.
    """

    members: int | None
    unread: int

    @property
    def is_alarming(self) -> bool:
        """Say whether somebody is missed."""
        return self.members == 0 and self.unread > 0


@dataclass(frozen=True, slots=True)
class Looking:
    """What is looked at: the log and the database of a configuration, at an instant."""

    configuration: Configuration
    store: Store
    log: EventLog
    now_ms: int
    again_s: float = AGAIN_S

    async def look(self, roles: Collection[Role]) -> AsyncIterator[Finding]:
        """Say of each of these roles whether anybody plays it."""
        crews = await self._crews() if Role.WORKER in roles else {}
        notice = await self._oldest_notice() if Role.RELAY in roles else None
        if notice is not None or any(crew.is_alarming for crew in crews.values()):
            await asyncio.sleep(self.again_s)
            later = await self._crews() if crews else {}
            crews = {topic: calmer(crew, later.get(topic, crew)) for topic, crew in crews.items()}
            again = await self._oldest_notice() if notice is not None else None
            notice = notice if again == notice else None
        for topic, crew in crews.items():
            yield manned(topic, self._reads[topic], crew)
        if Role.RELAY in roles:
            yield relayed(None if notice is None else self.now_ms - notice[1])
        if Role.TIMERS in roles:
            yield await self._timers()

    @property
    def _reads(self) -> Mapping[str, str]:
        """Name the topics that workers read, each with its group."""
        settings = self.configuration.settings
        return {
            topics.verified(settings.environment): settings.consumer.group,
            topics.alarms(settings.environment): settings.consumer.alarms_group,
        }

    async def _crews(self) -> Mapping[str, Crew]:
        """Look at the topics that are there."""
        there = set(await self.log.topics())
        return {
            topic: await self._crew(topic, group)
            for topic, group in self._reads.items()
            if topic in there
        }

    async def _unread(self, topic: str, group: str) -> int:
        ends, begins = await self.log.ends(topic), await self.log.begins(topic)
        at = await self.store.positions(group)
        return sum(max(0, end - at.get(one, begins.get(one, 0))) for one, end in ends.items())

    async def _crew(self, topic: str, group: str) -> Crew:
        unread = await self._unread(topic, group)
        try:
            return Crew(await self.log.members(topic, group), unread)
        except AccessRefused:
            return Crew(None, unread)

    async def _oldest_notice(self) -> tuple[int, int] | None:
        """Return the number and the instant of a notice that waits too long; None where none."""
        for sequence, notice in await self.store.pending(1):
            at_ms = cloudevents.timestamp_ms(dict(notice.headers)["ce_recordedtime"].decode())
            if self.now_ms - at_ms > NOTICE_MS:
                return sequence, at_ms
        return None

    async def _timers(self) -> Finding:
        """Look for a window that is long over, and that nobody closed."""
        settings = self.configuration.settings.consumer
        verified = topics.verified(self.configuration.settings.environment)
        if verified in await self.log.topics() and await self._unread(verified, settings.group):
            told = "records wait to be applied, and nobody may close a window before they are"
            return Finding(Level.OK, "timers", told)
        freeze = await Polls.of(self.store).freeze()
        if freeze is not None and freeze.is_on:
            return Finding(Level.OK, "timers", "a freeze is on, and nobody may close a window")
        slack_ms = int((settings.expire_after_s + settings.settle_s) * 1000) + WINDOW_MS
        last_ms = self.now_ms - slack_ms
        asked = Asked(State.PENDING, self.now_ms, last_ms, PAGE)
        terms = policy_of(self.configuration).terms
        found = (await Waits.of(self.store).page(asked)).payments
        ended = (overdue.window_over_ms(payment, terms) for payment in found)
        over = [at_ms for at_ms in ended if at_ms is not None and at_ms <= last_ms]
        return timed(self.now_ms - min(over) if over else None)


def calmer(first: Crew, again: Crew) -> Crew:
    """Take of two looks what speaks for the workers: it was so at one of the two moments."""
    members = None if again.members is None else max(first.members or 0, again.members)
    return Crew(members, min(first.unread, again.unread))


def manned(topic: str, group: str, crew: Crew) -> Finding:
    """Judge who reads a topic."""
    members, unread = crew
    if members is None:
        told = (
            f"who is in the group {group} cannot be seen: allow us Describe on it"
            " (`sealgate topics plan --operator-user`)"
        )
        return Finding(Level.WARN, "worker", told)
    if crew.is_alarming:
        waiting = "record waits" if unread == 1 else "records wait"
        told = (
            f"nobody is in the group {group}, and {unread} {waiting} on {topic}: start"
            " `sealgate consume`; runbook consumer-lag"
        )
        return Finding(Level.FAIL, "worker", told)
    if members:
        noun = "member" if members == 1 else "members"
        return Finding(Level.OK, "worker", f"{topic} is read: {members} {noun} in {group}")
    told = (
        f"nobody is in the group {group} now: nothing of {topic} waits yet, and what comes will;"
        " start `sealgate consume`"
    )
    return Finding(Level.WARN, "worker", told)


def relayed(waiting_ms: int | None) -> Finding:
    """Judge how long the oldest notice has waited, None where none has for too long."""
    if waiting_ms is None:
        return Finding(Level.OK, "relay", "no notice waits for longer than a minute")
    told = (
        f"the oldest notice has waited for {instants.span(waiting_ms / 1000)}, and no subscriber"
        " heard it: is `sealgate relay` running, and may it write? runbook notices-waiting"
    )
    return Finding(Level.FAIL, "relay", told)


def timed(over_ms: int | None) -> Finding:
    """Judge for how long a window has been over that nobody closed, None where there is none."""
    if over_ms is None:
        return Finding(Level.OK, "timers", "no window is over that should be closed by now")
    told = (
        f"a payment's window has been over for {instants.span(over_ms / 1000)}, and it is still"
        " Pending: is `sealgate timers` running, and not frozen? runbook timers-stopped"
    )
    return Finding(Level.WARN, "timers", told)
