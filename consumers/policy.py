"""The merchant's policy: how amounts and times are weighed, and what counts as final. Pure.

Interpretation asks it what of a provider's word is final; the reducer weighs under its terms. Its
version stands in every transition, so that years later it can be said under which policy a payment
was confirmed.

The policy judges each event by itself: what the event states, the confirmations that it names, and
nothing that came before. So the facts that enter a payment's set are final or not once and for
ever, and the order in which events arrive cannot matter.

What is final is a table. A row names a provider, a network, an asset, and from which amount on it
is for; it says how many confirmations are needed. Where several rows fit, the one that names the
provider wins over one that does not; then the network counts, then the asset, then the larger
amount. What an event does not tell could be anything: then the strictest of the rows that could be
the winner counts, unless a row is written for what is not told (``""``).
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from enum import IntEnum
from typing import NamedTuple, Self

from consumers.facts import NETWORK_MARK, TOTAL_PREFIX, Fact, FactKind
from consumers.weighing import STRICT, VALUE, Terms, asked, received

ANY = "*"
"""In a row: whatever the event says, or does not say."""

UNTOLD = ""
"""In a row: only what the event does not say."""

TRUST_PROVIDER = 0
"""Confirmations needed where the provider's word that it is final is enough."""

CONFIRMATIONS_MAX = 100_000
NEVER = CONFIRMATIONS_MAX + 1
"""Confirmations needed where nothing that a provider says makes it final."""


DIGEST_CHARS = 12


class _Fit(IntEnum):
    """Whether a row is for something, as far as an event tells."""

    NO = 0
    PERHAPS = 1
    SURELY = 2


class Final(NamedTuple):
    """One row: what `confirmations` are needed for. `amount_from` is atomic; 0 is every amount."""

    confirmations: int
    provider: str = ANY
    network: str = ANY
    asset: str = ANY
    amount_from: int = 0

    def fit(self, provider: str, network: str, asset: str, amount: int | None) -> _Fit:
        """Say whether the row is for money of this kind."""
        on_network = _named(self.network, network)
        if on_network is _Fit.PERHAPS:
            # On another network the smallest unit may be another, too.
            amount = None
        return min(
            _named(self.provider, provider),
            on_network,
            _named(self.asset, asset),
            _reached(self.amount_from, amount),
        )

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """Return how specific the row is: the larger wins."""
        names = (self.provider, self.network, self.asset)
        provider, network, asset = (_RANKS.get(name, _NAMED) for name in names)
        return provider, network, asset, self.amount_from


# A row for what is not told stands before the rows that it could be any of.
_NAMED = 1
_RANKS = {ANY: 0, UNTOLD: 2}


def _named(named: str, told: str) -> _Fit:
    if named in {ANY, told}:
        return _Fit.SURELY
    return _Fit.PERHAPS if told == UNTOLD else _Fit.NO


def _reached(amount_from: int, amount: int | None) -> _Fit:
    if not amount_from:
        return _Fit.SURELY
    if amount is None:
        return _Fit.PERHAPS
    return _Fit.SURELY if amount >= amount_from else _Fit.NO


class Corridor(NamedTuple):
    """Money that is allowed to come: of this asset, through this provider, on this network."""

    asset: str
    provider: str = ANY
    network: str = ANY

    def allows(self, provider: str, network: str, asset: str) -> bool:
        """Say whether the corridor is open for it. What is not told is not allowed by a name."""
        told = ((self.provider, provider), (self.network, network), (self.asset, asset))
        return all(named in {ANY, one} for named, one in told)


class Policy(NamedTuple):
    """One version of the policy.

    `finals` stand with the most specific row first: `order` puts them so. Without corridors every
    registered asset is allowed. `expect_first` are the sources, as events name them, whose payments
    are announced before anything counts: it decides whether facts are weighed, and not how, so the
    version is without it.
    """

    version: str = ""
    terms: Terms = STRICT
    finals: tuple[Final, ...] = ()
    corridors: tuple[Corridor, ...] = ()
    expect_first: frozenset[str] = frozenset()

    def needed(self, provider: str, asset: str, amount: int | None) -> int:
        """Return how many confirmations make money final; `TRUST_PROVIDER` where a word does."""
        row = self.row(provider, asset, amount)
        return TRUST_PROVIDER if row is None else row.confirmations

    def row(self, provider: str, asset: str, amount: int | None) -> Final | None:
        """Return the row that is followed for money of this kind; None where no row is for it."""
        symbol, _, network = asset.partition(NETWORK_MARK)
        strictest = None
        for row in self.finals:
            fit = row.fit(provider, network, symbol, amount)
            if fit and (strictest is None or row.confirmations > strictest.confirmations):
                strictest = row
            if fit is _Fit.SURELY:
                break
        return strictest

    def rows(self, provider: str, facts: Collection[Fact]) -> Mapping[Fact, Final | None]:
        """Return the row that each observation of one event is held against.

        For a word on a payment as a whole, in an event that names its transfers, it is theirs.
        """
        sizes = _sizes(facts)
        own = {
            fact: self.row(provider, fact.asset, None if fact.amount is None else sizes[fact.asset])
            for fact in facts
            if fact.kind in VALUE
        }
        told = [(fact, row) for fact, row in own.items() if not fact.key.startswith(TOTAL_PREFIX)]
        found = {}
        for fact, row in own.items():
            is_whole = bool(told) and not fact.asset and fact.key.startswith(TOTAL_PREFIX)
            same = [row for one, row in told if is_whole or one.key == fact.key]
            found[fact] = _strictest(same or [row])
        return found

    def judge(
        self,
        provider: str,
        facts: frozenset[Fact],
        confirmations: Mapping[str, int],
        at_ms: int,
    ) -> frozenset[Fact]:
        """Return the facts of one event, with only that final which the policy takes for final.

        `confirmations` are those that the event names, by transfer. A final observation without
        enough of them was seen; a transfer that was seen with enough of them is final at `at_ms`.
        """
        if not self.finals:
            return facts
        judgement = _Judgement.of(self, provider, facts, confirmations)
        judged: set[Fact] = set()
        for fact in facts:
            if fact.kind is FactKind.FINAL and not judgement.is_enough(fact):
                judged.add(fact._replace(kind=FactKind.SEEN))
                continue
            judged.add(fact)
            if fact.kind is FactKind.SEEN and judgement.is_deep(fact):
                judged.add(fact._replace(kind=FactKind.FINAL, at_ms=at_ms))
        return frozenset(judged)

    def denied(self, provider: str, facts: Iterable[Fact]) -> str:
        """Return an asset that came, and that no corridor allows; nothing where there is none."""
        if not self.corridors:
            return ""
        assets = sorted({fact.asset for fact in facts if fact.kind in VALUE and fact.asset})
        for asset in assets:
            symbol, _, network = asset.partition(NETWORK_MARK)
            if not any(one.allows(provider, network, symbol) for one in self.corridors):
                return asset
        return ""


class _Judgement(NamedTuple):
    """One event under a policy: how much it is about, and what each transfer has and needs."""

    policy: Policy
    provider: str
    amounts: Mapping[str, int]
    transfers: Mapping[str, tuple[int, int]]  # key: confirmations it has, and needs

    @classmethod
    def of(
        cls,
        policy: Policy,
        provider: str,
        facts: frozenset[Fact],
        confirmations: Mapping[str, int],
    ) -> Self:
        """Look at the event as a whole, before any fact of it is judged."""
        values = [fact for fact in facts if fact.kind in VALUE]
        found = cls(policy, provider, _sizes(facts), {})
        transfers: dict[str, tuple[int, int]] = {}
        for fact in values:
            if not fact.key.startswith(TOTAL_PREFIX):
                # An old transaction has any number of them: never is more than that.
                has = min(confirmations.get(fact.key, 0), CONFIRMATIONS_MAX)
                needs = found.needed(fact)
                transfers[fact.key] = (has, max(needs, transfers.get(fact.key, (0, 0))[1]))
        return found._replace(transfers=transfers)

    def needed(self, fact: Fact) -> int:
        """Return how many confirmations the policy asks of an observation."""
        amount = None if fact.amount is None else self.amounts[fact.asset]
        return self.policy.needed(self.provider, fact.asset, amount)

    def is_enough(self, fact: Fact) -> bool:
        """Say whether the provider's word that it is final may stand.

        A word on the payment as a whole is as good as its transfers, where the event names them.
        """
        transfer = self.transfers.get(fact.key)
        if transfer is not None:
            has, needs = transfer
            return has >= needs
        least = min((has for has, _ in self.transfers.values()), default=0)
        if self.transfers and not fact.asset:
            return all(has >= needs for has, needs in self.transfers.values())
        return least >= self.needed(fact)

    def is_deep(self, fact: Fact) -> bool:
        """Say whether the chain alone makes a transfer final, whatever the provider calls it."""
        has, needs = self.transfers.get(fact.key, (0, TRUST_PROVIDER))
        return TRUST_PROVIDER < needs <= has


def _sizes(facts: Collection[Fact]) -> dict[str, int]:
    """Return how much one event is about, by asset.

    One payment in several transfers is as large as all of them, or as its price.
    """
    sizes = received(fact for fact in facts if fact.kind in VALUE)
    for asset, price in asked(facts).items():
        sizes[asset] = max(sizes.get(asset, 0), price)
    return sizes


def _strictest(rows: Iterable[Final | None]) -> Final | None:
    """Return the row that asks for the most; None where there is no row."""
    written = [row for row in rows if row is not None]
    return max(written, key=lambda row: row.confirmations, default=None)


def versioned(name: str, policy: Policy) -> Policy:
    """Give a policy its version: the name that people gave it, and a digest of what it says.

    So two policies never have one version, even where somebody forgot to change the name. What
    says nothing has no version.
    """
    if policy._replace(version="", expect_first=frozenset()) == NO_POLICY and not name:
        return policy._replace(version="")
    tolerances = sorted((asset, *one) for asset, one in policy.terms.tolerances.items())
    told = [policy.terms.grace_ms, tolerances, order(policy.finals), sorted(policy.corridors)]
    digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:DIGEST_CHARS]
    return policy._replace(version=f"{name}+{digest}" if name else digest)


def order(rows: Iterable[Final]) -> tuple[Final, ...]:
    """Put rows in the order in which they are asked: the most specific first."""
    return tuple(sorted(rows, key=lambda row: (row.rank, row), reverse=True))


# What a provider calls final is final; no grace, no tolerance, every registered asset.
NO_POLICY = Policy()
