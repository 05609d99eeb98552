"""What Kafka would not take from the journal: kept in a file of its own, and offered again.

A topic that is not there, a right that is missing, a limit that is too small: an operator mends it
at the brokers, and should have to touch nothing here. So the file is kept under a name that nobody
drains, because the records behind must not wait for it; and from time to time it gets a journal
file's name, so that it is sent as any other. What is refused again is kept again.

All workers of a machine share the file. Who writes to it or renames it holds its lock; a write
takes milliseconds.
"""

import asyncio
import fcntl
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ingress.eventlog.embedded import EmbeddedLog
from ingress.eventlog.embedded_file import LogDamaged
from ingress.eventlog.journal_files import REFUSED, Directory, Held
from ingress.eventlog.journal_record import seal
from ingress.eventlog.journal_segment import Segment
from ingress.eventlog.port import LogUnavailable, Message
from ingress.telemetry import Clock, logger

AGAIN_S = 300.0
"""How soon what was mended is sent; a topic that stays away costs the brokers no more than a batch,
and a producer, in so long."""
TELL_S = 60.0
"""An error line at most so often, however many batches are refused."""
LOCK_S = 2.0
_LOCK_POLL_S = 0.01
_LOCK = "refused.lock"
_WORKER = "refused"


class Refused:
    """The records of one machine that Kafka would not take."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._path = directory / REFUSED
        self._directory = Directory(directory)
        self._clock = clock
        self._log = logger("journal")
        self._mine = asyncio.Lock()
        self._untold: Counter[str] = Counter()
        self._reason = ""
        self._tell_at_s = 0.0
        self._offer_at_s = 0.0

    async def keep(self, refused: Sequence[tuple[Message, str]]) -> None:
        """Write records aside. Raises `LogUnavailable`: then they stay where they are."""
        try:
            async with self._locked(LOCK_S) as is_ours:
                if not is_ours:
                    raise LogUnavailable(f"another worker holds {self._path}")
                await self._keep([message for message, _ in refused])
        except OSError as error:
            raise LogUnavailable(f"{self._path} cannot be written to ({error})") from error
        self._untold.update(message.topic for message, _ in refused)
        self._reason = refused[0][1]
        self.tell()

    def tell(self) -> None:
        """Say what was kept since the last time, if it is time to."""
        if not self._untold or time.monotonic() < self._tell_at_s:
            return
        self._tell_at_s = time.monotonic() + TELL_S
        self._log.error(
            "journal_refused",
            records=self._untold.total(),
            topics=sorted(self._untold),
            reason=self._reason,
            file=str(self._path),
            retry_in_s=AGAIN_S,
            do="mend the topic or our rights at the brokers: they are offered again by themselves",
        )
        self._untold.clear()

    async def offer(self) -> Held | None:
        """Make a journal file of what was kept, at the start and when it is time; None for none.

        Raises `OSError`.
        """
        now_s = time.monotonic()
        if now_s < self._offer_at_s or not self._path.exists():
            return None
        async with self._locked(0.0) as is_ours:
            if not is_ours or not self._path.exists():
                return None  # another worker is at it
            self._offer_at_s = now_s + AGAIN_S
            await self._fold()
            return await asyncio.to_thread(self._rename)

    async def _keep(self, messages: Sequence[Message]) -> None:
        try:
            await self._write(messages)
        except LogUnavailable:
            # If it is the file that is damaged, it is time to read of it what can be read.
            self._offer_at_s = 0.0
            raise

    async def _write(self, messages: Sequence[Message]) -> None:
        log = EmbeddedLog(self._path, self._clock)
        try:
            await log.ensure_topics(dict.fromkeys({message.topic for message in messages}, 1))
            await asyncio.gather(*(log.append(seal(message)) for message in messages))
        except LogDamaged as damage:
            # Of this file, not of the one that is being drained.
            raise LogUnavailable(str(damage)) from damage
        finally:
            # Closed, so that it may be renamed.
            await log.close()

    async def _fold(self) -> None:
        """Bring a write-ahead log that a crash left into the file, so that one name is all."""
        if not self._path.with_name(REFUSED + "-wal").exists():
            return
        segment = Segment(Held(self._path, 0, -1), lambda path: EmbeddedLog(path, self._clock))
        try:
            await segment.open()
        except LogDamaged:
            return  # its sides go with it, and it is read as far as that goes
        except LogUnavailable as away:
            raise OSError(str(away)) from None
        finally:
            await segment.log.close()

    def _rename(self) -> Held:
        """Give the file a name that was never used; nobody opens that before we let go of it."""
        held = self._directory.claim(_WORKER, self._clock())
        try:
            held.take_over(self._path)
        except OSError:
            held.release()
            raise
        return held

    @asynccontextmanager
    async def _locked(self, patience_s: float) -> AsyncIterator[bool]:
        """Hold the file's lock, which itself is never removed; false where another has it."""
        async with self._mine:
            name = self._path.with_name(_LOCK)
            descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                yield await asyncio.to_thread(_hold, descriptor, patience_s)
            finally:
                os.close(descriptor)


def _hold(descriptor: int, patience_s: float) -> bool:
    """Take a lock; false where another process has it for so long. Waits: for a thread."""
    until_s = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until_s:
                return False
            time.sleep(_LOCK_POLL_S)
        else:
            return True
