"""A source that verified lately and fails altogether now: whose fault is it, and what it hears."""

import asyncio
import base64
import hashlib
import hmac
from dataclasses import replace
from pathlib import Path

import pytest

from ingress import telemetry
from ingress.settings import KeySettings, SourceSettings
from tests.support.gateway import (
    STRIPE_SECRET,
    Gateway,
    gateway,
    is_problem,
    log_lines,
    until_ready,
)
from tests.support.refused import EVENT, STRIPE_HOOK, STRIPE_LABELS, forge, log_away, signed


async def test_a_source_that_fails_altogether_is_asked_to_come_again(edge: Gateway) -> None:
    """It verified a moment ago, and nothing does any more: the wrong key is ours."""
    said = log_lines()
    assert (await edge.post(STRIPE_HOOK, EVENT, signed(EVENT))).status == 200
    assert edge.count("sealgate_source_suspect", **STRIPE_LABELS) == 0
    assert [(await forge(edge)).status for _ in range(6)] == [401] * 4 + [503] * 2
    assert edge.count("sealgate_source_suspect", **STRIPE_LABELS) == 1
    assert edge.count("sealgate_source_suspect", source="btcpay-shop", provider="btcpay") == 0
    assert (await edge.post(STRIPE_HOOK, EVENT, signed(EVENT))).status == 200
    assert edge.count("sealgate_source_suspect", **STRIPE_LABELS) == 0
    assert (await forge(edge)).status == 401
    assert len(await edge.quarantined()) == 7
    lines = said("keys_suspect")
    assert [(line["source"], line["suspicion"]) for line in lines] == [
        ("stripe-eu", "begins"),
        ("stripe-eu", "ends"),
    ]


async def test_a_flood_between_honest_deliveries_flips_nothing_for_the_provider(
    edge: Gateway,
) -> None:
    """The provider hears success for every delivery of its own, whatever a stranger sends."""
    for number in range(5):
        body = EVENT.replace(b"evt_1", b"evt_%d" % number)
        replies = await asyncio.gather(*(forge(edge) for _ in range(4)))
        assert {reply.status for reply in replies} == {401}
        assert (await edge.post(STRIPE_HOOK, body, signed(body))).status == 200
    assert edge.count("sealgate_source_suspect", **STRIPE_LABELS) == 0


@pytest.mark.parametrize("is_kept", [True, False])
async def test_a_stranger_s_forgeries_wake_nobody_twice(tmp_path: Path, is_kept: bool) -> None:
    """The key was proven right among them: the next ones hear 503, are kept, and are no loss."""

    def at(address: str) -> tuple[str, str]:
        return "X-Forwarded-For", address

    async def forged(edge: Gateway, address: str) -> int:
        forgery = signed(EVENT, b"whsec_of_a_forger")
        return (await edge.post(STRIPE_HOOK, EVENT, forgery, at(address))).status

    def told(edge: Gateway, began_s: float = 1) -> tuple[float, float, bool]:
        since = edge.count("sealgate_source_failing_since_timestamp_seconds", **STRIPE_LABELS)
        return (
            edge.count("sealgate_source_suspect", **STRIPE_LABELS),
            edge.count("sealgate_source_besieged", **STRIPE_LABELS),
            since >= began_s,
        )

    proxies, keeping = ["127.0.0.0/8"], {"enabled": is_kept}
    async with gateway(tmp_path, quarantine=keeping, trusted_proxies=proxies) as edge:
        await until_ready(edge)
        for suspicion in ((1, 0, True), (1, 1, False)):
            good = await edge.post(STRIPE_HOOK, EVENT, signed(EVENT), at("192.0.2.7"))
            assert (good.status, told(edge)[2]) == (200, False)
            assert [await forged(edge, "203.0.113.9") for _ in range(6)] == [401] * 4 + [503] * 2
            assert told(edge) == suspicion
        # One that comes from where its provider delivers may be a wrong key of ours after all.
        began_s = telemetry.now_ms() / 1000
        assert await forged(edge, "192.0.2.8") == 503
        assert told(edge, began_s) == (1, 0, True)
        assert len(await edge.quarantined()) == (13 if is_kept else 0)


async def test_a_source_that_is_configured_anew_may_have_a_wrong_key(tmp_path: Path) -> None:
    """What was proven of the key before says nothing of this one; of other sources it does."""
    async with gateway(tmp_path, trusted_proxies=["127.0.0.0/8"]) as edge:
        await until_ready(edge)
        for _ in range(2):
            home = ("X-Forwarded-For", "192.0.2.7")
            assert (await edge.post(STRIPE_HOOK, EVENT, signed(EVENT), home)).status == 200
            for _ in range(5):
                forgery = signed(EVENT, b"whsec_of_a_forger")
                await edge.post(STRIPE_HOOK, EVENT, forgery, ("X-Forwarded-For", "203.0.113.9"))
        assert edge.count("sealgate_source_besieged", **STRIPE_LABELS) == 1
        served = dict(edge.edge._sources)
        await edge.edge.replace(served)
        assert edge.count("sealgate_source_besieged", **STRIPE_LABELS) == 1
        other = replace(served["stripe-eu"], account="another")
        await edge.edge.replace({**served, "stripe-eu": other})
        assert edge.count("sealgate_source_besieged", **STRIPE_LABELS) == 0


def _xero(directory: Path) -> SourceSettings:
    (directory / "xero").write_bytes(b"a-webhook-key-of-a-test")
    return SourceSettings(
        slug="xero", provider="xero", key=[KeySettings(id="only", file=Path("xero"))]
    )


async def test_a_provider_that_probes_with_wrong_signatures_hears_exactly_its_refusal(
    tmp_path: Path,
) -> None:
    """Xero sends wrong signatures and delivers nothing unless each hears 401: also when we fail."""

    def signature(secret: bytes) -> tuple[str, str]:
        digest = hmac.digest(secret, EVENT, hashlib.sha256)
        return "x-xero-signature", base64.b64encode(digest).decode()

    async with gateway(tmp_path, more=[_xero(tmp_path)], publish_s=0.3) as edge:
        await until_ready(edge)
        good = signature(b"a-webhook-key-of-a-test")
        assert (await edge.post("/hooks/xero", EVENT, good)).status == 200
        for _ in range(7):
            is_problem(await edge.post("/hooks/xero", EVENT, signature(b"a probe")), 401)
        with log_away(tmp_path):
            is_problem(await edge.post("/hooks/xero", EVENT, signature(b"a probe")), 401)
        assert len(await edge.quarantined()) == 7


async def test_a_restart_with_a_wrong_key_is_our_fault_too(tmp_path: Path) -> None:
    """Keys go wrong at restarts: the new process knows from the old one that the key was right."""
    state = tmp_path / "state.json"
    async with gateway(tmp_path, state_file=state) as edge:
        await until_ready(edge)
        assert (await edge.post(STRIPE_HOOK, EVENT, signed(EVENT))).status == 200
    assert STRIPE_SECRET not in state.read_bytes()
    async with gateway(tmp_path, state_file=state) as edge:
        await until_ready(edge)
        assert [(await forge(edge)).status for _ in range(5)] == [401] * 4 + [503]
    async with gateway(tmp_path, state_file=state) as edge:
        await until_ready(edge)
        assert edge.count("sealgate_source_suspect", **STRIPE_LABELS) == 1
        assert (await forge(edge)).status == 503
