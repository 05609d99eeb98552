"""Every provider's table against samples of its events: the event matrix, row by row."""

from collections.abc import Iterator

import pytest

from consumers.interpret import bodies, interpreter, mapping, pointer
from consumers.interpret.rules import Rule, Rules, choose
from consumers.interpret.table import Table
from consumers.lifecycle import reduce
from ingress import providers
from tests.support import event_samples
from tests.support.builders import delivery
from tests.support.event_samples import Sample, Samples

INTERPRETERS = interpreter.load()
SAMPLES = event_samples.load()
EACH = {name: (samples, sample) for name, samples, sample in event_samples.each()}
PROFILES = frozenset(providers.names())

one_provider = pytest.mark.parametrize("samples", SAMPLES.values(), ids=SAMPLES)
one_sample = pytest.mark.parametrize(("samples", "sample"), EACH.values(), ids=EACH)


def test_every_table_that_is_shipped_has_its_samples() -> None:
    """A table nobody holds against an event is an opinion."""
    assert SAMPLES.keys() == mapping.load().keys()
    assert [samples.provider for samples in SAMPLES.values()] == list(SAMPLES)


@one_provider
def test_every_word_that_a_provider_documents_has_a_rule(samples: Samples) -> None:
    """A status that nobody mapped is a payment that silently stays where it is."""
    tables = INTERPRETERS.tables[samples.provider]
    known = {word for table in tables for word in table.rules}
    assert sorted(set(samples.catalogue) - known) == []
    histories = [table.timeline.rules for table in tables if table.timeline is not None]
    told = {word for rules in histories for word in rules}
    assert sorted(set(samples.timeline) - told) == []


@one_provider
def test_no_rule_is_for_a_word_that_nobody_documents(samples: Samples) -> None:
    """A word of our own invention would never come, and would look as if it were handled."""
    tables = INTERPRETERS.tables[samples.provider]
    known = {word for table in tables for word in table.rules}
    assert sorted(known - set(samples.catalogue)) == []
    histories = [table.timeline.rules for table in tables if table.timeline is not None]
    told = {word for rules in histories for word in rules}
    assert sorted(told - set(samples.timeline)) == []


@one_provider
def test_every_rule_is_followed_by_a_sample(samples: Samples) -> None:
    """A rule that no event reaches is dead, or is hidden behind the one above it."""
    followed = {id(rule) for sample in samples.sample for rule in _followed(samples, sample)}
    unused = [
        f"{table.name}: {word}, rule {number} of the word"
        for table in INTERPRETERS.tables[samples.provider]
        for rules in (table.rules, table.timeline.rules if table.timeline is not None else {})
        for word, lines in rules.items()
        for number, rule in enumerate(lines, start=1)
        if id(rule) not in followed
    ]
    assert unused == []


def _followed(samples: Samples, sample: Sample) -> Iterator[Rule]:
    body = bodies.read(sample.body.encode(), sample.content_type)
    table = _table(samples, sample, body)
    document = table.unfold(body)
    yield from _chosen(table.rules, sample.word, document)
    if table.timeline is not None:
        for entry in pointer.find(document, table.timeline.each) or ():
            word = pointer.find(entry, table.timeline.word)
            yield from _chosen(table.timeline.rules, word, entry)


def _table(samples: Samples, sample: Sample, body: object) -> Table:
    for table in INTERPRETERS.tables[samples.provider]:
        received_ms = samples.received_ms
        if sample.word in table.rules and table.reads(table.unfold(body), received_ms):
            return table
    pytest.fail(f"no version of the mapping reads a sample of {sample.word}")


def _chosen(rules: Rules, word: object, document: object) -> list[Rule]:
    rule = choose(rules, word, document)
    return [] if rule is None else [rule]


@one_sample
def test_a_sample_states_the_facts_and_the_state_that_were_worked_out_by_hand(
    samples: Samples, sample: Sample
) -> None:
    """Fact for fact: an amount, an instant or a key that is not the document's is a wrong table."""
    found = INTERPRETERS.interpret(samples.sealed(sample))
    # An event that states nothing need not be taken for one about a payment.
    assert found.verdict is None or not sample.facts, found.findings
    assert found.facts == samples.facts(sample)
    assert sorted(one.code for one in found.findings) == sorted(sample.raises)
    assert reduce(found.facts) is sample.state


DELIVERED = {
    name: (samples, sample)
    for name, (samples, sample) in EACH.items()
    if samples.provider in PROFILES and not sample.fetched
}


@pytest.mark.parametrize(("samples", "sample"), DELIVERED.values(), ids=DELIVERED)
def test_the_edge_finds_the_word_the_payment_and_the_time_in_a_sample(
    samples: Samples, sample: Sample
) -> None:
    """The table reads what the profile hands on: the two must agree on where things stand."""
    headers = {"content-type": sample.content_type, **sample.headers}
    sent = delivery(
        body=sample.body.encode(),
        headers=tuple((name.encode(), value.encode()) for name, value in headers.items()),
        received_ms=samples.received_ms,
    )
    profile = providers.load(samples.provider, samples.parameters)
    told = profile.identifier.identify(sent)
    assert (told.event_type, told.payment_ref) == (sample.word, sample.payment)
    occurred_ms = samples.received_ms if told.occurred_ms is None else told.occurred_ms
    assert occurred_ms == samples.at_ms(sample)


@one_provider
def test_no_sample_is_younger_than_the_day_its_provider_was_read(samples: Samples) -> None:
    """The date says when somebody last compared the table with the document."""
    assert all(sample.date <= samples.read_on for sample in samples.sample)
