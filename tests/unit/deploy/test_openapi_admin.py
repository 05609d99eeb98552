"""The document of the admin port, held against the port of an edge, and of a supervisor."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter

from sealgate import admin as admin_port
from sealgate.admin import Admin, Check
from sealgate.config import AdminSettings
from sealgate.process import Started
from sealgate.supervisor import Crew
from sealgate.supervisor_worker import Start
from tests.support.gateway import BODY, HOOK, Reply, btcpay, gateway, read_reply, until_ready
from tests.support.openapi import Document

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
HOLDS, FAILS = Check("the log is there", True), Check("the store is there", False)
ASIDE = Check("the configuration is the last one", False, is_required=False)


@asynccontextmanager
async def _listening(admin: Admin) -> AsyncIterator[int]:
    port = await admin.start()
    try:
        yield port
    finally:
        await admin.stop()


async def _ask(port: int, method: str, target: str, *headers: str) -> Reply:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"{method} {target} HTTP/1.1", "Host: h", *headers]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n")
    try:
        return await read_reply(reader, has_body=method != "HEAD")
    finally:
        writer.close()


async def _judged(document: Document, port: int) -> None:
    """Ask for everything that the document tells of, and by other methods."""
    for path in document.whole["paths"]:
        for headers in ((), (f"Accept: {OPEN_METRICS}",)):
            document.judge("GET", path, await _ask(port, "GET", path, *headers))
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            # 405 is told once for each path: it is the same whatever the method.
            document.judge("GET", path, await _ask(port, method, path))
        head = await _ask(port, "HEAD", path)
        assert head.body == b""
        assert head.status in {HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE}
    assert (await _ask(port, "GET", "/readyz/")).status == HTTPStatus.NOT_FOUND


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("sealgate_something", "Some thing.", registry=registry)
    return registry


async def test_an_edge_answers_as_the_document_says(tmp_path: Path) -> None:
    """Probes, Prometheus and `sealgate keys status` are written from it."""
    document = Document.of("admin.yaml")
    async with gateway(tmp_path) as edge:
        await until_ready(edge)
        assert (await edge.post(HOOK, BODY, btcpay(BODY))).status == HTTPStatus.OK
        started = Started(edge=edge.edge)
        checks = [HOLDS, ASIDE]
        admin = Admin(AdminSettings(port=0), edge.registry, lambda: checks, started.keys)
        async with _listening(admin) as port:
            await _judged(document, port)
            for target in ("/readyz?verbose", "/readyz?verbose=1"):
                document.judge("GET", "/readyz", await _ask(port, "GET", target))
            for target in ("/keys?source=btcpay-shop", "/keys?source=nobody"):
                document.judge("GET", "/keys", await _ask(port, "GET", target))
            checks.append(FAILS)
            for target in ("/readyz", "/readyz?verbose"):
                reply = await _ask(port, "GET", target)
                assert reply.status == HTTPStatus.SERVICE_UNAVAILABLE
                document.judge("GET", "/readyz", reply)
    assert set(document.told()) - document.seen == set()


async def test_a_process_without_an_edge_and_a_supervisor_answer_the_same_way() -> None:
    """One document for every role: a probe need not know which it asks."""
    registry = _registry()
    crew = Crew([], Start((), {}), 1.0, registry)
    for admin in (
        Admin(AdminSettings(port=0), _registry(), lambda: [HOLDS], Started().keys),
        Admin(AdminSettings(port=0), registry, crew.checks),
    ):
        async with _listening(admin) as port:
            await _judged(Document.of("admin.yaml"), port)


def test_every_path_of_the_port_is_told() -> None:
    """What is answered and not told would be found by chance."""
    told = set(Document.of("admin.yaml").whole["paths"])
    code = Path(admin_port.__file__).read_text("utf-8")
    assert set(re.findall(r'"(/[a-z]+)"', code)) == told


@pytest.mark.parametrize("path", ["/", "/metrics/", "/hooks/btcpay-shop", "/keys/btcpay-shop"])
async def test_what_is_not_told_is_404(path: str) -> None:
    """The document says so."""
    async with _listening(Admin(AdminSettings(port=0), _registry(), list)) as port:
        assert (await _ask(port, "GET", path)).status == HTTPStatus.NOT_FOUND
