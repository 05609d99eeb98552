"""Why an order of a person is refused: one class for each reason. Pure.

`code` is the same for ever: scripts and docs/operating.md go by it. The message says what to do.
"""

from consumers.colleagues import skeleton
from consumers.stating import Refused


class NotAllowed(Refused):
    """The role may not do this."""

    code = "role_not_allowed"


class NobodyKnown(Refused):
    """The configuration lists who decides, and this name is not of the list."""

    code = "person_unknown"


class ApprovalRequired(Refused):
    """A second person has to agree."""

    code = "approval_required"


class WrongWords(Refused):
    """Something that has to be said was not, or cannot be said so."""

    code = "invalid_request"


class Unknown(Refused):
    """There is no such payment, no such item, or no such command."""

    code = "not_found"


class HoldNotOn(Refused):
    """There is no such hold to release."""

    code = "hold_not_on"


class Held(Refused):
    """A hold is on, and what is asked for has to wait for it."""

    code = "payment_held"


class OutOfBounds(Refused):
    """More than there is, or of another asset."""

    code = "amount_out_of_bounds"


class PostingDiffers(Refused):
    """The posting is in the books otherwise than is said now, or is not in them."""

    code = "posting_differs"


class NotWithdrawable(Refused):
    """What cannot be taken back, or was taken back already."""

    code = "not_withdrawable"


class ClosesByFacts(Refused):
    """The exception ends when the facts end it, and not by hand."""

    code = "closes_by_facts"


class Closed(Refused):
    """The item is closed already."""

    code = "closed"


def check_names(by: str, approved_by: str) -> None:
    """Refuse names that name nobody; a second person may be left out. Raises `WrongWords`.

    Three points differ from every name, and are no person who could be asked about it.
    """
    for flag, name in (("by", by), ("approved_by", approved_by)):
        if name and not skeleton(name):
            raise WrongWords(f"{flag}: a name has a letter or a digit, and {name!r} has none")
