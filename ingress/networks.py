"""Network addresses: read in one form, looked up in many networks at once, shown only in part.

Text flows in, and an address in its one form flows out: an IPv4 address that is written as IPv6 is
the IPv4 address, or it would slip past every list. `Networks` answers whether an address is in any
of them, in as many steps as their number has binary digits. Pure.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Self

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# An address is read once for many deliveries; more of them than this are strangers.
CACHED_MAX = 4096
_MAPPED_PREFIX = 96
_V4, _V6 = 4, 6
_SHOWN_PREFIX = {_V4: 24, _V6: 48}


@lru_cache(CACHED_MAX)
def read_address(text: str) -> Address | None:
    """Read an address in its one form; None for what is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address
    return address


@lru_cache(CACHED_MAX)
def canonical(text: str) -> str:
    """Write an address in its one form; what is none stays as it is."""
    address = read_address(text)
    return text if address is None else str(address)


@lru_cache(CACHED_MAX)
def shown(text: str) -> str:
    """Write the network of an address, all of it that a log may hold: who it is, is personal."""
    address = read_address(text)
    if address is None:
        return ""
    return str(ip_network((int(address), _SHOWN_PREFIX[address.version]), strict=False))


@dataclass(frozen=True, slots=True)
class _Ranges:
    """Ranges of one family that do not touch each other, in order: where each begins and ends."""

    firsts: tuple[int, ...]
    lasts: tuple[int, ...]

    @classmethod
    def merged(cls, ranges: Iterable[tuple[int, int]]) -> Self:
        firsts: list[int] = []
        lasts: list[int] = []
        for first, last in sorted(ranges):
            if lasts and first <= lasts[-1] + 1:
                lasts[-1] = max(lasts[-1], last)
            else:
                firsts.append(first)
                lasts.append(last)
        return cls(tuple(firsts), tuple(lasts))

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self.firsts, number)
        return at > 0 and number <= self.lasts[at - 1]


@dataclass(frozen=True, slots=True)
class Networks:
    """A set of networks; overlapping and neighbouring ones are one."""

    v4: _Ranges
    v6: _Ranges

    @classmethod
    def of(cls, networks: Iterable[Network]) -> Self:
        """Make the set."""
        plain = [_unmapped(network) for network in networks]
        return cls(_ranges(plain, _V4), _ranges(plain, _V6))

    def __contains__(self, address: Address) -> bool:
        ranges = self.v4 if address.version == _V4 else self.v6
        return int(address) in ranges

    def __bool__(self) -> bool:
        return bool(self.v4.firsts or self.v6.firsts)


def _ranges(networks: Sequence[Network], version: int) -> _Ranges:
    return _Ranges.merged(
        (int(one.network_address), int(one.broadcast_address))
        for one in networks
        if one.version == version
    )


def _unmapped(network: Network) -> Network:
    """Return the IPv4 network that is meant, where it is written as IPv6."""
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED_PREFIX:
        inner = network.network_address.ipv4_mapped
        if inner is not None:
            return IPv4Network((inner, network.prefixlen - _MAPPED_PREFIX))
    return network
