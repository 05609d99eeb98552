"""What verified and belongs elsewhere, and what a busy or half broken log does to refusals."""

import asyncio
import io
from pathlib import Path
from typing import Any

import apsw
import pytest

from ingress import sealing, telemetry
from ingress.contract import topics
from ingress.contract.alarm import Alarm
from ingress.keeping import UNDER_WAY_MAX
from ingress.settings import KeySettings, QuarantineSettings, SourceSettings
from tests.support.gateway import STRIPE_SECRET, Gateway, Reply, gateway, is_problem, until_ready
from tests.support.refused import (
    EVENT,
    SEALED,
    SMALL,
    STRIPE_HOOK,
    STRIPE_LABELS,
    forge,
    is_on_disk,
    log_away,
    opened,
    quarantined,
    signed,
)

LIVE = EVENT.replace(b'{"id"', b'{"livemode":true,"id"', 1)
TOKEN = "a-token-of-a-test-1Zx"
OWN_PROFILE = """
title = "Own"
type_prefix = "com.own"
confidence = "A"
coverage = "none"
[signature]
kind = "token"
header = "X-Token"
[identity]
event_key = ["/id"]
[[mode]]
at = "/live"
live = ["true"]
test = ["false"]
[[evidence]]
what = "made for a test"
read = 2026-11-22
"""


def _own(directory: Path) -> SourceSettings:
    """Configure a source of a provider whose deliveries carry their secret."""
    (directory / "providers").mkdir(exist_ok=True)
    (directory / "providers" / "own.toml").write_text(OWN_PROFILE)
    (directory / "own").write_text(TOKEN)
    key = KeySettings(id="only", file=Path("own"))
    return SourceSettings(slug="own", provider="own", key=[key])


async def _alarms(edge: Gateway) -> list[Alarm]:
    records = await edge.records(topics.alarms("test"))
    return [Alarm.decode(record.headers, record.value) for record in records]


async def _live(edge: Gateway, body: bytes = LIVE) -> Reply:
    return await edge.post(STRIPE_HOOK, body, signed(body))


async def test_an_event_of_another_environment_is_kept_and_told_of_before_its_success(
    edge: Gateway,
) -> None:
    """Real money at a test endpoint: published to nobody, lost by nobody, and seen by somebody."""
    reply = await _live(edge)
    assert (reply.status, reply.body) == (200, b"")
    assert await edge.published() == []
    (kept,) = await edge.quarantined()
    assert kept.reason == "environment_mismatch"
    assert opened(kept).body == LIVE
    (alarm,) = await _alarms(edge)
    assert (alarm.code, alarm.source, alarm.environment) == ("ENV_MISMATCH", "stripe-eu", "test")
    assert alarm.subject == "urn:sealgate:test:stripe-eu"
    assert alarm.correlation_id == reply.headers["x-correlation-id"] == kept.id
    assert alarm.at_ms == kept.received_ms
    for part in ("evt_1", "stripe", "live", "test"):
        assert part in alarm.evidence
    assert "pi_1" not in alarm.evidence
    assert quarantined(edge, "kept") == 1


async def test_a_provider_s_own_event_is_kept_outside_the_limits(tmp_path: Path) -> None:
    """The limits are for strangers: a flood, or a switch, must not cost a payment."""
    settings = {**SMALL, "body_bytes_max": 1024}
    async with gateway(tmp_path, quarantine=settings) as edge:
        await until_ready(edge)
        for _ in range(10):
            await forge(edge)
        before = len(await edge.quarantined())
        body = LIVE.replace(b'"pi_1"', b'"' + b"p" * 5000 + b'"')
        assert (await _live(edge, body)).status == 200
        assert len(await edge.quarantined()) == before + 1


async def test_it_is_kept_though_the_quarantine_is_off(tmp_path: Path) -> None:
    """What is off is the keeping of what strangers send; a verified event has no other place."""
    async with gateway(tmp_path, quarantine={"enabled": False}) as edge:
        await until_ready(edge)
        assert (await _live(edge)).status == 200
        assert len(await edge.quarantined()) == 1


async def test_where_the_log_is_away_it_is_not_answered_with_success(tmp_path: Path) -> None:
    """A success ends the provider's retries: it is said of what is kept, and of nothing else."""
    async with gateway(tmp_path, publish_s=0.3) as edge:
        await until_ready(edge)
        with log_away(tmp_path):
            is_problem(await _live(edge), 503)
        assert quarantined(edge, "log_unavailable") == 1


@pytest.mark.parametrize("topic", [topics.alarms("test"), topics.quarantine("test")])
async def test_to_be_kept_and_to_be_told_of_are_both_needed(tmp_path: Path, topic: str) -> None:
    """What nobody is told of stays in the quarantine until its time is over; so it comes again."""
    async with gateway(tmp_path) as edge:
        await until_ready(edge)
        other = apsw.Connection(str(tmp_path / "log.db"))
        other.execute("DELETE FROM partition WHERE topic = ?", (topic,))
        other.close()
        is_problem(await _live(edge), 503)


async def test_what_carries_its_secret_comes_again_until_there_is_a_seal(tmp_path: Path) -> None:
    """It can be neither published nor written in the clear; and somebody is told what to do."""
    body = b'{"id":"own-1","live":true}'
    async with gateway(tmp_path, more=[_own(tmp_path)]) as edge:
        await until_ready(edge)
        is_problem(await edge.post("/hooks/own", body, ("X-Token", TOKEN)), 503)
        assert await edge.quarantined() == []
        (alarm,) = await _alarms(edge)
        assert "own-1" in alarm.evidence
        labels = {"source": "own", "provider": "own", "result": "unsealed"}
        assert edge.count("sealgate_quarantined_total", **labels) == 1
    (tmp_path / "seal").write_bytes(sealing.new_key())
    async with gateway(tmp_path, more=[_own(tmp_path)], quarantine=SEALED) as edge:
        await until_ready(edge)
        assert (await edge.post("/hooks/own", body, ("X-Token", TOKEN))).status == 200
        assert len(await edge.quarantined()) == 1
    assert not is_on_disk(tmp_path, TOKEN.encode())


async def test_a_diverted_event_shows_that_the_keys_are_right(edge: Gateway) -> None:
    """It verified: what fails beside it is a forger's."""
    for _ in range(3):
        await _live(edge)
        assert [(await forge(edge)).status for _ in range(4)] == [401] * 4
    assert edge.count("sealgate_source_suspect", **STRIPE_LABELS) == 0


async def test_a_flood_holds_no_more_of_the_log_than_its_part(tmp_path: Path) -> None:
    """While the log is slow, so many forgeries wait for it; the others are put off at once."""
    async with gateway(tmp_path, publish_s=20.0) as edge:
        await until_ready(edge)
        with log_away(tmp_path):
            flood = [asyncio.create_task(forge(edge)) for _ in range(UNDER_WAY_MAX + 20)]
            async with asyncio.timeout(15):
                while sum(task.done() for task in flood) < 20:
                    await asyncio.sleep(0.01)
            assert [task.result().status for task in flood if task.done()] == [503] * 20
        replies = await asyncio.gather(*flood)
        assert sum(reply.status == 401 for reply in replies) == UNDER_WAY_MAX
        assert len(await edge.quarantined()) == UNDER_WAY_MAX


async def test_new_limits_and_seals_are_in_force_at_once(tmp_path: Path) -> None:
    """A key is rotated, or the quarantine is switched off, without a restart."""
    (tmp_path / "seal").write_bytes(sealing.new_key())

    def change(edge: Gateway, **settings: Any) -> None:
        found = QuarantineSettings.model_validate(settings)
        edge.edge.keep(found, sealing.seals(found, tmp_path))

    async with gateway(tmp_path) as edge:
        await until_ready(edge)
        await forge(edge)
        change(edge, **SEALED)
        await forge(edge)
        assert sorted(kept.seal for kept in await edge.quarantined()) == ["", "seal-1"]
        change(edge, enabled=False)
        await forge(edge)
        assert len(await edge.quarantined()) == 2


async def test_a_new_seal_does_not_refill_what_a_flood_has_spent(tmp_path: Path) -> None:
    """Secrets are reloaded often, and each time would be a new ration for whoever floods."""
    (tmp_path / "seal").write_bytes(sealing.new_key())
    settings = QuarantineSettings.model_validate({**SMALL, **SEALED})
    async with gateway(tmp_path, quarantine=SMALL) as edge:
        await until_ready(edge)
        for _ in range(10):
            await forge(edge)
        before = len(await edge.quarantined())
        edge.edge.keep(settings, sealing.seals(settings, tmp_path))
        await forge(edge)
        assert len(await edge.quarantined()) == before


async def test_a_refusal_is_reported_without_a_word_of_what_was_in_it(edge: Gateway) -> None:
    """Logs are read by more people than the quarantine."""
    out = io.StringIO()
    telemetry.configure("json", out=out)
    body = EVENT.replace(b"pi_1", b"a-customer-s-name")
    await edge.post(STRIPE_HOOK, body, ("X-Webhook-Secret", STRIPE_SECRET.decode()))
    await forge(edge, body)
    telemetry.flush()
    assert out.getvalue().count("delivery_handled") == 2
    assert STRIPE_SECRET.decode() not in out.getvalue()
    assert "a-customer-s-name" not in out.getvalue()
