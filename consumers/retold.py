"""Tell transfers that two sources tell of one transaction apart from two transfers. Pure.

A payment may have money of a deposit that somebody matched with it, told by a chain, and its own
provider tells of the same transfer later, under a key of its own. Both keys hold the transaction's
hash. Each source counts the transfers of a transaction in its own way of writing keys, so what is
written in one way is added up, and of several ways the larger sum counts: never both.

Where a provider's key holds no hash nobody can tell: those are two transfers, and for people.
"""

import re
from collections.abc import Mapping

from consumers.facts import NETWORK_MARK, TOTAL_PREFIX

# By asset and key of a transfer, what came by it.
Amounts = Mapping[tuple[str, str], int]
# 32 bytes in hex, as most chains write a hash; 64 bytes in base58, as Solana writes a signature.
_HASH = re.compile(
    r"(?<![0-9a-zA-Z])(?:(?:0[xX])?([0-9a-fA-F]{64})|([1-9A-HJ-NP-Za-km-z]{86,88}))(?![0-9a-zA-Z])"
)


def once(amounts: Amounts) -> Amounts:
    """Leave out what tells of a transaction again, in another way than the larger sum."""
    # Most payments have one transfer, and perhaps a total: nothing tells it again.
    if len(amounts) == 1 or sum(not key.startswith(TOTAL_PREFIX) for _, key in amounts) <= 1:
        return amounts
    told: dict[tuple[str, str], dict[str, list[tuple[str, str]]]] = {}
    for asset, key in amounts:
        found = None if key.startswith(TOTAL_PREFIX) else _HASH.search(key)
        if found is not None:
            transaction = (found[1] or "").lower() or found[2]
            ways = told.setdefault((asset.partition(NETWORK_MARK)[0], transaction), {})
            ways.setdefault(_way(key, found), []).append((asset, key))
    again = {place for ways in told.values() if len(ways) > 1 for place in _lesser(ways, amounts)}
    return {place: amount for place, amount in amounts.items() if place not in again}


def _way(key: str, found: re.Match[str]) -> str:
    """Say how a source writes its keys: what stands before the hash, and how it goes on."""
    mark = key[found.end() : found.end() + 1]
    return key[: found.start()] + (mark if mark != ":" else "")


def _lesser(ways: Mapping[str, list[tuple[str, str]]], amounts: Amounts) -> list[tuple[str, str]]:
    """Return what is written in all ways but the one that tells of most."""
    most = max(ways, key=lambda way: (sum(amounts[one] for one in ways[way]), way))
    return [one for way, places in ways.items() if way != most for one in places]
