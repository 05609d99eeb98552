"""An edge whose sources are replaced while it serves: nobody is disturbed, the new word counts."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingress import sources
from ingress.settings import EdgeSettings, KeySettings, SourceSettings
from tests.support.builders import SERVES
from tests.support.gateway import (
    BODY,
    HOOK,
    NEW_SECRET,
    OLD_SECRET,
    Gateway,
    btcpay,
    gateway,
    request,
    until_ready,
)

SLUG = "btcpay-shop"


def _key(name: str, **more: object) -> KeySettings:
    return KeySettings.model_validate({"id": name, "file": name, **more})


def _sources(directory: Path, *keys: KeySettings, slug: str = SLUG) -> sources.Snapshot:
    setting = SourceSettings(slug=slug, provider="btcpay", account="shop", key=list(keys))
    origin = sources.Origin(directory)
    return sources.build(SERVES, [setting], EdgeSettings(), origin)


@dataclass(frozen=True, slots=True)
class Half:
    """A delivery that was sent but for its last bytes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    rest: bytes

    async def end(self) -> int:
        """Send the rest; return the status."""
        self.writer.write(self.rest)
        line = await asyncio.wait_for(self.reader.readline(), 10)
        self.writer.close()
        return int(line.split(b" ")[1])


async def _half(running: Gateway) -> Half:
    whole = request(HOOK, BODY, [btcpay(BODY)])
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(whole[:-10])
    await writer.drain()
    async with asyncio.timeout(10):
        while running.count("sealgate_requests_in_flight") < 1:
            await asyncio.sleep(0.01)
    return Half(reader, writer, whole[-10:])


async def test_a_delivery_that_is_under_way_is_not_disturbed(tmp_path: Path) -> None:
    """Ten reloads between its first byte and its last are nothing to it."""
    async with gateway(tmp_path) as running:
        await until_ready(running)
        half = await _half(running)
        for _ in range(10):
            await running.edge.replace(_sources(tmp_path, _key("old"), _key("new")))
        assert await half.end() == 200
        assert len(await running.published()) == 1


async def test_a_key_revoked_while_a_body_arrives_proves_it_no_more(tmp_path: Path) -> None:
    """Who holds a stolen key could otherwise hold a hundred half-sent deliveries ready."""
    async with gateway(tmp_path) as running:
        await until_ready(running)
        half = await _half(running)
        revoked = _sources(tmp_path, _key("old", status="revoked"), _key("new"))
        await running.edge.replace(revoked)
        assert await half.end() in {401, 503}
        assert await running.published() == []


async def test_a_source_that_is_gone_is_unknown_and_one_that_came_is_served(tmp_path: Path) -> None:
    """Offboarding a merchant takes effect as onboarding one does: without a restart."""
    async with gateway(tmp_path) as running:
        await until_ready(running)
        await running.edge.replace(_sources(tmp_path, _key("old"), slug="other"))
        assert (await running.post(HOOK, BODY, btcpay(BODY))).status == 404
        assert (await running.post("/hooks/other", BODY, btcpay(BODY))).status == 200


async def test_counters_go_on_and_those_of_the_gone_are_gone(tmp_path: Path) -> None:
    """A rate must not jump at every reload, nor series pile up until the scrape is too long."""
    async with gateway(tmp_path) as running:
        await until_ready(running)
        await running.post(HOOK, BODY, btcpay(BODY))
        labels = {"source": SLUG, "provider": "btcpay"}

        def count(name: str, **more: str) -> float | None:
            return running.registry.get_sample_value(name, labels | more)

        await running.edge.replace(_sources(tmp_path, _key("old", status="verify-only")))
        assert count("sealgate_requests_total", outcome="accepted") == 1
        assert count("sealgate_verified_total", key_id="old") == 1
        assert count("sealgate_verified_total", key_id="new") is None
        stripe = {"source": "stripe-eu", "provider": "stripe", "outcome": "accepted"}
        assert running.registry.get_sample_value("sealgate_requests_total", stripe) is None
        await running.edge.replace(_sources(tmp_path, _key("old"), slug="other"))
        left = [
            sample
            for family in running.registry.collect()
            for sample in family.samples
            if sample.labels.get("source") == SLUG
        ]
        assert left == []


async def test_the_keys_are_told_with_their_last_use(tmp_path: Path) -> None:
    """Whether the old key is still in use decides a rotation; a revoked one stays on the list."""
    async with gateway(tmp_path) as running:
        await until_ready(running)
        await running.post(HOOK, BODY, btcpay(BODY, NEW_SECRET))
        gone = _key("gone", status="revoked", file="not-there-any-more")
        await running.edge.replace(_sources(tmp_path, _key("new"), _key("old"), gone))
        told: Any = await running.edge.keys()
        assert list(told) == [SLUG]
        keys = {key["id"]: key for key in told[SLUG]["keys"]}
        assert (keys["new"]["verified"], keys["old"]["verified"]) == (1, 0)
        assert keys["new"]["last_used_ms"] is not None
        assert (keys["old"]["last_used_ms"], keys["gone"]["status"]) == (None, "revoked")
        labels = {"source": SLUG, "provider": "btcpay", "key_id": "new"}
        name = "sealgate_key_last_used_timestamp_seconds"
        last_s = running.registry.get_sample_value(name, labels)
        assert last_s == keys["new"]["last_used_ms"] / 1000
        assert OLD_SECRET.decode() not in str(told)


async def test_more_sources_than_series_are_counted_by_provider(tmp_path: Path) -> None:
    """Ten thousand merchants would make half a million series; their keys are told all the same."""
    async with gateway(tmp_path, metric_sources_max=1) as running:
        await until_ready(running)
        await running.post(HOOK, BODY, btcpay(BODY))
        labels = {"source": "many", "provider": "btcpay"}
        accepted = {**labels, "outcome": "accepted"}
        assert running.count("sealgate_requests_total", **accepted) == 1
        assert running.count("sealgate_verified_total", **labels, key_id="many") == 1
        assert running.count("sealgate_requests_total", **accepted | {"source": SLUG}) == 0
        told: Any = await running.edge.keys(SLUG)
        assert [key["verified"] for key in told[SLUG]["keys"]] == [1, 0]
