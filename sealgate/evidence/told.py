"""What somebody types to have evidence written down: apart, because the overview reads no flags."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Who has it written down, and under which key. Without `record` nothing is written."""

    record: bool = False
    """Write the digest of the report into the audit log, as an action like any other: needs --by,
    --role, --note and --key, and --output or --json, so that the report itself is kept."""

    by: str = ""
    """Your name; it is kept for ever."""

    role: str = ""
    """As what you act: engineering, security, operations, finance and others."""

    note: str = ""
    """For which acceptance it was made, in one line."""

    key: str = ""
    """An idempotency key, such as the number of a ticket."""
