"""The URL that is signed: registered path, received query, and the port as its sender writes it."""

import pytest

from ingress.schemes.parts.urls import Port, called, path, with_port


@pytest.mark.parametrize(
    ("registered", "query", "expected"),
    [
        ("https://a.example/p", b"", b"https://a.example/p"),
        ("https://a.example/p", b"x=1", b"https://a.example/p?x=1"),
        ("https://a.example/p?old=1", b"x=1&y=?", b"https://a.example/p?x=1&y=?"),
        ("https://a.example/p?old=1", b"", b"https://a.example/p"),
        ("https://a.example/caf%C3%A9/", b"", b"https://a.example/caf%C3%A9/"),
        ("", b"x=1", b"?x=1"),
    ],
)
def test_the_query_is_the_one_received(registered: str, query: bytes, expected: bytes) -> None:
    """Some providers add parameters of their own to the URL they were given."""
    assert called(registered, query) == expected


@pytest.mark.parametrize(
    ("url", "added", "removed"),
    [
        (b"https://a.example/p?x=:1", b"https://a.example:443/p?x=:1", b"https://a.example/p?x=:1"),
        (b"http://a.example/p", b"http://a.example:80/p", b"http://a.example/p"),
        (b"https://a.example:8443/p", b"https://a.example:8443/p", b"https://a.example/p"),
        (b"https://a.example", b"https://a.example:443", b"https://a.example"),
        (b"https://a.example?x=/1", b"https://a.example:443?x=/1", b"https://a.example?x=/1"),
        (b"https://a.example:443?x=1", b"https://a.example:443?x=1", b"https://a.example?x=1"),
        (b"https://a.example/p:9", b"https://a.example:443/p:9", b"https://a.example/p:9"),
        (b"https://[::1]/p", b"https://[::1]:443/p", b"https://[::1]/p"),
        (b"https://[::1]:80/p", b"https://[::1]:80/p", b"https://[::1]/p"),
        (b"ftp://a.example/p", b"ftp://a.example:443/p", b"ftp://a.example/p"),
        (b"a.example/p", b"a.example/p", b"a.example/p"),
        (b"", b"", b""),
    ],
)
def test_a_port_is_added_or_removed_and_nothing_else(
    url: bytes, added: bytes, removed: bytes
) -> None:
    """Twilio signs with the port, without it, or as registered, depending on the caller."""
    assert with_port(url, Port.ADDED) == added
    assert with_port(url, Port.REMOVED) == removed
    assert with_port(url, Port.AS_REGISTERED) == url


@pytest.mark.parametrize(
    ("registered", "expected"),
    [
        ("https://a.example/webhooks/0xpay", b"/webhooks/0xpay"),
        ("https://a.example/a/b/?x=/c", b"/a/b/"),
        ("https://a.example", b"/"),
        ("https://a.example?x=1", b"/"),
        ("https://a.example:8443/p", b"/p"),
        ("/p", b"/p"),
    ],
)
def test_the_path_is_what_stands_between_host_and_query(registered: str, expected: bytes) -> None:
    """0xPay signs it, without the host it calls."""
    assert path(registered) == expected
