"""The public HTTP port: connections in, requests on their way, and all of it closed in order.

`Edge` holds what the requests share and makes an `Exchange` of each, which walks it along the path:
head to `admission`, body within its deadline, delivery to `admit`, what is refused to `refusals`,
answer to the wire with its correlation id, and its end to `report`. A signature speaks about the
bytes sent, so nothing changes them on the way. Sources are swapped as one, at any moment.
"""

import asyncio
import socket
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ingress import telemetry
from ingress.admission import Admission, Budget
from ingress.allowlist import Allowlists
from ingress.clients import Clients
from ingress.desk import Desk, Serving
from ingress.eventlog.port import Publisher
from ingress.exchange import Exchange
from ingress.lag import LoopLag
from ingress.listener import PlainListener, Server, TlsListener, bind
from ingress.metrics import EdgeMetrics
from ingress.networks import Networks
from ingress.parser import Asked
from ingress.quiet import Quiet
from ingress.refusals import Refusals
from ingress.report import Report, counting
from ingress.series import Counting, Use
from ingress.settings import EdgeSettings
from ingress.sources import Snapshot
from ingress.taker import Line
from ingress.tls import Loaded
from ingress.verification import Fetched

DRAIN_POLL_S = 0.02


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
        self._allowlists = means.allowlists
        self._admission: Admission | None = None
        self._is_shared = False
        self._quiet = Quiet(_kept_back)
        self._lag = LoopLag(metrics.loop_lag, settings.shed_lag_s)
        self._desk = desk = Desk(
            means.publisher,
            means.refusals,
            metrics,
            means.clock,
            Clients(Networks.of(settings.trusted_proxies), settings.forwarded_header.encode()),
            Budget(settings.in_flight_bytes_max),
        )
        self.serve(sources, fetched)
        metrics.in_flight_bytes_limit.set(settings.in_flight_bytes_max)
        metrics.connections_max.set(settings.connections_max)
        metrics.in_flight_bytes.set_function(lambda: desk.budget.bytes_taken)
        metrics.in_flight.set_function(lambda: desk.under_way)
        self._listener: PlainListener | TlsListener | None = None
        self._server: Server | None = None
        self._tls = means.tls
        if means.tls is not None:
            self.renew_tls(means.tls)

    @property
    def draining(self) -> bool:
        """Say whether the edge is on its way out."""
        return self._desk.is_draining

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
        desk = self._desk
        if planned is None:
            planned = counting(sources, self.metrics)
        self._allowlists.serve(source.access for source in sources.values())
        self._admission = admission = Admission(
            sources,
            desk.budget,
            time.monotonic,
            self._allowlists,
            self._lag.is_late,
            self._admission,
        )
        report = Report(planned, self.metrics, desk.clock, self._quiet)
        desk.serving = Serving(sources, admission, report, fetched)

    def uses(self, slug: str) -> Mapping[str, Use]:
        """Return what each key of a source has proven in this process, of those that have."""
        return self._desk.serving.report.uses(slug)

    def failing(self, slug: str, *, is_doubted: bool) -> float:
        """Say since when a source fails through our fault, in seconds since the epoch; or 0."""
        return self._desk.serving.report.failing(slug, is_doubted=is_doubted)

    async def start(self, sockets: Sequence[socket.socket] = ()) -> int:
        """Listen, and return the port; `sockets` are bound already, where somebody else holds them.

        Raises `OSError` if the address cannot be had.
        """
        self._is_shared = bool(sockets)
        self._server = server = Server(self)
        self.metrics.connections.set_function(lambda: len(server.connections))
        self._listener = PlainListener(server)
        if self._tls is not None:
            self._listener = TlsListener(server, self, self._tls)
        self._lag.start()
        self._quiet.start()
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

        Where somebody else holds the port, who connects from now on is for others to accept.
        Nothing accepted is dropped: a request whose head arrived is answered, within `stop_s`.
        """
        self._desk.is_draining = True
        if self._is_shared and self._listener is not None:
            self._listener.end()
        await asyncio.sleep(self.settings.drain_s)
        self._lag.stop()
        if self._listener is None or self._server is None:
            return
        await self._listener.close()
        for _ in range(round(self.settings.stop_s / DRAIN_POLL_S)):
            if not self._server.close_idle():
                break
            await asyncio.sleep(DRAIN_POLL_S)
        self._server.stop()
        self._quiet.stop()

    def takes(self, line: Line, asked: Asked) -> Exchange | None:
        """Begin a request; None if its head was enough to answer it."""
        exchange = Exchange(self._desk, line)
        return exchange if exchange.begin(asked) else None

    def malformed(self, line: Line) -> None:
        """Answer what is no request."""
        Exchange(self._desk, line).broken()


def _kept_back(source: str, reason: str, count: int) -> None:
    """Say how many refusals had no line of their own."""
    telemetry.logger("edge").warning(
        "refusals_not_written", source=source, reason=reason, count=count
    )
