"""What is configured of asking providers, beside what each source says of its own API."""

from typing import Annotated

from pydantic import Field

from consumers.settings import Seconds, Strict


class FetchingSettings(Strict):
    """Asking providers for payments. See docs/fetching.md."""

    every_s: Seconds = 5.0
    """How often it is looked whom to ask about: a hint waits no longer than that."""

    overdue: bool = True
    """Ask about payments that are near the limit of their state: some changes have no webhook."""

    confirmed_s: Annotated[float, Field(ge=0, le=30 * 24 * 3600)] = 0.0
    """For how long a Confirmed payment is asked about again, with growing pauses; 0 for never.
    Worth its questions where a confirmation can be lost, such as in a reorg."""
