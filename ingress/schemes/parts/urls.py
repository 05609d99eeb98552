"""The URL that a provider signed: the one registered with it, and the query it called it with.

Never rebuilt from ``Host`` or ``X-Forwarded-*``, which whoever sends a request may choose. The path
is the registered one, letter for letter; the query is the received one, because some providers add
a parameter of their own, and because the message is compared as a whole in any case.
"""

from enum import StrEnum

_DEFAULT_PORTS = {b"https": b"443", b"http": b"80"}


class Port(StrEnum):
    """Which port the signed URL carries."""

    AS_REGISTERED = "as registered"
    ADDED = "added"
    REMOVED = "removed"


def called(registered: str, query: bytes) -> bytes:
    """Return the registered URL with the query it was called with."""
    base = registered.encode().partition(b"?")[0]
    return base + b"?" + query if query else base


def path(registered: str) -> bytes:
    """Return the path of the registered URL; one without a path is called at its root."""
    base = registered.encode().partition(b"?")[0]
    behind = base.partition(b"://")[2] or base
    return b"/" + behind.partition(b"/")[2]


def with_port(url: bytes, port: Port) -> bytes:
    """Return the URL with the default port of its scheme added, or without its port."""
    scheme, colon, rest = url.partition(b"://")
    if port is Port.AS_REGISTERED or not colon:
        return url
    cut = min((at for at in (rest.find(b"/"), rest.find(b"?")) if at >= 0), default=len(rest))
    host, path = rest[:cut], rest[cut:]
    name, separator, digits = host.rpartition(b":")
    has_port = bool(separator) and digits.isdigit()
    if port is Port.REMOVED:
        host = name if has_port else host
    elif not has_port:
        host += b":" + _DEFAULT_PORTS.get(scheme, b"443")
    return scheme + b"://" + host + path
