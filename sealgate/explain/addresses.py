"""The URLs that may have been signed instead of the one given.

The registered URL and the request flow in, other URLs flow out: another scheme, a slash more or
less, a port, the query, the host that the request was sent to.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import permutations
from urllib.parse import unquote_to_bytes, urlsplit, urlunsplit

from sealgate.explain.case import Case

Urls = Iterator[str]
# Of five, 120 orders: more are tried in the order of their names alone.
_PERMUTED_MAX = 5
_PARAMETERS_MAX = 50
_ESCAPE = re.compile(rb"%[0-9a-fA-F]{2}")


def scheme(case: Case) -> Urls:
    """Undo this: http for https, as behind a proxy that ends TLS."""
    url = case.delivery.url
    if url.startswith("https://"):
        yield "http://" + url.removeprefix("https://")
    elif url.startswith("http://"):
        yield "https://" + url.removeprefix("http://")


def slash(case: Case) -> Urls:
    """Undo this: a slash at the end of the path, more or less."""
    url = case.delivery.url
    path, mark, query = url.partition("?")
    yield (path.removesuffix("/") if path.endswith("/") else path + "/") + mark + query


def port(case: Case) -> Urls:
    """Undo this: the default port written out, or any port left out."""
    url = case.delivery.url
    parts = urlsplit(url)
    host = parts.netloc.partition(":")[0]
    if host != parts.netloc:
        yield urlunsplit(parts._replace(netloc=host))
    for digits in ("443", "80"):
        yield urlunsplit(parts._replace(netloc=f"{host}:{digits}"))


def host(case: Case) -> Urls:
    """Undo this: the host and path of the request itself."""
    url = case.delivery.url
    parts = urlsplit(url)
    path = urlsplit(case.target).path or parts.path
    named = [
        value.decode("latin-1")
        for name in (b"host", b"x-forwarded-host", b":authority")
        for value in case.delivery.values(name)
    ]
    for netloc in dict.fromkeys([*named, parts.netloc]):
        for each in ("https", "http"):
            if netloc:
                yield urlunsplit((each, netloc, path, "", ""))


def letters(case: Case) -> Urls:
    """Undo this: the host in small letters, or with its www."""
    url = case.delivery.url
    parts = urlsplit(url)
    yield urlunsplit(parts._replace(netloc=parts.netloc.lower()))
    yield urlunsplit(parts._replace(netloc="www." + parts.netloc))
    yield urlunsplit(parts._replace(netloc=parts.netloc.removeprefix("www.")))


def on_url(change: Callable[[Case], Urls]) -> Callable[[Case], Iterator[Case]]:
    """Alter the registered URL; nothing to do where it is not signed."""

    def altered(case: Case) -> Iterator[Case]:
        if not case.profile.signs_url:
            return
        for url in change(case):
            if url != case.delivery.url:
                yield case.with_url(url)

    return altered


def without_query(case: Case) -> Iterator[Case]:
    """Undo this: the query was not signed, or the registered one was signed and not received."""
    if not case.profile.signs_url:
        return
    registered = case.delivery.url.partition("?")[2].encode()
    for query in {b"", registered} - {case.delivery.query}:
        yield replace(case, delivery=replace(case.delivery, query=query))


def other_query(case: Case) -> Iterator[Case]:
    """Undo this: a proxy put the parameters in another order, wrote them anew, or added some."""
    query = case.delivery.query
    if query and (case.profile.signs_url or case.delivery.method == "GET"):
        for other in dict.fromkeys(_queries(query)):
            if other != query:
                yield replace(case, delivery=replace(case.delivery, query=other))


def _queries(query: bytes) -> Iterator[bytes]:
    yield query.replace(b"+", b"%20")
    yield query.replace(b"%20", b"+")
    yield _ESCAPE.sub(lambda found: found[0].lower(), query)
    yield _ESCAPE.sub(lambda found: found[0].upper(), query)
    yield unquote_to_bytes(query)
    pairs = query.split(b"&")
    if len(pairs) > _PARAMETERS_MAX:
        return
    for at in range(len(pairs)):
        yield b"&".join(pairs[:at] + pairs[at + 1 :])
        yield b"&".join(pairs[:at])
        yield b"&".join(pairs[at:])
    yield b"&".join(sorted(pairs))
    if len(pairs) <= _PERMUTED_MAX:
        yield from map(b"&".join, permutations(pairs))
