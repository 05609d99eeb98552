"""One HTTPS request to a provider, so narrow that nothing inside our network can be reached by it.

A `Request` flows in and the bytes of a 200 flow out, or `FetchFailed`. The name is resolved once;
every address of it must be public, and the connection goes to one of exactly those: a name that
leads elsewhere a moment later leads nowhere. TLS is verified for the name. No redirect is followed,
no proxy or password taken from the environment, no session kept, nothing decompressed, and size
and time are bounded as a whole, however the answer drips.

What loosens any of it is a `Policy`, and only whoever composes the process can pass one: no
profile, no setting and no delivery has a way to say it.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from ingress.keysources.address import is_public
from ingress.keysources.declaration import Request
from ingress.keysources.result import FetchFailed, Result

HTTPS_PORT = 443
ADDRESSES_MAX = 8
_OK = 200
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV

Lookup = Callable[[str], Awaitable[Sequence[str]]]
"""Returns every address of a host name. Raises `OSError`."""


async def look_up(host: str) -> Sequence[str]:
    """Ask the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True, slots=True)
class Policy:
    """What a fetch may reach and what it may cost. The defaults are production's."""

    port: int = HTTPS_PORT
    may_reach: Callable[[str], bool] = is_public
    total_s: float = 5.0
    """From the look-up to the last byte. Nobody waits for it but the one task that fetches."""
    answer_bytes_max: int = 64 * 1024
    """Google's set is 2 KiB, a certificate with its chain 8 KiB."""


STRICT = Policy()


class Fetcher:
    """Sends one request at a time over a connection of its own, and forgets it."""

    def __init__(
        self,
        policy: Policy = STRICT,
        lookup: Lookup = look_up,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._lookup = lookup
        # The system's roots, host names checked, TLS 1.2 at least.
        self._tls = ssl.create_default_context() if tls is None else tls

    async def __call__(self, request: Request) -> bytes:
        """Return the body of the answer. Raises `FetchFailed`, which quotes nothing of a secret."""
        # The library's own errors carry the request with its headers; so ours is raised outside of
        # their handlers, and does not drag them along.
        try:
            async with asyncio.timeout(self._policy.total_s):
                return await self._ask(request)
        except TimeoutError:
            failed = FetchFailed(Result.TIMEOUT, f"took more than {self._policy.total_s:g} s")
        except aiohttp.ClientSSLError as wrong:
            failed = FetchFailed(Result.TLS, _tls_fault(wrong))
        except (aiohttp.ClientConnectionError, OSError) as wrong:
            failed = FetchFailed(Result.UNREACHABLE, type(wrong).__name__)
        except aiohttp.ClientError as wrong:
            failed = FetchFailed(Result.MALFORMED, type(wrong).__name__)
        raise failed

    async def _ask(self, request: Request) -> bytes:
        async with (
            self._session(await self._addresses(request.address.host)) as session,
            session.request(
                "GET" if request.body is None else "POST",
                self._url(request),
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
            ) as response,
        ):
            if response.status != _OK:
                raise FetchFailed(Result.STATUS, f"the answer has status {response.status}")
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise FetchFailed(Result.MALFORMED, "the answer is compressed, unasked")
            return await self._body(response)

    async def _addresses(self, host: str) -> Sequence[str]:
        """Resolve a name, once. One address that is not public condemns them all."""
        addresses = (await self._lookup(host))[:ADDRESSES_MAX]
        if not addresses:
            raise FetchFailed(Result.UNREACHABLE, "the host has no address")
        if not all(map(self._policy.may_reach, addresses)):
            raise FetchFailed(
                Result.NOT_PUBLIC,
                "the host leads to an address that is not on the public Internet; "
                "see who answers for its name here",
            )
        return addresses

    def _session(self, addresses: Sequence[str]) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=Fixed(addresses),
            use_dns_cache=False,
            force_close=True,
            limit=1,
            ssl=self._tls,
        )
        return aiohttp.ClientSession(
            connector=connector,
            headers={
                "Accept-Encoding": "identity",
                "Accept": "*/*",
                "User-Agent": "sealgate",
            },
            # A bomb would be inflated as it arrives, before its header can be refused.
            auto_decompress=False,
            trust_env=False,
            raise_for_status=False,
            timeout=aiohttp.ClientTimeout(total=None),
        )

    def _url(self, request: Request) -> URL:
        address = request.address
        # What was admitted is sent as it is: nothing parses or quotes it again.
        return URL.build(
            scheme="https",
            host=address.host,
            port=None if self._policy.port == HTTPS_PORT else self._policy.port,
            path=address.path,
            encoded=True,
        )

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        """Read the answer as it comes, and no further than allowed, whatever length it claims."""
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._policy.answer_bytes_max:
                raise FetchFailed(
                    Result.TOO_LARGE,
                    f"the answer is larger than {self._policy.answer_bytes_max} bytes",
                )
        return bytes(body)


class Fixed(AbstractResolver):
    """Answers with the addresses that were judged, and asks nobody."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the judged addresses, whatever is asked for."""
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=_NUMERIC,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Hold nothing, so there is nothing to release."""


def _tls_fault(wrong: aiohttp.ClientSSLError) -> str:
    cause = getattr(wrong, "certificate_error", None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate of the host does not hold: {cause.verify_message}"
    return "no TLS connection could be made"


Fetch = Callable[[Request], Awaitable[bytes]]
"""What a key source needs of a fetcher. Raises `FetchFailed`."""
