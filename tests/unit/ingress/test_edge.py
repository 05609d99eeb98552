"""The public port, over real sockets and a real embedded log: every way in, and its answer."""

import asyncio
import gzip

import pytest
import stripe

from ingress import telemetry
from tests.support.gateway import (
    BODY,
    HOOK,
    NEW_SECRET,
    STRIPE_SECRET,
    Gateway,
    btcpay,
    is_problem,
    request,
)


async def test_a_signed_delivery_is_answered_only_when_it_is_on_the_log(edge: Gateway) -> None:
    """The promise of a 2xx: whoever reads the log now finds the provider's exact bytes."""
    reply = await edge.post(HOOK, BODY, btcpay(BODY), ("Content-Type", "application/json"))
    assert (reply.status, reply.body) == (200, b"")
    (envelope,) = await edge.published()
    assert envelope.body == BODY
    assert (envelope.event_key, envelope.payment_ref) == ("d1", "inv-1")
    assert envelope.key_id == "old"
    assert envelope.correlation_id == reply.headers["x-correlation-id"]
    assert envelope.content_type == "application/json"


async def test_either_live_key_verifies_and_the_one_that_matched_is_named(edge: Gateway) -> None:
    """While a provider changes its secret nothing may be refused, and the change must be seen."""
    reply = await edge.post(HOOK, BODY, btcpay(BODY, NEW_SECRET))
    assert reply.status == 200
    assert (await edge.published())[0].key_id == "new"
    labels = {"source": "btcpay-shop", "provider": "btcpay"}
    assert edge.count("sealgate_verified_total", key_id="new", **labels) == 1
    assert edge.count("sealgate_verified_total", key_id="old", **labels) == 0


async def test_a_stripe_delivery_signed_by_the_official_sdk_is_accepted(edge: Gateway) -> None:
    """The SDK's signer knows nothing of us: what it signs is what Stripe sends."""
    body = '{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1"}}}'
    seconds = telemetry.now_ms() // 1000
    signature = stripe.WebhookSignature._compute_signature(
        f"{seconds}.{body}", STRIPE_SECRET.decode()
    )
    header = ("Stripe-Signature", f"t={seconds},v1={signature}")
    reply = await edge.post("/hooks/stripe-eu", body.encode(), header)
    assert reply.status == 200
    (envelope,) = await edge.published()
    assert envelope.signed_headers == (("stripe-signature", header[1].encode()),)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ((), "missing_header"),
        ((("BTCPay-Sig", ""),), "malformed_header"),
        ((("BTCPay-Sig", "sha256=zz"),), "malformed_header"),
        ((("BTCPay-Sig", "sha256=\xff\xfe"),), "malformed_header"),
        ((btcpay(BODY), btcpay(b"other")), "duplicated_header"),
        ((btcpay(b"other"), btcpay(BODY)), "duplicated_header"),
        ((btcpay(BODY, b"a stranger's secret"),), "no_matching_signature"),
    ],
)
async def test_what_does_not_verify_is_refused_without_a_word_of_why(
    edge: Gateway, headers: tuple[tuple[str, str], ...], reason: str
) -> None:
    """BTCPay drops an event after a 4xx, and the wrong key may be ours: so 503, never 401."""
    reply = await edge.post(HOOK, BODY, *headers)
    problem = is_problem(reply, 503)
    assert problem["title"] == "Not now; try again later"
    assert int(reply.headers["retry-after"]) > 0
    assert await edge.published() == []
    labels = {"source": "btcpay-shop", "provider": "btcpay"}
    assert edge.count("sealgate_verification_failures_total", reason=reason, **labels) == 1


async def test_a_stripe_forgery_is_told_401(edge: Gateway) -> None:
    """Stripe retries on any non-2xx, so the honest status costs nothing."""
    seconds = telemetry.now_ms() // 1000
    header = ("Stripe-Signature", f"t={seconds},v1={'0' * 64}")
    is_problem(await edge.post("/hooks/stripe-eu", b"{}", header), 401)


@pytest.mark.parametrize(
    "path",
    [
        "/hooks/unknown",
        "/hooks/",
        "/hooks",
        "/",
        "//hooks/btcpay-shop",
        "/hooks/btcpay-shop/",
        "/hooks/..%2fbtcpay-shop",
        "/hooks/btcpay%2dshop",
        "/hooks/BTCPAY-SHOP",
        "/hooks/btcpay-shop%00",
        "http://hooks.example.com/hooks/btcpay-shop",
        "/metrics",
        "/livez",
    ],
)
async def test_only_the_exact_path_of_a_source_is_a_source(edge: Gateway, path: str) -> None:
    """Nothing is decoded or normalised, and health and metrics are not on this port."""
    is_problem(await edge.post(path, BODY, btcpay(BODY)), 404)
    assert await edge.published() == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
async def test_another_method_is_refused_whatever_a_header_claims(
    edge: Gateway, method: str
) -> None:
    """`X-HTTP-Method-Override` is ignored: the method is the one on the wire."""
    head = f"{method} {HOOK} HTTP/1.1\r\nHost: h\r\nX-HTTP-Method-Override: POST\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
    writer.write(head.encode())
    head_of_reply = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    assert head_of_reply.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nAllow: POST\r\n" in head_of_reply


@pytest.mark.parametrize(
    ("framing", "status"),
    [
        ("Transfer-Encoding: chunked\r\n", 411),
        ("", 411),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", 400),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
        ("Content-Length: five\r\n", 400),
        ("Content-Length: -5\r\n", 400),
        ("Content-Length: 99999999999999\r\n", 400),
    ],
)
async def test_a_body_without_one_true_length_is_refused(
    edge: Gateway, framing: str, status: int
) -> None:
    """A chunked body has no end, and of two lengths a proxy may have believed the other."""
    head = f"POST {HOOK} HTTP/1.1\r\nHost: h\r\n{framing}BTCPay-Sig: sha256={'0' * 64}\r\n\r\n"
    reply = await edge.raw(head.encode())
    is_problem(reply, status)


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd"])
async def test_a_compressed_body_is_refused_not_inflated(edge: Gateway, encoding: str) -> None:
    """The signature is of the bytes sent, and inflating is how a small request gets large."""
    body = gzip.compress(BODY)
    reply = await edge.post(HOOK, body, btcpay(body), ("Content-Encoding", encoding))
    is_problem(reply, 415)


@pytest.mark.parametrize(
    "raw",
    [
        b"NONSENSE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /hooks/btcpay-shop HTTP/2.0\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
        b"POST /hooks/btcpay-shop HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
        b"POST /hooks/btcpay-shop HTTP/1.1\r\nHost : h\r\nContent-Length: 0\r\n\r\n",
        b"POST /hooks/btcpay-shop HTTP/1.1\r\nHost: h\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"POST /hooks/btcpay-shop HTTP/1.1\r\nHost: h\r\nA: " + b"b" * 20000 + b"\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_refused_and_the_connection_closed(
    edge: Gateway, raw: bytes
) -> None:
    """Framing that cannot be trusted must not be followed by another request."""
    reply = await edge.raw(raw, ends=True)
    is_problem(reply, 400)
    assert "aiohttp" not in str(reply.headers).lower()


async def test_a_body_cut_short_is_never_published(edge: Gateway) -> None:
    """The sender hung up in the middle: there is nobody to answer and nothing to keep."""
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
    writer.write(request(HOOK, BODY, [btcpay(BODY)])[:-10])
    writer.write_eof()
    async with asyncio.timeout(10):
        await reader.read()
    writer.close()
    assert await edge.published() == []


async def test_expect_100_continue_is_honoured_only_after_the_cheap_checks(edge: Gateway) -> None:
    """A sender that asks first must not be told to go on with what will be refused."""
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
    head, _, body = request(HOOK, BODY, [btcpay(BODY), ("Expect", "100-continue")]).partition(
        b"\r\n\r\n"
    )
    writer.write(head + b"\r\n\r\n")
    async with asyncio.timeout(10):
        assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        await reader.readline()
        writer.write(body)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    writer.close()
    refused = await edge.raw(head.replace(b"btcpay-shop", b"unknown") + b"\r\n\r\n")
    assert refused.status == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[" * 100_000,
        b'{"a":' * 2000 + b"1" + b"}" * 2000,
        b'{"deliveryId":' + b"9" * 50_000 + b"}",
        b'{"deliveryId":NaN,"type":1e400}',
        b'\xef\xbb\xbf{"deliveryId":"d1"}',
        b'{"deliveryId":"\\ud800"}',
        b'{"deliveryId":"a\\u0000b\\r\\nce_id: forged"}',
        b'{"deliveryId":"d1","deliveryId":"d2"}',
        b'{"type":{"no":"text"},"deliveryId":["no","text"]}',
        b"\x00\xff" * 100,
    ],
)
async def test_content_is_no_reason_to_refuse_what_verified(edge: Gateway, body: bytes) -> None:
    """A provider that gets a non-2xx for its content stops sending: it is published as it is."""
    reply = await edge.post(HOOK, body, btcpay(body))
    assert reply.status == 200
    (envelope,) = await edge.published()
    assert envelope.body == body
    assert "\n" not in envelope.event_key


async def test_the_signature_header_travels_and_other_secrets_do_not(edge: Gateway) -> None:
    """Offline verification needs the signature; nobody downstream needs a cookie or a token."""
    await edge.post(
        HOOK, BODY, btcpay(BODY), ("Authorization", "Bearer no-hex"), ("Cookie", "session=no-hex")
    )
    (envelope,) = await edge.published()
    assert envelope.signed_headers == (("btcpay-sig", btcpay(BODY)[1].encode()),)
    assert b"no-hex" not in b"".join(value for _, value in envelope.encode()[1])


async def test_a_verified_correlation_id_is_kept_and_a_strangers_is_not(edge: Gateway) -> None:
    """One id through the whole story, but only from somebody who has proven who they are."""
    carried = ("X-Correlation-Id", "018bcfe5-687c-7000-8000-0000000000aa")
    assert (await edge.post(HOOK, BODY, btcpay(BODY), carried)).headers["x-correlation-id"] == (
        carried[1]
    )
    forged = await edge.post(HOOK, BODY, btcpay(b"other"), carried)
    assert forged.headers["x-correlation-id"] != carried[1]
    odd = await edge.post(HOOK, BODY, btcpay(BODY), ("X-Correlation-Id", "a b"))
    assert odd.headers["x-correlation-id"] != "a b"


async def test_a_providers_trace_is_linked_and_never_continued(edge: Gateway) -> None:
    """Whoever may sign could otherwise switch our sampling on for everything."""
    theirs = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await edge.post(HOOK, BODY, btcpay(BODY), ("traceparent", theirs))
    (envelope,) = await edge.published()
    assert envelope.trace_link == theirs
    assert envelope.traceparent[3:35] != theirs[3:35]
    assert envelope.traceparent.endswith("-00")


async def test_pipelined_requests_are_answered_in_order(edge: Gateway) -> None:
    """A keep-alive client that does not wait gets its answers in the order of its questions."""
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
    good = request(HOOK, BODY, [btcpay(BODY)])
    bad = request("/hooks/unknown", b"")
    writer.write(good + bad + good)
    statuses = []
    async with asyncio.timeout(10):
        for _ in range(3):
            head = await reader.readuntil(b"\r\n\r\n")
            statuses.append(int(head[9:12]))
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
    writer.close()
    assert statuses == [200, 404, 200]
