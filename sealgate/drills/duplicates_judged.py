"""What the drill of duplicates looks at in the end, and what must hold.

The tables, the audit chain, the lifecycle topic and the workers' log lines flow in; checks of the
evidence sheet flow out. What the providers say they sent and took is the truth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from consumers import standing, weighing
from consumers.facts import Fact
from consumers.lifecycle import State, Verdict
from consumers.standing import Posting
from consumers.store.port import EventKey
from ingress.contract import topics
from ingress.eventlog.port import Partition
from sealgate.commands.context import EXIT_OK
from sealgate.drills import ledger, letters
from sealgate.drills.crew import Member
from sealgate.drills.downstream import Subscriber
from sealgate.drills.ledger import Books
from sealgate.drills.letters import ACCOUNT, PROVIDERS, Letter, Tale
from sealgate.drills.sheet import Sheet
from sealgate.drills.stage import Running, Stage, records

CRITERIA = {
    "nothing lost": "the events claimed are exactly those the providers sent, each once, and"
    " something came of every one",
    "handled once": "every record was in exactly one committed batch, whoever died",
    "repetitions told apart": "all that was sent again was counted as deliveries of known events",
    "one fact, two events": "of two events that tell one fact, one is counted as a repetition",
    "an old owner writes nothing": "a batch in the hands of a former owner is refused",
    "shipped once": "a subscriber ships exactly once for each payment that is Confirmed, and for no"
    " other",
    "the same goods once": "a payment that is Confirmed, Late and Confirmed again is told of twice"
    " and ships once",
    "told whole": "a subscriber misses no version of any payment and gets them in order",
    "booked once": "each Confirmed payment is one candidate for the books, with what its provider"
    " took",
    "mined again": "a transfer that a chain took back and mined again in another block stands",
    "as if told once": "states, facts and open exceptions are those of a run of every event once"
    " and in order",
    "the chain holds": "the audit finds every entry and every row as it was written",
}


@dataclass(frozen=True, slots=True)
class Judge:
    """Looks at one stage, whose providers told these tales."""

    stage: Stage
    sheet: Sheet
    tales: Sequence[Tale]

    def repetitions(self, living: Sequence[Member], ends: Mapping[Partition, int]) -> None:
        """Look at what the workers said of everything behind `ends`."""
        since = {partition.number: end for partition, end in ends.items()}
        told = [
            line["verdict"]
            for member in living
            for line in member.said("envelope_handled")
            if line["offset"] >= since[line["partition"]]
        ]
        again = told.count(Verdict.DUPLICATE_DELIVERY.value)
        self.sheet.figures["sent again at the end"] = f"{len(told)}, counted as such: {again}"
        self.sheet.check(
            "repetitions told apart",
            f"{again} of {len(letters.letters_of(self.tales))}",
            holds=again == len(told) == len(letters.letters_of(self.tales)),
        )

    async def all(self, running: Running, held: Books) -> None:
        """Make every check but those of single steps."""
        await self._events(running)
        await self._batches(running)
        await self._downstream(running)
        self._money(held)
        self._mined(held)
        done = await self.stage.command(self.sheet, "audit", "verify")
        lines = (done.out + done.err).strip().splitlines() or ["nothing"]
        self.sheet.check("the chain holds", lines[0], holds=done.code == EXIT_OK)

    async def _events(self, running: Running) -> None:
        found = await ledger.verdicts(running.store)
        held = ledger.originals(found)
        wanted = {_key(letter) for letter in letters.letters_of(self.tales)}
        twice = [key for key, words in found.items() if len(words) > 1]
        nothing = [key for key, words in found.items() if "" in words]
        self.sheet.check(
            "nothing lost",
            f"{len(held)} events, {len(wanted - held)} missing, {len(held - wanted)} that nobody"
            f" sent, {len(twice)} claimed twice, {len(nothing)} that nothing came of",
            holds=held == wanted and not twice and not nothing,
        )
        pairs = [
            [word for letter in tale.twins for word in found.get(_key(letter), ())]
            for tale in self.tales
            if tale.twins
        ]
        counted = [pair.count(Verdict.DUPLICATE_FACT.value) == 1 for pair in pairs]
        self.sheet.check(
            "one fact, two events",
            f"{sum(counted)} of {len(pairs)} pairs",
            holds=all(counted) and bool(pairs),
        )

    async def _batches(self, running: Running) -> None:
        topic = topics.verified(self.stage.environment)
        ends = await running.log.ends(topic)
        moved = await ledger.moves(running.store, topic, self.stage.group)
        number = sum(ends.values())
        self.sheet.figures["records"] = f"{number}, in {len(moved)} batches"
        self.sheet.check(
            "handled once",
            f"{number} records, {sum(one.end - one.begin for one in moved)} handled",
            holds=ledger.covers(moved, {one.number: end for one, end in ends.items()}),
        )

    async def _downstream(self, running: Running) -> None:
        heard = Subscriber()
        heard.hear(await records(running.log, topics.lifecycle(self.stage.environment)))
        due = {tale.path for tale in self.tales if tale.ends is State.CONFIRMED}
        wrong = {
            path: heard.shipped[path]
            for path in due | heard.shipped.keys()
            if heard.shipped[path] != (path in due)
        }
        self.sheet.affected = sorted(heard.repeated)
        self.sheet.figures["notices heard twice"] = str(heard.repeated.total())
        self.sheet.check(
            "shipped once",
            f"{heard.shipped.total()} shipped for {len(due)} payments, {len(wrong)} wrong",
            holds=not wrong,
        )
        turned = [tale.path for tale in self.tales if tale.turns]
        once = [path for path in turned if heard.let_go[path] > 1 and heard.shipped[path] == 1]
        self.sheet.check(
            "the same goods once",
            f"{len(once)} of {len(turned)} payments",
            holds=once == turned and bool(turned),
        )
        gaps = heard.gaps()
        silent = due - heard.versions.keys()
        self.sheet.check(
            "told whole",
            f"{len(heard.versions)} payments, {len(gaps)} with a gap, {len(silent)} not told of",
            holds=not gaps and not silent and bool(heard.versions),
        )

    def _money(self, held: Books) -> None:
        """Look at what finance would be given to book."""
        payments = {one.path: one for one in self.tales if one.ends is not None}
        wrong, due = [], 0
        for key, state in held.states.items():
            tale = payments.pop(f"{key.provider}/{key.account}/{key.reference}", None)
            if tale is None:
                continue
            facts = held.facts[key]
            is_due = standing.posting(facts) is Posting.UNPOSTED
            due += is_due
            is_right = state is tale.ends and is_due == (state is State.CONFIRMED)
            if not is_right or (is_due and not _took(facts, tale)):
                wrong.append(tale.path)
        self.sheet.check(
            "booked once",
            f"{due} candidates, {len(wrong)} wrong, {len(payments)} missing",
            holds=not wrong and not payments,
        )

    def _mined(self, held: Books) -> None:
        mined = [tale for tale in self.tales if tale.ends is None]
        stand = []
        for tale in mined:
            facts = held.about(tale.reference)
            there = weighing.standing(facts, weighing.observed(facts))
            stand.append(ledger.by_symbol(weighing.received(there)) == letters.MINED_AGAIN)
        self.sheet.check(
            "mined again",
            f"{sum(stand)} of {len(mined)} transfers stand",
            holds=all(stand) and bool(stand),
        )


def compare(sheet: Sheet, stormy: Books | None, calm: Books | None) -> None:
    """Compare what the storm left with what a calm leaves."""
    assert stormy is not None
    assert calm is not None
    differing = stormy.differing(calm)
    items = stormy.items ^ calm.items
    sheet.check(
        "as if told once",
        f"{len(calm.facts)} payments and deposits compared, {len(differing)} differ;"
        f" {len(calm.items)} open exceptions, {len(items)} differ",
        holds=not differing and not items and bool(calm.states),
    )


def _key(letter: Letter) -> EventKey:
    return EventKey(PROVIDERS[letter.source], ACCOUNT, letter.event_id)


def _took(facts: frozenset[Fact], tale: Tale) -> bool:
    """Say whether what was seen, and what of it is final, is what the provider says it took."""
    amounts = standing.amounts(facts)
    told = (amounts.detected, amounts.confirmed)
    return all(ledger.by_symbol(each) == tale.took for each in told)
