"""Which sources verified lately: for them, when everything fails, the fault is assumed to be ours.

Every verification and every failure flows in, with its time; whether a source is suspected of
having the wrong keys flows out. A source that verified within a day and then fails several times in
a row is suspect until it verifies again, or a day has passed: its provider hears 503 and comes
again, where a 401 could end its deliveries for good. A stranger's forgeries can bring that about
for a source that is silent, and gain nothing by it: what they hear is another status. Whether
people are called for it, too, is decided by where failures come from: see `siege`.

The memory outlives the process in a small file, because keys go wrong most often at a restart. It
holds names of sources and times, and no secret; where it cannot be read, nothing is remembered.
"""

import asyncio
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import orjson

from ingress import telemetry
from ingress.delivery import Reason
from ingress.siege import Siege

FAILURES_MIN = 5
"""So many in a row are no accident: one is a forgery, and two or three a scan."""
RECENT_MS = 24 * 3600 * 1000
"""A source that was silent for longer may have been closed; and so long lasts a suspicion, because
no provider that honours a 503 goes on much longer."""
KEEP_S = 30.0
"""How often the memory is written at most: what a kill loses of it is no more."""
FILE_BYTES_MAX = 8 * 1024 * 1024
_VERSION = 1
_WORKER = re.compile(r"-[0-9]{1,3}$")
KEYS_MAY_BE_WRONG = frozenset(
    {
        Reason.SIGNATURE_MISMATCH,
        Reason.KEY_UNKNOWN,
        Reason.KEY_MISSING,
        Reason.DIGEST_MISMATCH,
        Reason.CERTIFICATE_UNTRUSTED,
    }
)
"""What a wrong key on our side can bring about; whatever else is wrong is the sender's own."""


class Turn(StrEnum):
    """What becomes of a suspicion."""

    BEGINS = "begins"
    ENDS = "ends"


Tell = Callable[[str, Turn], None]
"""Told the slug of a source when a suspicion begins or ends."""


@dataclass(slots=True)
class Standing:
    """What is remembered of one source. Times are milliseconds since the epoch, 0 is never."""

    verified_ms: int = 0
    suspect_ms: int = 0
    failures: int = 0

    @property
    def latest_ms(self) -> int:
        """When it changed last."""
        return max(self.verified_ms, self.suspect_ms)

    def is_suspect(self, now_ms: int) -> bool:
        """Say whether the fault is assumed to be ours."""
        return self.suspect_ms != 0 and now_ms - self.suspect_ms < RECENT_MS

    def is_recent(self, now_ms: int) -> bool:
        """Say whether it verified within a day."""
        return self.verified_ms != 0 and now_ms - self.verified_ms < RECENT_MS


class Trust:
    """The standings of all sources. No I/O."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._standings: dict[str, Standing] = {}
        self._sieges: dict[str, Siege] = {}
        self.is_changed = False

    def verified(self, slug: str, now_ms: int, network: str = "") -> None:
        """Note that a delivery of a source verified, and from where it came."""
        siege = self._sieges.get(slug)
        if siege is None:
            siege = self._sieges[slug] = Siege()
        siege.verified(network, now_ms, FAILURES_MIN)
        standing = self._standings.get(slug)
        if standing is None:
            standing = self._standings[slug] = Standing()
        standing.verified_ms = now_ms
        standing.failures = 0
        self.is_changed = True
        if standing.suspect_ms:
            standing.suspect_ms = 0
            self._tell(slug, Turn.ENDS)

    def failed(self, slug: str, reason: Reason, now_ms: int) -> bool:
        """Note a failure, and say whether to assume that it is our fault."""
        standing = self._standings.get(slug)
        if standing is None or reason not in KEYS_MAY_BE_WRONG:
            return False
        standing.failures += 1
        if standing.is_suspect(now_ms):
            return True
        self._end(slug, standing)
        if standing.failures < FAILURES_MIN or not standing.is_recent(now_ms):
            return False
        standing.suspect_ms = now_ms
        self.is_changed = True
        self._tell(slug, Turn.BEGINS)
        return True

    def calls(self, slug: str, reason: Reason, now_ms: int, network: str) -> bool:
        """Note from where the failure came that `failed` was told; say whether to call people."""
        if reason not in KEYS_MAY_BE_WRONG:
            return False
        is_suspect = self.is_suspect(slug, now_ms)
        siege = self._sieges.get(slug)
        if siege is None:
            # It has verified nothing in this process: before it, perhaps.
            return is_suspect
        return siege.failed(network, reason, now_ms, is_suspect=is_suspect)

    def is_suspect(self, slug: str, now_ms: int) -> bool:
        """Say whether the fault is assumed to be ours."""
        standing = self._standings.get(slug)
        return standing is not None and standing.is_suspect(now_ms)

    def is_besieged(self, slug: str, now_ms: int) -> bool:
        """Say whether a source's failures are taken for a stranger's."""
        siege = self._sieges.get(slug)
        return siege is not None and siege.lasts(now_ms)

    def is_doubted(self, slug: str, now_ms: int) -> bool:
        """Say whether people are called because its keys may be wrong."""
        siege = self._sieges.get(slug)
        if siege is not None and (siege.is_ours or siege.lasts(now_ms)):
            return siege.is_ours
        return self.is_suspect(slug, now_ms)

    def renew(self, slug: str) -> None:
        """Forget whose failures were whose: the source is configured anew, or gone."""
        self._sieges.pop(slug, None)

    def expire(self, now_ms: int) -> None:
        """End what has lasted long enough, and forget who has not verified for as long."""
        for slug, standing in list(self._standings.items()):
            if not standing.is_suspect(now_ms):
                self._end(slug, standing)
                if not standing.is_recent(now_ms):
                    del self._standings[slug]
                    self.is_changed = True

    def dump(self) -> bytes:
        """Write the memory."""
        self.is_changed = False
        times = {slug: (one.verified_ms, one.suspect_ms) for slug, one in self._standings.items()}
        return orjson.dumps({"version": _VERSION, "sources": times})

    def load(self, memories: Iterable[Mapping[str, Standing]], now_ms: int) -> None:
        """Take over what was read of memories: of each source what the latest of them knows."""
        self._standings = {}
        for memory in memories:
            for slug, standing in memory.items():
                known = self._standings.get(slug)
                if known is None or standing.latest_ms > known.latest_ms:
                    self._standings[slug] = standing
        for slug, standing in self._standings.items():
            if standing.is_suspect(now_ms):
                self._tell(slug, Turn.BEGINS)
            else:
                standing.suspect_ms = 0

    def _end(self, slug: str, standing: Standing) -> None:
        """End a suspicion whose time is over."""
        if standing.suspect_ms:
            standing.suspect_ms = 0
            self.is_changed = True
            self._tell(slug, Turn.ENDS)


def _past(moment: object, now_ms: int) -> int:
    if not isinstance(moment, int) or moment < 0:
        raise ValueError("a time in it is none")
    return min(moment, now_ms)


def parse(content: bytes, now_ms: int) -> Mapping[str, Standing]:
    """Read what `Trust.dump` wrote. Raises `ValueError` for anything else.

    A time that is not over yet is now: it would be remembered for too long.
    """
    try:
        found = orjson.loads(content)
        if found["version"] != _VERSION:
            raise ValueError("it is of a version that is not known here")
        return {
            str(slug): Standing(_past(verified, now_ms), _past(suspect, now_ms))
            for slug, (verified, suspect) in found["sources"].items()
        }
    except (KeyError, TypeError, AttributeError):
        raise ValueError("it is not a memory of sources") from None


class Memory:
    """Keeps a `Trust` in a file: read once at the start, and written while it changes.

    Each worker has a file of its own, and a source's deliveries come to all of them: what one knew
    of it is read by whichever starts.
    """

    def __init__(
        self, trust: Trust, path: Path | None, clock: telemetry.Clock, keep_s: float = KEEP_S
    ) -> None:
        self._trust = trust
        self._path = path
        self._keep_s = keep_s
        self._clock = clock
        self._log = telemetry.logger("edge")
        self._is_failing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Read the file, and begin to keep it."""
        if self._path is not None:
            now_ms = self._clock()
            read = [self._read(path, now_ms) for path in _of_all_workers(self._path)]
            self._trust.load(read, now_ms)
        self._task = asyncio.create_task(self._run())

    def _read(self, path: Path, now_ms: int) -> Mapping[str, Standing]:
        try:
            return parse(_read(path), now_ms)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as wrong:
            self._log.warning("state_unreadable", file=str(path), reason=str(wrong))
            return {}

    async def stop(self) -> None:
        """Write what is not written yet."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        await self._keep()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._keep_s)
            self._trust.expire(self._clock())
            await self._keep()

    async def _keep(self) -> None:
        if self._path is None or not self._trust.is_changed:
            return
        try:
            await asyncio.to_thread(_write, self._path, self._trust.dump())
        except OSError as wrong:
            self._trust.is_changed = True
            if not self._is_failing:
                self._log.warning("state_not_kept", file=str(self._path), reason=str(wrong))
            self._is_failing = True
        else:
            self._is_failing = False


def _of_all_workers(path: Path) -> Sequence[Path]:
    """Return this worker's file and those of the others beside it, wherever they run now."""
    first = path.with_stem(_WORKER.sub("", path.stem))
    name = re.compile(re.escape(first.stem) + r"-[0-9]{1,3}" + re.escape(first.suffix))
    try:
        others = {one for one in path.parent.iterdir() if name.fullmatch(one.name)}
    except OSError:
        others = set()  # there is no such directory yet
    return sorted({path, first, *others})


def _read(path: Path) -> bytes:
    """Return the file's content. Raises `OSError`, and `ValueError` where it is no such file."""
    # Not to wait for ever, should it be a pipe: nothing is served before it is read.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is not a regular file")
        content = file.read(FILE_BYTES_MAX + 1)
    if len(content) > FILE_BYTES_MAX:
        raise ValueError("it is far too large")
    return content


def _write(path: Path, content: bytes) -> None:
    """Put a file in the place of another as a whole, for its owner alone. Raises `OSError`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    # What lies there is a rest of a write that was cut off, or a link that somebody put there.
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    beside.replace(path)
