"""Who may deliver: the networks of a source, and the lists that providers publish, kept up to date.

What a source says of addresses flows in, with what its profile says about its provider's list; an
`Access` flows out, which `Allowlists.judge` answers by. A list is fetched by the one narrow way
that public keys are fetched by, off the path of any delivery: once for all sources that share it,
daily, and sooner after a failure. A failure takes nothing away, and neither does a list that is
empty, endless or not wholly one of networks: the old one stays. Before the first has arrived the
answer is that nobody knows yet; to refuse then would refuse the provider.
"""

import asyncio
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Network, ip_network
from typing import TYPE_CHECKING, NamedTuple

import orjson

from ingress import telemetry
from ingress.fetching import strict_fetch
from ingress.keysources.address import Address, Places
from ingress.keysources.declaration import Request
from ingress.keysources.result import FetchFailed, Result
from ingress.networks import Network, Networks, read_address
from ingress.schemes.parts import pointer

if TYPE_CHECKING:
    from ingress.keysources.fetch import Fetch

ENTRIES_MAX = 10_000
# GitHub's document about itself has 200 KiB, of which its webhooks are twenty lines.
ANSWER_BYTES_MAX = 1024 * 1024
FIRST_WAIT_S = 1.0
WAIT_MAX_S = 600.0
DOUBLINGS_MAX = 10
# A network that holds one address in 256 is nobody's own.
_WIDEST_V4 = 8
_WIDEST_V6 = 16
_ANY = re.compile(r".+", re.DOTALL)


class Published(NamedTuple):
    """One list as a profile names it: where it is, and where in it the networks stand.

    `places` are JSON pointers to arrays of networks; without any, the list is text, one a line.
    """

    provider: str
    address: Address
    places: tuple[str, ...]
    refresh_s: float


@dataclass(frozen=True, slots=True)
class Access:
    """Who may deliver to one source: these networks, and those of a published list."""

    networks: Networks
    published: Published | None


class Verdict(Enum):
    """What is known of an address."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    AWAITED = "awaited"
    """The published list has not arrived yet, and it may be on it."""


class _Held(NamedTuple):
    """A list that was fetched."""

    networks: Networks
    entries: int


Note = Callable[[str, Result, int], None]
"""Told of every fetch: whose list, how it ended, and how many networks are held now."""


def published(provider: str, url: str, places: Sequence[str], refresh_s: float) -> Published:
    """Check what a profile says about its provider's list. Raises `ValueError`."""
    for place in places:
        pointer.parse(place)
    # One URL, spelt out: it is its own closed list of what may be asked.
    address = Places(_ANY, _ANY).admit(url)
    return Published(provider, address, tuple(places), refresh_s)


def read(answer: bytes, places: Sequence[str]) -> Sequence[Network]:
    """Read the networks of a published list, all of them. Raises `FetchFailed`."""
    try:
        return [_network(entry) for entry in _bounded(_entries(answer, places))]
    except orjson.JSONDecodeError:
        failed = FetchFailed(Result.UNUSABLE, "the answer is not JSON")
    except UnicodeDecodeError:
        failed = FetchFailed(Result.UNUSABLE, "the answer is not plain text")
    except ValueError as wrong:
        failed = FetchFailed(Result.UNUSABLE, str(wrong))
    raise failed


def _bounded(entries: Sequence[str]) -> Sequence[str]:
    if not 0 < len(entries) <= ENTRIES_MAX:
        raise ValueError(f"the list has {len(entries)} entries; 1 to {ENTRIES_MAX} are believed")
    return entries


def _entries(answer: bytes, places: Sequence[str]) -> list[str]:
    if not places:
        lines = (line.strip() for line in answer.decode("ascii").splitlines())
        return [line for line in lines if line and not line.startswith("#")]
    document = orjson.loads(answer)
    entries: list[str] = []
    for place in places:
        match pointer.find(document, pointer.parse(place)):
            case list(found):
                entries += [entry if isinstance(entry, str) else "" for entry in found]
            case _:
                raise ValueError(f"the answer holds no list at {place}")
    return entries


def _network(entry: str) -> Network:
    try:
        network = ip_network(entry, strict=False)
    except ValueError:
        raise ValueError("an entry of the list is no network") from None
    widest = _WIDEST_V4 if isinstance(network, IPv4Network) else _WIDEST_V6
    if network.prefixlen < widest:
        raise ValueError("a network of the list is too wide to be one provider's own")
    return network


class Allowlists:
    """The published lists that sources ask for, each kept by a task of its own.

    `fetch` is how they are asked for: the strict way, where it is absent.
    """

    def __init__(self, note: Note, fetch: "Fetch | None" = None) -> None:
        self._note = note
        self._fetch = fetch
        self._log = telemetry.logger("addresses")
        self._held: dict[Published, _Held] = {}
        self._wanted: set[Published] = set()
        self._tasks: dict[Published, asyncio.Task[None]] = {}
        self._is_running = False

    def judge(self, access: Access, client: str) -> Verdict:
        """Say whether the client at this address may deliver."""
        address = read_address(client)
        if address is None:
            return Verdict.REFUSED
        if address in access.networks:
            return Verdict.ALLOWED
        if access.published is None:
            return Verdict.REFUSED
        listed = self._held.get(access.published)
        if listed is None:
            return Verdict.AWAITED
        return Verdict.ALLOWED if address in listed.networks else Verdict.REFUSED

    def serve(self, accesses: Iterable[Access | None]) -> None:
        """Keep the lists that these ask for, and no others, from now on."""
        self._wanted = {one.published for one in accesses if one is not None and one.published}
        for gone in self._tasks.keys() - self._wanted:
            self._tasks.pop(gone).cancel()
            self._held.pop(gone, None)
        if self._is_running:
            self.start()

    def start(self) -> None:
        """Begin to fetch."""
        self._is_running = True
        if self._wanted and self._fetch is None:
            self._fetch = strict_fetch(ANSWER_BYTES_MAX)
        for wanted in self._wanted - self._tasks.keys():
            self._tasks[wanted] = asyncio.create_task(self._keep(wanted))

    async def stop(self) -> None:
        """Fetch no more."""
        self._is_running = False
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def awaited(self) -> Sequence[str]:
        """Name the providers whose list has not arrived yet."""
        return sorted({one.provider for one in self._wanted if one not in self._held})

    async def _keep(self, wanted: Published) -> None:
        """Fetch one list, for ever. Ends only by being cancelled."""
        failures = 0
        while True:
            # As a value, not as an exception: what nobody thought of must not end the task either.
            (outcome,) = await asyncio.gather(self._renew(wanted), return_exceptions=True)
            if outcome is None:
                failures = 0
                await asyncio.sleep(wanted.refresh_s)
            elif isinstance(outcome, Exception):
                await asyncio.sleep(self._failed(wanted, outcome, failures))
                failures += 1
            else:
                raise outcome

    async def _renew(self, wanted: Published) -> None:
        assert self._fetch is not None
        found = read(await self._fetch(Request(wanted.address)), wanted.places)
        self._held[wanted] = _Held(Networks.of(found), len(found))
        self._log.info("addresses_fetched", provider=wanted.provider, networks=len(found))
        self._note(wanted.provider, Result.FETCHED, len(found))

    def _failed(self, wanted: Published, wrong: Exception, failures: int) -> float:
        """Note a failure; return how long to wait."""
        result = wrong.result if isinstance(wrong, FetchFailed) else Result.UNEXPECTED
        detail = str(wrong) if isinstance(wrong, FetchFailed) else type(wrong).__name__
        held = self._held.get(wanted)
        # With an old list there is no hurry; without one, every second is a delivery put off.
        wait_s = min(math.ldexp(FIRST_WAIT_S, min(failures, DOUBLINGS_MAX)), WAIT_MAX_S)
        if held is not None:
            wait_s = WAIT_MAX_S
        self._log.warning(
            "addresses_not_fetched",
            provider=wanted.provider,
            result=result.value,
            detail=detail,
            held=0 if held is None else held.entries,
            next_in_s=wait_s,
        )
        self._note(wanted.provider, result, 0 if held is None else held.entries)
        return wait_s
