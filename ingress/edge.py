"""The public HTTP port: bounded bytes in, a `Delivery` out; an answer in, bytes out. No rules here.

aiohttp's low-level server parses; `Connection` adds what it lacks (a cap on connections, a deadline
for the first head, errors as problem documents); `Edge` walks a request along the path: head to
`admission`, body within its deadline, delivery to `admit`, answer to the wire with its correlation
id, and its end to `report`. A signature speaks about the bytes sent, so a body is decompressed only
for a provider that says otherwise, in steps that are counted like bytes that arrive. A sender that
hangs up changes nothing: its delivery is carried on to the log, and its retry will be a duplicate.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import ClientPayloadError, web
from aiohttp.web_protocol import RequestHandler, RequestPayloadError
from multidict import CIMultiDict

from ingress import telemetry
from ingress.admission import Admission, Budget, Head, Lease, Passed, Refused
from ingress.admit import Admitted, admit, rejection
from ingress.answers import Answer, Outcome, refuse
from ingress.delivery import Delivery
from ingress.eventlog.port import Message, Position, Publisher
from ingress.inflate import inflated
from ingress.metrics import EdgeMetrics
from ingress.report import Report
from ingress.settings import EdgeSettings
from ingress.sources import Snapshot, Source
from ingress.verification import Fetched

SERVER_NAME = "sealgate"
LINE_BYTES_MAX = 4096
FIELD_BYTES_MAX = 8190
HEADERS_MAX = 64
LINGER_S = 2.0
DRAIN_POLL_S = 0.02
ABORT_S = 0.5
BACKLOG = 1024
# Senders that honour Retry-After come back spread out, not all in the same second.
RETRY_AFTER_S = 5
RETRY_JITTER_S = 11
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

# aiohttp logs a traceback for every malformed request: an attacker's way to fill a disk. They are
# counted instead.
_SILENT = logging.getLogger("sealgate.http")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class Connection(RequestHandler):
    """One client connection, with the limits aiohttp leaves to its user."""

    __slots__ = ("_edge", "_head_deadline", "_write_deadline")

    def __init__(self, server: "_Server", edge: "Edge", loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=edge.settings.keepalive_s,
            max_line_size=LINE_BYTES_MAX,
            max_field_size=FIELD_BYTES_MAX,
            max_headers=HEADERS_MAX,
            lingering_time=LINGER_S,
            auto_decompress=False,
            logger=_SILENT,
            access_log=_SILENT,
        )
        self._edge = edge
        self._head_deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept the connection, or close it where there are too many already."""
        super().connection_made(transport)
        edge = self._edge
        edge.metrics.connections.inc()
        if len(edge.server.connections) > edge.settings.connections_max:
            edge.metrics.connections_refused.labels("count").inc()
            self.force_close()
            return
        self._head_deadline = self._loop.call_later(edge.settings.header_s, self._expect_head)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        for deadline in (self._head_deadline, self._write_deadline):
            if deadline is not None:
                deadline.cancel()
        if self._manager is not None:
            self._edge.metrics.connections.dec()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what aiohttp could not parse, or what broke, without a word of it."""
        return self._edge.answer_error(status, exc)

    def pause_writing(self) -> None:
        """Begin to count: the client does not read its answers, and they pile up here."""
        super().pause_writing()
        self._write_deadline = self._loop.call_later(self._edge.settings.write_s, self._give_up)

    def resume_writing(self) -> None:
        """Stop counting: the client reads again."""
        super().resume_writing()
        if self._write_deadline is not None:
            self._write_deadline.cancel()

    def _give_up(self) -> None:
        """Drop a client that does not read: closing would wait for it to take the rest."""
        self._edge.metrics.connections_refused.labels("write_deadline").inc()
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()

    def close_if_idle(self) -> bool:
        """Close the connection unless a request is under way; say whether it was closed."""
        if self._request_in_progress or self._messages:
            return False
        self.close()
        return True

    def _expect_head(self) -> None:
        """Close a connection that has not brought one whole request head in time."""
        if self._request_count == 0:
            self._edge.metrics.connections_refused.labels("header_deadline").inc()
            self.force_close()


class _Server(web.Server):
    """aiohttp's server, making our connections."""

    def __init__(self, edge: "Edge") -> None:
        super().__init__(edge.handle)
        self._edge = edge

    def __call__(self) -> RequestHandler:
        return Connection(self, self._edge, self._loop)

    def close_idle(self) -> int:
        """Close the connections on which nothing is under way; return how many others there are."""
        busy = [one.close_if_idle() for one in self.connections if isinstance(one, Connection)]
        return busy.count(False)


@dataclass(frozen=True, slots=True)
class _Begun:
    """What the log line and the metrics of one request need of its beginning."""

    correlation_id: str
    at_s: float


class Edge:
    """The public listener over a snapshot of sources and a publisher."""

    def __init__(
        self,
        settings: EdgeSettings,
        sources: Snapshot,
        publisher: Publisher,
        metrics: EdgeMetrics,
        clock: telemetry.Clock,
        fetched: Mapping[str, Fetched],
    ) -> None:
        self.settings = settings
        self.metrics = metrics
        self.draining = False
        self._publisher = publisher
        self._clock = clock
        self._fetched = fetched
        self._log = telemetry.logger("edge")
        self._budget = Budget(settings.in_flight_bytes_max)
        self._admission = Admission(sources, self._budget, time.monotonic)
        self._report = Report(sources, metrics, clock)
        metrics.in_flight_bytes_limit.set(settings.in_flight_bytes_max)
        metrics.in_flight_bytes.set_function(lambda: self._budget.bytes_taken)
        self._listener: asyncio.Server | None = None
        self.server: _Server

    async def start(self) -> int:
        """Listen, and return the port. Raises `OSError` if the address cannot be had."""
        self.server = _Server(self)
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            self.server, self.settings.host, self.settings.port, backlog=BACKLOG
        )
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    async def drain(self) -> None:
        """Serve on while the balancer looks away, then let in-flight requests finish, then close.

        Nothing accepted is dropped: a request whose head arrived is answered, within `stop_s`.
        """
        self.draining = True
        await asyncio.sleep(self.settings.drain_s)
        if self._listener is None:
            return
        self._listener.close()
        # aiohttp's own shutdown stops reading at once, also the body of a request under way: so it
        # comes last, when nobody is under way any more or the time is over.
        for _ in range(round(self.settings.stop_s / DRAIN_POLL_S)):
            if not self.server.close_idle():
                break
            await asyncio.sleep(DRAIN_POLL_S)
        await self.server.shutdown(ABORT_S)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Take one request along the path and answer it."""
        begun = _Begun(telemetry.correlation_id(), time.monotonic())
        self.metrics.in_flight.inc()
        try:
            return await self._handle(request, begun)
        finally:
            self.metrics.in_flight.dec()

    async def _handle(self, request: web.BaseRequest, begun: _Begun) -> web.StreamResponse:
        version = (request.version.major, request.version.minor)
        head = Head(request.method, request.raw_path, version, _lowered(request.raw_headers))
        try:
            passed = self._admission.admit(head)
        except Refused as refused:
            return self._refuse(refused, begun)
        source = passed.source
        try:
            with self._budget.lease() as lease:
                body = await self._body(request, head, passed, lease)
                admitted = await admit(
                    self._delivery(head, body, source),
                    source,
                    self._publish,
                    begun.correlation_id,
                    self._fetched.get(source.slug),
                )
        except Refused as refused:
            refused.source = source
            return self._refuse(refused, begun)
        if admitted.signer is not None:
            self._admission.spend(source)
        return self._finish(admitted, source, begun, passed.length)

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
        )

    async def _publish(self, message: Message) -> Position:
        with self.metrics.publish_duration.time():
            return await self._publisher.publish(message)

    def _refuse(self, refused: Refused, begun: _Begun) -> web.StreamResponse:
        """End a request before its delivery was judged."""
        source = refused.source
        if source is not None and refused.reason is not None:
            admitted = rejection(source, refused.reason, begun.correlation_id)
            return self._finish(admitted, source, begun, None)
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
        self._report.end(admitted, source, time.monotonic() - begun.at_s, length)
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
