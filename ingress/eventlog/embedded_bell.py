"""How a reader of the embedded log learns at once that a record was written in its own process.

The writer's thread rings after each commit; readers wait on the event loop. Everybody who opens the
same file in one process shares one bell, so that the edge and a worker in the all-in-one process
need not know each other. A record written by another process rings nothing: readers also poll.
"""

import asyncio
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary


class Bell:
    """Wakes those who wait for records of one file."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def hear(self, event: asyncio.Event) -> None:
        """Set `event` at each ring from now on. Call it on the event's own loop."""
        self._waiting[event] = asyncio.get_running_loop()

    def leave(self, event: asyncio.Event) -> None:
        """Leave `event` alone from now on."""
        self._waiting.pop(event, None)

    def ring(self) -> None:
        """Wake everybody; may be called from any thread."""
        for event, loop in tuple(self._waiting.items()):
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)


_BELLS: Final[WeakValueDictionary[Path, Bell]] = WeakValueDictionary()


def bell_of(path: Path) -> Bell:
    """Return the one bell of a file in this process."""
    return _BELLS.setdefault(path.resolve(), Bell())
