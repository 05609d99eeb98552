"""The public HTTP port: bounded bytes in, a `Delivery` out; an answer in, bytes out. No rules here.

aiohttp's low-level server parses, within the limits of `connection`; `Edge` walks a request along
the path: head to `admission`, body within its deadline, delivery to `admit`, what is refused to
`refusals`, answer to the wire with its correlation id, and its end to `report`. A signature speaks
about the bytes sent, so a body is decompressed only for a provider that says otherwise, in steps
that are counted like bytes that arrive. A sender that hangs up changes nothing: its delivery is
carried on to the log, and its retry will be a duplicate. Sources are swapped as one, at any moment.
"""

import asyncio
import secrets
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import NamedTuple

from aiohttp import ClientPayloadError, web
from aiohttp.web_protocol import RequestPayloadError
from multidict import CIMultiDict

from ingress import telemetry
from ingress.admission import Admission, Budget, Head, Lease, Passed, Refused
from ingress.admit import Admitted, admit, rejection
from ingress.allowlist import Allowlists
from ingress.answers import Answer, Outcome, refuse
from ingress.clients import Certificate, Clients
from ingress.connection import Server
from ingress.delivery import Delivery, Reason
from ingress.eventlog.port import Message, Position, Publisher
from ingress.inflate import inflated
from ingress.listener import PlainListener, TlsListener, bind
from ingress.metrics import EdgeMetrics
from ingress.networks import Networks, shown
from ingress.refusals import Refusals
from ingress.report import Report, counting
from ingress.series import Counting, Use
from ingress.settings import EdgeSettings
from ingress.sources import Snapshot, Source
from ingress.tls import Loaded
from ingress.verification import Fetched

SERVER_NAME = "sealgate"
DRAIN_POLL_S = 0.02
ABORT_S = 0.5
# Senders that honour Retry-After come back spread out, not all in the same second.
RETRY_AFTER_S = 5
RETRY_JITTER_S = 11
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True, slots=True)
class _Begun:
    """What the log line and the metrics of one request need of its beginning."""

    correlation_id: str
    at_s: float
    address: str = ""


class _Serving(NamedTuple):
    """What is swapped as one when the configuration is reloaded."""

    sources: Snapshot
    admission: Admission
    report: Report
    fetched: Mapping[str, Fetched]


class Means(NamedTuple):
    """What the edge works with beside its settings and its sources."""

    publisher: Publisher
    refusals: Refusals
    metrics: EdgeMetrics
    clock: telemetry.Clock
    allowlists: Allowlists
    tls: Loaded | None = None
    """What connections are served with at first; None for plain text."""


class Edge:
    """The public listener over a snapshot of sources and a publisher."""

    def __init__(
        self,
        settings: EdgeSettings,
        sources: Snapshot,
        fetched: Mapping[str, Fetched],
        means: Means,
    ) -> None:
        self.settings = settings
        self.metrics = metrics = means.metrics
        self.draining = False
        self._publisher = means.publisher
        self._refusals = means.refusals
        self._clock = means.clock
        self._log = telemetry.logger("edge")
        self._budget = Budget(settings.in_flight_bytes_max)
        self._allowlists = means.allowlists
        self._clients = Clients(
            Networks.of(settings.trusted_proxies), settings.forwarded_header.encode()
        )
        self._serving: _Serving
        self.serve(sources, fetched)
        metrics.in_flight_bytes_limit.set(settings.in_flight_bytes_max)
        metrics.in_flight_bytes.set_function(lambda: self._budget.bytes_taken)
        self._listener: PlainListener | TlsListener | None = None
        self.server: Server
        self._tls = means.tls
        if means.tls is not None:
            self.renew_tls(means.tls)

    def serve(
        self,
        sources: Snapshot,
        fetched: Mapping[str, Fetched],
        planned: Counting | None = None,
    ) -> None:
        """Serve these sources from now on: all at once, and without disturbing who is under way.

        A delivery that is under way is judged by the source as it is when its body has arrived, so
        that a key which is revoked proves nothing from this moment. `planned` is how they are to be
        counted, where that was prepared.
        """
        if planned is None:
            planned = counting(sources, self.metrics)
        before = self._serving.admission if hasattr(self, "_serving") else None
        self._allowlists.serve(source.access for source in sources.values())
        self._serving = _Serving(
            sources,
            Admission(sources, self._budget, time.monotonic, self._allowlists, before),
            Report(planned, self.metrics, self._clock),
            fetched,
        )

    def uses(self, slug: str) -> Mapping[str, Use]:
        """Return what each key of a source has proven in this process, of those that have."""
        return self._serving.report.uses(slug)

    async def start(self, sockets: Sequence[socket.socket] = ()) -> int:
        """Listen, and return the port; `sockets` are bound already, where somebody else holds them.

        Raises `OSError` if the address cannot be had.
        """
        self.server = Server(self)
        self._listener = PlainListener(self.server)
        if self._tls is not None:
            self._listener = TlsListener(self.server, self, self._tls)
        return await self._listener.open(
            sockets or await bind(self.settings.host, self.settings.port)
        )

    def renew_tls(self, loaded: Loaded) -> None:
        """Serve new connections with these files; those that are open keep what they have.

        To begin or to end with TLS takes a restart.
        """
        if isinstance(self._listener, TlsListener):
            self._listener.loaded = loaded
        self.metrics.certificate_ends.labels("edge").set(loaded.not_after.timestamp())

    async def drain(self) -> None:
        """Serve on while the balancer looks away, then let in-flight requests finish, then close.

        Nothing accepted is dropped: a request whose head arrived is answered, within `stop_s`.
        """
        self.draining = True
        await asyncio.sleep(self.settings.drain_s)
        if self._listener is None:
            return
        await self._listener.close()
        # aiohttp's own shutdown stops reading at once, also the body of a request under way: so it
        # comes last, when nobody is under way any more or the time is over.
        for _ in range(round(self.settings.stop_s / DRAIN_POLL_S)):
            if not self.server.close_idle():
                break
            await asyncio.sleep(DRAIN_POLL_S)
        await self.server.shutdown(ABORT_S)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Take one request along the path and answer it."""
        headers = _lowered(request.raw_headers)
        address = self._clients.address(request.remote or "", headers)
        version = (request.version.major, request.version.minor)
        certificate = _certificate(request)
        head = Head(request.method, request.raw_path, version, headers, address, certificate)
        begun = _Begun(telemetry.correlation_id(), time.monotonic(), address)
        self.metrics.in_flight.inc()
        try:
            return await self._handle(request, head, begun)
        finally:
            self.metrics.in_flight.dec()

    async def _handle(
        self, request: web.BaseRequest, head: Head, begun: _Begun
    ) -> web.StreamResponse:
        reason: Reason | None = None
        try:
            passed = self._serving.admission.admit(head)
        except Refused as refused:
            if refused.passed is None or not self._wants(refused, refused.passed, head.address):
                return self._refuse(refused, begun)
            passed, reason = refused.passed, refused.reason
        source = passed.source
        try:
            with self._budget.lease() as lease:
                body = await self._body(request, head, passed, lease)
                source = self._current(source)
                delivery = self._delivery(head, body, source)
                admitted = await self._judge(delivery, source, begun, reason)
        except Refused as refused:
            refused.source = source
            return self._refuse(refused, begun)
        return self._finish(admitted, source, begun, passed.length)

    def _wants(self, refused: Refused, passed: Passed, address: str) -> bool:
        """Say whether to read the body of a delivery that is refused, so that it can be kept."""
        refused.kept = self._refusals.unkept(passed.source, address, passed.length)
        return refused.kept is None

    def _current(self, source: Source) -> Source:
        """Return the source as it is now. Raises `Refused` where it is gone."""
        current = self._serving.sources.get(source.slug)
        if current is None:
            raise Refused(Outcome.REJECTED_UNKNOWN_SOURCE)
        return current

    async def _judge(
        self, delivery: Delivery, source: Source, begun: _Begun, reason: Reason | None
    ) -> Admitted:
        """Say what becomes of a delivery; `reason` is why its head already refuses it."""
        if reason is not None:
            admitted = rejection(source, reason, begun.correlation_id)
            return await self._refusals.refused(admitted, delivery, source)
        fetched = self._serving.fetched.get(source.slug)
        admitted = await admit(delivery, source, self._publish, begun.correlation_id, fetched)
        if admitted.signer is not None:
            self._serving.admission.spend(source)
            self._refusals.verified(source)
        if admitted.answer.outcome is Outcome.ENVIRONMENT_MISMATCH:
            return await self._refusals.diverted(admitted, delivery, source)
        if admitted.reason is not None and admitted.is_event:
            return await self._refusals.refused(admitted, delivery, source)
        return admitted

    async def _body(
        self, request: web.BaseRequest, head: Head, passed: Passed, lease: Lease
    ) -> bytes:
        """Read the body, and decompress it if it is to be. Raises `Refused`."""
        body = await self._read(request, head, passed.length, lease)
        return _plain(body, passed.source.body_bytes_max, lease) if passed.is_compressed else body

    async def _read(self, request: web.BaseRequest, head: Head, length: int, lease: Lease) -> bytes:
        """Read the whole body within its deadline. Raises `Refused`."""
        content = request.content
        if content.is_eof():
            whole = content.read_nowait()
            lease.take(len(whole))
            return whole
        if head.single(b"expect") is not None and request.transport is not None:
            # Only now: a client that waits for this is spared sending what would be refused.
            request.transport.write(_CONTINUE)
        body = bytearray()
        try:
            async with asyncio.timeout(self.settings.body_s):
                while chunk := await content.readany():
                    lease.take(len(chunk))
                    body += chunk
        except TimeoutError:
            raise Refused(Outcome.REJECTED_TIMEOUT) from None
        except (ClientPayloadError, RequestPayloadError, ConnectionError):
            raise Refused(Outcome.REJECTED_MALFORMED) from None
        if len(body) != length:
            raise Refused(Outcome.REJECTED_MALFORMED)
        return bytes(body)

    def _delivery(self, head: Head, body: bytes, source: Source) -> Delivery:
        return Delivery(
            source=source.slug,
            method=head.method,
            query=head.target.partition("?")[2].encode("utf-8", "surrogateescape"),
            headers=head.headers,
            body=body,
            received_ms=self._clock(),
            url=source.url,
            address=head.address,
        )

    async def _publish(self, message: Message) -> Position:
        with self.metrics.publish_duration.time():
            return await self._publisher.publish(message)

    def _refuse(self, refused: Refused, begun: _Begun) -> web.StreamResponse:
        """End a request before its delivery was judged."""
        source = refused.source
        if source is not None and refused.reason is not None:
            admitted = rejection(source, refused.reason, begun.correlation_id)
            return self._finish(replace(admitted, kept=refused.kept), source, begun, None)
        answer = refuse(refused.outcome, begun.correlation_id)
        return self._finish(Admitted(answer, begun.correlation_id), source, begun, None)

    def answer_error(self, status: int, exc: BaseException | None) -> web.StreamResponse:
        """Answer what is no request (`status` 400), or what broke on our side (500)."""
        begun = _Begun(telemetry.correlation_id(), time.monotonic())
        failed = status >= HTTPStatus.INTERNAL_SERVER_ERROR
        outcome = Outcome.INTERNAL_ERROR if failed else Outcome.REJECTED_MALFORMED
        if failed:
            self._log.error("request_failed", correlation_id=begun.correlation_id, exc_info=exc)
        response = self._refuse(Refused(outcome), begun)
        response.force_close()
        return response

    def _finish(
        self, admitted: Admitted, source: Source | None, begun: _Begun, length: int | None
    ) -> web.StreamResponse:
        """Count, log and answer: the one place where a request ends."""
        duration_s = time.monotonic() - begun.at_s
        self._serving.report.end(admitted, source, duration_s, length, shown(begun.address))
        return self._respond(admitted.answer, admitted.correlation_id, source)

    def _respond(
        self, answer: Answer, correlation_id: str, source: Source | None
    ) -> web.StreamResponse:
        headers = CIMultiDict({"Server": SERVER_NAME, "X-Correlation-Id": correlation_id})
        headers.extend(answer.headers)
        if answer.content_type:
            headers["Content-Type"] = answer.content_type
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED and source is not None:
            headers["Allow"] = ", ".join(source.profile.allowed_methods)
        if answer.wait:
            headers["Retry-After"] = str(RETRY_AFTER_S + secrets.randbelow(RETRY_JITTER_S))
        response = web.Response(status=answer.status, body=answer.body, headers=headers)
        if answer.close or self.draining:
            response.force_close()
        return response


def _certificate(request: web.BaseRequest) -> Certificate | None:
    """Return the certificate that the client showed, which its handshake has verified."""
    if request.transport is None:
        return None
    certificate: Certificate | None = request.transport.get_extra_info("peercert")
    return certificate


def _lowered(raw: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.lower(), value) for name, value in raw)


def _plain(body: bytes, bytes_max: int, lease: Lease) -> bytes:
    """Decompress a body into no more than it might have been sent as. Raises `Refused`."""
    plain = bytearray()
    try:
        for piece in inflated(body):
            lease.take(len(piece))
            plain += piece
            if len(plain) > bytes_max:
                raise Refused(Outcome.REJECTED_TOO_LARGE)
    except ValueError:
        raise Refused(Outcome.REJECTED_MALFORMED) from None
    return bytes(plain)
