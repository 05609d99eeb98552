"""Which URLs may be asked, and which network addresses may answer: pure rules against SSRF.

A delivery may name the certificate that signed it, so whoever can reach the edge can name any URL.
Parsers disagree about odd URLs, and the gap between two of them is where such attacks live. So
nothing is parsed: one expression spells out the few URLs that a provider has ever used, and what
does not match it whole is refused. No port, no query, no fragment, no user, no escape, no upper
case, no host that is a number. A name that passes may still lead inside: `is_public` judges the
address it leads to, and the one that embeds another address is judged by the other.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

URL_CHARACTERS_MAX = 512

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label is letters alone: neither 127.0.0.1 nor 2130706433 nor 0x7f000001 is a name.
_HOST = rf"(?P<host>(?:{_LABEL}\.)+[a-z]{{2,63}})"
_PATH = r"(?P<path>(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]+)+)"
_URL = re.compile(f"https://{_HOST}{_PATH}")

_IPV6_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
# What `is_global` lets pass, at least in some versions of Python, and what no provider stands on.
_NEVER = tuple(
    ip_network(text)
    for text in (
        "168.63.129.16/32",  # Azure's own endpoint inside every virtual machine
        "192.0.0.0/24",  # IETF protocol assignments
        "192.88.99.0/24",  # 6to4 relays, deprecated
        "2001::/23",  # IETF protocol assignments, Teredo among them
        "3fff::/20",  # documentation
    )
)


@dataclass(frozen=True, slots=True)
class Address:
    """A URL that may be asked, in its two parts; scheme and port are always the same."""

    host: str
    path: str


@dataclass(frozen=True, slots=True)
class Places:
    """The closed list of what may be asked: two expressions, each over the whole of its part."""

    hosts: re.Pattern[str]
    paths: re.Pattern[str]

    def admit(self, url: str) -> Address:
        """Take a URL apart if it is one of these. Raises `ValueError`, without quoting it."""
        found = _URL.fullmatch(url) if len(url) <= URL_CHARACTERS_MAX else None
        if found is None:
            raise ValueError("it is no plain https URL: lower-case host name and path, no more")
        if not self.hosts.fullmatch(found["host"]):
            raise ValueError("its host is none of those allowed")
        if not self.paths.fullmatch(found["path"]):
            raise ValueError("its path is none of those allowed")
        return Address(found["host"], found["path"])


def is_public(text: str) -> bool:
    """Say whether an address is one that a provider can stand on: on the public Internet."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return _is_public_v4(address)
    if address.scope_id is not None:
        # It would be reached through one interface of ours.
        return False
    embedded = _embedded(address)
    if embedded is not None:
        return _is_public_v4(embedded)
    return address in _IPV6_GLOBAL_UNICAST and address.is_global and not _is_never(address)


def _is_public_v4(address: IPv4Address) -> bool:
    # Multicast counts as global, but nobody answers from there.
    return address.is_global and not address.is_multicast and not _is_never(address)


def _is_never(address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in _NEVER)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that packets to this one end at, if it is such a one."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.sixtofour
