"""Targets of `sealgate verify`: the readers of captured requests, and what undoes accidents.

A capture is written by whoever sent the request, and opened at three in the morning: nothing may
come out of it but advice, and nothing larger than a person's machine.
"""

from ingress import providers
from sealgate.explain import bodytable, capture, chunks, numbers
from sealgate.explain.addresses import other_query
from sealgate.explain.capture import Unusable
from sealgate.explain.case import Case
from tests.fuzz.registry import check, stranger, target

TWILIO = providers.load("twilio")
# A number of two digits in the sixty-fourth list, each on a line of its own; an exponent of 99.
GROWN_MAX = 1_000
ALTERED_MAX = 5_000


@target
def captured(data: bytes) -> None:
    """Any bytes are a request in one of three forms, or unusable with advice."""
    try:
        found = capture.read(data)
    except Unusable as advice:
        check(bool(str(advice)), "a refusal without advice")
        return
    check(all(isinstance(name, bytes) for name, _ in found.headers), "a header that is no bytes")
    check(isinstance(found.query, bytes), "a query that is no bytes")


@target
def accidents(data: bytes) -> None:
    """Every accident of a body or query is undone, or is none; and what comes out is bounded."""
    joined = chunks.joined(data)
    check(joined is None or len(joined) <= len(data), "chunks that hold more than there is")
    for body in numbers.rewritten(data):
        check(len(body) <= GROWN_MAX * (len(data) + 1), "a number that fills the memory")
    delivery = stranger(data)
    case = Case(TWILIO, delivery, (), ())
    altered = [one for row in bodytable.BODY for one in row.alter(case)]
    altered += other_query(case)
    check(len(altered) <= ALTERED_MAX, "more tries than a person waits for")
