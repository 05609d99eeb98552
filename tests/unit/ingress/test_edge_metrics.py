"""What an edge tells of itself beside its counts: skew, exemplars, rations, faults of its own."""

import re
import time
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from ingress.eventlog.port import (
    AccessRefused,
    LogUnavailable,
    MessageRefused,
    TopicRefused,
)
from ingress.metrics import EdgeMetrics, PublishError, Suspicion, publish_error
from tests.support.gateway import BODY, HOOK, Gateway, btcpay, gateway, until_ready
from tests.support.refused import (
    EVENT,
    STRIPE_HOOK,
    STRIPE_LABELS,
    forge,
    log_away,
    signed,
)

SKEW = "sealgate_clock_skew_seconds_bucket"
FAILING = "sealgate_source_failing_since_timestamp_seconds"


def _skew(edge: Gateway) -> list[float]:
    """Read how many deliveries were so far off at most, from five minutes late to all."""
    bounds = ("-300.0", "-60.0", "-10.0", "-1.0", "1.0", "+Inf")
    return [edge.count(SKEW, le=bound, **STRIPE_LABELS) for bound in bounds]


async def test_the_skew_of_what_was_proven_is_told_refused_or_not(edge: Gateway) -> None:
    """A clock that is wrong shows as refusals for age: just those must say how far it is off."""
    assert (await edge.post(STRIPE_HOOK, EVENT, signed(EVENT, age_s=30))).status == 200
    assert _skew(edge) == [0, 0, 1, 1, 1, 1]
    assert (await edge.post(STRIPE_HOOK, EVENT, signed(EVENT, age_s=3600))).status == 401
    assert _skew(edge) == [1, 1, 2, 2, 2, 2]
    assert (await edge.post(STRIPE_HOOK, EVENT, signed(EVENT, age_s=-3600))).status == 401
    assert _skew(edge) == [1, 1, 2, 2, 2, 3]


async def test_nobody_without_the_key_can_set_the_skew(edge: Gateway) -> None:
    """Until the signature holds, a timestamp is what a stranger likes it to be."""
    forged = signed(EVENT, b"whsec_of_a_forger", age_s=3600)
    assert (await edge.post(STRIPE_HOOK, EVENT, forged)).status == 401
    assert _skew(edge) == [0] * 6


async def test_a_slow_delivery_leads_to_its_story(edge: Gateway) -> None:
    """OpenMetrics shows the trace of a delivery beside its bucket: the one on the envelope."""
    assert (await edge.post(HOOK, BODY, btcpay(BODY))).status == 200
    [envelope] = await edge.published()
    told = generate_latest(edge.registry).decode()
    assert len(list(text_string_to_metric_families(told))) > 30
    traced = re.findall(r"(sealgate_[a-z_]+)\{.*\} 1.0 # \{trace_id=\"([0-9a-f]+)\"\}", told)
    trace_id = envelope.traceparent.split("-")[1]
    assert traced == [("sealgate_request_duration_seconds_bucket", trace_id)]


async def test_nobody_without_the_key_can_make_answers_look_slow_or_quick(edge: Gateway) -> None:
    """Somebody who sends his forgery byte by byte would wake people; a flood would hide delays."""
    counted = "sealgate_request_duration_seconds_count"
    forged = signed(EVENT, b"whsec_of_a_forger")
    assert (await edge.post(STRIPE_HOOK, EVENT, forged)).status == 401
    assert edge.count(counted, **STRIPE_LABELS) == 0
    assert edge.count(counted, source="unknown", provider="unknown") == 1
    assert (await edge.post(STRIPE_HOOK, EVENT, signed(EVENT))).status == 200
    assert edge.count(counted, **STRIPE_LABELS) == 1


async def test_what_is_refused_for_our_own_fault_says_since_when(tmp_path: Path) -> None:
    """The provider comes again, for so long: from this moment the time it has is running."""
    began_s = time.time()
    async with gateway(tmp_path, publish_s=0.2) as edge:
        await until_ready(edge)
        assert edge.count(FAILING, **STRIPE_LABELS) == 0
        with log_away(tmp_path):
            assert (await edge.post(STRIPE_HOOK, EVENT, signed(EVENT))).status == 503
            since_s = edge.count(FAILING, **STRIPE_LABELS)
            assert began_s - 1 < since_s <= time.time()
            assert (await edge.post(STRIPE_HOOK, EVENT, signed(EVENT))).status == 503
            assert edge.count(FAILING, **STRIPE_LABELS) == since_s
        # Whether the writer had begun with it or not, the disk did not confirm it.
        errors = [edge.count("sealgate_publish_errors_total", error=one) for one in PublishError]
        assert sum(errors[:2]) == sum(errors) == 2
        await until_ready(edge)
        assert (await edge.post(STRIPE_HOOK, EVENT, signed(EVENT))).status == 200
        assert edge.count(FAILING, **STRIPE_LABELS) == 0


async def test_forgeries_are_no_fault_of_ours_until_everything_fails(edge: Gateway) -> None:
    """Else whoever can send one request could wake somebody at night."""
    await forge(edge)
    assert edge.count(FAILING, **STRIPE_LABELS) == 0
    assert (await edge.post(STRIPE_HOOK, EVENT, signed(EVENT))).status == 200
    # It verified a moment ago, and nothing does any more: the key here may be wrong.
    assert [(await forge(edge)).status for _ in range(5)] == [401] * 4 + [503]
    assert edge.count(FAILING, **STRIPE_LABELS) > 0


def test_of_many_sources_none_is_hidden_behind_another() -> None:
    """One series for all of a provider: a wrong key at one, and a stranger at another."""
    wrong, besieged = (True, False, 20.0), (True, True, 0.0)
    well = (False, False, 0.0)
    cases = {
        (well, besieged): (1, 1, 0),
        (besieged, wrong): (2, 0, 20),
        (wrong, (True, False, 10.0)): (2, 0, 10),
        (well, well): (0, 0, 0),
        (well, (False, True, 0.0)): (0, 1, 0),
    }
    for told, expected in cases.items():
        registry = CollectorRegistry()
        suspicions = [Suspicion("many", "btcpay", *one) for one in told]
        EdgeMetrics(registry).watch_suspects(suspicions.copy)
        labels = {"source": "many", "provider": "btcpay"}
        names = ("sealgate_source_suspect", "sealgate_source_besieged", FAILING)
        assert tuple(registry.get_sample_value(name, labels) for name in names) == expected, told


async def test_the_ration_of_the_quarantine_and_what_is_spent_of_it(tmp_path: Path) -> None:
    """Near its end nothing is kept any more, and a wrong key of ours loses what it refuses."""
    ration = {"bytes_per_day": 400_000, "total_bytes_per_day": 800_000}
    async with gateway(tmp_path, quarantine=ration) as edge:
        await until_ready(edge)
        # A quarter of a day's bytes is there at once.
        assert edge.count("sealgate_quarantine_bytes_limit") == 200_000
        assert edge.count("sealgate_quarantine_bytes") == 0
        await forge(edge)
        # Of each at least a kilobyte, and the little that it sent; time gives some of it back.
        assert 1024 < edge.count("sealgate_quarantine_bytes") < 2048
    async with gateway(tmp_path, quarantine={"enabled": False}) as edge:
        assert edge.count("sealgate_quarantine_bytes_limit") == 0


def test_an_error_of_the_log_is_of_the_class_that_says_what_to_do() -> None:
    """A password, a topic, a broker that is away: three people to call."""
    answers = {
        LogUnavailable("away"): PublishError.UNAVAILABLE,
        LogUnavailable("late", is_unknown=True): PublishError.UNCONFIRMED,
        AccessRefused("no"): PublishError.ACCESS,
        TopicRefused("no such topic"): PublishError.TOPIC,
        MessageRefused("too large"): PublishError.MESSAGE,
    }
    assert {said: publish_error(said) for said in answers} == answers


async def test_a_limit_stands_beside_what_it_limits(tmp_path: Path) -> None:
    """A board that knows the limit draws the line by itself, and an alert needs no copy of it."""
    async with gateway(tmp_path, connections_max=17, in_flight_bytes_max=1_000_000) as edge:
        assert edge.count("sealgate_connections_limit") == 17
        assert edge.count("sealgate_in_flight_bytes_limit") == 1_000_000
        assert edge.count("sealgate_journal_bytes_limit") == 0
