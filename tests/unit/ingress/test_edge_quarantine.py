"""What is refused at the public port: kept whole before the answer, and never at others' cost."""

import asyncio
from pathlib import Path

import pytest

from ingress import sealing, telemetry
from ingress.settings import KeySettings, QuarantineSettings, SourceSettings
from tests.support.gateway import (
    BODY,
    HOOK,
    STRIPE_SECRET,
    Gateway,
    btcpay,
    gateway,
    is_problem,
    until_ready,
)
from tests.support.refused import (
    EVENT,
    SEALED,
    SMALL,
    STRIPE_HOOK,
    forge,
    is_on_disk,
    log_away,
    opened,
    quarantined,
    signed,
)

SECRET_HEADERS = (
    ("Authorization", "Basic b3RoZXI6ZG9vcnM="),
    ("Cookie", "session=of-another-door"),
    ("Proxy-Authorization", "Bearer of-a-proxy"),
)


async def test_a_forgery_is_refused_only_when_it_is_kept(edge: Gateway) -> None:
    """A crash after a 401 must not lose it: whoever reads the quarantine now finds it."""
    before_ms = telemetry.now_ms()
    reply = await forge(edge)
    is_problem(reply, 401)
    (kept,) = await edge.quarantined()
    assert kept.id == reply.headers["x-correlation-id"]
    assert (kept.environment, kept.slug, kept.provider, kept.account) == (
        "test",
        "stripe-eu",
        "stripe",
        "eu",
    )
    assert (kept.reason, kept.network) == ("no_matching_signature", "127.0.0.0/24")
    assert before_ms <= kept.received_ms <= telemetry.now_ms()
    assert kept.length == len(EVENT)
    assert quarantined(edge, "kept") == 1
    assert await edge.published() == []


async def test_what_is_kept_is_the_delivery_to_the_byte(edge: Gateway) -> None:
    """It is verified again one day, and a signature speaks about bytes, order and repetition."""
    body = bytes(range(256))
    headers = (
        ("X-Twice", "one"),
        ("Content-Type", "application/json; charset=\xff"),
        ("X-Twice", "two"),
        ("Stripe-Signature", f"t=1,v1={'0' * 64}"),
    )
    await edge.post(STRIPE_HOOK + "?a=%20b&a=c", body, *headers)
    (kept,) = await edge.quarantined()
    delivery = opened(kept)
    assert (delivery.source, delivery.method, delivery.query) == (
        "stripe-eu",
        "POST",
        b"a=%20b&a=c",
    )
    assert delivery.body == body
    assert delivery.received_ms == kept.received_ms
    sent = tuple((name.lower().encode(), value.encode("latin-1")) for name, value in headers)
    assert delivery.headers == (
        (b"host", b"hooks.example.com"),
        (b"content-length", b"256"),
        *sent,
    )


async def test_without_a_seal_what_opens_other_doors_is_left_out(edge: Gateway) -> None:
    """Whoever can read the log must not find a proxy's password in it."""
    signature = signed(EVENT, b"whsec_of_a_forger")
    await edge.post(STRIPE_HOOK, EVENT, *SECRET_HEADERS, signature)
    (kept,) = await edge.quarantined()
    names = [name for name, _ in opened(kept).headers]
    assert names == [b"host", b"content-length", b"stripe-signature"]
    assert all(value.encode() not in kept.content for _, value in SECRET_HEADERS)


async def test_under_a_seal_everything_is_kept_and_nothing_is_read(tmp_path: Path) -> None:
    """With a key the delivery is whole, and the log's file shows none of it."""
    (tmp_path / "seal").write_bytes(sealing.new_key())
    async with gateway(tmp_path, quarantine=SEALED) as edge:
        await until_ready(edge)
        signature = signed(EVENT, b"whsec_of_a_forger")
        await edge.post(STRIPE_HOOK, EVENT, *SECRET_HEADERS, signature)
        (kept,) = await edge.quarantined()
        seals = sealing.seals(QuarantineSettings.model_validate(SEALED), tmp_path)
        delivery = opened(kept, seals)
        assert kept.seal == "seal-1"
        assert delivery.body == EVENT
        for name, value in SECRET_HEADERS:
            assert delivery.values(name.lower().encode()) == [value.encode()]
        assert EVENT not in kept.content
        assert not is_on_disk(tmp_path, b"of-another-door")
        assert not is_on_disk(tmp_path, EVENT)


async def test_a_sealed_record_does_not_open_in_another_place(tmp_path: Path) -> None:
    """Who can write to the topic must not make one source's delivery another's."""
    (tmp_path / "seal").write_bytes(sealing.new_key())
    async with gateway(tmp_path, quarantine=SEALED) as edge:
        await until_ready(edge)
        await forge(edge)
        (kept,) = await edge.quarantined()
    seals = sealing.seals(QuarantineSettings.model_validate(SEALED), tmp_path)
    with pytest.raises(ValueError, match="moved here from another place"):
        seals.open(kept.seal, kept.content, kept.about + b"x")


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ((), "missing_header"),
        ((("Stripe-Signature", "nonsense"),), "malformed_header"),
        ((signed(EVENT, age_s=3600),), "timestamp_too_old"),
    ],
)
async def test_what_is_unsigned_malformed_or_stale_is_kept_too(
    edge: Gateway, headers: tuple[tuple[str, str], ...], reason: str
) -> None:
    """A proxy of ours may have taken the header away, and a clock of ours may be wrong."""
    is_problem(await edge.post(STRIPE_HOOK, EVENT, *headers), 401)
    (kept,) = await edge.quarantined()
    assert kept.reason == reason
    assert opened(kept).body == EVENT


async def test_nothing_is_kept_of_strangers_and_of_what_verified(edge: Gateway) -> None:
    """The quarantine is for deliveries of our sources that may turn out to be true."""
    assert (await edge.post("/hooks/nobody", EVENT, signed(EVENT))).status == 404
    assert (await edge.ask("PUT", STRIPE_HOOK, signed(EVENT))).status == 405
    large = b"Content-Length: 1000000\r\n"
    head = f"POST {STRIPE_HOOK} HTTP/1.1\r\nHost: h\r\n".encode() + large
    assert (await edge.raw(head + b"\r\n")).status == 413
    assert (await edge.post(STRIPE_HOOK, EVENT, signed(EVENT))).status == 200
    assert await edge.quarantined() == []


async def test_a_body_that_is_larger_than_may_be_kept_is_refused_as_ever(tmp_path: Path) -> None:
    """The limit is for what strangers send; and what is not kept is counted as such."""
    async with gateway(tmp_path, quarantine={"body_bytes_max": 1024}) as edge:
        await until_ready(edge)
        is_problem(await forge(edge, b"x" * 1025), 401)
        assert await edge.quarantined() == []
        is_problem(await forge(edge, b"x" * 1024), 401)
        assert len(await edge.quarantined()) == 1
        assert quarantined(edge, "too_large") == 1


async def test_where_the_quarantine_is_off_a_refusal_is_a_refusal(tmp_path: Path) -> None:
    """An operator may not want strangers' bytes at all; and sees what that costs."""
    async with gateway(tmp_path, quarantine={"enabled": False}) as edge:
        await until_ready(edge)
        is_problem(await forge(edge), 401)
        is_problem(await edge.post(STRIPE_HOOK, EVENT), 401)
        assert await edge.quarantined() == []
        assert quarantined(edge, "off") == 2


# 64 KiB a day for one source: 16 at once, and 4 for one network: two deliveries and their rows.
async def test_over_its_limit_a_flood_is_refused_as_ever_and_counted(tmp_path: Path) -> None:
    """The attacker gets what it got before, and the disk stays as it is."""
    async with gateway(tmp_path, quarantine=SMALL) as edge:
        await until_ready(edge)
        for _ in range(20):
            is_problem(await forge(edge), 401)
        assert len(await edge.quarantined()) == quarantined(edge, "kept") < 5
        assert quarantined(edge, "over_limit") == 20 - quarantined(edge, "kept")


async def test_no_body_is_read_for_a_network_that_has_spent_its_ration(tmp_path: Path) -> None:
    """What the head refuses already costs the edge nothing: it answers before the body comes."""
    async with gateway(tmp_path, quarantine=SMALL, body_s=30.0) as edge:
        await until_ready(edge)
        for _ in range(20):
            await edge.post(STRIPE_HOOK, EVENT)
        head = f"POST {STRIPE_HOOK} HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n"
        async with asyncio.timeout(10):
            is_problem(await edge.raw(head.encode()), 401)
        assert quarantined(edge, "over_limit") == 21 - quarantined(edge, "kept")


async def test_where_the_log_is_away_the_provider_is_asked_to_come_again(tmp_path: Path) -> None:
    """What could not be kept is still the provider's: a 401 would have lost it."""
    async with gateway(tmp_path, publish_s=0.3) as edge:
        await until_ready(edge)
        with log_away(tmp_path):
            for headers in ((), (signed(EVENT, b"whsec_of_a_forger"),)):
                reply = await edge.post(STRIPE_HOOK, EVENT, *headers)
                is_problem(reply, 503)
                assert int(reply.headers["retry-after"]) > 0
        assert quarantined(edge, "log_unavailable") == 2


async def test_what_the_log_could_not_take_does_not_use_the_ration_up(tmp_path: Path) -> None:
    """After an hour without a log there must be room for what comes again."""
    async with gateway(tmp_path, quarantine=SMALL, publish_s=0.3) as edge:
        await until_ready(edge)
        with log_away(tmp_path):
            replies = await asyncio.gather(*(forge(edge) for _ in range(2)))
            replies += await asyncio.gather(*(forge(edge) for _ in range(2)))
        assert {reply.status for reply in replies} == {503}
        await forge(edge)
        assert len(await edge.quarantined()) > 0


TOKEN = "a-token-of-a-test-1Zx"


def _telegram(directory: Path) -> SourceSettings:
    (directory / "telegram").write_text(TOKEN)
    key = KeySettings(id="only", file=Path("telegram"))
    return SourceSettings(slug="telegram", provider="telegram", key=[key])


def _telegram_count(edge: Gateway, result: str) -> float:
    labels = {"source": "telegram", "provider": "telegram", "result": result}
    return edge.count("sealgate_quarantined_total", **labels)


async def test_a_token_that_is_wrong_is_not_written_in_the_clear(tmp_path: Path) -> None:
    """Today's wrong token may be yesterday's right one, or tomorrow's: it is a secret."""
    wrong = ("X-Telegram-Bot-Api-Secret-Token", "the-token-of-tomorrow")
    async with gateway(tmp_path, more=[_telegram(tmp_path)]) as edge:
        await until_ready(edge)
        is_problem(await edge.post("/hooks/telegram", b"{}", wrong), 401)
        assert await edge.quarantined() == []
        assert _telegram_count(edge, "unsealed") == 1
    assert not is_on_disk(tmp_path, b"token-of-tomorrow")


async def test_no_body_is_read_that_could_not_be_written(tmp_path: Path) -> None:
    """Without a seal it would be read for nothing: the answer comes before the body."""
    async with gateway(tmp_path, more=[_telegram(tmp_path)], body_s=30.0) as edge:
        await until_ready(edge)
        head = "POST /hooks/telegram HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n"
        async with asyncio.timeout(10):
            is_problem(await edge.raw(head.encode()), 401)
        assert _telegram_count(edge, "unsealed") == 1


async def test_a_token_that_is_wrong_is_kept_under_a_seal(tmp_path: Path) -> None:
    """With a key to seal it, the delivery can be verified once the token is configured."""
    (tmp_path / "seal").write_bytes(sealing.new_key())
    wrong = ("X-Telegram-Bot-Api-Secret-Token", "the-token-of-tomorrow")
    async with gateway(tmp_path, more=[_telegram(tmp_path)], quarantine=SEALED) as edge:
        await until_ready(edge)
        is_problem(await edge.post("/hooks/telegram", b"{}", wrong), 401)
        assert len(await edge.quarantined()) == 1
    assert not is_on_disk(tmp_path, b"token-of-tomorrow")


@pytest.mark.parametrize("place", ["body", "query", "header"])
async def test_a_secret_of_ours_is_not_written_whoever_sends_it(edge: Gateway, place: str) -> None:
    """Somebody pastes the signing secret into the wrong field of a dashboard: it stays there."""
    secret = STRIPE_SECRET.decode()
    query = f"?key={secret}" if place == "query" else ""
    headers = (("X-Webhook-Secret", secret),) if place == "header" else ()
    body = secret.encode() if place == "body" else EVENT
    is_problem(await edge.post(STRIPE_HOOK + query, body, *headers), 401)
    assert await edge.quarantined() == []
    assert quarantined(edge, "unsealed") == 1


@pytest.mark.parametrize(
    "pasted",
    [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw/8EY",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw%2F8EY",
        r"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\/8EY",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw_8EY",
        "31f290f6bf06298aab4f08d43c3f082cf648a362da2da4b0ffc118",
    ],
    ids=["shown", "quoted", "escaped", "url-safe", "hex"],
)
@pytest.mark.parametrize("place", ["query", "header", "body"])
async def test_a_secret_is_not_written_in_the_form_its_provider_shows(
    tmp_path: Path, place: str, pasted: str
) -> None:
    """A key is held decoded, and pasted as the dashboard has it: both are the secret."""
    (tmp_path / "std").write_bytes(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw/8EY")
    key = KeySettings(id="k", file=Path("std"))
    standard = SourceSettings(slug="std", provider="standard_webhooks", key=[key])
    async with gateway(tmp_path, more=[standard]) as edge:
        await until_ready(edge)
        query = f"?key={pasted}" if place == "query" else ""
        headers = (("X-Webhook-Secret", pasted),) if place == "header" else ()
        body = f'{{"secret":"{pasted}"}}'.encode() if place == "body" else EVENT
        is_problem(await edge.post(f"/hooks/std{query}", body, *headers), 401)
        assert await edge.quarantined() == []


async def test_a_flood_of_forgeries_leaves_honest_deliveries_alone(edge: Gateway) -> None:
    """Keeping is work for the log; the provider's deliveries go through the same one."""

    async def honest(number: int) -> int:
        body = BODY.replace(b'"d1"', b'"d%d"' % number)
        return (await edge.post(HOOK, body, btcpay(body))).status

    flood = [asyncio.create_task(forge(edge)) for _ in range(400)]
    assert await asyncio.gather(*map(honest, range(50))) == [200] * 50
    assert {reply.status for reply in await asyncio.gather(*flood)} <= {401, 503}
    assert len(await edge.published()) == 50
    kept = await edge.quarantined()
    assert len(kept) == quarantined(edge, "kept") > 0
