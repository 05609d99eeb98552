"""What a person says to `sealgate tail`, as typed: apart from all that answers it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Asked:
    """Which records are shown, from where on, until when, and how."""

    topic: Literal["both", "verified", "lifecycle"] = "both"
    """Envelopes of the verified topic, notices of the lifecycle topic, or both."""

    from_: str = ""
    """Where to begin: beginning, end (what comes from now on), an instant such as
    2026-11-22T10:00:00Z, by the log's own time of writing, or topic/partition/offset, which reads
    that partition alone. Absent it is the end, and with --until-caught-up the beginning."""

    payment: str = ""
    """Only records about this payment: provider/account/reference, or the reference alone."""

    source: str = ""
    """Only what came through this source: its slug. Of notices, those of its account."""

    count: int = 0
    """End after so many records were shown; 0 is no bound."""

    until_caught_up: bool = False
    """End at what is there now, instead of waiting for more."""

    verify: bool = False
    """Verify each envelope again, offline, with the configured keys; exit code 3 where one is not
    proven."""

    json: bool = False
    """Print JSON, one object a line, by deploy/schemas/tail.json."""
