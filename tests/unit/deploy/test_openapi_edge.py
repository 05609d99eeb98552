"""The document of the public port, held against the port: each answer both ways.

Every method is driven to every status it can give, and every outcome there is to an answer, on one
real edge over a real embedded log.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ingress import providers, telemetry
from ingress.answers import PROBLEMS, Outcome
from ingress.eventlog.port import LogUnavailable, MessageRefused
from ingress.keysources.declaration import Request
from ingress.settings import SourceSettings
from tests.support.gateway import (
    BODY,
    Gateway,
    Reply,
    btcpay,
    gateway,
    log_lines,
    own,
    request,
    source,
)
from tests.support.openapi import Document
from tests.support.refused import EVENT, STRIPE_HOOK, signed
from tests.support.signers import EVERY, Signer

PLAIN, WITH_ENVIRONMENT = "/hooks/{source}", "/hooks/{environment}/{source}"
BY_NAME = {signer.name: signer for signer in EVERY}
# Who speaks which method: a delivery, a delivery in the query, and two ways of asking.
SPEAKERS = {
    "POST": BY_NAME["meta"],
    "GET": BY_NAME["moonpay calling by GET"],
    "HEAD": BY_NAME["intercom"],
    "OPTIONS": BY_NAME["azure_event_grid"],
}
# A source whose provider never uses the method.
OTHERS = {"POST": "blockonomics", "GET": "btcpay-shop", "HEAD": "meta", "OPTIONS": "meta"}
HEADERS = {"OPTIONS": (("WebHook-Request-Origin", "eventemitter.example.com"),)}
TOKENS = {"azure_event_grid": ["MYSUB"], "meta": ["TOKEN"]}
PARAMETERS = {
    "azure_event_grid": {
        "secret_at": "header:x-delivery-secret",
        "cloudevents_origin": "eventemitter.example.com",
    }
}
AWAITED = "the addresses of stripe are here"
OWN_STATUSES = "success_status = 202\nrefusal_status = 418"


def _source(
    directory: Path, signer: Signer, slug: str, provider: str = "", **more: Any
) -> SourceSettings:
    """Configure a source of a speaker under a name of its own, with a secret of its own."""
    sender = _sender(signer, slug)
    tokens = [f"{token}-of-{slug}" for token in TOKENS.get(signer.provider, [])]
    more |= {"parameters": PARAMETERS.get(signer.provider, dict(signer.parameters))}
    made = source(directory, sender, slug, tokens, **more)
    return made.model_copy(update={"provider": provider}) if provider else made


def _sender(signer: Signer, slug: str) -> Signer:
    alone = own(signer)
    return replace(alone, old=alone.old + slug.encode())


def _all(directory: Path) -> list[SourceSettings]:
    """Configure, for each method, a source that takes it, one behind a list, one with a rate."""
    _own_profile(directory, "btcpay", "own-post")
    _own_profile(directory, "moonpay", "own-get")
    (directory / "awaited").write_bytes(b"a-secret-of-the-awaited")
    awaited = {
        "slug": "awaited",
        "provider": "stripe",
        "key": [{"id": "k1", "file": "awaited"}],
        "allow_published": True,
    }
    return [
        *(_source(directory, one, f"a-{how.lower()}") for how, one in SPEAKERS.items()),
        *(
            _source(directory, one, f"closed-{how.lower()}", allow=["192.0.2.0/24"])
            for how, one in SPEAKERS.items()
        ),
        *(
            _source(directory, one, f"slow-{how.lower()}", rate_per_s=0.001)
            for how, one in SPEAKERS.items()
        ),
        _source(directory, BY_NAME["blockonomics"], "blockonomics"),
        _source(directory, BY_NAME["ramp"], "ramp"),
        _source(directory, BY_NAME["meta"], "meta"),
        _source(directory, BY_NAME["dropbox"], "dropbox"),
        _source(directory, BY_NAME["discord"], "discord"),
        _source(directory, BY_NAME["btcpay"], "own-post", provider="own-post"),
        _source(directory, SPEAKERS["GET"], "own-get", provider="own-get"),
        SourceSettings.model_validate(awaited),
    ]


def _own_profile(directory: Path, like: str, name: str) -> None:
    """Write a profile of a merchant's own, with statuses that no other has."""
    text = (Path(providers.__path__[0]) / f"{like}.toml").read_text("utf-8")
    lines = [
        line
        for line in text.splitlines()
        if not line.startswith(("success_status", "refusal_status"))
    ]
    (directory / "providers").mkdir(exist_ok=True)
    written = "\n".join(lines).replace("[answers]", f"[answers]\n{OWN_STATUSES}")
    (directory / "providers" / f"{name}.toml").write_text(written)


class _Drive:
    """Sends requests to an edge, each to both paths of its source, and has the answers judged."""

    def __init__(self, edge: Gateway, document: Document) -> None:
        self.edge = edge
        self.document = document
        self.desk: Any = edge.edge._edge._desk

    async def ask(self, method: str, slug: str, *more: str, body: bytes | None = None) -> Reply:
        """Ask with a method, and the header lines that are added to the usual."""
        reply = Reply(0, {}, b"")
        for template, path in ((WITH_ENVIRONMENT, f"test/{slug}"), (PLAIN, slug)):
            lines = [f"{method} /hooks/{path} HTTP/1.1", "Host: h"]
            lines += [f"{name}: {value}" for name, value in HEADERS.get(method, ())]
            if method == "POST" and not any("ength" in one or "ncoding: ch" in one for one in more):
                lines.append(f"Content-Length: {len(body or b'')}")
            head = "\r\n".join([*lines, *more]).encode("latin-1") + b"\r\n\r\n"
            reply = await self.edge.raw(head + (body or b""))
            self.document.judge(method, template, reply)
        return reply

    async def send(
        self, signer: Signer, slug: str, body: bytes = b"", *, forged: bool = False
    ) -> Reply:
        """Deliver as a provider does, or as somebody else; a sample, if no body is said."""
        sender = _sender(signer, slug)
        key = b"a-secret-of-a-stranger" if forged else sender.old
        sent = sender.send(key, body or sender.body, telemetry.now_ms() // 1000)
        query = sent.url.partition("?")[2]
        lines = [f"{name.decode()}: {value.decode('latin-1')}" for name, value in sent.headers]
        posted = sent.body if sent.method == "POST" else None
        return await self.ask(sent.method, f"{slug}?{query}", *lines, body=posted)

    async def usual(self, method: str) -> int:
        """Ask the source that takes the method, as its provider does."""
        if method in {"POST", "GET"}:
            return (await self.send(SPEAKERS[method], f"a-{method.lower()}")).status
        return (await self.ask(method, f"a-{method.lower()}")).status

    @contextmanager
    def with_log(self, answer: Exception) -> Iterator[None]:
        """Have the log answer so."""

        def publish(_: object) -> "asyncio.Future[object]":
            said: asyncio.Future[object] = asyncio.get_running_loop().create_future()
            said.set_exception(answer)
            return said

        whole = self.desk.publisher
        self.desk.publisher = SimpleNamespace(publish=publish)
        yield
        self.desk.publisher = whole


async def _every_method(drive: _Drive, method: str) -> None:
    """Drive a method to every status that is no matter of what is delivered."""
    mine = f"a-{method.lower()}"
    assert await drive.usual(method) == 200
    assert (await drive.ask(method, mine, "Content-Length: 1", "Content-Length: 1")).status == 400
    # Azure would not come back after a 403.
    closed = 503 if method == "OPTIONS" else 403
    assert (await drive.ask(method, f"closed-{method.lower()}")).status == closed
    assert (await drive.ask(method, "nowhere")).status == 404
    assert (await drive.ask(method, OTHERS[method])).status == 405
    assert (await drive.ask(method, mine, "Transfer-Encoding: chunked")).status == 411
    assert (await drive.ask(method, mine, "Content-Length: 99999999")).status == 413
    assert (await drive.ask(method, mine, "Content-Encoding: br")).status == 415
    slow = SPEAKERS[method]
    await drive.send(slow, f"slow-{method.lower()}")
    if method in {"POST", "GET"}:
        assert (await drive.send(slow, f"slow-{method.lower()}")).status == 429
    else:
        assert (await drive.ask(method, f"slow-{method.lower()}")).status == 429
    serving = drive.desk.serving
    drive.desk.serving = serving._replace(fetched=None)
    assert await drive.usual(method) == 500
    drive.desk.serving = serving
    budget, drive.desk.budget.bytes_max = drive.desk.budget.bytes_max, 0
    assert await drive.usual(method) == 503
    drive.desk.budget.bytes_max = budget


async def _deliveries(drive: _Drive) -> None:
    """Drive deliveries to what their content, their age and the log can make of them."""
    edge = drive.edge
    assert (await drive.send(BY_NAME["ramp"], "ramp")).status == 204
    assert (await drive.send(BY_NAME["btcpay"], "own-post")).status == 202
    assert (await drive.send(BY_NAME["btcpay"], "own-post", forged=True)).status == 418
    assert (await drive.send(SPEAKERS["GET"], "own-get")).status == 202
    assert (await drive.send(SPEAKERS["GET"], "own-get", forged=True)).status == 418
    for method in ("POST", "GET"):
        assert (
            await drive.send(SPEAKERS[method], f"a-{method.lower()}", forged=True)
        ).status == 401
    for ping, status in ((b'{"type":1}', 200), (b'{"version":1,"type":0}', 204)):
        assert (await drive.send(BY_NAME["discord"], "discord", ping)).status == status
    assert (await drive.ask("GET", "dropbox?challenge=abc")).body == b"abc"
    assert (await drive.ask("GET", "meta?hub.mode=subscribe&hub.challenge=1")).status == 403
    assert (await drive.ask("POST", "awaited", body=b"")).status == 503
    posts = {
        "stale": (EVENT, signed(EVENT, age_s=9000), 401),
        "forged": (EVENT, signed(EVENT, b"whsec_of_a_forger"), 401),
        "of another environment": (
            live := b'{"id":"evt_2","livemode":true,"type":"charge.succeeded"}',
            signed(live),
            200,
        ),
    }
    for why, (body, header, status) in posts.items():
        reply = await edge.post(STRIPE_HOOK, body, header)
        assert reply.status == status, why
        drive.document.judge("POST", PLAIN, reply)
    for answer in (LogUnavailable("away"), MessageRefused("too large")):
        with drive.with_log(answer):
            assert await drive.usual("POST") == 503
    for template, path in ((PLAIN, "btcpay-shop"), (WITH_ENVIRONMENT, "test/btcpay-shop")):
        whole = request(f"/hooks/{path}", BODY, [btcpay(BODY)])
        reply = await edge.raw(whole[:-10])
        assert reply.status == 408
        drive.document.judge("POST", template, reply)
    for method in ("PUT", "PATCH", "DELETE", "TRACE"):
        assert (await edge.ask(method, "/hooks/btcpay-shop")).status == 405
        assert (await edge.ask(method, "/elsewhere")).status == 404
    assert (await edge.raw(b"GARBAGE\r\n\r\n")).status == 400


class _NoSite:
    """A provider's list of addresses that never arrives."""

    async def __call__(self, _: Request) -> bytes:
        await asyncio.Event().wait()
        return b""


async def _driven(directory: Path) -> tuple[Document, dict[Outcome, float]]:
    document = Document.of("edge.yaml")
    site: Callable[[Request], Awaitable[bytes]] = _NoSite()
    async with gateway(directory, more=_all(directory), fetch=site, body_s=0.3) as edge:
        async with asyncio.timeout(10):
            while [name for name, holds, *_ in edge.edge.ready() if not holds] != [AWAITED]:
                await asyncio.sleep(0.01)
        drive = _Drive(edge, document)
        for method in SPEAKERS:
            await _every_method(drive, method)
        await _deliveries(drive)
        return document, _outcomes(edge)


def _outcomes(edge: Gateway) -> dict[Outcome, float]:
    """Count the requests by what came of them."""
    counts = dict.fromkeys(Outcome, 0.0)
    for family in edge.registry.collect():
        for sample in family.samples:
            if sample.name == "sealgate_requests_total":
                counts[Outcome(sample.labels["outcome"])] += sample.value
    return counts


@pytest.fixture(scope="module", name="driven")
def _driven_once(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Document, dict[Outcome, float]]:
    """Drive it once, which judges every answer: what is given is told."""
    log_lines()
    return asyncio.run(_driven(tmp_path_factory.mktemp("edge")))


def test_what_the_document_tells_is_given(driven: tuple[Document, object]) -> None:
    """A status that nobody can get is a branch in a client that nobody can test."""
    document, _ = driven
    assert set(document.told()) - document.seen == set()
    assert document.unseen() == set()


def test_every_outcome_was_answered_as_the_document_says(
    driven: tuple[object, dict[Outcome, float]],
) -> None:
    """A new outcome has to be driven here, and so be told of."""
    _, counts = driven
    assert [outcome for outcome, count in counts.items() if not count] == []


def test_every_type_of_problem_is_told_and_no_other() -> None:
    """A type is what a client branches on."""
    problem = Document.of("edge.yaml").whole["components"]["schemas"]["Problem"]
    given = {f"urn:sealgate:problem:{one.name}" for one in PROBLEMS.values()}
    assert set(problem["properties"]["type"]["enum"]) == given


def test_every_method_of_a_profile_is_told() -> None:
    """A provider that asks in a new way asks through this document."""
    used = {how.lower() for name in providers.names() for how in _methods(name)}
    for item in Document.of("edge.yaml").whole["paths"].values():
        assert used == item.keys() & {"get", "post", "head", "options", "put", "patch", "delete"}


def _methods(name: str) -> tuple[str, ...]:
    """Load a profile with whatever parameters it needs, and tell its methods."""
    return providers.load(name, PARAMETERS.get(name, {})).allowed_methods
