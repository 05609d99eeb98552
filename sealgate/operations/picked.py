"""Which exceptions are meant: the flags as typed, apart from all that answers them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Picked:
    """Every exception for which all that is said here holds."""

    code: str = ""
    """Only those of this code, such as AMOUNT_UNDER."""

    owner: str = ""
    """Only those of this owner, or a part of the name: finance."""

    severity: int = 0
    """Only those of this severity, from 1 to 4."""

    status: str = ""
    """Only those in this status, such as waiting_provider."""

    age: str = ""
    """Only those of this age: <1h, 1-4h, 4-24h, 1-3d, 3-7d, 7-30d or >30d."""

    assignee: str = ""
    """Only those of this colleague."""

    provider: str = ""
    """Only those of this provider."""

    payment: str = ""
    """Only those of this payment: provider/account/reference, or the reference alone."""
