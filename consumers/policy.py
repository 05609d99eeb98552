"""The merchant's policy: how amounts and times are weighed, and what counts as final. Pure.

Interpretation asks it what of a provider's word is final; the reducer weighs under its terms. Its
version stands in every transition, so that years later it can be said under which policy a payment
was confirmed.
"""

from typing import NamedTuple

from consumers.weighing import STRICT, Terms


class Policy(NamedTuple):
    """One version of the policy."""

    version: str = ""
    terms: Terms = STRICT


# What a provider calls final is final; no grace, no tolerance.
NO_POLICY = Policy()
