"""What the world asked of the gateway, and what it was told: an append-only file, fsynced.

Every attempt to deliver is a line before it is sent (`invoke`), and gets exactly one line after
it: `ok` with its 2xx, `fail` with another status (0: it was never sent, for nobody listened), or
`info` where nobody can know (the connection broke, or no answer came in time). An attempt without
a second line is one that was under way at the end, and as unknown as an `info`.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import orjson


class EventName(NamedTuple):
    """How a provider's event is told from every other."""

    provider: str
    key: str


class PaymentName(NamedTuple):
    """How a payment is told from every other."""

    provider: str
    reference: str


@dataclass(frozen=True, slots=True)
class Asked:
    """An event as the world knows it: what it says, and where it leads its payment.

    `place` is its step in the payment's story, `state` where the payment is once that step is the
    furthest one known. A forged one bears a signature of nobody's key.
    """

    event: EventName
    payment: PaymentName
    digest: str
    place: int
    state: str
    forged: bool = False


@dataclass(slots=True)
class Told:
    """Every answer to the attempts for one event."""

    asked: Asked
    attempts: int = 0
    ok: int = 0
    unknown: int = 0
    refused: list[int] = field(default_factory=list)


class History:
    """The file being written."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")
        self._attempts = 0

    def invoke(self, asked: Asked, at_ms: int) -> int:
        """Note an attempt before it is made; return its number."""
        self._attempts += 1
        self._line({"op": "invoke", "n": self._attempts, "at_ms": at_ms, "asked": asked})
        return self._attempts

    def ok(self, number: int, code: int, at_ms: int) -> None:
        """Note a 2xx."""
        self._line({"op": "ok", "n": number, "code": code, "at_ms": at_ms})

    def fail(self, number: int, code: int, at_ms: int) -> None:
        """Note a refusal: another status, or 0 where nothing could be sent."""
        self._line({"op": "fail", "n": number, "code": code, "at_ms": at_ms})

    def info(self, number: int, why: str, at_ms: int) -> None:
        """Note that nobody can know what came of it."""
        self._line({"op": "info", "n": number, "why": why, "at_ms": at_ms})

    def sync(self) -> None:
        """Put everything on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sync()
        self._file.close()

    def _line(self, said: Mapping[str, object]) -> None:
        self._file.write(orjson.dumps(said, default=tuple) + b"\n")


def read(lines: Iterable[bytes]) -> dict[EventName, Told]:
    """Read a history into what was told of each event."""
    told: dict[EventName, Told] = {}
    attempts: dict[int, Told] = {}
    for line in lines:
        said = orjson.loads(line)
        number = said["n"]
        if said["op"] == "invoke":
            asked = _asked(said["asked"])
            attempts[number] = told.setdefault(asked.event, Told(asked))
            attempts[number].attempts += 1
            attempts[number].unknown += 1
            continue
        one = attempts.pop(number)
        if said["op"] == "info":
            continue
        one.unknown -= 1
        if said["op"] == "ok":
            one.ok += 1
        else:
            one.refused.append(said["code"])
    return told


def _asked(said: Mapping[str, Any]) -> Asked:
    fields = dict(said)
    fields["event"] = EventName(*said["event"])
    fields["payment"] = PaymentName(*said["payment"])
    return Asked(**fields)
