"""Processes beside the gateway of a drill: workers and relays that are killed where it hurts.

Each is the command that a person would start. One that is to die ends itself at a named step with
no more ado than a SIGKILL: nothing is flushed, closed or told to anybody.
"""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingress import telemetry
from sealgate.commands.context import environ
from sealgate.commands.running import CRASH_AT, EXIT_CRASHED
from sealgate.drills.sheet import Sheet
from sealgate.drills.stage import DrillFailed, Stage

DIES_S = 120.0
ENDS_S = 30.0


@dataclass(frozen=True, slots=True)
class Member:
    """One process, and the file of its log lines."""

    process: Process
    lines: Path
    words: str

    def said(self, event: str) -> Iterator[dict[str, Any]]:
        """Yield its log lines of one event."""
        for line in self.lines.read_text("utf-8").splitlines():
            if line.startswith("{") and f'"{event}"' in line:
                told: dict[str, Any] = json.loads(line)
                if told.get("event") == event:
                    yield told


@dataclass(slots=True)
class Crew:
    """All processes of one drill."""

    stage: Stage
    sheet: Sheet
    members: list[Member] = field(default_factory=list)

    async def start(self, role: str, dies_at: str = "") -> Member:
        """Start ``sealgate <role>``, to live or to die at a step."""
        lines = self.stage.directory / f"{role}-{len(self.members)}.log"
        with lines.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "sealgate", role),
                *("--config", str(self.stage.crew_configuration)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=asyncio.subprocess.STDOUT,
                env={**environ(), CRASH_AT: dies_at},
            )
        words = f"{role} that dies at {dies_at}" if dies_at else role
        member = Member(process, lines, words)
        self.members.append(member)
        self.sheet.note(telemetry.now_ms(), f"a {words} was started")
        return member

    async def died(self, member: Member) -> None:
        """Wait until a member has died where it was to. Raises `DrillFailed`."""
        try:
            async with asyncio.timeout(DIES_S):
                code = await member.process.wait()
        except TimeoutError:
            raise DrillFailed(f"the {member.words} is alive; see {member.lines}") from None
        if code != EXIT_CRASHED:
            raise DrillFailed(f"the {member.words} ended with {code}; see {member.lines}")
        self.sheet.note(telemetry.now_ms(), f"the {member.words} is dead")

    async def end(self) -> None:
        """End who lives, asked first and killed then."""
        living = [one for one in self.members if one.process.returncode is None]
        for member in living:
            member.process.send_signal(signal.SIGTERM)
        for member in living:
            try:
                async with asyncio.timeout(ENDS_S):
                    await member.process.wait()
            except TimeoutError:
                member.process.kill()
                await member.process.wait()
