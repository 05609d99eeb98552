"""What somebody types to freeze, or to clear it: apart, because the overview reads no flags."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Who says it, as what, and why."""

    by: str
    """Your name; it is kept for ever."""

    role: str
    """As what you act: operations, finance, engineering and others. Only finance clears."""

    reason: str
    """Why, in one line."""

    approved_by: str = ""
    """The second person: needed to clear."""

    json: bool = False
    """Print JSON, for machines."""
