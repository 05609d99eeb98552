"""The asset registry: which assets there are, and amounts as integers of their smallest unit. Pure.

The number of decimals comes from the registry, never from the message, and nothing is rounded: an
amount finer than the asset's smallest unit means that one of the two is wrong about the asset. A
message that states other decimals is about another asset.

A ticker is whatever a contract calls itself, and anybody can write a contract. Where an event names
the contract, the registry says which asset that is, and the ticker is not read.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from consumers.exceptions import Code
from consumers.facts import NETWORK_MARK
from consumers.interpret.drift import Drift
from consumers.weighing import APART

SHIPPED = Path(__file__).with_name("assets.toml")

# What both databases hold of an atomic amount: NUMERIC(78, 0) is a 256-bit integer.
DIGITS_MAX = 78
_END = 10**DIGITS_MAX
SYMBOL_CHARS_MAX = 40

# [0-9], because `\d` and `int` also take the digits of other scripts.
_HEX = re.compile("0x[0-9a-fA-F]{1,65}")
_PLAIN = re.compile(r"[0-9]{1,78}(?:\.[0-9]{1,78})?")
_COUNT = re.compile("[0-9]{1,2}|0x[0-9a-f]{1,2}")
_ADDRESS = re.compile("0x[0-9a-f]{40}|(?!0[xX])[A-Za-z0-9_-]{20,80}")
_HEX_MARK = "0x"


class Unit(StrEnum):
    """What an amount in a message counts."""

    MAJOR = "major"  # 10.50, of dollars or of bitcoin
    MINOR = "minor"  # 1050, of cents or of satoshi
    HEX = "hex"  # 0x41a, of the smallest unit


@dataclass(frozen=True, slots=True)
class Assets:
    """The assets known to this installation, by symbol in capitals.

    `contracts` names the asset of each registered contract: by network, then by address.
    """

    decimals: Mapping[str, int]
    contracts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def symbol(self, told: object) -> str:
        """Return the registered symbol. Raises `Drift` for an asset nobody has registered."""
        if not isinstance(told, str) or not 0 < len(told) <= SYMBOL_CHARS_MAX:
            raise Drift("an asset is not a short text")
        # ASCII alone: other scripts have letters whose capital is an S or an I.
        name, mark, network = told.partition(NETWORK_MARK)
        symbol = name.upper() + mark + network.lower() if told.isascii() else ""
        if symbol not in self.decimals:
            is_plain = symbol.replace(NETWORK_MARK, "", 1).replace("_", "").isalnum()
            shown = symbol if is_plain else "one with odd characters"
            raise Drift(f"the asset {shown} is not registered", Code.UNKNOWN_ASSET, shown)
        return symbol

    def at_contract(self, network: str, address: object) -> str:
        """Return the asset of a contract. Raises `Drift` for one that nobody has registered."""
        if not isinstance(address, str):
            raise Drift("the address of a contract is no text")
        # Providers write the same hex address in capitals and in small letters; base58 is exact.
        is_hex = address[:2].lower() == _HEX_MARK
        found = self.contracts.get(network, {}).get(address.lower() if is_hex else address)
        if found is None:
            raise Drift(
                "the contract of a token is not registered: its ticker proves nothing",
                Code.UNKNOWN_ASSET,
                f"contract{NETWORK_MARK}{network}",
            )
        return f"{found}{NETWORK_MARK}{network}"

    def is_token(self, asset: str) -> bool:
        """Say whether an asset has a contract, so that its ticker alone does not prove it."""
        name, _, network = asset.partition(NETWORK_MARK)
        networks = (network,) if network else self.contracts
        return any(name in self.contracts.get(one, {}).values() for one in networks)

    def check_decimals(self, asset: str, told: object) -> None:
        """Raise `Drift` where an event says that an asset has other decimals than it has."""
        digits = str(told) if type(told) in {int, str} else ""
        if not _COUNT.fullmatch(digits):
            raise Drift("the number of decimals of an asset is no small number")
        count = int(digits, 16 if digits.startswith(_HEX_MARK) else 10)
        if count != self.decimals[asset]:
            raise Drift(
                f"the event says {count} decimals, and {asset} has {self.decimals[asset]}",
                Code.UNKNOWN_ASSET,
                asset,
            )

    def atomic(self, told: object, symbol: str, unit: Unit) -> int:
        """Return an amount of `symbol` in its smallest unit. Raises `Drift`."""
        if unit is Unit.HEX:
            return _hexadecimal(told)
        decimals = self.decimals[symbol] if unit is Unit.MAJOR else 0
        # Most providers write whole numbers: those need no reading.
        if type(told) is int and 0 <= told < _END:
            units: int = told * 10**decimals
            if units < _END:
                return units
        whole, _, fraction = _plain(told).partition(".")
        fraction = fraction.rstrip("0")
        if len(fraction) > decimals:
            raise Drift(f"an amount has more decimals than {symbol} ({unit}) has")
        digits = whole + fraction.ljust(decimals, "0")
        if len(digits.lstrip("0")) > DIGITS_MAX:
            raise Drift(f"an amount has more than {DIGITS_MAX} digits")
        return int(digits)


def _hexadecimal(told: object) -> int:
    """Read atomic units as chains write them. Raises `Drift`."""
    if not isinstance(told, str) or not _HEX.fullmatch(told):
        raise Drift("an amount is not a hexadecimal number, at least zero")
    units = int(told, 16)
    if units >= _END:
        raise Drift(f"an amount has more than {DIGITS_MAX} digits")
    return units


def _plain(told: object) -> str:
    """Write an amount as digits, with a point if need be, whatever JSON type it came in."""
    if isinstance(told, Decimal):
        # Before it is written out: 1e400 would be a text of 401 digits.
        in_range = told.is_finite() and abs(told.adjusted()) < DIGITS_MAX
        text = format(told, "f") if in_range else ""
    elif isinstance(told, int) and not isinstance(told, bool):
        text = str(told)
    else:
        text = told if isinstance(told, str) else ""
    if not _PLAIN.fullmatch(text):
        raise Drift("an amount is not a plain number, at least zero")
    return text


class _File(BaseModel):
    """What the registry's file may say."""

    # Deferred: processes that read no registry import this, too.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    version: int = Field(ge=1)
    sources: list[str] = Field(min_length=1)
    decimals: dict[str, int]
    contracts: dict[str, dict[str, str]] = Field(default_factory=dict)


def load(path: Path = SHIPPED) -> Assets:
    """Read a registry. Raises `ValueError` if the file is not one."""
    # What is shipped does not change while a process runs, and one asks for it at four places.
    return _shipped() if path == SHIPPED else _read(path)


@cache
def _shipped() -> Assets:
    return _read(SHIPPED)


def _read(path: Path) -> Assets:
    file = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    for wrong in (*_wrong_decimals(file.decimals), *_wrong_contracts(file)):
        raise ValueError(f"{path.name}: {wrong}")
    return Assets(file.decimals, file.contracts)


def _wrong_decimals(decimals: Mapping[str, int]) -> Iterator[str]:
    for asset, count in decimals.items():
        name, _, network = asset.partition(NETWORK_MARK)
        is_named = name == name.upper() and network == network.lower()
        if not is_named or not 0 <= count < DIGITS_MAX:
            yield (
                f"{asset} = {count}: write a symbol in capitals, and after @ its network in small"
                " letters"
            )
        if decimals.get(name, count) != count and asset not in APART:
            yield (
                f"{asset} = {count}, and {name} = {decimals[name]}: amounts of the two would be"
                f" compared; leave {name} out, and name every network that it is on"
            )


def _wrong_contracts(file: _File) -> Iterator[str]:
    for network, contracts in file.contracts.items():
        for address, name in contracts.items():
            if not _ADDRESS.fullmatch(address):
                yield f"{address} ({network}): write an address in hex in small letters"
            asset = f"{name}{NETWORK_MARK}{network}"
            if asset not in file.decimals:
                yield f"{address} is {asset}, which has no decimals: register it too"
