"""The simulator's HTTP client: one request, exactly as told, and what came back.

Nothing is helped along: no redirect is followed, no proxy of the environment is used, and a body
may be declared longer than it is. An address where nobody answers raises `Unreachable`.
"""

import time
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Self

from aiohttp import ClientError, ClientSession, ClientTimeout, InvalidURL, NonHttpUrlClientError
from yarl import URL

from sealgate.simulator.twist import Request

CORRELATION_HEADER = "X-Correlation-Id"
# Longer than the edge's own deadlines together: whoever gives up first is the one being tried.
ANSWER_S = 15.0


class Unreachable(Exception):
    """No answer: nobody listens there, or the connection ended before one came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and how long it took."""

    status: int
    correlation_id: str
    body: bytes
    latency_s: float


class Wire:
    """An HTTP client, used as an asynchronous context manager."""

    def __init__(self) -> None:
        self._session: ClientSession

    async def __aenter__(self) -> Self:
        self._session = ClientSession(
            timeout=ClientTimeout(total=ANSWER_S), headers={"User-Agent": "sealgate-simulator"}
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def send(self, url: str, request: Request) -> Answer:
        """Make the request once. Raises `Unreachable`, and `ValueError` for what is no URL.

        The request's query stands for the one of `url`, of which it was made.
        """
        headers, body = request.headers, request.body
        if request.method != "GET":
            headers = headers | {"Content-Length": str(request.declared_bytes)}
        base, query = url.partition("?")[0], request.query.decode()
        called = f"{base}?{query}" if query else base
        return await self._ask(request.method, called, headers, body or None)

    async def get(self, url: str) -> Answer:
        """Get `url` once. Raises `Unreachable`."""
        return await self._ask("GET", url, {}, None)

    async def _ask(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None
    ) -> Answer:
        begun_s = time.monotonic()
        try:
            async with self._session.request(
                method, _as_written(url), headers=headers, data=body, allow_redirects=False
            ) as response:
                content = await response.read()
        except (InvalidURL, NonHttpUrlClientError):
            raise ValueError(
                f"{url!r} is no URL; it looks like http://host:port/hooks/name"
            ) from None
        except TimeoutError:
            raise Unreachable(f"{url} did not answer within {ANSWER_S:.0f} s") from None
        except (ClientError, OSError) as away:
            raise Unreachable(f"{url}: {away}") from None
        correlation_id = response.headers.get(CORRELATION_HEADER, "")
        return Answer(response.status, correlation_id, content, time.monotonic() - begun_s)


def _as_written(url: str) -> URL:
    """Take a URL without respelling it: a provider may have signed its letters."""
    try:
        return URL(url, encoded=True)
    except ValueError:
        raise InvalidURL(url) from None


def is_success(status: int) -> bool:
    """Say whether a provider takes this status for a delivery that arrived."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
