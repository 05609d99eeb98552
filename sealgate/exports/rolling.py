"""Roll what is final and not booked forward over a period, and hold it against the store. Pure.

For each account and asset: what was open at the beginning, plus confirmed, less reversed, given
back and posted, plus adjustments, is what is open at the end. What moved since the end leads on to
what is held as of the run, and that is counted another way: not from movements but from how every
payment and deposit stands. The two must be the same to the unit; nothing is rounded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from consumers.facts import NETWORK_MARK
from consumers.store.keys import PaymentKey
from sealgate.exports.balances import Balance
from sealgate.exports.held import is_deposit
from sealgate.exports.movements import Kind, Movement
from sealgate.exports.periods import Period

Document = dict[str, object]
# What a movement does to what is final and not booked; the others do nothing to it.
_SIGNS: Mapping[Kind, int] = {
    Kind.CONFIRMED: 1,
    Kind.REVERSAL: 1,
    Kind.ADJUSTMENT: 1,
    Kind.REFUND: -1,
    Kind.POSTED: -1,
    Kind.UNPOSTED: -1,
}
# By what a row says of a period: the movements it adds up, and their sign there.
PARTS: Mapping[str, tuple[Kind, int]] = {
    "confirmed": (Kind.CONFIRMED, 1),
    "reversed": (Kind.REVERSAL, -1),
    "refunded": (Kind.REFUND, 1),
    "posted": (Kind.POSTED, 1),
    "unposted": (Kind.UNPOSTED, -1),
    "adjustments": (Kind.ADJUSTMENT, 1),
    "detected": (Kind.DETECTED, 1),
    "settled": (Kind.SETTLED, 1),
    "fees": (Kind.FEE, 1),
}


class Account(NamedTuple):
    """What is never added across: an account of a provider, and an asset on its network."""

    provider: str
    account: str
    asset: str


@dataclass(slots=True)
class Row:
    """The figures of one account, atomic."""

    opening: int = 0
    parts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))
    after: int = 0
    payments: int = 0
    deposits: int = 0

    @property
    def closing(self) -> int:
        """Return what is open at the end."""
        return closing(self.opening, self.parts)

    @property
    def difference(self) -> int:
        """Return by how much movements tell more than how things stand."""
        return self.closing + self.after - self.payments - self.deposits


def closing(opening: int, parts: Mapping[str, int]) -> int:
    """Add a period up."""
    less = parts["reversed"] + parts["refunded"] + parts["posted"] - parts["unposted"]
    return opening + parts["confirmed"] + parts["adjustments"] - less


@dataclass(slots=True)
class RollForward:
    """The figures of one period, by account."""

    period: Period
    rows: dict[Account, Row] = field(default_factory=dict)

    def add(self, one: Movement) -> None:
        """Take a movement in, of whatever period."""
        row = self._row(one.subject, one.asset)
        effect = _SIGNS.get(one.kind, 0) * one.amount
        if self.period.holds(one.booking.at_ms):
            for name, (kind, sign) in PARTS.items():
                if one.kind is kind:
                    row.parts[name] += sign * one.amount
        elif one.booking.at_ms < self.period.from_ms:
            row.opening += effect
        else:
            row.after += effect

    def hold(self, balances: Mapping[PaymentKey, Balance]) -> None:
        """Hold it against how everything stands."""
        for subject, balance in balances.items():
            for asset, amount in balance.unposted().items():
                row = self._row(subject, asset)
                if is_deposit(subject):
                    row.deposits += amount
                else:
                    row.payments += amount

    def differences(self) -> list[Account]:
        """Name the accounts in which the two do not agree."""
        return [account for account in sorted(self.rows) if self.rows[account].difference]

    def documents(self, environment: str, decimals: Mapping[str, int]) -> Iterable[Document]:
        """Write the figures: digits of the smallest unit, beside the number of decimals."""
        for account in sorted(self.rows):
            row = self.rows[account]
            name, _, network = account.asset.partition(NETWORK_MARK)
            yield {
                "environment": environment,
                "provider": account.provider,
                "provider_account": account.account,
                "asset": name,
                "network": network or None,
                "decimals": decimals.get(account.asset),
                "opening": str(row.opening),
                **{part: str(amount) for part, amount in row.parts.items()},
                "closing": str(row.closing),
                "after_period": str(row.after),
                "held_payments": str(row.payments),
                "held_deposits": str(row.deposits),
                "difference": str(row.difference),
            }

    def _row(self, subject: PaymentKey, asset: str) -> Row:
        return self.rows.setdefault(Account(subject.provider, subject.account, asset), Row())
