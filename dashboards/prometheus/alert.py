"""An alert and a recorded series, as data; and the few forms that expressions are made of.

Several processes tell the same fact: of a gauge the ``max`` counts (or the ``min``), never a sum.
Counters are added up. The label ``environment`` comes from the scrape configuration and is kept
everywhere, so that one Prometheus can watch several environments.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

RUNBOOKS = "https://github.com/sealgate/sealgate/blob/main/docs/runbooks/"
"""Where the runbooks are read: replace it where they are kept somewhere else."""

PLACE = "environment"
SOURCE = "environment, source, provider"
PROVIDER = "environment, provider"
GROUP = "environment, group"
PROCESS = "environment, instance"
HOST = '"host", "$1", "instance", "(.+):[0-9]+"'
"""For `label_replace`: where a process is, to be compared with others there."""


class Severity(StrEnum):
    """Who is called, and when."""

    PAGE = "page"
    """Somebody is woken."""
    TICKET = "ticket"
    """Somebody looks at it in this shift."""
    INFO = "info"
    """Nobody: a machine waits for it."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `when` says its condition for people, `action` is the summary: what to do."""

    name: str
    severity: Severity
    runbook: str
    when: str
    action: str
    details: str
    expression: str
    held: str = "0s"
    """How long it has to be so before anybody is called."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A series that is worked out once for all who ask."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are worked out together, in their order."""

    name: str
    alerts: Sequence[Alert] = ()
    recordings: Sequence[Recording] = ()


def total(labels: str, counter: str, window: str) -> str:
    """Say how much a counter of all processes went up in a window."""
    return f"sum by ({labels}) (increase({counter}[{window}]))"


def most(labels: str, gauge: str) -> str:
    """Say the highest of what processes tell of one fact."""
    return f"max by ({labels}) ({gauge})"


def least(labels: str, gauge: str) -> str:
    """Say the lowest of what processes tell of one fact."""
    return f"min by ({labels}) ({gauge})"


def age(labels: str, timestamp: str) -> str:
    """Say how many seconds ago the oldest of these instants was."""
    return f"time() - {least(labels, timestamp)}"


def last_was(what: str) -> str:
    """Say when something was last done; 0 is told until the first time, and is no instant."""
    return (
        f"{{{{ if gt $value 1e9 }}}}There was no {what} since the start{{{{ else }}}}"
        f"The last {what} was {{{{ $value | humanizeDuration }}}} ago{{{{ end }}}}."
    )
