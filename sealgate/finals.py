"""The rows of `[[policy.final]]` as they stand in the file, for who asks why money is not final.

The policy itself is sorted and knows no file. Here each of its rows gets its place back: its number
in the file, its line, and what was written in it. Rows that a provider's events can never be told
apart by are found here too: such a row holds money back that it was not written for.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from consumers.facts import NETWORK_MARK
from consumers.interpret import assets, mapping
from consumers.interpret.mapping import Amount, ProviderMapping
from consumers.policy import ANY, NEVER, UNTOLD, Final, Policy
from consumers.settings import FinalSettings
from sealgate import policies
from sealgate.config import Configuration

_HEAD = re.compile(r"^[ \t]*\[\[[ \t]*policy[ \t]*\.[ \t]*final[ \t]*\]\]", re.MULTILINE)
_NAMED = ("provider", "network", "asset", "amount_from")


class Written(NamedTuple):
    """A row as it is written. `line` is that of its head; None for a row inside a list."""

    number: int
    line: int | None
    file: str
    words: str

    @property
    def place(self) -> str:
        """Say where it stands."""
        line = f", line {self.line}" if self.line is not None else ""
        return f"[[policy.final]] number {self.number} in {self.file}{line}"


def written(configuration: Configuration) -> Mapping[Final, Written]:
    """Return where each row of the policy stands. The policy must be whole."""
    settings = configuration.settings.policy
    lines = _lines(configuration)
    if len(lines) != len(settings.final):
        lines = []
    file = configuration.file.name
    pairs = zip(policies.rows(settings), settings.final, strict=True)
    return {
        row: Written(number, lines[number - 1] if lines else None, file, _words(told))
        for number, (row, told) in enumerate(pairs, 1)
    }


def _lines(configuration: Configuration) -> Sequence[int]:
    """Return the line of each row's head; none where the file cannot be read any more."""
    try:
        text = configuration.file.read_text(encoding="utf-8")
    except OSError:
        return []
    return [text.count("\n", 0, found.start()) + 1 for found in _HEAD.finditer(text)]


def _words(row: FinalSettings) -> str:
    """Write what a row names, as it is written in the file."""
    told = [(name, getattr(row, name)) for name in _NAMED if name in row.model_fields_set]
    rule = f"confirmations = {row.confirmations}" if row.rule is None else f'rule = "{row.rule}"'
    return ", ".join([*(f'{name} = "{value}"' for name, value in told), rule])


def untold(row: Final, asset: str, amount: int | None) -> tuple[str, ...]:
    """Name what the row asks for and an event about this asset and amount does not tell."""
    symbol, _, network = asset.partition(NETWORK_MARK)
    lacks = (
        ("network", row.network not in {ANY, UNTOLD} and not network),
        ("asset", row.asset not in {ANY, UNTOLD} and not symbol),
        ("amount", bool(row.amount_from) and amount is None),
    )
    return tuple(name for name, is_lacking in lacks if is_lacking)


def warnings(configuration: Configuration) -> Iterator[str]:
    """Say which rows name a network and are followed for events that never name one."""
    rows = written(configuration)
    if not any(row.network not in {ANY, UNTOLD} for row in rows):
        return
    policy, read_by = policies.policy_of(configuration), tables(configuration)
    for provider in sorted({source.provider for source in configuration.settings.source}):
        told = read_by.get(provider, ())
        if not told or any(_reads_network(one) for one in told):
            continue
        for row, place in rows.items():
            followed = _followed(policy, row, provider)
            if followed:
                yield _blind(row, place, provider, followed)


def tables(configuration: Configuration) -> Mapping[str, Sequence[ProviderMapping]]:
    """Read the mappings in force as they are written: an installation's own replace the shipped."""
    own = configuration.settings.consumer.mappings
    return {**mapping.load(), **({} if own is None else mapping.load(configuration.base / own))}


def _reads_network(told: ProviderMapping) -> bool:
    """Say whether a mapping may tell on which network money came."""
    places: list[Amount] = [*told.expected, *filter(None, (told.transfer, told.total))]
    names = [*told.assets.values(), *(one.asset_is for one in places)]
    has_network = any(one.network or one.contract for one in places)
    return has_network or any(NETWORK_MARK in name for name in names)


def _followed(policy: Policy, row: Final, provider: str) -> Collection[str]:
    """Name the assets for which a row is followed although no network is told."""
    if row.network in {ANY, UNTOLD}:
        return ()
    symbols = {name.partition(NETWORK_MARK)[0] for name in assets.load().decimals}
    return sorted(one for one in symbols if policy.row(provider, one, None) == row)


def _blind(row: Final, place: Written, provider: str, followed: Collection[str]) -> str:
    money = "all money" if row.asset in {ANY, UNTOLD} else f"all {', '.join(followed)}"
    holds = "never final" if row.confirmations == NEVER else "final by this row alone"
    return (
        f"{place.place} ({place.words}): events of {provider} name no network, so {money} of"
        f" {provider} is {holds}, on whichever network it came; write a row for it with"
        f' provider = "{provider}" and network = ""'
    )
