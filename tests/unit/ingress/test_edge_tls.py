"""TLS at the public port, with real connections: handshakes, certificates, and clients' own."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import uvloop

from ingress import telemetry, tls
from ingress.delivery import Reason
from ingress.settings import TlsSettings
from tests.support.gateway import (
    BODY,
    HOOK,
    Gateway,
    btcpay,
    gateway,
    is_problem,
    request,
    until_ready,
)
from tests.support.guarded import GUARDED, GUARDED_LABELS, guarded, signed
from tests.support.https import authority
from tests.support.tls import LOOPBACK, client, ends, line, serial, settings, write_pair

# A connection that the other side ended: which of them is seen, is for the kernel to choose.
GONE = (OSError, asyncio.IncompleteReadError)
GOOD = request(HOOK, BODY, [btcpay(BODY)])


@asynccontextmanager
async def tls_edge(directory: Path, **more: Any) -> AsyncIterator[Gateway]:
    """Run an edge with TLS and a certificate of its own."""
    write_pair(directory)
    said = {"tls": settings(), **more}
    async with gateway(directory, **said) as edge:
        await until_ready(edge)
        yield edge


async def _refused(edge: Gateway, limit: str, count: int) -> None:
    async with asyncio.timeout(10):
        while edge.count("sealgate_connections_refused_total", limit=limit) < count:
            await asyncio.sleep(0.01)


async def _closed(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(10):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


async def test_a_delivery_arrives_over_tls(tmp_path: Path) -> None:
    """The provider sees a certificate that holds, and its event is on the log."""
    async with tls_edge(tmp_path) as edge, line(edge.port) as open_line:
        assert (await open_line.send(GOOD)).status == 200
        assert (await open_line.send(GOOD)).status == 200
        wire = open_line.writer.get_extra_info("ssl_object")
        assert (wire.version(), wire.compression()) == ("TLSv1.3", None)
        assert len(await edge.published()) == 2


async def test_the_end_of_the_certificate_is_a_metric(tmp_path: Path) -> None:
    """It expires on a Sunday; an alert says so two weeks before."""
    gauge = "sealgate_tls_certificate_not_after_timestamp_seconds"
    async with tls_edge(tmp_path) as edge:
        expected = ends((tmp_path / "tls.crt").read_bytes())
        assert edge.count(gauge, listener="edge") == expected
    async with gateway(tmp_path) as plain:
        assert plain.registry.get_sample_value(gauge, {"listener": "edge"}) is None


async def test_a_client_that_asks_for_no_name_is_served(tmp_path: Path) -> None:
    """Some providers call an address, and some libraries send no SNI."""
    async with tls_edge(tmp_path) as edge, line(edge.port, name=None) as open_line:
        assert (await open_line.send(GOOD)).status == 200


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_tls_1_2_is_served_and_what_is_older_is_not(tmp_path: Path) -> None:
    """Many providers still speak 1.2; before it the protocol itself is broken."""
    old, older = client(), client()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    older.set_ciphers("ALL:@SECLEVEL=0")
    older.minimum_version = older.maximum_version = ssl.TLSVersion.TLSv1_1
    async with tls_edge(tmp_path) as edge:
        async with line(edge.port, old) as open_line:
            assert (await open_line.send(GOOD)).status == 200
        with pytest.raises(GONE):
            async with line(edge.port, older):
                pass
        await _refused(edge, "tls_handshake", 1)


async def test_plain_text_at_a_tls_port_is_closed_without_an_answer(tmp_path: Path) -> None:
    """An answer in plain text would tell a wrong configuration that it is right."""
    async with tls_edge(tmp_path) as edge:
        reader, writer = await asyncio.open_connection(LOOPBACK, edge.port)
        writer.write(GOOD)
        assert b"HTTP" not in await _closed(reader)
        writer.close()
        await _refused(edge, "tls_handshake", 1)
        assert await edge.published() == []
        async with line(edge.port) as open_line:
            assert (await open_line.send(GOOD)).status == 200


async def test_tls_at_a_plain_port_is_refused_and_harms_nobody(tmp_path: Path) -> None:
    """The other way round: a greeting of TLS is no request."""
    async with gateway(tmp_path) as edge:
        await until_ready(edge)
        with pytest.raises(GONE):
            async with line(edge.port):
                pass
        assert (await edge.raw(GOOD)).status == 200


async def test_a_handshake_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    """Whether it says nothing or stops in the middle, it may not keep its place."""
    async with tls_edge(tmp_path, header_s=0.3) as edge:
        silent, first = await asyncio.open_connection(LOOPBACK, edge.port)
        slow, second = await asyncio.open_connection(LOOPBACK, edge.port)
        second.write(b"\x16\x03\x01\x02\x00\x01")
        assert await _closed(silent) == b""
        assert await _closed(slow) == b""
        await _refused(edge, "tls_handshake", 2)
        first.close()
        second.close()


async def test_a_connection_that_brings_no_head_after_its_handshake_is_ended(
    tmp_path: Path,
) -> None:
    """The deadline of the first head holds behind TLS too."""
    async with tls_edge(tmp_path, header_s=0.3) as edge, line(edge.port) as open_line:
        open_line.writer.write(b"POST /hooks/btcpay-shop HTTP/1.1\r\nHost: h\r\nX-A")
        assert await _closed(open_line.reader) == b""
        assert edge.count("sealgate_connections_refused_total", limit="header_deadline") == 1


async def test_connections_in_their_handshake_count_against_the_limit(tmp_path: Path) -> None:
    """Or a flood of half-open handshakes would stand beside the limit, and not in it."""
    async with tls_edge(tmp_path, connections_max=2, header_s=5.0) as edge:
        _, first = await asyncio.open_connection(LOOPBACK, edge.port)
        async with line(edge.port) as open_line:
            assert (await open_line.send(GOOD)).status == 200
            third, second = await asyncio.open_connection(LOOPBACK, edge.port)
            assert await _closed(third) == b""
            await _refused(edge, "count", 1)
            first.close()
            second.close()
            await _refused(edge, "tls_handshake", 1)
            async with line(edge.port) as another:
                assert (await another.send(GOOD)).status == 200


async def test_a_new_certificate_is_for_new_connections(tmp_path: Path) -> None:
    """Renewed every sixty days while deliveries arrive: nobody's connection is cut for it."""
    async with tls_edge(tmp_path) as edge, line(edge.port) as before:
        first = serial((tmp_path / "tls.crt").read_bytes())
        assert before.serial == first
        configured = TlsSettings.model_validate(settings())
        second = serial(write_pair(tmp_path))
        edge.edge.renew_tls(tls.load(configured, tmp_path, telemetry.now_ms()))
        async with line(edge.port) as after:
            assert after.serial == second != first
            assert (await after.send(GOOD)).status == 200
        assert (await before.send(GOOD)).status == 200


async def test_a_stop_does_not_wait_for_half_a_handshake(tmp_path: Path) -> None:
    """A rolling restart must not hang on a scanner; and what was accepted is still answered."""
    async with tls_edge(tmp_path, header_s=60.0) as edge:
        half, writer = await asyncio.open_connection(LOOPBACK, edge.port)
        async with line(edge.port) as open_line:
            assert (await open_line.send(GOOD)).status == 200
            async with asyncio.timeout(10):
                await edge.edge.stop()
        assert await _closed(half) == b""
        writer.close()


async def _under_uvloop(directory: Path) -> None:
    (directory / "tls").mkdir()
    async with tls_edge(directory / "tls", header_s=0.3, connections_max=3) as edge:
        half, first = await asyncio.open_connection(LOOPBACK, edge.port)
        async with line(edge.port) as open_line:
            assert (await open_line.send(GOOD)).status == 200
            assert await _closed(half) == b""
            await _refused(edge, "tls_handshake", 1)
        first.close()
        plain, second = await asyncio.open_connection(LOOPBACK, edge.port)
        second.write(GOOD)
        assert b"HTTP" not in await _closed(plain)
        second.close()
    (directory / "plain").mkdir()
    async with gateway(directory / "plain", write_s=0.2, connections_max=1) as edge:
        _, deaf = await asyncio.open_connection(LOOPBACK, edge.port, limit=1024)
        try:
            async with asyncio.timeout(40):
                while not edge.count("sealgate_connections_refused_total", limit="write_deadline"):
                    deaf.write(request("/hooks/unknown", b"") * 500)
                    await asyncio.sleep(0.01)
                while edge.count("sealgate_connections"):
                    await asyncio.sleep(0.01)
        finally:
            deaf.transport.abort()


def test_the_door_holds_under_the_loop_that_production_runs(tmp_path: Path) -> None:
    """It has transports of its own, and tests run under another loop otherwise."""
    uvloop.run(_under_uvloop(tmp_path))


@asynccontextmanager
async def mutual(directory: Path) -> AsyncIterator[Gateway]:
    """Run an edge where one source demands a client certificate and the others do not."""
    authority().cert_pem.write_to_path(directory / "ca.pem")
    said = settings(client_ca_file="ca.pem")
    more = guarded(directory, client_names=["provider.example.com", "spiffe://provider/hooks"])
    async with tls_edge(directory, more=more, tls=said) as edge:
        yield edge


async def test_a_source_that_demands_a_certificate_takes_the_one_named(tmp_path: Path) -> None:
    """And judges the signature all the same: the certificate is one more proof, and no other."""
    async with (
        mutual(tmp_path) as edge,
        line(edge.port, client("a.example.com", "provider.example.com")) as known,
    ):
        assert (await known.send(signed())).status == 200
        is_problem(await known.send(request(GUARDED, b"{}", [("Stripe-Signature", "x")])), 401)


@pytest.mark.parametrize("names", [(), ("stranger.example.com",), ("x.provider.example.com",)])
async def test_without_the_certificate_named_a_delivery_is_refused_and_kept(
    tmp_path: Path, names: Sequence[str]
) -> None:
    """Even if it is signed; and it can be verified again, should the name have been wrong."""
    async with mutual(tmp_path) as edge, line(edge.port, client(*names)) as stranger:
        is_problem(await stranger.send(signed()), 403)
        assert (await stranger.send(GOOD)).status == 200
        reason = Reason.CERTIFICATE_REFUSED.value
        failures = "sealgate_verification_failures_total"
        assert edge.count(failures, **GUARDED_LABELS, reason=reason) == 1
        assert [one.reason for one in await edge.quarantined()] == [reason]


async def test_a_certificate_of_another_authority_ends_the_handshake(tmp_path: Path) -> None:
    """Nobody but the authority that is named can vouch for a client."""
    forged = client("provider.example.com", ca=trustme.CA())
    async with mutual(tmp_path) as edge:
        with pytest.raises(GONE):
            async with line(edge.port, forged) as stranger:
                # With TLS 1.3 a client hears of it only with the first answer.
                await stranger.send(signed())
        await _refused(edge, "tls_handshake", 1)
        assert await edge.published() == []
