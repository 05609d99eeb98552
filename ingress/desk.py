"""What the requests of one edge share: whom they are judged by, and what they are carried with.

A request reads from here at each step, so that what is put in place of another while it is under
way counts from that moment. Here too is kept how many requests there are, and what waits for them.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ingress import telemetry
from ingress.admission import Admission, Budget
from ingress.clients import Clients
from ingress.eventlog.port import Publisher
from ingress.metrics import EdgeMetrics
from ingress.refusals import Refusals
from ingress.report import Report
from ingress.sources import Snapshot
from ingress.verification import Fetched


class Serving(NamedTuple):
    """What is swapped as one when the configuration is reloaded."""

    sources: Snapshot
    admission: Admission
    report: Report
    fetched: Mapping[str, Fetched]


@dataclass(slots=True, eq=False)
class Desk:
    """What all requests of one edge share; `under_way` is how many there are."""

    publisher: Publisher
    refusals: Refusals
    metrics: EdgeMetrics
    clock: telemetry.Clock
    clients: Clients
    budget: Budget
    serving: Serving = field(init=False)
    is_draining: bool = False
    under_way: int = 0
    log: telemetry.Log = field(default_factory=lambda: telemetry.logger("edge"))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that has to wait."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # or it might be collected while it waits
        task.add_done_callback(self._tasks.discard)
