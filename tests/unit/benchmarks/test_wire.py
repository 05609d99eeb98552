"""The generator's own HTTP: as little as can be, and right about it."""

import pytest

from tests.benchmarks.wire import ResponseMalformed, read_response, request

RESPONSE = b"HTTP/1.1 200 OK\r\nServer: x\r\ncontent-LENGTH: 3\r\nDate: now\r\n\r\nabc"


@pytest.mark.parametrize("length", range(len(RESPONSE)))
def test_a_response_is_not_read_before_it_is_whole(length: int) -> None:
    """TCP cuts where it likes; half an answer is none."""
    assert read_response(RESPONSE[:length]) is None


def test_a_whole_response_gives_its_status_and_its_length() -> None:
    """What follows it belongs to another response."""
    assert read_response(RESPONSE + b"HTTP/1.1 500") == (200, len(RESPONSE))


def test_an_empty_response_ends_with_its_head() -> None:
    """The usual answer to a delivery has no body."""
    head = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
    assert read_response(head) == (503, len(head))


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Content-Length: 3\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_a_response_without_a_length_of_its_own_is_a_fault(response: bytes) -> None:
    """To guess where it ends would be to guess whose the next answer is."""
    with pytest.raises(ResponseMalformed):
        read_response(response)


def test_a_request_carries_its_body_and_exactly_the_headers_it_was_given() -> None:
    """What is measured must be a delivery as a provider makes it."""
    written = request("/hooks/shop", b"{}", [(b"x-signature", b"abc")])
    head, _, body = written.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /hooks/shop HTTP/1.1"
    assert b"Content-Length: 2" in lines
    assert b"x-signature: abc" in lines
    assert body == b"{}"
