"""One GET to one host that the merchant named, so narrow that nothing else is reached by it.

A payment flows in, and a snapshot flows out, or why there is none. The name is resolved for each
question, every address of it is judged, and the connection goes to one of exactly those. No
redirect is followed, no proxy or password is taken from the environment, nothing is decompressed,
and size and time are bounded as a whole, however the answer drips. What a payment is called never
decides where a question goes: it is one segment of the path, quoted. The key is in one header, and
in no text that this module makes.
"""

import asyncio
import hashlib
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import IPv6Address, ip_address
from urllib.parse import quote

import aiohttp
from yarl import URL

from consumers.fetching.port import Answer, Later, NotThere, Snapshot, Trouble, Why
from consumers.store.keys import PaymentKey
from ingress.keyring import Secret
from ingress.keysources.address import is_public
from ingress.keysources.fetch import Fixed, Lookup, look_up
from ingress.telemetry import Clock
from sealgate.fetching.origin import Base

ADDRESSES_MAX = 8
ANSWER_BYTES_MAX = 512 * 1024
TOTAL_S = 10.0
# A wish to be left alone for longer is a wish of a day too long.
RETRY_AFTER_MAX_S = 6 * 3600.0
REQUEST_IDS = ("x-request-id", "request-id", "x-correlation-id", "cf-ray")
# What request ids are made of; and no longer than anybody's.
_REQUEST_ID = re.compile(r"[\w.:/+=@-]{1,128}", re.ASCII)
# A key that is shorter is no secret, and is found in any answer.
_ECHO_BYTES_MIN = 8
# How JSON may write a character of a key that need not be written so.
_ESCAPED = re.compile(rb"\\u00([0-7][0-9a-fA-F])")
_OK = 200
_ABSENT = frozenset({404, 410})
_REFUSED = frozenset({401, 403})
_BUSY = frozenset({429, 503})
_SERVER_FAULT = 500
_NOWHERE = frozenset({"", ".", ".."})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a source's payments are asked for, and what opens it: `header` may be empty."""

    base: Base
    path: str
    header: str = ""
    prefix: str = ""
    key: Secret | None = None
    is_private: bool = False

    def url(self, asked: PaymentKey) -> URL:
        """Write the one URL of a payment."""
        segments = {
            "{reference}": quote(asked.reference, safe=""),
            "{account}": quote(asked.account, safe=""),
        }
        path = self.base.path
        for segment in self.path.split("/")[1:]:
            path += "/" + segments.get(segment, segment)
        return URL.build(
            scheme=self.base.scheme,
            host=self.base.host,
            port=self.base.port,
            path=path,
            encoded=True,
        )

    def headers(self) -> dict[str, str]:
        """Return what is sent beside what every question sends."""
        if not self.header or self.key is None:
            return {}
        return {self.header: self.prefix + self.key.reveal().decode()}

    def is_echoed(self, told: bytes) -> bool:
        """Say whether an answer holds the key: plain, or as JSON may write it."""
        key = b"" if self.key is None else self.key.reveal()
        if len(key) < _ECHO_BYTES_MIN:
            return False
        plain = _ESCAPED.sub(lambda one: bytes([int(one[1], 16)]), told.replace(b"\\/", b"/"))
        return key in told or key in plain


@dataclass(frozen=True, slots=True)
class Limits:
    """What one question may cost, and which addresses may answer it."""

    total_s: float = TOTAL_S
    answer_bytes_max: int = ANSWER_BYTES_MAX


STRICT = Limits()


class HttpFetcher:
    """Asks one source's API, one payment at a time, each over a connection of its own."""

    def __init__(
        self,
        place: Place,
        clock: Clock,
        limits: Limits = STRICT,
        lookup: Lookup = look_up,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._place = place
        self._clock = clock
        self._limits = limits
        self._lookup = lookup
        # The system's roots, host names checked, TLS 1.2 at least.
        self._tls = ssl.create_default_context() if tls is None else tls

    async def fetch(self, asked: PaymentKey, why: Why) -> Answer:
        """Ask for a payment; `why` makes no difference here."""
        if {asked.reference, asked.account} & _NOWHERE:
            # As a segment of a path it would lead elsewhere: nobody can have such a payment.
            return NotThere("", self._clock())
        try:
            async with asyncio.timeout(self._limits.total_s):
                return await self._ask(asked)
        except TimeoutError:
            return Later(Trouble.TIMEOUT)
        except (aiohttp.ClientConnectionError, OSError, _NotReached):
            return Later(Trouble.UNREACHABLE)
        except (aiohttp.ClientError, ValueError):
            return Later(Trouble.ODD)

    async def _ask(self, asked: PaymentKey) -> Answer:
        addresses = await self._addresses()
        async with (
            self._session(addresses) as session,
            session.get(
                self._place.url(asked), headers=self._place.headers(), allow_redirects=False
            ) as response,
        ):
            return await self._answer(response)

    async def _answer(self, response: aiohttp.ClientResponse) -> Answer:
        status = response.status
        if status in _ABSENT:
            return NotThere(self._request_id(response), self._clock())
        if status in _BUSY:
            return Later(Trouble.BUSY, self._retry_after_s(response))
        if status in _REFUSED:
            return Later(Trouble.REFUSED)
        if status >= _SERVER_FAULT:
            return Later(Trouble.FAILED)
        if status != _OK or response.headers.get("Content-Encoding", "identity") != "identity":
            return Later(Trouble.ODD)
        return await self._snapshot(response)

    async def _snapshot(self, response: aiohttp.ClientResponse) -> Answer:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._limits.answer_bytes_max:
                return Later(Trouble.TOO_LARGE)
        if self._place.is_echoed(bytes(body)):
            # Of what it tells anything may be kept, and so the key with it.
            return Later(Trouble.ECHOED)
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        return Snapshot(bytes(body), self._request_id(response), digest, self._clock())

    def _request_id(self, response: aiohttp.ClientResponse) -> str:
        """Return the provider's own name of its answer, where it is fit to be kept."""
        for name in REQUEST_IDS:
            told = response.headers.get(name, "")
            if _REQUEST_ID.fullmatch(told) and not self._place.is_echoed(told.encode()):
                return told
        return ""

    async def _addresses(self) -> Sequence[str]:
        """Resolve the host; one address that must not be asked condemns them all."""
        may_reach = is_own if self._place.is_private else is_public
        found = (await self._lookup(self._place.base.host))[:ADDRESSES_MAX]
        if not found or not all(map(may_reach, found)):
            raise _NotReached
        if self._place.base.scheme == "http" and not all(map(is_loopback, found)):
            # A key in the clear goes no further than this machine.
            raise _NotReached
        return found

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
                "Accept": "application/json",
                "User-Agent": "sealgate",
            },
            # A bomb would be inflated as it arrives, before its header can be refused.
            auto_decompress=False,
            trust_env=False,
            raise_for_status=False,
            timeout=aiohttp.ClientTimeout(total=None),
        )

    def _retry_after_s(self, response: aiohttp.ClientResponse) -> float | None:
        told = response.headers.get("Retry-After", "").strip()
        if told.isascii() and told.isdigit():
            return min(float(told), RETRY_AFTER_MAX_S)
        try:
            until = parsedate_to_datetime(told)
        except ValueError:
            return None
        aware = until if until.tzinfo else until.replace(tzinfo=UTC)
        now = datetime.fromtimestamp(self._clock() / 1000, UTC)
        return min(max(0.0, (aware - now).total_seconds()), RETRY_AFTER_MAX_S)


class _NotReached(Exception):
    """The host leads nowhere, or to an address that must not be asked."""


def is_own(text: str) -> bool:
    """Say whether an address may be asked where the merchant runs the provider's server."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    # Link-local is where clouds keep the credentials of their machines.
    return not (address.is_link_local or address.is_multicast or address.is_unspecified)


def is_loopback(text: str) -> bool:
    """Say whether an address is this machine's own."""
    return ip_address(text).is_loopback
