"""Keys that a provider publishes are asked for before anything is judged without them."""

import asyncio
import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from ingress.delivery import Delivery
from tests.support.builders import NOW_MS
from tests.support.gateway import OLD_SECRET
from tests.support.https import https, ok, status
from tests.support.quarantined import SETTLED, Ground, kept, refused, reverified
from tests.support.signers import EVERY

FIREBLOCKS = next(signer for signer in EVERY if signer.name == "fireblocks_v2")
CIRCLE = next(signer for signer in EVERY if signer.name == "circle_v2")


def _signed(signer: Any, slug: str) -> Delivery:
    sent = signer.sample(NOW_MS // 1000)
    return replace(refused(sent.body), source=slug, headers=tuple(sent.headers))


def _jwks() -> bytes:
    """Write a key set as RFC 7517 has it, from the public half."""
    public: Any = load_pem_public_key(FIREBLOCKS.shown(FIREBLOCKS.old))
    numbers = public.public_numbers()
    encoded = {
        name: base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8))
        .rstrip(b"=")
        .decode()
        for name, value in {"n": numbers.n, "e": numbers.e}.items()
    }
    key = {"kty": "RSA", "use": "sig", "kid": FIREBLOCKS.kid(FIREBLOCKS.old), **encoded}
    return json.dumps({"keys": [key]}).encode()


async def test_a_key_set_that_was_away_is_fetched_first(tmp_path: Path) -> None:
    """Its absence is why the delivery is here: the first thing to do is to ask again."""
    ground = Ground(tmp_path)
    ground.source("vault", "fireblocks_v2", {})
    record = kept(_signed(FIREBLOCKS, "vault"), 1, "unknown_key_id", "fireblocks_v2")
    await asyncio.to_thread(ground.keep, record)
    async with https("keys.fireblocks.io") as server:
        server.answer = (ok(_jwks()),)
        fetch = server.fetcher()
        code, told = await asyncio.to_thread(reverified, ground, apply=True, fetch=fetch)
    assert (code, told.splitlines()[-1]) == (0, "1 published")
    (event,) = await asyncio.to_thread(ground.published)
    assert event.key_id == FIREBLOCKS.kid(FIREBLOCKS.old)


async def test_a_key_that_a_delivery_names_is_asked_for_and_awaited_once(tmp_path: Path) -> None:
    """A provider that shows its keys by name shows them for what is asked: by the delivery."""
    ground = Ground(tmp_path)
    ground.source("coin", "circle_v2", {"api": b"an-api-key-of-a-test"}, role='"api"')
    records = [
        kept(_signed(CIRCLE, "coin"), count, "unknown_key_id", "circle_v2") for count in (1, 2)
    ]
    await asyncio.to_thread(ground.keep, *records)
    shown = {"id": CIRCLE.kid(CIRCLE.old), "publicKey": CIRCLE.shown(CIRCLE.old).decode()}
    async with https("api.circle.com") as server:
        server.answer = (ok(json.dumps({"data": shown}).encode()),)
        fetch = server.fetcher()
        code, told = await asyncio.to_thread(reverified, ground, apply=True, fetch=fetch)
        assert len(server.asked) == 1
    assert (code, told.splitlines()[-1]) == (0, "2 published")


async def test_keys_that_cannot_be_fetched_keep_nobody_waiting_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A provider that is away is said to be, and the others' deliveries are looked at."""
    monkeypatch.setattr("sealgate.quarantine.fetched.WAIT_S", 0.3)
    ground = Ground(tmp_path)
    ground.source("vault", "fireblocks_v2", {})
    ground.source("shop", "btcpay", {"k1": OLD_SECRET})
    records = [kept(SETTLED, 9)]
    records += [
        kept(_signed(FIREBLOCKS, "vault"), count, "unknown_key_id", "fireblocks_v2")
        for count in range(5)
    ]
    await asyncio.to_thread(ground.keep, *records)
    async with https("keys.fireblocks.io") as server:
        server.answer = (status("503 Away"),)
        fetch = server.fetcher()
        code, told = await asyncio.to_thread(reverified, ground, apply=True, fetch=fetch)
    assert code == 3
    assert "1 published" in told
    assert "5 still refused" in told
    assert "no keys could be fetched for vault" in capsys.readouterr().err
