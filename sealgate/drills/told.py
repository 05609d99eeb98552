"""What somebody types to have a drill written down: apart, because the overview reads no flags."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Who has it written down, and under which key. Without `record` nothing is written."""

    record: bool = False
    """Write into the audit log of --config that the drill was played: needs --by, --role, --note
    and --key. Without it nothing is written, and what would be is shown."""

    by: str = ""
    """Your name; it is kept for ever."""

    role: str = ""
    """As what you act: engineering, security, operations, finance and others."""

    note: str = ""
    """On what occasion it was played, in one line."""

    key: str = ""
    """An idempotency key, such as the number of a ticket."""
