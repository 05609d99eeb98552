"""The journal that a configuration asks for, in front of its log.

None where there is nothing to journal: the embedded log has the disk already, and with ``refuse``
the edge answers 503 while Kafka is away. But what another setting left in the directory was
acknowledged, and is sent whatever the setting is now.
"""

from collections.abc import Callable

from ingress.eventlog import connect as log_connect
from ingress.eventlog.journal import Terms
from ingress.eventlog.journal_files import has_files
from ingress.eventlog.journal_room import Limits
from ingress.eventlog.journaled import Journaling, Policy
from sealgate.config import Configuration


def journaling(
    configuration: Configuration, worker: str, checkpoint: Callable[[str], None]
) -> Journaling | None:
    """Say how this process journals; `worker` is a name that no other living process has."""
    log = configuration.settings.log
    directory = configuration.base / log.journal.directory
    policy = Policy.REFUSE if log_connect.is_file(log.url) else Policy(log.journal.policy)
    if policy is Policy.REFUSE and not has_files(directory):
        return None
    limits = Limits(log.journal.bytes_max, log.journal.free_bytes_min)
    terms = Terms(
        directory, worker, limits, takes=policy is not Policy.REFUSE, checkpoint=checkpoint
    )
    return Journaling(policy, log.journal.alarm_age_s, terms)
