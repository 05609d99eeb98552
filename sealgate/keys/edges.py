"""Running edges: which keys they hold, asked of their admin ports, and when a change is in force.

A URL flows in and what the edge there shows flows out, or `Silent` with the reason. Nothing secret
is asked for, and nothing that an edge answers is believed to be of another form than it should.
"""

import http.client
import ipaddress
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ValidationError

from ingress.keyring import Status
from sealgate import adminport
from sealgate.adminport import Bounds
from sealgate.config import AdminSettings

ASK_S = 2.0
WAIT_S = 5.0
"""A running edge reads a change within a second; a machine may be busy."""
_PAUSE_S = 0.05
_BYTES_MAX = 64 * 1024 * 1024
"""Ten thousand sources with two keys each are some 4 MB."""
_BOUNDS = Bounds(10.0, _BYTES_MAX)
_LOOPBACK = {4: "127.0.0.1", 6: "[::1]"}
_OK = 200


class Silent(Exception):
    """Nobody answers there, or it is no edge; the message says which."""


class ShownKey(BaseModel):
    """A key as an edge holds it, and what it has proven there since the edge began."""

    id: str
    status: Status
    not_before_ms: int | None = None
    not_after_ms: int | None = None
    last_used_ms: int | None = None
    verified: int = 0


class ShownSource(BaseModel):
    """A source as an edge serves it."""

    provider: str
    keys: list[ShownKey] = []


class Shown(BaseModel):
    """All that an edge serves; each reload that changes something makes a new generation."""

    generation: int
    loaded_ms: int
    sources: dict[str, ShownSource] = {}

    def key(self, slug: str, key_id: str) -> ShownKey | None:
        """Return a key, if the edge has it."""
        source = self.sources.get(slug)
        keys = source.keys if source is not None else []
        return next((key for key in keys if key.id == key_id), None)


@dataclass(frozen=True, slots=True)
class Asked:
    """The edges that answered, by URL, and of the others the reason."""

    shown: Mapping[str, Shown]
    silent: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Taken:
    """How long an edge took to have a change in force; None where it did not in time."""

    url: str
    after_s: float | None


def addresses(admin: AdminSettings, named: Sequence[str]) -> tuple[str, ...]:
    """Return where to ask: the configured admin port, unless any is taken, and those named."""
    own = [f"http://{_reachable(admin.host)}:{admin.port}"] if admin.port else []
    return tuple(dict.fromkeys([*own, *(url.rstrip("/") for url in named)]))


def _reachable(host: str) -> str:
    """Return where to connect for a host to listen on; any address of ours is loopback too."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return _LOOPBACK[address.version]
    return f"[{host}]" if ":" in host else host


def ask_all(urls: Sequence[str], slug: str = "") -> Asked:
    """Ask every edge, about one source or about all. Raises nothing."""
    shown: dict[str, Shown] = {}
    silent: dict[str, str] = {}
    for url in urls:
        try:
            shown[url] = ask(url, slug)
        except Silent as reason:
            silent[url] = str(reason)
    return Asked(shown, silent)


def ask(url: str, slug: str = "") -> Shown:
    """Ask one edge what it holds, of one source or of all. Raises `Silent`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in {"http", "https"} or not host:
        raise Silent("that is no URL of an admin port, such as http://127.0.0.1:9090")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    path = f"{parts.path.rstrip('/')}/keys" + (f"?source={quote(slug)}" if slug else "")
    try:
        reply = adminport.ask(kind(host, port, timeout=ASK_S), path, _BOUNDS)
    except (OSError, http.client.HTTPException) as wrong:
        raise Silent(f"nobody answers there ({_reason(wrong)})") from None
    if reply.status != _OK:
        raise Silent(f"what answers there is no edge (status {reply.status} for /keys)")
    try:
        shown = Shown.model_validate_json(reply.body)
    except ValidationError:
        raise Silent("what answers there is no edge of this version") from None
    if not shown.generation:
        raise Silent("what answers there is a process without an edge")
    return shown


def wait(
    before: Mapping[str, Shown],
    slug: str,
    is_in_force: Callable[[Shown, Shown], bool],
    patience_s: float = WAIT_S,
) -> list[Taken]:
    """Ask the edges again about a source until each has its change in force, or patience ends.

    `is_in_force` compares what an edge showed before with what it shows now.
    """
    began = time.monotonic()
    left, taken = dict(before), []
    while left:
        for url, was in list(left.items()):
            try:
                done = is_in_force(was, ask(url, slug))
            except Silent:
                done = False
            if done:
                taken.append(Taken(url, time.monotonic() - began))
                del left[url]
        if time.monotonic() - began >= patience_s:
            break
        if left:
            time.sleep(_PAUSE_S)
    return [*taken, *(Taken(url, None) for url in left)]


def _reason(wrong: Exception) -> str:
    return (wrong.strerror if isinstance(wrong, OSError) else None) or type(wrong).__name__
