"""`sealgate quarantine list`, `show` and `reverify`: from the flags to an exit code.

The configuration and the log it names are opened for the length of one command, beside whatever
gateway is running. Results go to `out`, messages to standard error.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ingress import sealing, telemetry
from ingress.contract.quarantined import Quarantined
from ingress.eventlog.port import EventLog, LogUnavailable
from ingress.settings import ConfigurationInvalid
from sealgate.building import build_sources
from sealgate.config import Configuration, read
from sealgate.logs import open_log
from sealgate.plain import block, plain
from sealgate.quarantine import archive, listing, showing
from sealgate.quarantine.archive import Archive
from sealgate.quarantine.asked import Selection
from sealgate.quarantine.fetched import Keys
from sealgate.quarantine.judge import LEFT, Fate, Judgement, judge
from sealgate.quarantine.new_key import create
from sealgate.quarantine.reverify import Court, Publish, reverify, unsealed
from sealgate.quarantine.today import Today
from sealgate.quarantine.wanted import Wanted, wanted

if TYPE_CHECKING:
    from ingress.keysources.fetch import Fetch

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_LEFT = 3
EXIT_UNAVAILABLE = 69
EXIT_CONFIGURATION = 78
# Nobody waits for an answer here, so one publish may take as long as a broker's election.
PUBLISH_S = 10.0
_GOES_ON = frozenset({Fate.PUBLISHED, Fate.RELEASED, Fate.REFUSED})

Work = Callable[[Configuration, EventLog, Wanted], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Means:
    """What a command works with: the configuration file, the environment, the clock, the output.

    `fetch` is how public keys are asked for: the strict way, where it is absent.
    """

    config: Path
    environ: Mapping[str, str]
    clock: telemetry.Clock
    out: TextIO
    fetch: "Fetch | None" = None

    def run(self, selection: Selection, work: Work) -> int:
        """Open what is configured, work, and close it; return the exit code."""
        try:
            meant = wanted(selection)
        except ValueError as wrong:
            self.tell(str(wrong))
            return EXIT_USAGE
        try:
            return asyncio.run(self._open(meant, work))
        except ConfigurationInvalid as invalid:
            for mistake in invalid.mistakes:
                self.tell(str(mistake))
            return EXIT_CONFIGURATION
        except LogUnavailable as away:
            self.tell(f"sealgate quarantine: the log is not available: {away}")
            return EXIT_UNAVAILABLE

    async def _open(self, meant: Wanted, work: Work) -> int:
        configuration = read(self.config, self.environ)
        try:
            log = open_log(configuration)
        except ValueError as wrong:
            self.tell(f"{self.config}: log.url: {wrong}")
            return EXIT_CONFIGURATION
        telemetry.configure("console", "warning")
        try:
            return await work(configuration, log, meant)
        finally:
            await log.close()

    def is_amiss(self, configuration: Configuration, meant: Wanted) -> bool:
        """Tell of a name that is of nothing: misspelt, it would read as if all were well.

        A source that is gone from the configuration is meant as long as something of it is kept.
        """
        slugs = {source.slug for source in configuration.settings.source}
        if meant.source and meant.source not in slugs:
            about = f"there is no source {meant.source!r} in {configuration.file}"
            self.tell(f"{about}, and nothing is kept of what was asked for")
            return True
        if meant.ids:
            ids = ", ".join(sorted(meant.ids))
            self.tell(f"no delivery {ids} is kept; `sealgate quarantine list --all` shows what is")
        return bool(meant.ids)

    def say(self, line: str) -> None:
        """Print a line of the result."""
        print(block(line), file=self.out, flush=True)

    def tell_gone(self, read: Archive) -> None:
        """Say how much retention took while it was read, if anything."""
        count = sum(read.gone.values())
        if count:
            self.tell(f"{count} of the oldest records went while this read: past their retention")

    def tell(self, line: str) -> None:
        """Print a message."""
        print(block(line), file=sys.stderr, flush=True)


def list_kept(means: Means, selection: Selection, limit: int, *, every: bool, as_json: bool) -> int:
    """Print what is kept, newest first, and the sums; return the exit code."""

    async def work(configuration: Configuration, log: EventLog, meant: Wanted) -> int:
        kept = await archive.opened(log, configuration.settings.environment)
        found = await listing.gather(kept, meant, limit, every=every)
        means.tell_gone(kept)
        if not found.kept and means.is_amiss(configuration, meant):
            return EXIT_USAGE
        means.say((listing.as_json if as_json else listing.as_text)(found))
        return EXIT_OK

    return means.run(selection, work)


def show(means: Means, kept_id: str, body: Path | None, *, raw: bool) -> int:
    """Print what is known of one kept delivery; return 1 if it is not there or does not open."""

    async def work(configuration: Configuration, log: EventLog, meant: Wanted) -> int:
        opened = await archive.opened(log, configuration.settings.environment)
        look = await opened.look(meant)
        found = [kept async for kept in opened.deliveries(meant)]
        means.tell_gone(opened)
        if not found:
            means.tell(f"no delivery {kept_id} is kept; `sealgate quarantine list` shows what is")
            return EXIT_FAILED
        for line in showing.known(found[0], look.released.get(kept_id, "")):
            means.say(line)
        try:
            _show_opened(means, configuration, found[0], body, raw=raw)
        except ValueError as wrong:
            means.tell(str(wrong))
            return EXIT_FAILED
        return EXIT_OK

    return means.run(Selection(id=(kept_id,)), work)


def _show_opened(
    means: Means, configuration: Configuration, kept: Quarantined, body: Path | None, *, raw: bool
) -> None:
    """Open one, and tell what it is and what it would be today. Raises `ValueError`."""
    delivery = unsealed(kept, sealing.seals(configuration.settings.quarantine, configuration.base))
    means.say("")
    for line in showing.request(delivery, raw=raw):
        means.say(line)
    if body is not None:
        create(body, delivery.body)
        means.say(f"its body is in {body}: it is what a stranger sent, and may name customers")
    source = build_sources(configuration).get(kept.slug)
    if source is None:
        means.say(f"\nToday: the source {kept.slug!r} is not configured any more")
        return
    now_ms = means.clock()
    judgement = judge(kept, delivery, source, None, now_ms)
    means.say(f"\nToday: {_sentence(judgement, is_done=False)}\n")
    if source.plan is not None:
        means.say("The provider's keys are not fetched for this; `reverify` fetches them.\n")
    base = configuration.base
    means.say(showing.explained(kept, delivery, source, base, raw=raw, now_ms=now_ms))


def verify_again(means: Means, selection: Selection, *, apply: bool) -> int:
    """Judge what is kept by today's keys, and publish it with `apply`; return the exit code."""

    async def work(configuration: Configuration, log: EventLog, meant: Wanted) -> int:
        today = Today(configuration, means.environ)
        sources = today.sources()
        seals = sealing.seals(configuration.settings.quarantine, configuration.base)
        opened = await archive.opened(log, configuration.settings.environment)
        look = await opened.look(meant)
        if not look.slugs and means.is_amiss(configuration, meant):
            return EXIT_USAGE
        keys = Keys(sources, look.slugs, means.clock, means.fetch)
        if keys.slugs:
            means.tell("fetching the providers' keys of: " + ", ".join(keys.slugs))
        publisher = log.publisher(deadline_s=PUBLISH_S)

        def tell(kept: Quarantined, judgement: Judgement) -> None:
            about = f"{plain(kept.id)}  {plain(kept.slug)}"
            means.say(f"{about}  {_sentence(judgement, is_done=apply)}")

        try:
            for slug in await keys.start():
                means.tell(f"no keys could be fetched for {slug}: what needs them stays refused")
            publish: Publish | None = None
            if apply:
                await publisher.start()
                publish = publisher.publish
            court = Court(sources, seals, keys, means.clock, today.sources)
            count = await reverify(opened, look, meant, court, publish, tell)
        finally:
            await publisher.stop()
            await keys.stop()
        means.tell_gone(opened)
        for line in _summary(count, look.unreadable, apply=apply):
            means.say(line)
        return EXIT_LEFT if look.unreadable or any(count[fate] for fate in LEFT) else EXIT_OK

    return means.run(selection, work)


def _sentence(judgement: Judgement, *, is_done: bool) -> str:
    would = "" if is_done or judgement.fate is not Fate.PUBLISHED else "would be "
    glue = " " if judgement.fate in _GOES_ON else ": "
    return f"{would}{judgement.fate}{glue}{plain(judgement.why)}"


def _summary(count: Mapping[Fate, int], unreadable: int, *, apply: bool) -> list[str]:
    published = count.get(Fate.PUBLISHED, 0)
    told = [f"{number} {fate}" for fate, number in count.items() if fate is not Fate.PUBLISHED]
    told += [f"{unreadable} not readable by this version"] if unreadable else []
    first = f"{published} published" if apply else f"{published} would be published"
    lines = ["; ".join([first, *told])]
    if published and not apply:
        lines.append("Nothing was published: this was a dry run. --apply publishes them.")
    return lines
