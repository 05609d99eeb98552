"""Every answer the edge can give, as one table: outcome, status, and the problem's constant title.

An `Answer` flows out, and out of `written` its bytes. An outcome is the metric label and the log
field; exactly one belongs to each request. A problem body (RFC 9457) names the class of the problem
and the correlation id, and nothing else: which check failed is for our metrics and our log, never
for a stranger. Pure.
"""

from collections.abc import Iterable
from email.utils import formatdate
from enum import StrEnum
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple

import orjson

PROBLEM_TYPE = "application/problem+json"


class Outcome(StrEnum):
    """What came of one request: closed, because each value is a label."""

    ACCEPTED = "accepted"
    HANDSHAKE = "handshake"
    ENVIRONMENT_MISMATCH = "environment_mismatch"
    REJECTED_SIGNATURE = "rejected_signature"
    REJECTED_STALE = "rejected_stale"
    REJECTED_MALFORMED = "rejected_malformed"
    REJECTED_UNKNOWN_SOURCE = "rejected_unknown_source"
    REJECTED_METHOD = "rejected_method"
    REJECTED_LENGTH = "rejected_no_length"
    REJECTED_TOO_LARGE = "rejected_too_large"
    REJECTED_ENCODING = "rejected_encoding"
    REJECTED_TIMEOUT = "rejected_timeout"
    REJECTED_CLIENT = "rejected_client"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    ADDRESSES_AWAITED = "addresses_awaited"
    PUBLISH_FAILED = "publish_failed"
    PUBLISH_REFUSED = "publish_refused"
    INTERNAL_ERROR = "internal_error"


class Problem(NamedTuple):
    """A class of problem: its status, and the two texts that never vary."""

    status: int
    name: str
    title: str


PROBLEMS = {
    Outcome.REJECTED_SIGNATURE: Problem(401, "unauthenticated", "The delivery did not verify"),
    Outcome.REJECTED_STALE: Problem(401, "unauthenticated", "The delivery did not verify"),
    Outcome.REJECTED_MALFORMED: Problem(400, "malformed", "The request is not valid HTTP/1.1"),
    Outcome.REJECTED_UNKNOWN_SOURCE: Problem(404, "not-found", "There is nothing here"),
    Outcome.REJECTED_METHOD: Problem(405, "method-not-allowed", "The method is not allowed here"),
    Outcome.REJECTED_LENGTH: Problem(411, "length-required", "A Content-Length is required"),
    Outcome.REJECTED_TOO_LARGE: Problem(413, "too-large", "The body is too large"),
    Outcome.REJECTED_ENCODING: Problem(415, "encoding", "The content encoding is not accepted"),
    Outcome.REJECTED_TIMEOUT: Problem(408, "timeout", "The request took too long to arrive"),
    Outcome.REJECTED_CLIENT: Problem(403, "forbidden", "Nothing is accepted from this client"),
    Outcome.RATE_LIMITED: Problem(429, "rate-limited", "Too many deliveries"),
    Outcome.OVERLOADED: Problem(503, "unavailable", "Not now; try again later"),
    Outcome.ADDRESSES_AWAITED: Problem(503, "unavailable", "Not now; try again later"),
    Outcome.PUBLISH_FAILED: Problem(503, "unavailable", "Not now; try again later"),
    Outcome.PUBLISH_REFUSED: Problem(503, "unavailable", "Not now; try again later"),
    Outcome.INTERNAL_ERROR: Problem(500, "internal", "Something went wrong on our side"),
}

# What a provider is told by status 503 for a refusal must not differ from any other 503.
_REFUSED_SOFTLY = Problem(503, "unavailable", "Not now; try again later")
_CLOSING = frozenset(
    {
        # The body was not read, or the framing cannot be trusted: the connection is not reusable.
        Outcome.REJECTED_MALFORMED,
        Outcome.REJECTED_LENGTH,
        Outcome.REJECTED_TOO_LARGE,
        Outcome.REJECTED_ENCODING,
        Outcome.REJECTED_TIMEOUT,
        Outcome.RATE_LIMITED,
        Outcome.OVERLOADED,
        Outcome.ADDRESSES_AWAITED,
        # Something broke in the middle, and nobody knows of what.
        Outcome.INTERNAL_ERROR,
    }
)
_ASKED_TO_WAIT = frozenset({429, 503})

# A plain number: an enumeration is slow to look up, and slower to compare.
_NO_CONTENT = HTTPStatus.NO_CONTENT.value

SERVER_NAME = "sealgate"
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
# Of every status that a profile may choose, the ones without a name too.
_BEGINNINGS = {
    status: f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\nServer: {SERVER_NAME}\r\nDate: "
    for status in range(200, 600)
}
_LINE_ENDS = frozenset("\r\n\0")


class Answer(NamedTuple):
    """What goes back: `close` ends the connection, `wait` asks the sender to come back later."""

    outcome: Outcome
    status: int
    body: bytes = b""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    close: bool = False
    wait: bool = False


def refuse(outcome: Outcome, correlation_id: str, status: int | None = None) -> Answer:
    """Build the problem answer of `outcome`; `status` is a profile's own status for a refusal."""
    problem = PROBLEMS[outcome]
    if status is not None and status != problem.status:
        problem = _REFUSED_SOFTLY if status in _ASKED_TO_WAIT else problem._replace(status=status)
    body = {
        "type": "urn:sealgate:problem:" + problem.name,
        "title": problem.title,
        "status": problem.status,
        "instance": "urn:uuid:" + correlation_id,
    }
    return Answer(
        outcome=outcome,
        status=problem.status,
        body=orjson.dumps(body),
        content_type=PROBLEM_TYPE,
        close=outcome in _CLOSING,
        wait=problem.status in _ASKED_TO_WAIT,
    )


@lru_cache(2)
def http_date(now_s: int) -> str:
    """Write a second of the wall clock as HTTP does; once, for all answers given in it."""
    return formatdate(now_s, usegmt=True)


def written(
    answer: Answer,
    correlation_id: str,
    date: str,
    more: Iterable[tuple[str, str]] = (),
    *,
    is_last: bool = False,
    is_bare: bool = False,
) -> bytes:
    """Write an answer as it goes over the wire; `is_bare`: without its body, as to HEAD.

    Raises `ValueError` rather than to write a header that would be two.
    """
    body = answer.body
    head = f"{_BEGINNINGS[answer.status]}{date}\r\nX-Correlation-Id: {correlation_id}\r\n"
    if answer.status == _NO_CONTENT:
        is_bare = True  # by its name; RFC 9110, 8.6 forbids even a length of 0
    else:
        head += f"Content-Length: {len(body)}\r\n"
    if answer.content_type:
        head += f"Content-Type: {answer.content_type}\r\n"
    for name, value in (*answer.headers, *more):
        if not _LINE_ENDS.isdisjoint(name + value):
            raise ValueError("a line end in a header would begin another one")
        head += f"{name}: {value}\r\n"
    head += "Connection: close\r\n\r\n" if is_last else "\r\n"
    return head.encode() if is_bare else head.encode() + body
