"""Handshakes over real HTTP: what providers document, and what strangers make of it."""

import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ingress import telemetry
from tests.support.gateway import (
    Gateway,
    Reply,
    gateway,
    is_problem,
    log_lines,
    own,
    source,
    until_ready,
)
from tests.support.signers import EVERY, Signer

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "handshakes.json").read_text())
BY_NAME = {signer.name: own(signer) for signer in EVERY}
CONFIRMING = BY_NAME["aws_sns confirming a subscription"]
TOPIC = "arn:aws:sns:us-west-2:123456789012:MyTopic"
# The vectors' names of exchanges that belong to one profile of ours.
PROFILES = {
    "cloudevents_abuse_protection": "azure_event_grid",
    "discord_interactions": "discord",
    "discord_webhook_events": "discord",
    "quicknode_streams": "quicknode",
}
PARTICULARS: dict[str, dict[str, Any]] = {
    "meta": {"tokens": ["another-token", "TOKEN"]},
    "azure_event_grid": {
        "tokens": ["MYSUB"],
        "parameters": {
            "secret_at": "header:x-delivery-secret",
            "cloudevents_origin": "eventemitter.example.com",
        },
    },
    "aws_sns": {"parameters": {"topic_arn": TOPIC}, "fetch_keys": False},
}
PROVIDERS = (
    *("aws_sns", "azure_event_grid", "braintree", "discord", "dropbox", "intercom", "meta"),
    *("okta", "quicknode", "slack", "xero", "zoom"),
)


def _slug(provider: str) -> str:
    return provider.replace("_", "-")


@pytest.fixture(autouse=True, name="keys")
def _keys(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()


@pytest.fixture(name="edge")
async def _edge(tmp_path: Path, keys: None) -> AsyncIterator[Gateway]:
    more = [
        source(tmp_path / "keys", BY_NAME[name], _slug(name), **PARTICULARS.get(name, {}))
        for name in PROVIDERS
    ]
    async with gateway(tmp_path, more=more) as running:
        await until_ready(running)
        yield running


async def _post(edge: Gateway, signer: Signer, body: bytes, *, forged: bool = False) -> Reply:
    """Post a body as a provider signs it, or as somebody else does."""
    sent = signer.send(signer.new if forged else signer.old, body, telemetry.now_ms() // 1000)
    return await edge.deliver(_slug(signer.provider), sent)


async def _play(edge: Gateway, vector: dict[str, Any]) -> Reply:
    """Make the request that a vector describes."""
    asked = vector["request"]
    name = PROFILES.get(vector["provider"], vector["provider"])
    if asked.get("signed"):
        signer = CONFIRMING if name == "aws_sns" else BY_NAME[name]
        return await _post(edge, signer, asked.get("body", signer.body.decode()).encode())
    target = f"/hooks/{_slug(name)}" + (f"?{asked['query']}" if "query" in asked else "")
    headers = tuple(asked.get("headers", {}).items())
    if asked["method"] == "POST":
        return await edge.post(target, asked["body"].encode(), *headers)
    return await edge.ask(asked["method"], target, *headers)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["provider"])
async def test_a_documented_exchange_is_answered_to_the_letter(
    edge: Gateway, vector: dict[str, Any]
) -> None:
    """A provider that does not hear exactly this never sends a single event."""
    reply = await _play(edge, vector)
    expected = vector["response"]
    assert reply.status == expected["status"]
    if "body" in expected and vector["provider"] != "braintree":
        assert reply.body == expected["body"].encode()
    if "content_type" in expected:
        assert reply.headers["content-type"] == expected["content_type"]
    for name, value in expected.get("headers", {}).items():
        assert reply.headers[name.lower()] == value
    if vector["provider"] != "xero":  # whose probe is an ordinary delivery
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert await edge.published() == []


async def test_zoom_is_shown_the_hmac_of_its_token(edge: Gateway) -> None:
    """`body_rule` of the vector, computed here: it proves that we hold the secret."""
    zoom = BY_NAME["zoom"]
    body = b'{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}'
    reply = await _post(edge, zoom, body)
    signed = hmac.new(zoom.old, b"qgg8vlvZRS6UYooatFL8Aw", hashlib.sha256).hexdigest()
    assert json.loads(reply.body) == {
        "plainToken": "qgg8vlvZRS6UYooatFL8Aw",
        "encryptedToken": signed,
    }


async def test_braintree_is_shown_its_official_vector(tmp_path: Path) -> None:
    """The key is the SHA-1 of the private key's text: the one place where that can be got wrong."""
    braintree = BY_NAME["braintree"]
    configured = source(tmp_path / "keys", braintree, "braintree")
    (tmp_path / "keys" / "braintree-key").write_text("integration_private_key")
    async with gateway(tmp_path, more=[configured]) as edge:
        challenge = "20f9f8ed05f77439fe955c977e4c8a53"
        reply = await edge.ask("GET", f"/hooks/braintree?bt_challenge={challenge}")
        (vector,) = [one for one in VECTORS if one["provider"] == "braintree"]
        assert (reply.status, reply.body.decode()) == (200, vector["response"]["body"])


@pytest.mark.parametrize(
    "challenge",
    ["", "20f9", "20f9f8ed05f77439fe955c977e4c8a5G", "a" * 33, "PG5vdGlmaWNhdGlvbj4%3D%0A"],
)
async def test_braintree_signs_nothing_that_a_notification_could_be(
    edge: Gateway, challenge: str
) -> None:
    """It signs for strangers: a base64 payload signed here would verify as a notification."""
    reply = await edge.ask("GET", f"/hooks/braintree?bt_challenge={challenge}")
    is_problem(reply, 400)
    assert re.search(rb"[0-9a-f]{40}", reply.body) is None


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ("hub.mode=subscribe&hub.verify_token=WRONG&hub.challenge=1", 403, "no_matching_signature"),
        ("hub.mode=subscribe&hub.verify_token=&hub.challenge=1", 403, "no_matching_signature"),
        ("hub.mode=subscribe&hub.challenge=1", 403, "missing_header"),
        (
            "hub.mode=subscribe&hub.verify_token=TOKEN&hub.verify_token=x&hub.challenge=1",
            403,
            "duplicated_header",
        ),
    ],
)
async def test_a_handshake_without_the_token_is_refused_and_counted(
    edge: Gateway, query: str, status: int, reason: str
) -> None:
    """Whoever could confirm our endpoint for their own app would have its events sent here."""
    reply = await edge.ask("GET", f"/hooks/meta?{query}")
    is_problem(reply, status)
    assert b"1" not in reply.body.replace(reply.headers["x-correlation-id"].encode(), b"")
    labels = {"source": "meta", "provider": "meta"}
    assert edge.count("sealgate_verification_failures_total", reason=reason, **labels) == 1


async def test_a_handshake_token_that_nobody_configured_opens_nothing(tmp_path: Path) -> None:
    """Fail closed: an empty list of tokens must not mean that any will do."""
    configured = source(tmp_path / "keys", BY_NAME["meta"], "meta")
    async with gateway(tmp_path, more=[configured]) as edge:
        query = "hub.mode=subscribe&hub.verify_token=&hub.challenge=1"
        is_problem(await edge.ask("GET", f"/hooks/meta?{query}"), 403)


async def test_markup_is_echoed_as_text_that_no_browser_runs(edge: Gateway) -> None:
    """The URL may be sent to somebody in our own domain: it must not become a page there."""
    reply = await edge.ask("GET", "/hooks/dropbox?challenge=%3Cscript%3Ealert(1)%3C/script%3E")
    assert (reply.headers["content-type"], reply.headers["x-content-type-options"]) == (
        "text/plain",
        "nosniff",
    )


async def test_markup_inside_json_stays_inside_its_string(edge: Gateway) -> None:
    """A quote in the challenge must not add members to our answer."""
    asked = ("x-okta-verification-challenge", 'a","verified":"true\\')
    reply = await edge.ask("GET", "/hooks/okta", asked)
    assert json.loads(reply.body) == {"verification": asked[1]}


@pytest.mark.parametrize(
    "challenge", ["a%0d%0aSet-Cookie:%20x=1", "a%00b", "%ff", "a" * 10_000, "caf%C3%A9", ""]
)
async def test_what_is_no_plain_short_text_is_not_echoed(edge: Gateway, challenge: str) -> None:
    """Line ends would write headers, and ten thousand letters make us somebody's loudspeaker."""
    reply = await edge.ask("GET", f"/hooks/dropbox?challenge={challenge[:3500]}")
    assert reply.status in {400, 405}
    assert b"Set-Cookie" not in reply.body
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize(
    "challenge",
    [None, 7, True, [], {"a": "b"}, "", "x" * 10_000, "a\r\nb", "caf\u00e9"],
    ids=repr,
)
async def test_a_signed_challenge_that_is_no_text_is_refused_and_not_published(
    edge: Gateway, challenge: object
) -> None:
    """It is a handshake all the same, and a consumer must never meet it as an event."""
    body = json.dumps({"type": "url_verification", "challenge": challenge}).encode()
    is_problem(await _post(edge, BY_NAME["slack"], body), 400)
    assert await edge.published() == []


@pytest.mark.parametrize("name", ["slack", "zoom", "discord"])
async def test_a_signed_handshake_is_answered_to_its_provider_alone(
    edge: Gateway, name: str
) -> None:
    """Unsigned, it would tell a stranger what is here, and Zoom's would sign for them."""
    body = {
        "slack": b'{"type":"url_verification","challenge":"abc"}',
        "zoom": b'{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}',
        "discord": b'{"type":1}',
    }[name]
    is_problem(await _post(edge, BY_NAME[name], body, forged=True), 401)
    is_problem(await edge.post(f"/hooks/{name}", body), 401)
    assert (
        edge.count("sealgate_requests_total", source=name, provider=name, outcome="handshake") == 0
    )


async def test_a_replayed_handshake_is_answered_only_while_it_is_fresh(edge: Gateway) -> None:
    """A captured one must not keep working: its window is that of every delivery."""
    slack = BY_NAME["slack"]
    body = b'{"type":"url_verification","challenge":"abc"}'
    now_s = telemetry.now_ms() // 1000
    sent = slack.send(slack.old, body, now_s)
    assert (await edge.deliver("slack", sent)).status == 200
    assert (await edge.deliver("slack", sent)).body == b"abc"
    old = slack.send(slack.old, body, now_s - 3600)
    is_problem(await edge.deliver("slack", old), 401)
    assert await edge.published() == []


async def test_an_event_of_a_source_with_handshakes_is_published(edge: Gateway) -> None:
    """What only resembles a handshake is somebody's money: Discord's type 1 is both."""
    for name in ("slack", "zoom", "discord", "meta", "aws_sns", "quicknode"):
        assert (await _post(edge, BY_NAME[name], BY_NAME[name].body)).status < 300
    found = [envelope.provider for envelope in await edge.published()]
    assert sorted(found) == ["aws_sns", "discord", "meta", "quicknode", "slack", "zoom"]


async def test_a_body_that_is_no_json_is_no_handshake(edge: Gateway) -> None:
    """What verified is published as it is; looking for a challenge in it changes nothing."""
    assert (await _post(edge, BY_NAME["slack"], b'{"type":"url_verification",')).status == 200
    twice = b'{"type":"event","type":"url_verification","challenge":"abc"}'
    assert (await _post(edge, BY_NAME["slack"], twice)).status == 200
    assert len(await edge.published()) == 2


@pytest.mark.parametrize("body", [b"[]", b'{"a":1}', b"", b"{}" + b" " * 20_000])
async def test_only_quicknodes_own_ping_passes_unsigned(edge: Gateway, body: bytes) -> None:
    """Any other delivery without a signature would be answered 200 and lost."""
    is_problem(await edge.post("/hooks/quicknode", body), 401)


async def test_an_unsigned_ping_is_not_excused_by_a_bad_signature(edge: Gateway) -> None:
    """A signature that fails is a forgery, however harmless the body looks."""
    headers = (
        ("X-QN-Nonce", "n"),
        ("X-QN-Timestamp", str(telemetry.now_ms() // 1000)),
        ("X-QN-Signature", "0" * 64),
    )
    is_problem(await edge.post("/hooks/quicknode", b"{}", *headers), 401)


async def test_azure_is_confirmed_for_known_subscriptions_only(edge: Gateway) -> None:
    """Anybody with an Azure account could else subscribe our endpoint to their topic."""
    (vector,) = [one for one in VECTORS if one["provider"] == "azure_event_grid"]
    asked = vector["request"]
    for name in ("OTHER", "mysub"):
        headers = {**asked["headers"], "aeg-subscription-name": name}
        reply = await edge.post("/hooks/azure-event-grid", asked["body"].encode(), *headers.items())
        is_problem(reply, 403)


async def test_a_wrong_secret_is_not_excused_by_a_known_subscription(edge: Gateway) -> None:
    """Names are no secrets: only where none is shown at all is the name asked for."""
    (vector,) = [one for one in VECTORS if one["provider"] == "azure_event_grid"]
    headers = {**vector["request"]["headers"], "X-Delivery-Secret": "wrong"}
    body = vector["request"]["body"].encode()
    is_problem(await edge.post("/hooks/azure-event-grid", body, *headers.items()), 503)


async def test_a_confirmation_without_its_signature_is_no_handshake(edge: Gateway) -> None:
    """Where the signature stands in the body, only reading the body tells that there is none."""
    body = json.loads(CONFIRMING.sample(telemetry.now_ms() // 1000).body)
    del body["Signature"]
    is_problem(await edge.post("/hooks/aws-sns", json.dumps(body).encode()), 503)


async def test_a_stranger_is_granted_no_cloudevents(edge: Gateway) -> None:
    """The grant names who may send here: an origin that nobody chose gets none."""
    origin = ("WebHook-Request-Origin", "evil.example.com")
    reply = await edge.ask("OPTIONS", "/hooks/azure-event-grid", origin)
    assert reply.status == 405
    assert "webhook-allowed-origin" not in reply.headers


async def test_sns_is_confirmed_by_an_operator_who_finds_the_url_in_the_log(
    edge: Gateway,
) -> None:
    """Nothing is fetched for a stranger's URL; and without the URL nobody could confirm at all."""
    said = log_lines()
    assert (await _post(edge, CONFIRMING, CONFIRMING.body)).status == 200
    (line,) = said("delivery_handled")
    assert line["outcome"] == "handshake"
    assert line["told"].startswith(
        "https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription"
    )


async def test_sns_of_another_topic_is_told_nothing(tmp_path: Path) -> None:
    """Amazon signs for every topic there is: the signature alone does not make it ours."""
    particulars = {**PARTICULARS["aws_sns"], "parameters": {"topic_arn": TOPIC + "-of-others"}}
    configured = source(tmp_path / "keys", CONFIRMING, "aws-sns", **particulars)
    async with gateway(tmp_path, more=[configured]) as edge:
        is_problem(await _post(edge, CONFIRMING, CONFIRMING.body), 503)


async def test_xero_hears_401_for_its_bad_probe_and_200_for_the_good_one(edge: Gateway) -> None:
    """With 400 or 500 its intent to receive fails, and no event ever comes."""
    xero = BY_NAME["xero"]
    assert (await _post(edge, xero, b'{"events":[],"entropy":"x"}', forged=True)).status == 401
    assert (await _post(edge, xero, b'{"events":[],"entropy":"x"}')).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT"])
async def test_what_is_no_handshake_is_405_and_told_what_is_there(
    edge: Gateway, method: str
) -> None:
    """A prober learns no more of a source than its methods."""
    reply = await edge.ask(method, "/hooks/meta?a=b")
    assert reply.status == 405
    assert reply.headers["allow"] == "POST, GET"
    assert (await edge.ask(method, "/hooks/btcpay-shop?challenge=a")).headers["allow"] == "POST"


async def test_a_get_brings_no_body(edge: Gateway) -> None:
    """Ignored here, such a body would be the next request to a proxy that believes otherwise."""
    head = b"GET /hooks/dropbox?challenge=abc HTTP/1.1\r\nHost: h\r\n"
    is_problem(await edge.raw(head + b"Content-Length: 3\r\n\r\nabc", ends=True), 413)
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    is_problem(await edge.raw(chunked, ends=True), 411)
    assert (await edge.raw(head + b"Content-Length: 0\r\n\r\n")).body == b"abc"


async def test_a_handshake_is_counted_and_spoken_of_once(
    edge: Gateway,
) -> None:
    """Setting up an endpoint is watched by a human: they must find it among the deliveries."""
    said = log_lines()
    await edge.ask("GET", "/hooks/dropbox?challenge=a-canary-of-a-test")
    labels = {"source": "dropbox", "provider": "dropbox"}
    assert edge.count("sealgate_requests_total", outcome="handshake", **labels) == 1
    (line,) = said("delivery_handled")
    assert (line["outcome"], line["source"], line["status"]) == ("handshake", "dropbox", 200)
    assert "canary" not in str(line)


async def test_unsigned_handshakes_wait_like_forgeries_while_a_source_is_over_its_rate(
    tmp_path: Path,
) -> None:
    """They cost nothing while there is room, use none of it up, and give way when there is none."""
    configured = source(tmp_path / "keys", BY_NAME["quicknode"], "quicknode", rate_per_s=0.5)
    async with gateway(tmp_path, more=[configured]) as edge:
        await until_ready(edge)
        for _ in range(5):
            assert (await edge.post("/hooks/quicknode", b"{}")).status == 200
        signer = BY_NAME["quicknode"]
        assert (await _post(edge, signer, signer.body)).status == 200
        is_problem(await edge.post("/hooks/quicknode", b"{}"), 429)
