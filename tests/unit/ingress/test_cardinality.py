"""How many series an edge has: as many after whatever comes as before."""

import asyncio
import random
from itertools import product
from pathlib import Path

import pytest

from ingress.admit import Admitted
from ingress.answers import Answer, Outcome
from ingress.delivery import Reason
from ingress.metrics import PublishError
from ingress.quarantine import Kept
from tests.support import junk
from tests.support.gateway import Gateway, gateway, until_ready
from tests.support.odd_requests import CORPUS

JUNK = 20_000
BUDGET = 3_000
# So little is kept that both what is kept and what is not any more are counted.
QUARANTINE = {"bytes_per_day": 256 * 1024, "total_bytes_per_day": 1024 * 1024}


def _counted(edge: Gateway, name: str, label: str) -> dict[str, float]:
    """Sum the samples of a counter by one label."""
    found: dict[str, float] = {}
    for family in edge.registry.collect():
        for sample in family.samples:
            if sample.name == name:
                value = sample.labels[label]
                found[value] = found.get(value, 0) + sample.value
    return found


async def test_twenty_thousand_requests_of_strangers_make_no_series(tmp_path: Path) -> None:
    """Whoever can make a series can fill a Prometheus; and each request is counted, once."""
    async with gateway(tmp_path, more=junk.sources(tmp_path), quarantine=QUARANTINE) as edge:
        await until_ready(edge)
        before = junk.series(edge.registry)
        slugs = ["btcpay-shop", "stripe-eu", *(one.replace("_", "-") for one in junk.PROVIDERS)]
        sent = list(junk.requests(random.Random(8), slugs, JUNK))
        await junk.send(edge, sent)
        assert junk.series(edge.registry) == before
        outcomes = _counted(edge, "sealgate_requests_total", "outcome")
        reasons = _counted(edge, "sealgate_verification_failures_total", "reason")
        kept = _counted(edge, "sealgate_quarantined_total", "result")
    # A few begin with what no parser takes for a request; they are counted as malformed.
    assert sum(outcomes.values()) == JUNK
    assert outcomes["accepted"] > JUNK / 40
    assert {name for name, count in outcomes.items() if count} >= {
        "accepted",
        "rejected_signature",
        "rejected_malformed",
        "rejected_unknown_source",
        "rejected_method",
    }
    assert len([name for name, count in reasons.items() if count]) > 4
    assert kept["kept"] > 100
    assert kept["over_limit"] > 100


async def _say(port: int, odd: bytes) -> None:
    """Say it over a socket, and hear the answer to its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(odd)
        writer.write_eof()
        await reader.read()
    except ConnectionError:
        pass  # the edge may hang up on what makes no sense
    finally:
        writer.close()


async def test_bytes_that_are_no_requests_make_no_series(tmp_path: Path) -> None:
    """Over a socket, as they would come: what no parser takes is counted under one name."""
    async with gateway(tmp_path) as edge:
        await until_ready(edge)
        before = junk.series(edge.registry)
        async with asyncio.timeout(60):
            for odd in list(CORPUS.values())[::3]:
                await _say(edge.port, odd)
        assert junk.series(edge.registry) == before
        assert _counted(edge, "sealgate_requests_total", "outcome")["rejected_malformed"] > 40


async def test_every_word_of_ours_has_its_series_from_the_beginning(edge: Gateway) -> None:
    """A counter that appears with its first failure hides exactly that one."""
    before = junk.series(edge.registry)
    desk = edge.edge._edge._desk
    source = desk.serving.sources["stripe-eu"]
    reasons: list[Reason | None] = [None, *Reason]
    outcomes: list[Kept | None] = [None, *Kept]
    for outcome, reason, kept in product(Outcome, reasons, outcomes):
        admitted = Admitted(Answer(outcome, 200, b""), "", reason=reason, kept=kept, skew_ms=-7)
        for whose in (source, None):
            desk.serving.report.end(admitted, whose, 0.001, 17, "192.0.2.0/24")
    for error in PublishError:
        desk.metrics.publishing.errors[error].inc()
    assert junk.series(edge.registry) == before


@pytest.mark.parametrize("secrets", [1, 2])
async def test_twenty_sources_fit_the_budget(tmp_path: Path, secrets: int) -> None:
    """What one process may cost a Prometheus, with two keys in each ring as in a rotation."""
    more = [one.model_copy(update={"key": one.key[:secrets]}) for one in junk.sources(tmp_path)]
    async with gateway(tmp_path, more=more) as edge:
        assert len(edge.edge._sources) == 20
        count = len(junk.series(edge.registry))
    assert count < BUDGET
    assert count > 20 * 70
