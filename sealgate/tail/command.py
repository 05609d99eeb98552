"""`sealgate tail`: from the flags to lines, and an exit code.

The configuration is read, the log it names is opened beside whatever gateway runs, and records are
shown until somebody has seen enough. A log that goes away is waited for: only the first contact and
a tail that is to end by itself give up. Lines go to `out`, messages to standard error.
"""

import asyncio
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ingress import telemetry
from ingress.contract import topics
from ingress.contract.envelope import Envelope
from ingress.eventlog.port import (
    AccessRefused,
    EventLog,
    LogUnavailable,
    Position,
    PositionLost,
    Record,
)
from ingress.settings import ConfigurationInvalid, Mistake
from sealgate.commands.context import (
    EXIT_CONFIGURATION,
    EXIT_FAILED,
    EXIT_FOUND,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
)
from sealgate.config import Configuration, read
from sealgate.exposure.instants import read_ms
from sealgate.logs import open_log
from sealgate.plain import in_json, plain
from sealgate.quarantine.today import Today
from sealgate.story.search import read_place
from sealgate.tail import table, telling
from sealgate.tail.asked import Asked
from sealgate.tail.checking import Check
from sealgate.tail.choosing import Choice, NoSource, choose
from sealgate.tail.following import Following
from sealgate.tail.reading import Unread
from sealgate.tail.reading import read as read_entry

LOOK_S = 0.3
"""How often the ends of the log are looked at: one question a topic."""
AWAY_S = 1.0
QUIET_S = 5.0
"""After so long without a record a tail says that it waits; on a terminal it does so at once."""

BEGINNING, END = "beginning", "end"


class _Wrong(ValueError):
    """The words of the command go together with nothing; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Means:
    """What the command works with: the configuration's file, the environment, the output."""

    config: Path
    environ: Mapping[str, str]
    out: TextIO


@dataclass(slots=True)
class Tail:
    """One tail: what it shows, to whom, and what came of the proofs, where any were asked for."""

    configuration: Configuration
    asked: Asked
    means: Means
    choice: Choice
    check: Check | None
    shown: int = 0
    is_away: bool = False
    is_quiet: bool = True
    """Whether nothing was said yet, neither a record nor that it waits for one."""

    async def run(self) -> None:
        """Show records until the end that was asked for; for ever, where none was.

        Raises `LogUnavailable`, `PositionLost`, `ConfigurationInvalid`, and `_Wrong` for a place in
        another topic.
        """
        log = self._log()
        following = Following(log, self._topics(), complain)
        try:
            await self._begin(following)
            loop = asyncio.get_running_loop()
            since_s = loop.time()
            while True:
                if await self._look(following):
                    return
                self._wait(following, loop.time() - since_s)
                await asyncio.sleep(AWAY_S if self.is_away else LOOK_S)
        finally:
            await log.close()

    def code(self, ended: int) -> int:
        """Return the exit code of a tail that would end with `ended`, and tell of the proofs."""
        if self.check is None:
            return ended
        complain(self.check.summary())
        return ended if self.check.is_sound else EXIT_FOUND

    def _log(self) -> EventLog:
        try:
            return open_log(self.configuration)
        except ValueError as wrong:
            mistake = Mistake("log.url", str(wrong), str(self.means.config))
            raise ConfigurationInvalid([mistake]) from wrong

    def _topics(self) -> list[str]:
        name = self.configuration.settings.environment
        known = {"verified": topics.verified(name), "lifecycle": topics.lifecycle(name)}
        return [topic for word, topic in known.items() if self.asked.topic in {"both", word}]

    async def _begin(self, following: Following) -> None:
        text = self.asked.from_ or (BEGINNING if self.asked.until_caught_up else END)
        place = read_place(text)
        if text == BEGINNING:
            await following.begin_at_oldest()
        elif text == END:
            await following.begin_at_ends()
        elif place is None:
            await following.begin_since(read_ms(text, "--from"))
        else:
            following.topics = _topic_of(place, following.topics)
            await following.begin_at(place)

    async def _look(self, following: Following) -> bool:
        """Show what is there; say whether all that was asked for was shown."""
        try:
            async for record in following.round():
                self._show(record)
                if self.asked.count and self.shown >= self.asked.count:
                    return True
        except LogUnavailable as away:
            if self.asked.until_caught_up or isinstance(away, AccessRefused):
                raise
            if not self.is_away:
                complain(f"the log is away ({away}): waiting for it")
            self.is_away = True
            return False
        self.is_away = False
        return self.asked.until_caught_up

    def _wait(self, following: Following, passed_s: float) -> None:
        """Say once that it waits, to people: a program reads what comes, and knows."""
        if not self.is_quiet or self.is_away or self.asked.json:
            return
        if sys.stderr.isatty() or passed_s >= QUIET_S:
            self.is_quiet = False
            number = following.partitions
            names = " and ".join(following.topics)
            complain(f"waiting for records in {names} ({number} partitions) ...")

    def _show(self, record: Record) -> None:
        entry = read_entry(record, self.configuration.settings.environment)
        if not self.choice.takes(entry):
            return
        self.shown += 1
        self.is_quiet = False
        proof = None
        if self.check is not None:
            self.check.unread += isinstance(entry, Unread)
            if isinstance(entry, Envelope):
                proof = self.check.prove(record, entry)
        told = telling.document(record, entry, proof)
        if self.asked.json:
            text = in_json(told)
        else:
            text = table.line(told, in_colour=_is_coloured(self.means))
        print(text, file=self.means.out, flush=True)


def run(means: Means, asked: Asked) -> int:
    """Show what comes; return the exit code."""
    telemetry.configure("console", "warning")
    try:
        configuration = read(means.config, means.environ)
        return _run(Tail(configuration, asked, means, *_chosen(configuration, asked, means)))
    except ConfigurationInvalid as invalid:
        for mistake in invalid.mistakes:
            complain(str(mistake))
        return EXIT_CONFIGURATION
    except _Wrong as wrong:
        complain(str(wrong))
        return EXIT_USAGE


def _run(tail: Tail) -> int:
    try:
        if asyncio.run(_until_told(tail)):
            return tail.code(EXIT_INTERRUPTED)
    except KeyboardInterrupt:
        return tail.code(EXIT_INTERRUPTED)
    except LogUnavailable as away:
        complain(f"the log is not available: {away}")
        return tail.code(EXIT_UNAVAILABLE)
    except PositionLost as lost:
        complain(f"--from: {tail.asked.from_} is not in the log: {lost}")
        return EXIT_FAILED
    return tail.code(EXIT_OK)


async def _until_told(tail: Tail) -> bool:
    """Run a tail until it ends by itself or Ctrl-C ends it; say whether it was the latter."""
    told = asyncio.Event()
    # Our own handler: in a job that a shell has put into the background SIGINT is ignored, and
    # asyncio would hear nothing of it. A thread that is not the main one hears no signals at all.
    with suppress(ValueError, RuntimeError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, told.set)
    work, waiting = asyncio.create_task(tail.run()), asyncio.create_task(told.wait())
    await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
    for task in (waiting, work):
        task.cancel()
    with suppress(asyncio.CancelledError):
        await work
    return told.is_set()


def complain(line: str) -> None:
    """Print a message."""
    print(plain(line), file=sys.stderr, flush=True)


def _chosen(
    configuration: Configuration, asked: Asked, means: Means
) -> tuple[Choice, Check | None]:
    """Look at all that needs no log. Raises `_Wrong`, `ConfigurationInvalid`."""
    if asked.count < 0:
        raise _Wrong("--count: say how many records, such as 10; 0 is no bound")
    if asked.until_caught_up and asked.from_ == END:
        raise _Wrong("--until-caught-up from the end shows nothing; say --from beginning")
    if asked.from_ not in {"", BEGINNING, END} and read_place(asked.from_) is None:
        try:
            read_ms(asked.from_, "--from")
        except ValueError as wrong:
            raise _Wrong(f"{wrong}; or say beginning, end, or topic/partition/offset") from wrong
    try:
        choice = choose(configuration, asked.source, asked.payment)
    except NoSource as unknown:
        raise _Wrong(str(unknown)) from unknown
    if not asked.verify:
        return choice, None
    today = Today(configuration, means.environ)
    return choice, Check(today, configuration.settings.environment, complain)


def _topic_of(place: Position, known: Sequence[str]) -> list[str]:
    """Return the topic of a place. Raises `_Wrong` where it is none of those that are read."""
    topic = place.partition.topic
    if topic not in known:
        raise _Wrong(f"--from: {topic} is not read here; that is {' and '.join(known)}")
    return [topic]


def _is_coloured(means: Means) -> bool:
    return means.out.isatty() and not means.environ.get("NO_COLOR")
