"""What an operator configures of the consumers: the meaning, unit and reason of each default."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from consumers.lifecycle import State

Seconds = Annotated[float, Field(gt=0)]
GROUP = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
MINUTE_S = 60.0
HOUR_S = 3600.0


class Strict(BaseModel):
    """A table of the configuration: unknown names are mistakes, and errors echo no value."""

    # Deferred: a table is compiled when it is first read, and not at every start.
    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True
    )


class StoreSettings(Strict):
    """Where payments live."""

    url: str = "sqlite:./var/store.db"
    """``sqlite:<file>`` for one machine, ``postgresql://user@host/database`` for real."""

    password_file: Path | None = None
    """The file that holds PostgreSQL's password; never written into the URL."""


class ConsumerSettings(Strict):
    """The worker, the relay and the monitor."""

    group: Annotated[str, Field(pattern=GROUP)] = "sealgate-lifecycle"
    """The consumer group; another name reads the log from its beginning again."""

    batch_max: Annotated[int, Field(ge=1, le=5000)] = 500
    """Records in one transaction. Larger is faster until a rollback costs too much."""

    wait_s: Seconds = 1.0
    """How long a fetch waits for the first record."""

    notices_max: Annotated[int, Field(ge=1, le=5000)] = 500
    """Notices taken from the outbox at once."""

    relay_idle_s: Seconds = 0.2
    """How often an empty outbox is looked at again."""

    monitor_s: Seconds = 15.0
    """How often lag and states are measured."""

    @property
    def alarms_group(self) -> str:
        """Name the group that reads the edge's alarms.

        Apart from the payments' own, so that neither makes the other give its partitions back.
        """
        return f"{self.group}.alarms"

    stuck_s: dict[State, Seconds] = {
        State.PENDING: 24 * HOUR_S,
        State.PAID: 2 * HOUR_S,
        State.UNDERPAID: 24 * HOUR_S,
        State.LATE: 24 * HOUR_S,
    }
    """How long a payment may stay in a state before it counts as stuck. Two hours of Paid cover
    every chain but the slowest; see the lifecycle glossary."""
