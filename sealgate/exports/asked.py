"""What somebody types to export or to close: apart, because the overview reads no flags."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which run: a month, or from one instant until another."""

    out: Path
    """The new folder. One that is there already is refused."""

    period: str = ""
    """A calendar month, such as 2026-10."""

    from_: str = ""
    """Instead of a month: from this instant on, such as 2026-10-01T00:00:00Z."""

    to: str = ""
    """Until this instant, itself left out."""

    timezone: str = ""
    """Whose clocks say which month it is, such as Europe/Berlin; else that of the books
    (`consumer.posting.zone`), else UTC."""

    as_of: Path | None = None
    """An earlier run's folder or manifest: as of the same entries of the chains, byte for byte."""

    json: bool = False
    """Print JSON, for machines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToClose:
    """Which month is closed, by whom, and who agrees: it is kept for ever."""

    period: str
    """The calendar month, such as 2026-10."""

    out: Path
    """The new folder of the package. One that is there already is refused."""

    by: str
    """Who closes: a name that your colleagues know."""

    second: str
    """The second person, who has looked at the figures and agrees."""

    note: str
    """For the books, in your own words and in one line."""

    role: str = "finance"
    """As what: of the two people one acts for finance."""

    second_role: str = "operations"
    """As what the second person agrees: another role than the first one's."""

    timezone: str = ""
    """As for an export; every month is closed by the same clocks."""

    json: bool = False
    """Print JSON, for machines."""
