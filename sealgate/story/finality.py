"""Say why money that was seen is not final: the provider's word, and the row of the policy. Pure.

An event's facts flow in as they are kept, after the policy judged them: what the provider called
final may have become a sighting. Out come sentences that name the provider's word, what its mapping
takes it for, the row of the policy that is followed, and what the event does not tell, where that
is why this row is followed. They are of the policy and of the mappings in force now.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from consumers import weighing
from consumers.facts import TOTAL_PREFIX, Fact, FactKind
from consumers.interpret.mapping import ProviderMapping, Say
from consumers.policy import NEVER, NO_POLICY, TRUST_PROVIDER, Final, Policy
from consumers.store.port import Event
from sealgate import finals
from sealgate.config import Configuration
from sealgate.exposure.report import Document
from sealgate.finals import Written
from sealgate.policies import policy_of

ALWAYS, SOMETIMES, NEVER_FINAL, UNKNOWN = "always", "sometimes", "never", "unknown"
_MEANS = {
    ALWAYS: "means final money",
    SOMETIMES: "means final money in some cases",
    NEVER_FINAL: "means money that was seen, not final",
    UNKNOWN: "is no word of the mapping as it is now",
}


class Ruled(NamedTuple):
    """Why one observation is a sighting. `needs` says what makes such money final, in words."""

    fact: Fact
    event_type: str
    word: str
    row: Final | None
    place: Written | None
    untold: tuple[str, ...]
    names_depth: bool

    @property
    def is_lowered(self) -> bool:
        """Say whether the provider's word means final money, or may mean it."""
        return self.word in {ALWAYS, SOMETIMES}

    @property
    def needs(self) -> str:
        """Say what makes such money final; nothing where the provider's word alone does."""
        if self.row is None or self.row.confirmations == TRUST_PROVIDER or self.place is None:
            return ""
        if self.row.confirmations == NEVER:
            return f"nothing that the provider says makes it final, by {self.place.place}"
        return f"it takes {self.row.confirmations} confirmations, by {self.place.place}"


@dataclass(frozen=True, slots=True)
class Finality:
    """The policy in force with its rows as written, and the mappings."""

    policy: Policy = NO_POLICY
    rows: Mapping[Final, Written] = field(default_factory=dict)
    mappings: Mapping[str, Sequence[ProviderMapping]] = field(default_factory=dict)

    @classmethod
    def of(cls, configuration: Configuration) -> "Finality":
        """Read them; the mappings only where the policy has rows at all."""
        policy = policy_of(configuration)
        if not policy.finals:
            return cls(policy)
        return cls(policy, finals.written(configuration), finals.tables(configuration))

    def ruled(self, event: Event, provider: str, facts: Collection[Fact]) -> Iterator[Ruled]:
        """Say of each sighting of one event why it is one. `facts` are all of that event's."""
        if not self.policy.finals:
            return
        deep = {fact.key for fact in facts if fact.kind is FactKind.FINAL}
        sizes = weighing.received(facts)
        for fact, row in self.policy.rows(provider, facts).items():
            if fact.kind is FactKind.SEEN and fact.key not in deep:
                yield self._ruled(event, fact, row, sizes.get(fact.asset))

    def _ruled(self, event: Event, fact: Fact, row: Final | None, size: int | None) -> Ruled:
        tables = [
            one
            for one in self.mappings.get(event.key.provider, ())
            if any(event.event_type in rule.words for rule in one.rule)
        ]
        return Ruled(
            fact=fact,
            event_type=event.event_type,
            word=_word(tables, event.event_type, fact),
            row=row,
            place=None if row is None else self.rows.get(row),
            untold=() if row is None else finals.untold(row, fact.asset, size),
            names_depth=any(one.transfer and one.transfer.confirmations for one in tables),
        )


def _word(tables: Sequence[ProviderMapping], word: str, fact: Fact) -> str:
    """Say what the rules of a provider's word take this kind of money for."""
    is_total = fact.key.startswith(TOTAL_PREFIX)
    final = Say.TOTAL_FINAL if is_total else Say.TRANSFER_FINAL
    says = [final in rule.say for one in tables for rule in one.rule if word in rule.words]
    if not says:
        return UNKNOWN
    if all(says):
        return ALWAYS
    return SOMETIMES if any(says) else NEVER_FINAL


def document(ruled: Ruled) -> Document:
    """Write it for machines, with the sentence that people read."""
    place, row = ruled.place, ruled.row
    return {
        "type": ruled.event_type,
        "means_final": ruled.word,
        "policy_row": None if place is None else place.number,
        "line": None if place is None else place.line,
        "row": None if place is None else place.words,
        "rule": _rule(row),
        "untold": list(ruled.untold),
        "says": sentence(ruled),
    }


def _rule(row: Final | None) -> str:
    if row is None or row.confirmations == TRUST_PROVIDER:
        return "trust_provider"
    return "never" if row.confirmations == NEVER else f"{row.confirmations} confirmations"


def sentence(ruled: Ruled) -> str:
    """Say for a person why it is not final."""
    return f"{ruled.event_type} {_MEANS[ruled.word]}; {'; '.join(_parts(ruled))}"


def _parts(ruled: Ruled) -> Iterator[str]:
    row, place = ruled.row, ruled.place
    if row is None or place is None or row.confirmations == TRUST_PROVIDER:
        by = f"by {place.place}" if place is not None else "for which it has no row"
        if ruled.word == ALWAYS:
            yield f"the policy in force leaves this to the provider, {by}"
            yield "the event was judged under an earlier policy, which did not"
        else:
            yield f"the policy leaves this to the provider, {by}"
        return
    yield f"the policy follows {place.place}: {place.words}"
    if ruled.untold:
        told = " and no ".join(ruled.untold)
        yield f"the event tells no {told}, so the strictest row that may be meant is followed"
    if row.amount_from and "network" in ruled.untold and "amount" not in ruled.untold:
        yield "without a network its amount is not compared with amount_from: units differ"
    if row.confirmations != NEVER and not ruled.names_depth:
        yield "such events name no confirmations, so this row is never met by them"
