"""Limits before the body is read: the cheap questions, asked in the order of their price.

A request head flows in; either a `Source` that may be spent time on flows out, or the `Answer` that
ends it. A stranger who fails here costs a dictionary lookup and a few comparisons: no body is read,
no digest computed, nothing stored.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ingress.answers import Outcome
from ingress.delivery import Reason, Rejected
from ingress.sources import Snapshot, Source

PREFIX = "/hooks/"
LENGTH_DIGITS_MAX = 12
BURST_S = 2.0


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a request before its body: the raw target and header fields."""

    method: str
    target: str
    version: tuple[int, int]
    headers: tuple[tuple[bytes, bytes], ...]

    def single(self, name: bytes) -> bytes | None:
        """Return the value of a header that may occur at most once; None if it does not.

        Raises `Refused`: with two, we and a proxy in front could each believe another one.
        """
        found = [value for key, value in self.headers if key == name]
        if len(found) > 1:
            raise Refused(Outcome.REJECTED_MALFORMED)
        return found[0] if found else None


class Refused(Exception):
    """The request ends here, with `outcome`; `source` is known where it was found."""

    def __init__(
        self,
        outcome: Outcome,
        source: Source | None = None,
        reason: Reason | None = None,
    ) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome
        self.source = source
        self.reason = reason


@dataclass(slots=True)
class Budget:
    """Bytes of bodies in flight: taken as they arrive, given back with the answer.

    What a sender declares is not taken: a stranger would hold the whole budget with a few heads and
    send nothing.
    """

    bytes_max: int
    bytes_taken: int = 0

    def take(self, size: int) -> bool:
        """Take `size` bytes if they are there."""
        if self.bytes_taken + size > self.bytes_max:
            return False
        self.bytes_taken += size
        return True

    def is_spent(self) -> bool:
        """Say whether not one more byte would be taken."""
        return self.bytes_taken >= self.bytes_max

    def give(self, size: int) -> None:
        """Give `size` bytes back."""
        self.bytes_taken -= size


@dataclass(slots=True)
class Bucket:
    """A token bucket: `rate_per_s` on average, a burst of `BURST_S` seconds' worth."""

    rate_per_s: float
    tokens: float = 0.0
    at_s: float = float("-inf")

    def has_one(self, now_s: float) -> bool:
        """Say whether there is a token. `now_s` is a monotonic clock reading."""
        most = max(1.0, self.rate_per_s * BURST_S)
        self.tokens = min(most, self.tokens + (now_s - self.at_s) * self.rate_per_s)
        self.at_s = now_s
        return self.tokens >= 1

    def take(self, now_s: float) -> bool:
        """Take one token if there is one."""
        if not self.has_one(now_s):
            return False
        self.tokens -= 1
        return True


@dataclass(slots=True)
class Admission:
    """The gate before the body: holds the sources, the budget and the buckets."""

    sources: Snapshot
    budget: Budget
    clock_s: Callable[[], float]
    buckets: Mapping[str, Bucket] = field(init=False)

    def __post_init__(self) -> None:
        self.buckets = {
            slug: Bucket(source.rate_per_s)
            for slug, source in self.sources.items()
            if source.rate_per_s is not None
        }

    def admit(self, head: Head) -> tuple[Source, int]:
        """Return the source and the declared length of the body. Raises `Refused`."""
        source = self._route(head)
        try:
            length = _length(head, source)
            source.profile.precheck(head.headers)
        except Refused as refused:
            refused.source = source
            raise
        except Rejected as rejected:
            raise Refused(
                Outcome.REJECTED_SIGNATURE, source=source, reason=rejected.reason
            ) from None
        bucket = self.buckets.get(source.slug)
        if bucket is not None and not bucket.has_one(self.clock_s()):
            raise Refused(Outcome.RATE_LIMITED, source=source)
        if self.budget.is_spent():
            raise Refused(Outcome.OVERLOADED, source=source)
        return source, length

    def spend(self, source: Source) -> None:
        """Count one delivery that verified against the source's rate.

        One that did not verify is not the provider's: forgeries must not use up its rate.
        """
        bucket = self.buckets.get(source.slug)
        if bucket is not None:
            bucket.take(self.clock_s())

    def _route(self, head: Head) -> Source:
        """Find the source by the exact path: nothing is decoded, so nothing can be disguised."""
        if head.version not in {(1, 0), (1, 1)}:
            raise Refused(Outcome.REJECTED_MALFORMED)
        path = head.target.partition("?")[0]
        source = self.sources.get(path[len(PREFIX) :]) if path.startswith(PREFIX) else None
        if source is None:
            raise Refused(Outcome.REJECTED_UNKNOWN_SOURCE)
        if head.method not in source.profile.methods:
            raise Refused(Outcome.REJECTED_METHOD, source=source)
        return source


def _length(head: Head, source: Source) -> int:
    """Read the declared length: every provider declares one, and a chunked body has no end."""
    if head.single(b"transfer-encoding") is not None:
        raise Refused(Outcome.REJECTED_LENGTH)
    declared = head.single(b"content-length")
    if declared is None:
        raise Refused(Outcome.REJECTED_LENGTH)
    if not declared.isdigit() or len(declared) > LENGTH_DIGITS_MAX:
        raise Refused(Outcome.REJECTED_MALFORMED)
    length = int(declared)
    if length > source.body_bytes_max:
        raise Refused(Outcome.REJECTED_TOO_LARGE)
    encoding = head.single(b"content-encoding")
    if encoding is not None and encoding.lower() != b"identity":
        raise Refused(Outcome.REJECTED_ENCODING)
    return length
