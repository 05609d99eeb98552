"""The gallery's expectations: hand-written, and held to the tables they were written from."""

from collections import Counter
from itertools import pairwise

import pytest

from consumers.exceptions import Code
from consumers.lifecycle import TRANSITIONS, State, Verdict
from ingress.delivery import Reason
from sealgate.demo.gallery import GALLERY
from sealgate.demo.scenario import SOURCES, Scenario
from sealgate.simulator import events
from sealgate.simulator.twist import Twist

_BY_TITLE = {scenario.title: scenario for scenario in GALLERY}


@pytest.fixture(name="scenario", params=_BY_TITLE)
def _scenario(request: pytest.FixtureRequest) -> Scenario:
    return _BY_TITLE[request.param]


def test_titles_are_unique() -> None:
    """A payment's ids are made of its title: two scenarios would share one payment."""
    assert len(_BY_TITLE) == len(GALLERY)


def test_every_expected_move_is_one_of_the_table(scenario: Scenario) -> None:
    """A gallery that expects an undeclared move would teach it to everybody who reads it."""
    states = [move.after for move in scenario.moves]
    for before, after in pairwise(states):
        assert after in TRANSITIONS[before]


def test_every_step_sends_an_event_that_exists(scenario: Scenario) -> None:
    """And every cause of a move is the word of a step that is accepted."""
    samples = events.load(scenario.provider)
    accepted = {
        samples.events[step.event].word
        for step in scenario.steps
        if any(expected.verdict is Verdict.APPLIED for expected in step.expect)
    }
    assert {move.word for move in scenario.moves} == accepted


def test_one_move_for_each_applied_event(scenario: Scenario) -> None:
    """`applied` means that the state moved: the two hand-written lists must agree."""
    verdicts = [expected.verdict for step in scenario.steps for expected in step.expect]
    assert verdicts.count(Verdict.APPLIED) == len(scenario.moves)


def test_an_expectation_is_an_acceptance_or_a_refusal(scenario: Scenario) -> None:
    """A 200 has a verdict, and what failed to verify has a reason: never both."""
    for step in scenario.steps:
        for expected in step.expect:
            assert (expected.status == 200) is (expected.verdict is not None)
            assert expected.reason is None or expected.status in {401, 503}


def test_a_refusal_for_btcpay_is_503_and_for_the_others_401() -> None:
    """From the providers' profiles: BTCPay never retries a 401, and money would be lost."""
    statuses = {
        (scenario.provider, expected.status)
        for scenario in GALLERY
        for step in scenario.steps
        for expected in step.expect
        if expected.reason is not None
    }
    assert {status for provider, status in statuses if provider == "btcpay"} == {503}
    assert {status for provider, status in statuses if provider != "btcpay"} == {401}


def test_every_provider_with_samples_and_every_state_is_shown() -> None:
    """Whoever asks how it handles something finds a row, for each of them and each state."""
    assert {scenario.provider for scenario in GALLERY} == set(events.names())
    assert {source.provider for source in SOURCES} == set(events.names())
    ends = {scenario.moves[-1].after for scenario in GALLERY if scenario.moves}
    assert ends == set(State)


def test_what_goes_wrong_is_shown() -> None:
    """The list of failures that the gallery exists for."""
    twists = {twist for one in GALLERY for step in one.steps for twist in step.twists}
    assert twists == set(Twist) - {Twist.GENUINE}
    reasons = {x.reason for one in GALLERY for step in one.steps for x in step.expect} - {None}
    assert reasons == {Reason.SIGNATURE_MISMATCH, Reason.HEADER_MISSING, Reason.TIMESTAMP_STALE}
    verdicts = {x.verdict for one in GALLERY for step in one.steps for x in step.expect}
    assert verdicts >= {Verdict.DUPLICATE_DELIVERY, Verdict.SUPERSEDED}
    codes = {code for one in GALLERY for code in one.exceptions}
    assert codes >= {Code.AMOUNT_UNDER, Code.LATE_FUNDS}
    statuses = {x.status for one in GALLERY for step in one.steps for x in step.expect}
    assert statuses >= {200, 401, 404, 408, 413, 503}
    assert sum(one.stuck for one in GALLERY) == 1
    assert any(step.together for one in GALLERY for step in one.steps)


def test_a_rotation_uses_two_live_keys() -> None:
    """Old and new at once is what makes a rotation lose nothing."""
    rotation = next(one for one in GALLERY if "rotation" in one.title)
    keys = Counter(step.key for step in rotation.steps)
    source = next(source for source in SOURCES if source.slug == rotation.source)
    assert set(keys) == set(source.key_ids)
    assert len(keys) == 2


def test_only_the_stuck_payment_stays_in_paid() -> None:
    """The limit of Paid is so short here that any other payment left in it would be stuck too."""
    paid = [one for one in GALLERY if one.moves and one.moves[-1].after is State.PAID]
    assert [one.stuck for one in paid] == [True]
