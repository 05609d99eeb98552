"""The one thread that reads the embedded log, with a connection of its own.

Reading beside the writer costs neither anything: in write-ahead mode a reader sees the last commit
before it began. Reads are short, because a long one would keep the write-ahead log from being
folded in. The event loop never waits for the disk; it awaits this thread.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import apsw

from ingress.eventlog.embedded_file import DAMAGES, LogDamaged, open_reader
from ingress.eventlog.port import LogUnavailable

T = TypeVar("T")


class Reader:
    """Runs questions, one after the other, against a file that somebody else writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: apsw.Connection | None = None
        # One thread, because a cancelled question still runs to its end there, and a connection
        # may be used by one thread at a time.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="event-log-reader")

    async def ask(self, question: Callable[[apsw.Connection], T]) -> T:
        """Return the answer. Raises `LogUnavailable`, or what the question raises."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._ask, question)

    async def close(self) -> None:
        """Let go of the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._let_go)
        self._thread.shutdown(wait=False)

    def _ask(self, question: Callable[[apsw.Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = open_reader(self._path)
            return question(self._connection)
        except DAMAGES as error:
            self._let_go()
            raise LogDamaged(f"{self._path} is damaged ({error})") from error
        except apsw.Error as error:
            self._let_go()
            raise LogUnavailable(f"{self._path} cannot be read ({error})") from error

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close(force=True)
