"""One request from its head to its answer: what a connection hands over, carried along the path.

The head flows in and is judged by `admission`; the body flows in within its budget; the delivery
goes through `admit`, what is refused through `refusals`; the answer goes back to the connection,
and the request's end to `report`. Up to the publish nothing waits, so all of it is plain calls, and
what the log says comes back by callback. Only what is kept before it is answered takes a task. A
sender that hangs up changes nothing: its delivery is carried on to the log, and its retry will be a
duplicate. Each request ends exactly once, whatever goes wrong on the way.
"""

import asyncio
import secrets
import time
from collections.abc import Coroutine
from http import HTTPStatus
from types import TracebackType
from typing import Any

from ingress import telemetry
from ingress.admission import Client, Head, Lease, Passed, Refused
from ingress.admit import Admitted, Sealed, decide, rejection, settle
from ingress.answers import Answer, Outcome, http_date, refuse, written
from ingress.delivery import Delivery, Reason
from ingress.desk import Desk
from ingress.eventlog.port import LogUnavailable, Position
from ingress.inflate import inflated
from ingress.metrics import publish_error
from ingress.networks import shown
from ingress.parser import Asked
from ingress.sources import Source
from ingress.taker import Line

# Senders that honour Retry-After come back spread out, not all in the same second.
RETRY_AFTER_S = 5
RETRY_JITTER_S = 11
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_HTTP_1_0 = (1, 0)
# A plain number: an enumeration is slow to look up, and slower to compare.
_METHOD_NOT_ALLOWED = HTTPStatus.METHOD_NOT_ALLOWED.value
_NOTHING = Head.of("", "", (1, 1), ())
"""The head of what is no request."""


class Exchange:
    """One request under way; see `ingress.taker`."""

    __slots__ = (
        "_at_s",
        "_correlation_id",
        "_desk",
        "_head",
        "_is_over",
        "_lease",
        "_line",
        "_passed",
        "_published_s",
        "_reason",
        "_sealed",
        "_source",
    )

    def __init__(self, desk: Desk, line: Line) -> None:
        self._desk = desk
        self._line = line
        self._correlation_id = telemetry.correlation_id()
        self._at_s = time.monotonic()
        self._head = _NOTHING
        self._is_over = False
        self._lease = Lease(desk.budget)
        self._passed: Passed
        self._published_s = 0.0
        self._reason: Reason | None = None
        self._sealed: Sealed
        self._source: Source | None = None
        desk.under_way += 1

    def __enter__(self) -> None:
        """Begin a step that answers the request if anything goes wrong in it."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Answer what a step has raised."""
        if raised is None:
            return False
        if isinstance(raised, Refused):
            self._refuse(raised)
        elif isinstance(raised, Exception):
            correlation_id = self._correlation_id
            self._desk.log.error("request_failed", correlation_id=correlation_id, exc_info=raised)
            self._fail()
        else:
            return False
        return True

    def begin(self, asked: Asked) -> bool:
        """Judge the head; say whether the body is wanted, or else the request was answered."""
        desk, line = self._desk, self._line
        with self:
            headers = tuple([(name.lower(), value) for name, value in asked.raw_headers])
            address = desk.clients.address(line.peer, headers)
            client = Client(address, line.certificate)
            self._head = Head.of(asked.method, asked.path, asked.version, headers, client)
            try:
                self._passed = passed = desk.serving.admission.admit(self._head)
            except Refused as refused:
                self._passed = passed = self._still(refused)
            self._source = passed.source
        return not self._is_over

    def takes(self, size: int) -> bool:
        """Take the bytes out of the budget; False where they are not there, and it is answered."""
        try:
            self._lease.take(size)
        except Refused as refused:
            self._refuse(refused)
        return not self._is_over

    def waits(self) -> None:
        """Tell a client to go on that waits to be told.

        Only now: it is spared sending what would be refused.
        """
        with self:
            asks = self._head.single(b"expect") is not None
            if asks and self._head.version != _HTTP_1_0:
                self._line.write(_CONTINUE)

    def whole(self, body: bytes) -> None:
        """Judge the delivery, by its source as it is now."""
        with self:
            self._judge(body)

    def broken(self) -> None:
        """End: it is no request, or the rest of its body will not come."""
        self._refuse(Refused(Outcome.REJECTED_MALFORMED))

    def late(self) -> None:
        """End: the rest of the body took too long."""
        self._refuse(Refused(Outcome.REJECTED_TIMEOUT))

    def _still(self, refused: Refused) -> Passed:
        """Return what passed all the same: a refused delivery is read so that it can be kept.

        Raises `Refused` where it would not be.
        """
        self._source = refused.source
        passed = refused.passed
        if passed is None:
            raise refused
        address = self._head.client.address
        refused.kept = self._desk.refusals.unkept(passed.source, address, passed.length)
        if refused.kept is not None:
            raise refused
        self._reason = refused.reason
        return passed

    def _judge(self, body: bytes) -> None:
        """Say what becomes of the delivery, and begin it. Raises `Refused`."""
        desk, passed = self._desk, self._passed
        if len(body) != passed.length:
            raise Refused(Outcome.REJECTED_MALFORMED)
        if passed.is_compressed:
            body = _plain(body, passed.source.body_bytes_max, self._lease)
        source = self._source = self._current()
        delivery = self._delivery(body, source)
        if self._reason is not None:
            # Its head has refused it already.
            self._dismiss(rejection(source, self._reason, self._correlation_id), delivery, source)
            return
        fetched = desk.serving.fetched.get(source.slug)
        decided = decide(delivery, source, self._correlation_id, fetched)
        if decided.signer is not None:
            desk.serving.admission.spend(source)
            desk.refusals.verified(source, delivery.address)
        if isinstance(decided, Sealed):
            self._sealed = decided
            self._published_s = time.monotonic()
            desk.publisher.publish(decided.message).add_done_callback(self._settle)
        elif decided.answer.outcome is Outcome.ENVIRONMENT_MISMATCH:
            desk.spawn(self._wait_for(desk.refusals.diverted(decided, delivery, source)))
        elif decided.reason is not None and decided.is_event:
            self._dismiss(decided, delivery, source)
        else:
            self._finish(decided)

    def _current(self) -> Source:
        """Return the source as it is now. Raises `Refused` where it is gone."""
        current = self._desk.serving.sources.get(self._passed.source.slug)
        if current is None:
            raise Refused(Outcome.REJECTED_UNKNOWN_SOURCE)
        return current

    def _delivery(self, body: bytes, source: Source) -> Delivery:
        head = self._head
        query = head.target.partition("?")[2]
        return Delivery(
            source=source.slug,
            method=head.method,
            query=query.encode("utf-8", "surrogateescape") if query else b"",
            headers=head.headers,
            body=body,
            received_ms=self._desk.clock(),
            url=source.url,
            address=head.client.address,
        )

    def _dismiss(self, admitted: Admitted, delivery: Delivery, source: Source) -> None:
        """Keep what did not verify before it is answered, unless it is clear that it is not kept.

        A flood of forgeries uses up what may be kept; from then on it costs no task either.
        """
        refusals = self._desk.refusals
        kept = refusals.unkept(source, delivery.address, len(delivery.body))
        if kept is not None:
            self._finish(refusals.dismissed(admitted, delivery, source, kept))
            return
        self._desk.spawn(self._wait_for(refusals.refused(admitted, delivery, source)))

    async def _wait_for(self, keeping: Coroutine[Any, Any, Admitted]) -> None:
        """Answer when what is to be kept is on the log, or cannot be."""
        with self:
            self._finish(await keeping)

    def _settle(self, published: asyncio.Future[Position]) -> None:
        """Answer what the log has said."""
        with self:
            self._desk.metrics.publishing.duration.observe(time.monotonic() - self._published_s)
            said: Position | BaseException
            if published.cancelled():
                said = LogUnavailable("the publisher stopped")
            else:
                said = published.exception() or published.result()
            settled = settle(self._sealed, said)
            if isinstance(said, BaseException):
                self._desk.metrics.publishing.errors[publish_error(said)].inc()
            self._finish(settled)

    def _refuse(self, refused: Refused) -> None:
        """End a request before its delivery was judged."""
        source = self._source
        if source is not None and refused.reason is not None:
            admitted = rejection(source, refused.reason, self._correlation_id)
            self._end(admitted._replace(kept=refused.kept), None)
            return
        answer = refuse(refused.outcome, self._correlation_id)
        self._end(Admitted(answer, self._correlation_id), None)

    def _fail(self) -> None:
        """End a request that something broke on our side, which is logged."""
        answer = refuse(Outcome.INTERNAL_ERROR, self._correlation_id)
        if self._is_over:
            # It broke at its very end: there is one more thing that can be done.
            self._line.abort()
            return
        self._source = None
        self._end(Admitted(answer, self._correlation_id), None)

    def _finish(self, admitted: Admitted) -> None:
        """End a request whose delivery was judged."""
        self._end(admitted, self._passed.length)

    def _end(self, admitted: Admitted, length: int | None) -> None:
        """Count, log and answer: the one place where a request ends, once."""
        if self._is_over:
            return
        self._is_over = True
        desk = self._desk
        desk.under_way -= 1
        self._lease.end()
        duration_s = time.monotonic() - self._at_s
        network = shown(self._head.client.address)
        desk.serving.report.end(admitted, self._source, duration_s, length, network)
        self._respond(admitted.answer, admitted.correlation_id)

    def _respond(self, answer: Answer, correlation_id: str) -> None:
        line, head = self._line, self._head
        is_last = answer.close or self._desk.is_draining or line.is_last
        more: list[tuple[str, str]] = []
        if answer.status == _METHOD_NOT_ALLOWED and self._source is not None:
            more.append(("Allow", ", ".join(self._source.profile.allowed_methods)))
        if answer.wait:
            more.append(("Retry-After", str(RETRY_AFTER_S + secrets.randbelow(RETRY_JITTER_S))))
        if head.version == _HTTP_1_0 and not is_last:
            more.append(("Connection", "keep-alive"))
        line.answer(
            written(
                answer,
                correlation_id,
                http_date(self._desk.clock() // 1000),
                more,
                is_last=is_last,
                is_bare=head.method == "HEAD",
            ),
            is_last=is_last,
        )


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
