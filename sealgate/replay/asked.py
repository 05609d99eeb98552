"""What a person says to `sealgate replay`, as typed: apart from all that answers it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Asked:
    """Which events are read again, by which mapping, and who has it written."""

    from_: str = ""
    """Where to begin: beginning, an instant such as 2026-11-22T10:00:00Z, by the log's own time of
    writing, or topic/partition/offset."""

    to: str = ""
    """Where to end, itself left out: an instant, or topic/partition/offset."""

    source: str = ""
    """Only events that came through this source: its slug, or the URI that its events have."""

    provider: str = ""
    """Only events of this provider."""

    payment: str = ""
    """Only events of this payment: provider/account/reference, or the reference alone."""

    event: str = ""
    """Only this event: provider/account/key, a correlation id, or the key alone."""

    verdict: str = ""
    """Only events of which this came, such as unknown_type,unparseable."""

    dead_letters: bool = False
    """Not the log but what was given up on, kept whole in the database."""

    mapping: Path | None = None
    """Read by this candidate instead of what is in force: a folder of mappings, or one file. Only
    to look."""

    dry_run: bool = False
    """Show the difference for each payment and write nothing: what happens without --apply."""

    apply: bool = False
    """Write what the dry run shows: needs --by, --reason, --note and --key, and where the money is
    real --approved-by."""

    by: str = ""
    """Who replays: a name that your colleagues know."""

    role: str = "engineering"
    """As what: a replay is for engineering."""

    reason: str = ""
    """Why: cause_mended, incident, provider_confirmed or provider_fault."""

    note: str = ""
    """Why, in your own words and in one line."""

    key: str = ""
    """An idempotency key, such as the number of a ticket: a replay that was broken off goes on
    under it."""

    approved_by: str = ""
    """The second person, who has looked at the dry run."""

    json: bool = False
    """Print JSON, one line for each payment and one for the sum."""
