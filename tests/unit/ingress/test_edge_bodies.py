"""Deliveries that are no plain POST of JSON: compressed, empty, by GET, or proving nothing."""

import gzip
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ingress import telemetry
from ingress.contract.envelope import Assurance
from tests.support.gateway import (
    Gateway,
    gateway,
    is_problem,
    log_lines,
    own,
    source,
    until_ready,
)
from tests.support.signers import EVERY, Sent

BY_NAME = {signer.name: own(signer) for signer in EVERY}
QUICKNODE = BY_NAME["quicknode"]
LIMIT = 20_000


@pytest.fixture(name="edge")
async def _edge(tmp_path: Path) -> AsyncIterator[Gateway]:
    more = [
        source(tmp_path, QUICKNODE, "quicknode", body_bytes_max=LIMIT),
        source(tmp_path, BY_NAME["moonpay calling by GET"], "moonpay"),
        source(tmp_path, BY_NAME["blockonomics"], "blockonomics"),
        source(tmp_path, BY_NAME["sentry"], "sentry"),
        source(tmp_path, BY_NAME["bitpay"], "bitpay", accepts_hints=True),
        source(tmp_path, BY_NAME["google_pubsub"], "google-pubsub", fetch_keys=False),
    ]
    async with gateway(tmp_path, more=more, in_flight_bytes_max=100_000) as running:
        await until_ready(running)
        yield running


def _now_s() -> int:
    return telemetry.now_ms() // 1000


def _compressed(plain: bytes, wire: bytes) -> Sent:
    """Sign the plain bytes as QuickNode does, and send others."""
    sent = QUICKNODE.send(QUICKNODE.old, plain, _now_s())
    return replace(sent, body=wire, headers=(*sent.headers, (b"content-encoding", b"gzip")))


@pytest.mark.parametrize("level", [0, 1, 9])
async def test_a_compressed_delivery_is_verified_and_kept_as_its_plain_bytes(
    edge: Gateway, level: int
) -> None:
    """The signature is of the plain bytes: so they are what a consumer must find on the log."""
    reply = await edge.deliver(
        "quicknode", _compressed(QUICKNODE.body, gzip.compress(QUICKNODE.body, level))
    )
    assert reply.status == 200
    assert (await edge.published())[0].body == QUICKNODE.body


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
async def test_the_limit_of_a_body_is_that_of_its_plain_bytes(edge: Gateway, size: int) -> None:
    """The last byte that may be sent plainly is the last that may come out of a compressed one."""
    plain = b"[" + b" " * (size - 2) + b"]"
    reply = await edge.deliver("quicknode", _compressed(plain, gzip.compress(plain)))
    assert reply.status == (200 if size <= LIMIT else 413)


async def test_a_bomb_is_refused_before_it_is_whole(edge: Gateway) -> None:
    """Ten kilobytes that are ten megabytes must cost no more than the limit, and then nothing."""
    bomb = gzip.compress(b"\0" * 10_000_000)
    assert len(bomb) < LIMIT
    for _ in range(8):
        is_problem(await edge.deliver("quicknode", _compressed(b"", bomb)), 413)
    assert edge.count("sealgate_in_flight_bytes") == 0


async def test_plain_bytes_are_taken_from_the_budget(tmp_path: Path) -> None:
    """The budget is memory: what a small body becomes is what it costs."""
    more = [source(tmp_path, QUICKNODE, "quicknode")]
    async with gateway(tmp_path, more=more, in_flight_bytes_max=50_000) as edge:
        await until_ready(edge)
        plain = b" " * 60_000
        is_problem(await edge.deliver("quicknode", _compressed(plain, gzip.compress(plain))), 503)
        assert edge.count("sealgate_in_flight_bytes") == 0
        reply = await edge.deliver("quicknode", _compressed(b"[]", gzip.compress(b"[]")))
        assert reply.status == 200


WHOLE = gzip.compress(QUICKNODE.body)


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        WHOLE[:-1],
        WHOLE[: len(WHOLE) // 2],
        WHOLE + b"\n",
        WHOLE + gzip.compress(b""),
        QUICKNODE.body,
        zlib.compress(QUICKNODE.body),
        WHOLE[:-8] + bytes(8),
    ],
    ids=["none", "cut", "halved", "longer", "two", "plain", "zlib", "checksum"],
)
async def test_what_is_not_one_whole_member_is_refused(edge: Gateway, wire: bytes) -> None:
    """Two readers of odd gzip see two bodies, and only one of them was signed."""
    is_problem(await edge.deliver("quicknode", _compressed(QUICKNODE.body, wire)), 400)
    assert await edge.published() == []


@pytest.mark.parametrize("encoding", [b"br", b"deflate", b"gzip, gzip", b"x-gzip"])
async def test_only_the_encoding_that_was_agreed_upon_is_undone(
    edge: Gateway, encoding: bytes
) -> None:
    """Every further decoder is a further way in."""
    sent = QUICKNODE.send(QUICKNODE.old, QUICKNODE.body, _now_s())
    sent = replace(sent, headers=(*sent.headers, (b"content-encoding", encoding)))
    is_problem(await edge.deliver("quicknode", sent), 415)


async def test_a_signed_get_is_kept_as_its_query(edge: Gateway) -> None:
    """MoonPay signs the query of a GET: it is all that the provider said."""
    moonpay = BY_NAME["moonpay calling by GET"]
    sent = moonpay.sample(_now_s())
    assert (await edge.deliver("moonpay", sent)).status == 200
    forged = replace(sent, url=sent.url.replace("buy", "sell"))
    is_problem(await edge.deliver("moonpay", forged), 401)
    (envelope,) = await edge.published()
    assert envelope.body.decode() == sent.url.partition("?")[2]


async def test_a_get_with_a_token_in_its_query_is_identified_by_the_query(edge: Gateway) -> None:
    """Blockonomics has nothing else: without it every callback would be another event."""
    blockonomics = BY_NAME["blockonomics"]
    sent = blockonomics.sample(_now_s())
    assert (await edge.deliver("blockonomics", sent)).status == 200
    wrong = replace(sent, url=sent.url.replace("secret=1st", "secret=2nd"))
    is_problem(await edge.deliver("blockonomics", wrong), 401)
    (envelope,) = await edge.published()
    assert envelope.assurance is Assurance.D
    # Whoever reads the log could else call us with it.
    assert blockonomics.old not in envelope.body
    assert envelope.payment_ref == "1C3FrYaGgUJ8R21jJcwzryQQUFCWFpwcuA"


async def test_an_empty_post_verifies_where_the_provider_signs_one(edge: Gateway) -> None:
    """Sentry sends empty bodies with a signature of nothing; a refusal would end its hook."""
    sentry = BY_NAME["sentry"]
    assert (await edge.deliver("sentry", sentry.send(sentry.old, b"", _now_s()))).status == 200
    assert (await edge.published())[0].body == b""


async def test_a_hint_is_published_as_the_weakest_assurance(edge: Gateway) -> None:
    """BitPay signs nothing: consumers must see that this is no more than a reason to look."""
    sent = BY_NAME["bitpay"].sample(_now_s())
    reply = await edge.deliver("bitpay", sent)
    assert (reply.status, reply.body) == (200, b"")
    (envelope,) = await edge.published()
    assert (envelope.assurance, envelope.key_id) == (Assurance.E, "none")
    assert (envelope.scheme, envelope.signed_headers) == ("none", ())
    labels = {"source": "bitpay", "provider": "bitpay", "key_id": "none"}
    assert edge.count("sealgate_verified_total", **labels) == 1


async def test_a_bearer_token_is_neither_stored_nor_logged(edge: Gateway) -> None:
    """Whoever finds Google's token in a log or a topic could show it to us again, or to others."""
    said = log_lines()
    pubsub = BY_NAME["google_pubsub"]
    sent = pubsub.sample(_now_s())
    (token,) = [value for name, value in sent.headers if name == b"authorization"]
    assert (await edge.deliver("google-pubsub", sent)).status == 200
    (envelope,) = await edge.published()
    assert envelope.signed_headers == ()
    secret = token.removeprefix(b"Bearer ").split(b".")
    _, headers, value = envelope.encode()
    stored = value + b"".join(one for _, one in headers)
    logged = str(said("delivery_handled")).encode()
    assert logged
    assert all(part not in stored + logged for part in secret)
