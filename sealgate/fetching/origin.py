"""The base URL of a provider's API, as a merchant writes it: taken apart once, strictly. Pure."""

import re
from typing import NamedTuple

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = rf"(?:{_LABEL}\.)*{_LABEL}"
_BASE = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{_HOST})(?::(?P<port>[1-9][0-9]{{0,4}}))?"
    r"(?P<path>(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)*)/?"
)
_PORTS = {"http": 80, "https": 443}
_PORT_MAX = 65_535


class Base(NamedTuple):
    """Where an API is: its paths are below `path`, which ends with no slash."""

    scheme: str
    host: str
    port: int
    path: str


def read(url: str) -> Base:
    """Take a base URL apart. Raises `ValueError`, saying what is accepted."""
    found = _BASE.fullmatch(url)
    if found is None:
        raise ValueError(
            "write it as https://host, https://host:port or https://host/path, in lower case, with"
            " no user, query or fragment"
        )
    scheme = found["scheme"]
    port = int(found["port"] or _PORTS[scheme])
    if port > _PORT_MAX:
        raise ValueError(f"a port is at most {_PORT_MAX}")
    return Base(scheme, found["host"], port, found["path"])
