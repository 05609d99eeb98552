"""Limits before the body is read: the cheap questions, asked in the order of their price.

A request head flows in; either a `Source` that may be spent time on flows out, or the `Refused`
that ends it. A stranger who fails here costs a dictionary lookup and a few comparisons: no body is
read, no digest computed, nothing stored. A request without a signature passes only where its
provider asks, unsigned, whether the endpoint is ours, and only as large as such a question is.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from ingress.allowlist import Allowlists, Verdict
from ingress.answers import Outcome
from ingress.clients import Certificate, bears
from ingress.delivery import Reason, Rejected
from ingress.quarantine import Kept
from ingress.schemes.handshake import REQUEST_BYTES_MAX
from ingress.sources import Snapshot, Source

PREFIX = "/hooks/"
LENGTH_DIGITS_MAX = 12
GZIP = b"gzip"
_BODY = "POST"
"""The one method that brings a body."""
BURST_S = 2.0
_VERSIONS = frozenset({(1, 0), (1, 1)})
_NONE: frozenset[bytes] = frozenset()


def _never() -> bool:
    return False


class Client(NamedTuple):
    """Who asks: the address, as far as it is known, and the certificate, if one was shown."""

    address: str = ""
    certificate: Certificate | None = None


_NOBODY = Client()


class Head(NamedTuple):
    """What is known of a request before its body: the raw target and header fields, and who asks.

    Made for every request, so it is cheap to make, and looks each header up once.
    """

    method: str
    target: str
    version: tuple[int, int]
    headers: tuple[tuple[bytes, bytes], ...]
    client: Client
    by_name: Mapping[bytes, bytes]
    repeated: frozenset[bytes]

    @classmethod
    def of(
        cls,
        method: str,
        target: str,
        version: tuple[int, int],
        headers: tuple[tuple[bytes, bytes], ...],
        client: Client = _NOBODY,
    ) -> Self:
        """Make a head; the names of `headers` are in lower case."""
        by_name = dict(headers)
        repeated = _NONE if len(by_name) == len(headers) else _repeated(headers)
        return cls(method, target, version, headers, client, by_name, repeated)

    def single(self, name: bytes) -> bytes | None:
        """Return the value of a header that may occur at most once; None if it does not.

        Raises `Refused`: with two, we and a proxy in front could each believe another one.
        """
        if name in self.repeated:
            raise Refused(Outcome.REJECTED_MALFORMED)
        return self.by_name.get(name)


class Refused(Exception):
    """The request ends here, with `outcome`; `source` is known where it was found.

    `passed` is known where only the signature's form is wrong, or who sends it: the body may still
    be read and kept; `kept` is why it was not.
    """

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
        self.passed: Passed | None = None
        self.kept: Kept | None = None


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
class Lease:
    """The bytes that one request occupies, until it is answered."""

    budget: Budget
    bytes_taken: int = 0

    def take(self, size: int) -> None:
        """Take `size` bytes more. Raises `Refused` where there are not so many."""
        if not self.budget.take(size):
            raise Refused(Outcome.OVERLOADED)
        self.bytes_taken += size

    def end(self) -> None:
        """Give everything back."""
        self.budget.give(self.bytes_taken)
        self.bytes_taken = 0


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


class Passed(NamedTuple):
    """What came through: whose it is, how long its body is, and whether that is compressed."""

    source: Source
    length: int
    is_compressed: bool


@dataclass(slots=True)
class Admission:
    """The gate before the body: holds the sources, the budget and the buckets."""

    sources: Snapshot
    budget: Budget
    clock_s: Callable[[], float]
    allowlists: Allowlists
    is_late: Callable[[], bool] = _never
    """Says whether the event loop is behind with its work."""
    before: "Admission | None" = None
    buckets: dict[str, Bucket] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make the buckets; one that is in use stays as full as it is."""
        kept = {} if self.before is None else self.before.buckets
        self.before = None
        for slug, source in self.sources.items():
            if source.rate_per_s is not None:
                bucket = kept.get(slug)
                known = bucket is not None and bucket.rate_per_s == source.rate_per_s
                self.buckets[slug] = bucket if known and bucket else Bucket(source.rate_per_s)

    def admit(self, head: Head) -> Passed:
        """Return the source, and what is declared of the body. Raises `Refused`."""
        source = self._route(head)
        try:
            length = _length(head, source)
            passed = Passed(source, length, _is_compressed(head, source))
            self._check_client(head, passed)
            _precheck(head, passed)
            self._check_load(source)
        except Refused as refused:
            refused.source = source
            raise
        return passed

    def spend(self, source: Source) -> None:
        """Count one delivery that verified against the source's rate.

        One that did not verify is not the provider's: forgeries must not use up its rate.
        """
        bucket = self.buckets.get(source.slug)
        if bucket is not None:
            bucket.take(self.clock_s())

    def _route(self, head: Head) -> Source:
        """Find the source by the exact path: nothing is decoded, so nothing can be disguised."""
        if head.version not in _VERSIONS:
            raise Refused(Outcome.REJECTED_MALFORMED)
        source = self._found(head.target.partition("?")[0])
        if source is None:
            raise Refused(Outcome.REJECTED_UNKNOWN_SOURCE)
        profile = source.profile
        if head.method not in profile.methods and not profile.greets(head.method):
            raise Refused(Outcome.REJECTED_METHOD, source=source)
        return source

    def _found(self, path: str) -> Source | None:
        """Look a path up: the slug alone, or behind the environment that serves it.

        A path that names another environment is unknown here: so a balancer that sends one
        environment's traffic to another is found before a key is tried. No slug has a slash in it.
        """
        if not path.startswith(PREFIX):
            return None
        name = path[len(PREFIX) :]
        environment, slash, slug = name.partition("/")
        if not slash:
            return self.sources.get(name)
        source = self.sources.get(slug)
        return source if source is not None and source.environment == environment else None

    def _check_client(self, head: Head, passed: Passed) -> None:
        """Ask whether the source takes anything from this client. Raises `Refused`."""
        source = passed.source
        if source.access is not None:
            verdict = self.allowlists.judge(source.access, head.client.address)
            if verdict is Verdict.AWAITED:
                raise Refused(Outcome.ADDRESSES_AWAITED)
            if verdict is Verdict.REFUSED:
                raise _unwelcome(head, passed, Reason.ADDRESS_REFUSED)
        names = source.setting.client_names
        if names and not bears(head.client.certificate, names):
            raise _unwelcome(head, passed, Reason.CERTIFICATE_REFUSED)

    def _check_load(self, source: Source) -> None:
        """Ask whether the source is within its rate, and the edge within its means.

        Last of all: whoever is refused for what it sent is refused under any load, as cheaply; a
        flood of that is told nothing of how we are, and only deliveries that may be good are shed.
        """
        bucket = self.buckets.get(source.slug)
        if bucket is not None and not bucket.has_one(self.clock_s()):
            raise Refused(Outcome.RATE_LIMITED)
        if self.budget.is_spent() or self.is_late():
            raise Refused(Outcome.OVERLOADED)


def _repeated(headers: Iterable[tuple[bytes, bytes]]) -> frozenset[bytes]:
    counts = Counter(name for name, _ in headers)
    return frozenset(name for name, count in counts.items() if count > 1)


def _unwelcome(head: Head, passed: Passed, reason: Reason) -> Refused:
    """Refuse a client. What it sent can be kept if it is a delivery: the list may be wrong."""
    refused = Refused(Outcome.REJECTED_CLIENT, reason=reason)
    if head.method in passed.source.profile.methods:
        refused.passed = passed
    return refused


def _precheck(head: Head, passed: Passed) -> None:
    """Look at the signature as far as the head has it. Raises `Refused`."""
    source = passed.source
    if head.method not in source.profile.methods:
        return
    try:
        source.profile.precheck(head.headers)
    except Rejected as rejected:
        if (
            rejected.reason is Reason.HEADER_MISSING
            and source.profile.greets(head.method)
            and passed.length <= REQUEST_BYTES_MAX
        ):
            return
        refused = Refused(Outcome.REJECTED_SIGNATURE, reason=rejected.reason)
        refused.passed = passed
        raise refused from None


def _length(head: Head, source: Source) -> int:
    """Read the declared length: every provider declares one, and a chunked body has no end.

    Only a POST brings a body: what else would carry one is refused, or the body would be ignored
    here and believed elsewhere.
    """
    if head.single(b"transfer-encoding") is not None:
        raise Refused(Outcome.REJECTED_LENGTH)
    has_body = head.method == _BODY
    declared = head.single(b"content-length")
    if declared is None:
        if has_body:
            raise Refused(Outcome.REJECTED_LENGTH)
        return 0
    if not declared.isdigit() or len(declared) > LENGTH_DIGITS_MAX:
        raise Refused(Outcome.REJECTED_MALFORMED)
    length = int(declared)
    if length > (source.body_bytes_max if has_body else 0):
        raise Refused(Outcome.REJECTED_TOO_LARGE)
    return length


def _is_compressed(head: Head, source: Source) -> bool:
    """Say whether the body is to be decompressed. Raises `Refused` for what is not agreed upon."""
    sent = head.single(b"content-encoding")
    if not sent:
        return False
    encoding = sent.lower()
    if encoding == b"identity":
        return False
    if encoding != GZIP or GZIP.decode() not in source.profile.declaration.content_encodings:
        raise Refused(Outcome.REJECTED_ENCODING)
    return True
