"""What a service manager is told of a process: started, alive, stopping (systemd's sd_notify).

A manager that wants to know names a datagram socket in ``NOTIFY_SOCKET``; the words go there, and
nothing comes back. Without a socket nothing is told. What a manager does not hear is its trouble
and no reason to stop serving, so a socket that is gone is passed over.

A reload is not told: a changed file is followed without being asked for, so `sealgate.reload` says
what came of it, in the log and in ``sealgate_config_last_reload_ok``, whoever asked.
"""

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

SOCKET, WATCHDOG = "NOTIFY_SOCKET", "WATCHDOG_USEC"
_ABSTRACT = "@"
_US_PER_S = 1_000_000
# As its manual advises: two words within the time after which the manager gives a process up.
_OFTEN = 2


@dataclass(frozen=True, slots=True)
class Manager:
    """A service manager; nobody where `address` is empty."""

    address: str = ""
    watchdog_s: float = 0.0
    """After how long without a word it takes the process for dead; 0 where it does not ask."""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Manager":
        """Find out who started this process, and what is wanted of it."""
        wanted = environ.get(WATCHDOG, "")
        watchdog_s = int(wanted) / _US_PER_S if wanted.isascii() and wanted.isdigit() else 0.0
        return cls(environ.get(SOCKET, ""), watchdog_s)

    def started(self) -> None:
        """Tell that everything is started, and listens; what it waits for itself may be away."""
        self._tell("READY=1")

    def alive(self) -> None:
        """Tell that the event loop turns."""
        if self.watchdog_s:
            self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """Tell that the process drains, and need not be told to stop again."""
        self._tell("STOPPING=1")

    async def attend(self, stop: asyncio.Event) -> None:
        """Tell everything from a start that is done until `stop` is set, or this is cancelled."""
        self.started()
        try:
            while not stop.is_set():
                with suppress(TimeoutError):
                    within_s = self.watchdog_s / _OFTEN or None
                    await asyncio.wait_for(stop.wait(), within_s)
                self.alive()
        finally:
            self.stopping()

    def _tell(self, word: str) -> None:
        if not self.address:
            return
        # A leading @ stands for the zero byte of a name that is in no file system.
        name = self.address
        address = f"\0{name[1:]}" if name.startswith(_ABSTRACT) else name
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ours:
            # Not to wait: a manager that does not read is no reason to stand still.
            ours.sendto(word.encode(), socket.MSG_DONTWAIT, address)


NOBODY = Manager()
