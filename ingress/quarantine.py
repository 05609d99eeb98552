"""The quarantine: refused deliveries of known sources, kept to be verified again.

A refused `Delivery` flows in, with the reason; it is serialised whole, sealed, and written to the
quarantine topic, within limits that belong to its source and to its sender. What flows out is
`Kept`:
how it ended, for metrics, the log line and the status of the answer.
"""

from enum import StrEnum


class Kept(StrEnum):
    """What came of keeping one refused delivery: closed, because each value is a label."""

    KEPT = "kept"
    OFF = "off"
    OVER_LIMIT = "over_limit"
    TOO_LARGE = "too_large"
    UNSEALED = "unsealed"
    """It carries its secret, and there is no key to seal it with."""
    LOG_UNAVAILABLE = "log_unavailable"
