"""The comparison: silent where everything is as written down, and naming each thing that is not."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from consumers.exceptions import Code
from consumers.lifecycle import State, Verdict
from consumers.store.port import Anomaly, OpenItem, Payment, PaymentKey
from ingress.delivery import Reason
from sealgate.demo.compare import mismatches
from sealgate.demo.observe import Heard, Observed, parse, total
from sealgate.demo.play import Played
from sealgate.demo.scenario import Expected, Move, Scenario, Step, refused, taken
from sealgate.simulator.events import Occasion
from sealgate.simulator.provider import Attempt, Parcel
from sealgate.simulator.twist import Twist

KEY = PaymentKey("kobbopay", "demo", "kp_1")
SCENARIO = Scenario(
    "A story",
    "kobbopay-demo",
    "kobbopay",
    (
        Step("created", "why"),
        Step("seen", "why", (refused(401, Reason.SIGNATURE_MISMATCH), taken())),
    ),
    (Move(State.PENDING, "payment.pending"), Move(State.PAID, "payment.paid")),
    (Code.LATE_FUNDS,),
    stuck=True,
)
# As Prometheus' text format writes them; two accepted events, one refusal, one stuck payment.
METRICS = """\
sealgate_verification_failures_total{source="kobbopay-demo",reason="no_matching_signature"} 1.0
sealgate_verification_failures_total{source="stripe-demo",reason="no_matching_signature"} 0.0
sealgate_verified_total{source="kobbopay-demo",provider="kobbopay",key_id="2026-11"} 2.0
sealgate_consumer_records_total{group="g",verdict="applied"} 2.0
sealgate_consumer_records_total{group="g",verdict="buried"} 0.0
sealgate_payments_stuck{provider="kobbopay",state="Paid"} 1.0
sealgate_exceptions_open{code="LATE_FUNDS",severity="3"} 1.0
"""


def _attempt(status: int, correlation_id: str = "c") -> Attempt:
    parcel = Parcel("created", Occasion("kp_1", "e", 0, 0, 0, 0))
    return Attempt(parcel, 1, Twist.GENUINE, {}, b"", status, correlation_id, 0.001)


def _heard(version: int, after: State) -> Heard:
    return Heard(f"kobbopay/demo/kp_1/{version}", KEY, version, None, after, "word", "c")


def _item(code: str) -> OpenItem:
    return OpenItem(Anomaly(code, "/".join(KEY), 3, "evidence", None, 0), 1, 0)


PLAYED = Played(SCENARIO, KEY, ((_attempt(200),), (_attempt(401), _attempt(200))))
OBSERVED = Observed(
    payments={KEY: Payment(KEY, State.PAID, 2, frozenset(), 0)},
    moves={KEY: SCENARIO.moves},
    exceptions=[_item("LATE_FUNDS")],
    heard={KEY: (_heard(1, State.PENDING), _heard(2, State.PAID))},
    repeats=0,
    metrics=parse(METRICS),
)


def test_what_is_exactly_as_expected_is_passed_in_silence() -> None:
    """The exit code 0 of the demo stands on this one answer."""
    assert mismatches([PLAYED], OBSERVED) == []


def _attempts(*attempts: tuple[Attempt, ...]) -> Played:
    return replace(PLAYED, attempts=attempts)


@pytest.mark.parametrize(
    ("played", "said"),
    [
        (_attempts((_attempt(200),), (_attempt(401), _attempt(503))), "seen: status 200 expected"),
        (_attempts((_attempt(500),), (_attempt(401), _attempt(200))), "created: status 200"),
        (_attempts((_attempt(200),), (_attempt(401),)), "seen: 2 attempts expected, 1 made"),
        (
            _attempts((_attempt(200, ""),), (_attempt(401), _attempt(200))),
            "carries no correlation id",
        ),
    ],
)
def test_a_wrong_answer_is_named(played: Played, said: str) -> None:
    """Which scenario, which event, what was expected, what came."""
    found = mismatches([played], OBSERVED)
    assert len(found) == 1
    assert found[0].startswith("A story: ")
    assert said in found[0]


def _without(name: str) -> Observed:
    return replace(OBSERVED, metrics={**OBSERVED.metrics, name: {}})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda o: replace(o, payments={KEY: o.payments[KEY]._replace(state=State.CONFIRMED)}),
            "Paid expected, found Confirmed",
        ),
        (lambda o: replace(o, payments={}), "Paid expected, found no payment"),
        (lambda o: replace(o, moves={KEY: o.moves[KEY][:1]}), "transitions Pending (payment.pen"),
        (lambda o: replace(o, moves={KEY: (*o.moves[KEY], o.moves[KEY][1])}), "transitions"),
        (
            lambda o: replace(o, moves={KEY: (o.moves[KEY][0], Move(State.PAID, "other"))}),
            "Paid (other)",
        ),
        (lambda o: replace(o, heard={KEY: o.heard[KEY][:1]}), "notices"),
        (lambda o: replace(o, heard={KEY: o.heard[KEY][::-1]}), "notices"),
        (lambda o: replace(o, heard={KEY: (*o.heard[KEY], o.heard[KEY][1])}), "notices"),
        (
            lambda o: replace(o, heard={**o.heard, KEY._replace(reference="x"): ()}),
            "a payment that nobody made: kobbopay/demo/x",
        ),
        (lambda o: replace(o, exceptions=[]), "open exceptions LATE_FUNDS: 1 expected, found 0"),
        (
            lambda o: replace(o, exceptions=[*o.exceptions, _item("AMOUNT_UNDER")]),
            "open exceptions AMOUNT_UNDER: 0 expected, found 1",
        ),
        (
            lambda _: _without("sealgate_verification_failures_total"),
            "kobbopay-demo no_matching_signature: 1 expected, found 0",
        ),
        (lambda _: _without("sealgate_verified_total"), "2026-11: 2 expected, found 0"),
        (lambda _: _without("sealgate_consumer_records_total"), "applied: 2 expected, found 0"),
        (lambda _: _without("sealgate_payments_stuck"), "kobbopay Paid: 1 expected, found 0"),
        (lambda _: _without("sealgate_exceptions_open"), "LATE_FUNDS: 1 expected, found 0"),
        (
            lambda o: replace(
                o,
                metrics={
                    **o.metrics,
                    "sealgate_consumer_records_total": parse(
                        'sealgate_consumer_records_total{verdict="applied"} 2\n'
                        'sealgate_consumer_records_total{verdict="buried"} 1\n'
                    )["sealgate_consumer_records_total"],
                },
            ),
            "buried: 0 expected, found 1",
        ),
    ],
)
def test_every_difference_is_found_and_named(
    change: Callable[[Observed], Observed], said: str
) -> None:
    """Missing or too many, each in each place: a comparison that cannot fail proves nothing."""
    found = mismatches([PLAYED], change(OBSERVED))
    assert len(found) == 1, found
    assert said in found[0]


def test_a_scenario_without_a_payment_must_leave_none() -> None:
    """An event that was refused must not have made a payment on the way."""
    alone = Scenario("Refused", "nobody", "kobbopay", (Step("seen", "", (Expected(404),)),))
    played = Played(alone, KEY, ((_attempt(404),),))
    nothing = Observed({}, {}, [], {}, 0, {})
    assert mismatches([played], nothing) == []
    found = mismatches([played], replace(nothing, payments=OBSERVED.payments))
    assert found == ["Refused: no payment expected, found Paid"]


def test_a_metric_is_summed_over_what_is_not_asked_for() -> None:
    """Partitions and groups are no part of an expectation; zeros say nothing."""
    metrics = parse('m{a="1",b="x"} 1\nm{a="1",b="y"} 2\nm{a="2",b="x"} 0\n')
    assert total(metrics, "m", "a") == {("1",): 3}
    assert total(metrics, "unheard_of", "a") == {}


def test_verdicts_count_for_every_attempt() -> None:
    """Two accepted attempts of one step are two records in the log."""
    scenario = replace(
        SCENARIO,
        steps=(Step("created", "", (taken(), taken(Verdict.DUPLICATE_DELIVERY)), together=True),),
        moves=SCENARIO.moves[:1],
        exceptions=(),
        stuck=False,
    )
    played = Played(scenario, KEY, ((_attempt(200), _attempt(200)),))
    found = mismatches([played], Observed({}, {}, [], {}, 0, {}))
    assert "sealgate_consumer_records_total duplicate_delivery: 1 expected, found 0" in found
    assert "sealgate_verified_total kobbopay-demo 2026-11: 2 expected, found 0" in found
