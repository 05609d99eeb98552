"""What is read of a delivery is read once, and never of another delivery."""

from dataclasses import replace

from ingress.schemes.parts.headers import Index
from ingress.schemes.parts.view import View
from tests.support.builders import delivery


def test_whoever_reads_a_delivery_reads_the_same_view() -> None:
    """Verification, identity and envelope each looking anew would be most of an event's cost."""
    sent = delivery()
    assert View.of(sent) is View.of(sent)


def test_a_delivery_that_was_changed_is_read_anew() -> None:
    """Whoever tries another body or header must not be told what stood in the first."""
    sent = delivery(headers=((b"x-id", b"1"),))
    assert View.of(sent).index.value(b"x-id") == b"1"
    other = replace(sent, headers=((b"x-id", b"2"),))
    assert View.of(other).index.value(b"x-id") == b"2"


def test_what_was_read_is_no_part_of_what_was_sent() -> None:
    """Two deliveries with the same bytes are the same, whichever was looked at."""
    seen, unseen = delivery(), delivery()
    View.of(seen)
    assert seen == unseen
    assert repr(seen) == repr(unseen)


def test_a_header_that_came_twice_is_told_from_one_that_came_once() -> None:
    """An id of our own story is taken from a request only where it is one; the type, the first."""
    index = Index(((b"a", b" 1 "), (b"b", b"2"), (b"b", b"3")))
    assert (index.first(b"a"), index.lone(b"a")) == (b" 1 ", b" 1 ")
    assert (index.first(b"b"), index.lone(b"b")) == (b"2", None)
    assert (index.first(b"c"), index.lone(b"c")) == (None, None)
    plain = Index(((b"a", b" 1 "),))
    assert (plain.first(b"a"), plain.lone(b"a")) == (b" 1 ", b" 1 ")
    assert (plain.first(b"b"), plain.lone(b"b")) == (None, None)
