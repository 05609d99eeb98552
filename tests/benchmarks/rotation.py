"""A rotation in the middle of traffic: what it costs, what it loses, what it lets through.

The provider delivers at a fixed rate all the while. A key is added, the provider signs with it, the
old one is retired and then revoked, each by the command that a person would type. From its
revocation on, deliveries with the old key are forgeries. Before each command the same command runs
with ``--dry-run``: it costs the machine as much and changes nothing, so what differs between the
second around it and the second around the real one is the change, and not the neighbour.
"""

import asyncio
import secrets
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from ingress.contract import topics
from ingress.contract.envelope import Envelope
from ingress.eventlog.connect import connect
from ingress.eventlog.port import EventLog, Position
from tests.benchmarks.figures import Latency, latency
from tests.benchmarks.processes import ROOT, Colleague, Cores, Running, Unsound, python
from tests.benchmarks.programs import PARTITIONS, await_ready
from tests.benchmarks.rotation_load import PROVIDER, Begin, End, Row, Sign, Told

SOURCE = "shop"
CONNECTIONS = 64
BODY_BYTES = 1024
IN_FORCE_MS = 1000
"""A revoked key proves nothing from so long after the configuration says so."""
BEFORE_MS, AFTER_MS = 200, 800
"""The window of a change, around the instant at which the file is another."""
WARM_S = 2.0
PHASE_S = 1.5
LAST_PHASE_S = 2.5
COMMAND_S = 60.0
READ_MAX = 1000
OLD, BOTH, NEW, REVOKED = "old key only", "both keys", "signed with the new", "old one revoked"
PHASES = (OLD, BOTH, NEW, REVOKED)


class Span(NamedTuple):
    """From when until when, in milliseconds since the epoch."""

    from_ms: float
    to_ms: float


@dataclass(frozen=True, slots=True)
class Change:
    """One command: when it began and ended, and when what it changes was changed."""

    begun_ms: float
    done_ms: float
    ended_ms: float

    @property
    def window(self) -> Span:
        """Return the second in which it is taken."""
        return Span(self.done_ms - BEFORE_MS, self.done_ms + AFTER_MS)


@dataclass(frozen=True, slots=True)
class Story:
    """One rotation, as it went."""

    old: str
    new: str
    phases: Mapping[str, Span]
    changes: Sequence[Change]
    controls: Sequence[Change]
    revoked: Change


@dataclass(frozen=True, slots=True)
class Turn:
    """What one rotation came to."""

    round: int
    phases: Mapping[str, Latency]
    change: Latency
    control: Latency
    accepted: Mapping[str, Mapping[str, int]]
    """By phase and by `old` or `new`: what was answered with a 2xx."""
    legitimate: int
    lost: int
    forged_late: int
    """Deliveries with the old key that were due 1 s after its revocation or later."""
    accepted_late: int
    last_accept_ms: float
    """From the revocation to the last delivery with the old key that was accepted."""

    @property
    def ratio(self) -> float | None:
        """Return the p99 around changes, in terms of the p99 around the same commands' dry runs."""
        if self.change.p99_ms is None or self.control.p99_ms is None:
            return None
        return self.change.p99_ms / self.control.p99_ms


@dataclass(slots=True)
class Rotated:
    """All rotations of one run, over one edge: the new key of one is the old key of the next."""

    rate_per_s: float
    turns: list[Turn] = field(default_factory=list)
    records: int = 0


def judge(number: int, story: Story, rows: Iterable[Row]) -> Turn:
    """Say what a rotation came to. Pure."""
    # The keys of one rotation are those of its neighbours too.
    span = Span(story.phases[OLD].from_ms, story.phases[REVOKED].to_ms)
    own = _within(rows, [span])
    legitimate = [
        row for row in own if row.key_id == story.new or row.at_ms < story.revoked.begun_ms
    ]
    late_ms = story.revoked.done_ms + IN_FORCE_MS
    late = [row for row in own if row.key_id == story.old and row.at_ms >= late_ms]
    old_accepted = [row for row in own if row.key_id == story.old and _is_taken(row)]
    return Turn(
        round=number,
        phases={name: _latency(legitimate, [span]) for name, span in story.phases.items()},
        change=_latency(legitimate, [one.window for one in story.changes]),
        control=_latency(legitimate, [one.window for one in story.controls]),
        accepted={
            name: _accepted(story, _within(own, [span])) for name, span in story.phases.items()
        },
        legitimate=len(legitimate),
        lost=sum(not _is_taken(row) for row in legitimate),
        forged_late=len(late),
        accepted_late=sum(map(_is_taken, late)),
        last_accept_ms=max((row.at_ms + row.took_ms for row in old_accepted), default=0)
        - story.revoked.done_ms,
    )


def check(rotated: Rotated) -> None:
    """Raise `Unsound` where a legitimate delivery was lost, or a forged one let through."""
    for turn in rotated.turns:
        if turn.lost or turn.accepted_late or not turn.forged_late:
            raise Unsound(
                f"rotation, round {turn.round}: {turn.lost} of {turn.legitimate} legitimate"
                f" deliveries got no 2xx, and {turn.accepted_late} of {turn.forged_late} got one"
                " with the old key 1 s after its revocation or later"
            )


def rotate(directory: Path, cores: Cores, rate_per_s: float, rounds: int) -> Rotated:
    """Rotate so many times in the middle of traffic. Raises `Unsound`."""
    place = _Place.at(directory, rounds)
    with place.edge(cores.server) as edge:
        with Colleague("tests.benchmarks.rotation_load", cores.generator) as load:
            operator = _Operator(place, edge, load)
            load.ask(place.begin(edge, rate_per_s), str)
            time.sleep(WARM_S)
            stories = [operator.rotate(old, new) for old, new in pairwise(place.secrets)]
            told = load.ask(End(), Told)
        edge.running.check()
        if told.unanswered or told.lost_connections:
            raise Unsound(
                f"rotation: {told.unanswered} deliveries were not answered and"
                f" {told.lost_connections} connections lost"
            )
    records = place.count(told.rows)
    turns = [judge(number, story, told.rows) for number, story in enumerate(stories)]
    return Rotated(rate_per_s, turns, records)


@dataclass(frozen=True, slots=True)
class _Edge:
    """The edge that runs, and where it listens."""

    running: Running
    port: int
    admin_url: str


@dataclass(frozen=True, slots=True)
class _Place:
    """The files of one run: a configuration with one source, its log, its secrets by key id."""

    directory: Path
    environment: str
    secrets: Mapping[str, str] = field(repr=False)

    @classmethod
    def at(cls, directory: Path, rounds: int) -> "_Place":
        """Write everything; the first key is configured, the others wait to be added."""
        (directory / "secrets").mkdir(mode=0o700)
        made = {f"k{number}": secrets.token_hex(20) for number in range(rounds + 1)}
        place = cls(directory, f"rotation-{secrets.token_hex(4)}", made)
        for key_id, secret in made.items():
            file = place.secret(key_id)
            file.touch(mode=0o600)
            file.write_text(secret)
        place.configuration.write_text(
            f'environment = "{place.environment}"\nmode = "test"\n'
            f'[log]\nurl = "{place.log_url}"\npartitions = {PARTITIONS}\n'
            "[edge]\nport = 0\ndrain_s = 0.0\n[admin]\nport = 0\n"
            f'[[source]]\nslug = "{SOURCE}"\nprovider = "{PROVIDER}"\n'
            f'[[source.key]]\nid = "k0"\nfile = "{place.secret("k0")}"\n'
        )
        return place

    @property
    def configuration(self) -> Path:
        """The configuration file, which the commands change."""
        return self.directory / "sealgate.toml"

    @property
    def log_url(self) -> str:
        """The embedded log."""
        return f"embedded://{self.directory / 'rotation.db'}"

    def secret(self, key_id: str) -> Path:
        """Return the file with a key's secret, as the provider showed it."""
        return self.directory / "secrets" / key_id

    def begin(self, edge: _Edge, rate_per_s: float) -> Begin:
        """Return what the provider is told to do."""
        path = f"/hooks/{SOURCE}"
        return Begin(edge.port, path, rate_per_s, CONNECTIONS, BODY_BYTES, self.secrets, "k0")

    @contextmanager
    def edge(self, core: int) -> Iterator[_Edge]:
        """Run the edge."""
        command = python("sealgate", "serve", "--config", str(self.configuration))
        running = Running.start(command, self.directory / "edge.log", frozenset({core}))
        try:
            said = running.started()
            await_ready(running, said["admin"])
            yield _Edge(running, urlsplit(said["edge"]).port or 0, said["admin"])
        finally:
            running.stop()

    def count(self, rows: Iterable[Row]) -> int:
        """Compare the log with the answers, key by key. Raises `Unsound`."""
        found = asyncio.run(_published(self.log_url, topics.verified(self.environment)))
        taken = Counter(row.key_id for row in rows if _is_taken(row))
        if Counter(one.key_id for one in found) != taken:
            raise Unsound(f"rotation: the log has {len(found)} events, of answers {dict(taken)}")
        if len({one.event_key for one in found}) != len(found):
            raise Unsound("rotation: an event is on the log twice")
        return len(found)


@dataclass(frozen=True, slots=True)
class _Operator:
    """Whoever types the commands."""

    place: _Place
    edge: _Edge
    load: Colleague

    def rotate(self, old: str, new: str) -> Story:
        """Work the runbook of a planned rotation, up to the revocation of the old key."""
        begun_ms = _now_ms()
        time.sleep(PHASE_S)
        file = str(self.place.secret(new))
        tried, added = self._change("add", SOURCE, new, "--secret-file", file)
        time.sleep(PHASE_S)
        self._sign(Sign(new, old))
        switched_ms = _now_ms()
        time.sleep(PHASE_S)
        looked, retired = self._change("retire", SOURCE, old)
        considered, revoked = self._change("revoke", SOURCE, old, "--now")
        time.sleep(LAST_PHASE_S)
        self._sign(Sign(new))
        phases = {
            OLD: Span(begun_ms, added.done_ms),
            BOTH: Span(added.ended_ms, switched_ms),
            NEW: Span(switched_ms, revoked.begun_ms),
            REVOKED: Span(revoked.done_ms + IN_FORCE_MS, _now_ms()),
        }
        changes, controls = (added, retired, revoked), (tried, looked, considered)
        return Story(old, new, phases, changes, controls, revoked)

    def _sign(self, sign: Sign) -> None:
        self.load.ask(sign, Sign)

    def _change(self, *words: str) -> tuple[Change, Change]:
        """Type a command twice: only looking, and in earnest."""
        looked = self._run(*words, "--dry-run")
        time.sleep(PHASE_S)
        done = self._run(*words)
        time.sleep(PHASE_S)
        # The file's inode is changed last when it is given its name.
        at_ms = self.place.configuration.stat().st_ctime_ns / 1e6
        return looked, Change(done.begun_ms, at_ms, done.ended_ms)

    def _run(self, *words: str) -> Change:
        """Run a command where the generator is, and let it have only what the generator leaves."""
        about = ("--config", str(self.place.configuration), "--admin", self.edge.admin_url)
        begun_ms = _now_ms()
        done = subprocess.run(
            ["nice", "-n", "5", *python("sealgate", "keys", *words, *about)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        ended_ms = _now_ms()
        if done.returncode:
            raise Unsound(f"`sealgate keys {words[0]}` ended with {done.returncode}: {done.stderr}")
        return Change(begun_ms, ended_ms, ended_ms)


async def _published(url: str, topic: str) -> list[Envelope]:
    """Read every event on a topic."""
    log = connect(url)
    try:
        return [one async for one in _read(log, topic)]
    finally:
        await log.close()


async def _read(log: EventLog, topic: str) -> AsyncIterator[Envelope]:
    ends = await log.ends(topic)
    for partition, at in (await log.begins(topic)).items():
        offset = at
        while offset < ends[partition]:
            records = await log.read(Position(partition, offset), READ_MAX)
            for record in records:
                yield Envelope.decode(record.headers, record.value)
            offset = records[-1].position.offset + 1


def _accepted(story: Story, rows: Iterable[Row]) -> Mapping[str, int]:
    found = Counter(row.key_id for row in rows if _is_taken(row))
    return {"old": found[story.old], "new": found[story.new]}


def _latency(rows: Iterable[Row], spans: Sequence[Span]) -> Latency:
    return latency(row.took_ms / 1000 for row in _within(rows, spans))


def _within(rows: Iterable[Row], spans: Sequence[Span]) -> list[Row]:
    return [row for row in rows if any(span.from_ms <= row.at_ms < span.to_ms for span in spans)]


def _is_taken(row: Row) -> bool:
    return 200 <= row.status < 300


def _now_ms() -> float:
    return time.time() * 1000
