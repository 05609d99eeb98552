"""One payment in memory: events told to it through `Moves`, and what of it a store would keep.

It keeps less than a store and the same: claims, the payment's row, its history, the notices, and of
each exception whether it is open. What is asserted about it is asserted about real stores too, with
fewer orders (`tests/conformance/test_orders.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from consumers import standing
from consumers.exceptions import Code
from consumers.facts import Fact
from consumers.interpret.interpreter import Finding
from consumers.lifecycle import State, Verdict
from consumers.moving import Moves, Said, Stated
from consumers.notices import Occasion
from consumers.policy import NO_POLICY, Policy
from consumers.store.port import Changes, EventKey, Payment, PaymentKey, Transition

PAYMENT = PaymentKey("kobbopay", "main", "pay_1")
SUBJECT = "kobbopay/main/pay_1"
OCCASION = Occasion("sandbox", "payment.told", 1_760_000_000_000, "")
NOW_MS = 1_760_000_000_000


def said(name: str, facts: frozenset[Fact], *findings: Code) -> Said:
    """Say facts, and exceptions that the words themselves are reason for."""
    found = tuple(Finding(code, "", "the word says so") for code in findings)
    key = EventKey("kobbopay", "main", name)
    return Said(key, PAYMENT, facts, OCCASION, f"c-{name}", found, mapping="kobbopay/1")


@dataclass
class World:
    """What a store would hold after each batch."""

    policy: Policy = NO_POLICY
    claimed: set[EventKey] = field(default_factory=set)
    payments: dict[PaymentKey, Payment] = field(default_factory=dict)
    transitions: list[Transition] = field(default_factory=list)
    notices: list[dict] = field(default_factory=list)
    held: list[dict] = field(default_factory=list)
    open: set[str] = field(default_factory=set)
    verdicts: list[Verdict] = field(default_factory=list)
    last: Changes = field(default_factory=Changes)

    def batch(self, words: Sequence[Said]) -> list[Stated]:
        """Tell one batch, each event once for ever."""
        moves = Moves(dict(self.payments), NOW_MS, self.policy)
        found = []
        for word in words:
            if word.event in self.claimed:
                self.verdicts.append(Verdict.DUPLICATE_DELIVERY)
                continue
            self.claimed.add(word.event)
            stated = moves.state(word)
            moves.weigh(word, stated)
            self.verdicts.append(stated.decision.verdict)
            found.append(stated)
        self._save(moves.finish())
        # Facts are read from their rows, whether the payment's own row was written or not.
        for stated in found:
            row = self.payments[stated.after.key]
            self.payments[row.key] = row._replace(facts=stated.after.facts)
        return found

    def _save(self, changes: Changes) -> None:
        for row in changes.payments:
            stored = self.payments.get(row.payment.key)
            assert row.was == (0 if stored is None else stored.version)
            self.payments[row.payment.key] = row.payment
        self.transitions += changes.transitions
        for notice in changes.notices:
            words = dict(notice.headers)["ce_type"].decode().rpartition(".")[2]
            told = self.held if words in {"held", "released"} else self.notices
            told.append(orjson.loads(notice.value))
        for anomaly in changes.anomalies:
            assert anomaly.subject == SUBJECT
            self.open.add(anomaly.code)
        for ended in changes.resolved:
            self.open.discard(ended.code)
        self.last = changes

    def tell(self, name: str, *facts: Fact, words: Sequence[Code] = ()) -> Stated:
        """Tell one event in a batch of its own."""
        [stated] = self.batch([said(name, frozenset(facts), *words)])
        return stated

    @property
    def state(self) -> State:
        """Return the state as written."""
        return self.payments[PAYMENT].state

    def picture(self) -> tuple[State, tuple[str, ...], frozenset[str]]:
        """Return what must not depend on the order: state, flags, open exceptions."""
        payment = self.payments[PAYMENT]
        adjectives = standing.flags(payment.facts, self.policy.terms)
        return payment.state, adjectives, frozenset(self.open)

    def check_history(self) -> None:
        """Hold the history to the table, and the notices to the history."""
        versions = list(range(1, len(self.transitions) + 1))
        assert [move.version for move in self.transitions] == versions
        assert [notice["version"] for notice in self.notices] == versions
        places: list[State | None] = [None, *(move.after for move in self.transitions)]
        assert [move.before for move in self.transitions] == places[:-1]
        assert [notice["after"] for notice in self.notices] == places[1:]
