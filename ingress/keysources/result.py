"""What can come of one fetch: a closed list, because each value is a metric label."""

from enum import StrEnum


class Result(StrEnum):
    """How one fetch ended."""

    FETCHED = "fetched"
    NOT_PUBLIC = "address_not_public"
    """The host's name led to an address inside somebody's network: ours, or the cloud's."""
    UNREACHABLE = "unreachable"
    TLS = "tls"
    TIMEOUT = "timeout"
    STATUS = "status"
    MALFORMED = "malformed"
    """No answer in HTTP, or one that is compressed."""
    TOO_LARGE = "too_large"
    UNUSABLE = "unusable"
    """An answer that holds no key of the kind declared."""
    WITHDRAWN = "withdrawn"
    """The provider itself says that the key is no longer good."""
    UNEXPECTED = "unexpected"
    """A fault of ours; the task goes on."""


class FetchFailed(Exception):
    """No key came of it: why, as a label, and in words that hold no secret."""

    def __init__(self, result: Result, detail: str) -> None:
        super().__init__(detail)
        self.result = result
