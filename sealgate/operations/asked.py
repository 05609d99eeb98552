"""What every decision of an operator says, as typed: apart from all that answers it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decides what, as whom, and why: it is kept for ever."""

    by: str
    """Who decides: a name that your colleagues know."""

    role: str
    """As what: support, operations, finance, treasury, compliance, security or engineering."""

    reason: str
    """Why, as one of the codes of docs/operating.md; a wrong one lists those that fit."""

    note: str
    """Why, in your own words and in one line."""

    key: str
    """An idempotency key, such as the number of a ticket: done again under it, nothing happens."""

    expect_version: str
    """What `show` told, such as 3.a91f04c2 (of an exception a plain 3): refused where anything was
    said since."""

    approved_by: str = ""
    """The second person, where one is needed."""

    dry_run: bool = False
    """Show what would follow, and write nothing."""

    json: bool = False
    """Print JSON, for machines."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What a file of postings says once for all its lines: it is kept with each for ever."""

    by: str
    """Who acknowledges: a name that your colleagues know."""

    note: str
    """Why, in your own words and in one line: such as the name of the batch in the books."""

    key: str
    """An idempotency key of the file; that of a line is made of it, the payment and the posting."""

    role: str = "finance"
    """As what: finance alone posts."""

    dry_run: bool = False
    """Show what would follow for each line, and write nothing."""

    json: bool = False
    """Print JSON, for machines."""
