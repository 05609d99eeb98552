"""Keys under which facts are kept and no state is written. Pure.

Such a key has a row in the table of payments, of version 0, so that it is locked, listed and read
with its facts like any other; the word that stands in a state's place says why. The row becomes a
payment's when a first transition is written.
"""

from enum import StrEnum

_STATE, _VERSION, _SINCE = 3, 4, 5


class Kept(StrEnum):
    """Why facts are kept under a key without any state being written: stored in a state's place."""

    PARKED = "Parked"  # a payment that nobody has announced
    DEPOSIT = "Deposit"  # a transfer that names no payment
