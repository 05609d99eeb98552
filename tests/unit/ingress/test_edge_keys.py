"""Keys that are fetched, at the edge: nothing verifies without them, and no delivery waits."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ingress import telemetry
from tests.support.gateway import Gateway, gateway, is_problem, source, until_ready
from tests.support.https import https, ok, status
from tests.support.signers import EVERY, Signer

BY_NAME = {signer.name: signer for signer in EVERY}
FIREBLOCKS = BY_NAME["fireblocks_v2"]
CIRCLE = BY_NAME["circle_v2"]


def _jwks(signer: Signer, *keys: bytes) -> bytes:
    """Write a key set as RFC 7517 has it, from the public halves."""
    return json.dumps({"keys": [_jwk(signer, key) for key in keys]}).encode()


def _jwk(signer: Signer, key: bytes) -> dict[str, str]:
    public: Any = load_pem_public_key(signer.shown(key))
    numbers = public.public_numbers()
    members = {"n": numbers.n, "e": numbers.e}
    encoded = {
        name: base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8))
        .rstrip(b"=")
        .decode()
        for name, value in members.items()
    }
    return {"kty": "RSA", "use": "sig", "kid": signer.kid(key), **encoded}


async def _sent(edge: Gateway, signer: Signer, key: bytes) -> int:
    sent = signer.sample(telemetry.now_ms() // 1000, key)
    return (await edge.deliver(signer.provider.replace("_", "-"), sent)).status


async def _until(edge: Gateway, signer: Signer, key: bytes, wanted: int) -> None:
    """Send again, as a provider does, until it is answered so."""
    async with asyncio.timeout(20):
        while await _sent(edge, signer, key) != wanted:
            await asyncio.sleep(0.05)


async def test_a_source_with_fetched_keys_is_not_ready_before_it_has_them(tmp_path: Path) -> None:
    """Deliveries are put off and not refused: the provider is right, and we know nothing yet."""
    configured = source(tmp_path, FIREBLOCKS, "fireblocks-v2", key=[])
    async with https("keys.fireblocks.io") as server:
        server.answer = (status("503 Away"),)
        async with gateway(tmp_path, more=[configured], fetch=server.fetcher()) as edge:
            sent = FIREBLOCKS.sample(telemetry.now_ms() // 1000)
            reply = await edge.deliver("fireblocks-v2", sent)
            is_problem(reply, 503)
            assert int(reply.headers["retry-after"]) > 0
            check = ("source fireblocks-v2 has its provider's keys", False)
            assert check in edge.edge.ready()
            server.answer = (ok(_jwks(FIREBLOCKS, FIREBLOCKS.old)),)
            await until_ready(edge)
            assert (await edge.deliver("fireblocks-v2", sent)).status == 200
            (envelope,) = await edge.published()
            assert envelope.key_id == FIREBLOCKS.kid(FIREBLOCKS.old)
            labels = {"source": "fireblocks-v2", "provider": "fireblocks_v2", "key_id": "fetched"}
            assert edge.count("sealgate_verified_total", **labels) == 1
            assert edge.count("sealgate_keys_fetched", source="fireblocks-v2") == 1


async def test_every_fetch_is_counted_by_how_it_ended(tmp_path: Path) -> None:
    """Keys grow old quietly: who watches sees it days before anything is refused."""
    configured = source(tmp_path, FIREBLOCKS, "fireblocks-v2", key=[])
    async with https("keys.fireblocks.io") as server:
        server.answer = (status("404 Gone"),)
        async with gateway(tmp_path, more=[configured], fetch=server.fetcher()) as edge:
            series = {"source": "fireblocks-v2"}
            assert edge.count("sealgate_key_fetch_total", result="tls", **series) == 0
            async with asyncio.timeout(20):
                while not edge.count("sealgate_key_fetch_total", result="status", **series):
                    await asyncio.sleep(0.05)
            server.answer = (ok(_jwks(FIREBLOCKS, FIREBLOCKS.old)),)
            await until_ready(edge)
            assert edge.count("sealgate_key_fetch_total", result="fetched", **series) == 1


async def test_a_key_asked_for_by_its_id_is_there_at_the_retry(tmp_path: Path) -> None:
    """The first delivery of a new key is put off, fetches nothing itself, and comes again."""
    (tmp_path / "api").write_text("an-api-key-of-a-test")
    api = [{"id": "api", "file": "api", "role": "api"}]
    configured = source(tmp_path, CIRCLE, "circle-v2", key=api)
    async with https("api.circle.com") as server:
        answer = {
            "data": {"id": CIRCLE.kid(CIRCLE.old), "publicKey": CIRCLE.shown(CIRCLE.old).decode()}
        }
        server.answer = (ok(json.dumps(answer).encode()),)
        async with gateway(tmp_path, more=[configured], fetch=server.fetcher()) as edge:
            await until_ready(edge)
            assert await _sent(edge, CIRCLE, CIRCLE.old) == 503
            await _until(edge, CIRCLE, CIRCLE.old, 200)
            assert len(server.asked) == 1
            assert (
                b"GET /v2/notifications/publicKey/" + CIRCLE.kid(CIRCLE.old).encode()
                in (server.asked[0])
            )
            assert b"Bearer an-api-key-of-a-test" in server.asked[0]


async def test_a_forgery_under_a_key_that_is_held_is_refused_outright(tmp_path: Path) -> None:
    """To be put off is for what a fetch may mend; a wrong signature is mended by nothing."""
    configured = source(tmp_path, CIRCLE, "circle-v2")
    async with gateway(tmp_path, more=[configured]) as edge:
        await until_ready(edge)
        sent = CIRCLE.sample(telemetry.now_ms() // 1000)
        assert (await edge.deliver("circle-v2", sent)).status == 200
        forged = CIRCLE.send(CIRCLE.old, CIRCLE.body, telemetry.now_ms() // 1000)
        reply = await edge.post(
            "/hooks/circle-v2",
            CIRCLE.body + b" ",
            *((name.decode(), value.decode()) for name, value in forged.headers),
        )
        is_problem(reply, 401)


async def test_a_configured_key_needs_no_fetch_and_another_is_fetched_beside_it(
    tmp_path: Path,
) -> None:
    """A pinned key verifies while the provider's page is away; rotation goes on by itself."""
    configured = source(tmp_path, FIREBLOCKS, "fireblocks-v2")
    async with https("keys.fireblocks.io") as server:
        server.answer = (ok(_jwks(FIREBLOCKS, FIREBLOCKS.new)),)
        async with gateway(tmp_path, more=[configured], fetch=server.fetcher()) as edge:
            await until_ready(edge)
            assert await _sent(edge, FIREBLOCKS, FIREBLOCKS.old) == 200
            await _until(edge, FIREBLOCKS, FIREBLOCKS.new, 200)
            ids = [envelope.key_id for envelope in await edge.published()]
            assert sorted(set(ids)) == sorted({"old", FIREBLOCKS.kid(FIREBLOCKS.new)})


@pytest.mark.parametrize("kid", ["x", "../admin", "1472e633-f9bb-43c1-8b55-3ce6b1579577/.."])
async def test_what_is_no_name_of_a_key_is_asked_of_nobody(tmp_path: Path, kid: str) -> None:
    """The name goes into a URL behind our credential: it is judged before anything is sent."""
    (tmp_path / "api").write_text("an-api-key-of-a-test")
    configured = source(
        tmp_path, CIRCLE, "circle-v2", key=[{"id": "api", "file": "api", "role": "api"}]
    )
    async with (
        https("api.circle.com") as server,
        gateway(tmp_path, more=[configured], fetch=server.fetcher()) as edge,
    ):
        await until_ready(edge)
        sent = CIRCLE.sample(telemetry.now_ms() // 1000)
        headers = dict(sent.headers) | {b"x-circle-key-id": kid.encode()}
        pairs = [(name.decode(), value.decode()) for name, value in headers.items()]
        reply = await edge.post("/hooks/circle-v2", sent.body, *pairs)
        assert reply.status in {401, 503}
        await asyncio.sleep(0.2)
        assert server.connections == 0


async def test_a_source_that_may_not_fetch_asks_nobody(tmp_path: Path) -> None:
    """`fetch_keys = false` is a promise to whoever guards the way out of a network."""
    configured = source(tmp_path, FIREBLOCKS, "fireblocks-v2", fetch_keys=False)
    async with https("keys.fireblocks.io") as server:
        server.answer = (ok(_jwks(FIREBLOCKS, FIREBLOCKS.new)),)
        async with gateway(tmp_path, more=[configured], fetch=server.fetcher()) as edge:
            await until_ready(edge)
            assert await _sent(edge, FIREBLOCKS, FIREBLOCKS.old) == 200
            reply = await edge.deliver(
                "fireblocks-v2", FIREBLOCKS.sample(telemetry.now_ms() // 1000, FIREBLOCKS.new)
            )
            assert reply.status == 503  # its own refusal: it never comes back after a 4xx
            assert server.connections == 0
