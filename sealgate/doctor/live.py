"""What the log, the database, the ports and the clock say when they are asked.

Each question has its time. One that is not answered is a finding of its own, and keeps no other
from being asked.
"""

import asyncio
import errno
import re
import socket
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from pathlib import Path

from consumers.exceptions import Code
from consumers.store.looking import NotMade, OlderSchema
from consumers.store.port import Store, StoreUnavailable, WrongDatabase, WrongEnvironment
from ingress.contract import topics
from ingress.contract.declaration import TOPICS, Topic
from ingress.contract.declaration import Role as User
from ingress.eventlog.port import (
    AccessRefused,
    EventLog,
    LogUnavailable,
    Position,
    PositionLost,
    Record,
    Weakness,
)
from sealgate import adminport
from sealgate.adminport import Bounds
from sealgate.config import Configuration
from sealgate.doctor.findings import Finding, Level
from sealgate.logs import open_log
from sealgate.role import ALL_ROLES, Role
from sealgate.stores import located, open_store

ANSWER_S = 10.0
CLOCK_MS = 2000
ITEMS_MAX = 10_000
IPV6 = 6
_ASK_S = 2.0
METRICS_BYTES_MAX = 16 * 1024 * 1024
"""Of an edge with three sources it is 48 KiB, and no more than 256 have series of their own."""
_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_TOPIC = re.compile(r"payments\.([a-z][a-z0-9-]{0,31})\.[a-z]+")
# Within a line each: what is not ours must not be read anew from every line of it.
_INFO = re.compile(r'^sealgate_build_info\{[^}\n]*environment="([^"\n]+)"', re.MULTILINE)
_SUSPECT = re.compile(
    rf'^sealgate_source_suspect\{{provider="([^"\n]*)",source="([^"\n]*)"\}} {_NUMBER}',
    re.MULTILINE,
)
_BESIEGED = re.compile(
    rf'^sealgate_source_besieged\{{provider="([^"\n]*)",source="([^"\n]*)"\}} {_NUMBER}',
    re.MULTILINE,
)
_COLLECTOR = re.compile(
    rf'^sealgate_collector_success\{{collector="([^"\n]*)"\}} {_NUMBER}', re.MULTILINE
)


async def look(
    configuration: Configuration, now_ms: int, roles: Collection[Role] = ALL_ROLES
) -> list[Finding]:
    """Ask everything that these roles need."""
    found = [finding async for finding in _log(configuration, now_ms, roles)]
    if set(roles) != {Role.EDGE}:
        found += [finding async for finding in _store(configuration)]
    found += await asyncio.to_thread(lambda: list(ports(configuration, roles)))
    return found


async def _log(
    configuration: Configuration, now_ms: int, roles: Collection[Role]
) -> AsyncIterator[Finding]:
    settings = configuration.settings
    url = located(settings.log.url, configuration.base)
    if _is_new(url):
        yield Finding(Level.OK, "log", "no file yet: it is made at the first start")
        return
    log = open_log(configuration)
    try:
        async with asyncio.timeout(ANSWER_S):
            names = await log.topics()
            for finding in _neighbours(
                names, settings.environment, is_file=url.startswith("embedded:")
            ):
                yield finding
            async for finding in _topics(log, names, configuration):
                yield finding
            async for finding in _clock(log, _read_by(roles, settings.environment, names), now_ms):
                yield finding
            for finding in await _weaknesses(log, names, configuration, roles):
                yield finding
    except AccessRefused as refused:
        yield Finding(Level.FAIL, "log", str(refused))
    except (LogUnavailable, TimeoutError) as away:
        reason = str(away) or "did not answer in time: is it running, and log.url its address?"
        yield Finding(Level.AWAY, "log", reason)
    finally:
        await log.close()


def _neighbours(names: Sequence[str], ours: str, *, is_file: bool) -> Iterator[Finding]:
    found = {match[1] for name in names if (match := _TOPIC.fullmatch(name))}
    for other in sorted(found - {ours}):
        if is_file:
            told = f"holds topics of the environment {other!r} too: give each a file of its own"
            yield Finding(Level.FAIL, "log", told)
        else:
            told = f"is shared with the environment {other!r}: its ACLs must keep the two apart"
            yield Finding(Level.WARN, "log", told)


def _read_by(roles: Collection[Role], environment: str, names: Sequence[str]) -> Sequence[str]:
    """Name the topics of which these roles may read records; whoever plays all is a person."""
    readable = []
    if not {Role.WORKER, Role.MONITOR}.isdisjoint(roles):
        readable.append(topics.verified(environment))
    if set(roles) == set(ALL_ROLES):
        readable.append(topics.lifecycle(environment))
    return [topic for topic in readable if topic in names]


async def _topics(
    log: EventLog, names: Sequence[str], configuration: Configuration
) -> AsyncIterator[Finding]:
    settings = configuration.settings
    for name in (topics.verified(settings.environment), topics.lifecycle(settings.environment)):
        if name not in names:
            yield Finding(Level.WARN, name, "is not there yet: it is made at the first start")
            continue
        ends = await log.ends(name)
        count, wanted = len(ends), settings.log.partitions
        if count == wanted:
            yield Finding(Level.OK, name, f"has {count} partitions")
        else:
            told = f"has {count} partitions, and log.partitions says {wanted}: say {count}"
            yield Finding(Level.FAIL, name, told)


async def _weaknesses(
    log: EventLog, names: Sequence[str], configuration: Configuration, roles: Collection[Role]
) -> list[Finding]:
    """Say which of our topics do not keep what is promised: the edge may see it, and people."""
    if Role.EDGE not in roles:
        return []
    settings = configuration.settings
    # An edge alone sees the settings of those that it writes to.
    meant = TOPICS if set(roles) == set(ALL_ROLES) else [one for one in TOPICS if _is_edges(one)]
    ours = [name for topic in meant if (name := topic.name(settings.environment)) in names]
    accepts = settings.log.accepts_unsafe_topics
    return [*weak(await log.weaknesses(ours), accepts=accepts)]


def _is_edges(topic: Topic) -> bool:
    return User.EDGE in topic.writers


def weak(found: Sequence[Weakness], *, accepts: bool) -> Iterator[Finding]:
    """Judge what topics do not promise; where losing is meant, that they may lose is one line."""
    losing = [one for one in found if one.loses]
    if accepts and losing:
        count = len({one.topic for one in losing})
        told = (
            f"is true, so it is meant that a power cut may take back what {count} of our topics"
            " acknowledged: for development; `sealgate topics plan` says what safe ones have"
        )
        yield Finding(Level.OK, "log.accepts_unsafe_topics", told)
    for one in found:
        if not one.loses:
            yield Finding(Level.WARN, one.topic, one.told)
        elif not accepts:
            yield Finding(Level.FAIL, one.topic, one.told)


async def _clock(log: EventLog, names: Sequence[str], now_ms: int) -> AsyncIterator[Finding]:
    """Compare this clock with the log's own time of newest records: nothing is of the future."""
    ends = [one for topic in names for one in (await log.ends(topic)).items()]
    for partition, end in ends:
        for record in await _newest(log, Position(partition, end - 1)):
            ahead_ms = record.timestamp_ms - now_ms
            if ahead_ms > CLOCK_MS:
                told = f"is {ahead_ms / 1000:.0f} s behind the log's newest record: set it by NTP"
                yield Finding(Level.FAIL, "clock", told)


async def _newest(log: EventLog, position: Position) -> Sequence[Record]:
    """Read the record at a position; nothing where it was forgotten, or none was written."""
    try:
        return await log.read(position, 1) if position.offset >= 0 else ()
    except PositionLost:
        return ()  # too old to tell anything


async def _store(configuration: Configuration) -> AsyncIterator[Finding]:
    store = open_store(configuration)
    environment = configuration.settings.environment
    try:
        async with asyncio.timeout(ANSWER_S):
            await store.look(environment)
            yield Finding(Level.OK, "database", f"is {environment!r}'s own, its schema ours")
            for finding in await mismatches(store):
                yield finding
    except NotMade as absent:
        yield Finding(Level.OK, "database", str(absent))
    except OlderSchema as older:
        yield Finding(Level.WARN, "database", str(older))
    except (WrongEnvironment, WrongDatabase) as wrong:
        yield Finding(Level.FAIL, "database", str(wrong))
    except (StoreUnavailable, TimeoutError) as away:
        reason = str(away) or "it did not answer in time"
        yield Finding(Level.AWAY, "database", f"{reason}; is it running, and store.url right?")
    finally:
        await store.close()


async def mismatches(store: Store) -> list[Finding]:
    """List what came from another environment, and nobody has resolved yet."""
    items = [
        item
        for item in await store.list_anomalies(ITEMS_MAX)
        if item.anomaly.code == Code.ENV_MISMATCH
    ]
    if not items:
        return [Finding(Level.OK, "mismatches", "no delivery of another environment is open")]
    return [
        Finding(
            Level.FAIL,
            item.anomaly.subject,
            f"{item.times} of another environment, from {_moment(item.anomaly.at_ms)} to "
            f"{_moment(item.last_ms)}: {item.anomaly.evidence}; runbook environment-leak",
        )
        for item in items
    ]


def ports(configuration: Configuration, roles: Collection[Role] = ALL_ROLES) -> Iterator[Finding]:
    """Ask whether the addresses are free, or in use by this environment's own gateway."""
    settings = configuration.settings
    metrics = metrics_at(settings.admin.host, settings.admin.port)
    owner = match[1] if (match := _INFO.search(metrics)) else ""
    places = [("admin.port", settings.admin.host, settings.admin.port)]
    if Role.EDGE in roles:
        places.insert(0, ("edge.port", settings.edge.host, settings.edge.port))
    for name, host, port in places:
        taken = _trouble(host, port)
        if not taken:
            yield Finding(Level.OK, name, f"{host}:{port} is free")
        elif owner == settings.environment:
            yield Finding(Level.OK, name, f"{port} is in use by this environment's gateway")
        elif owner:
            told = f"{port} is in use beside a gateway of the environment {owner!r}"
            yield Finding(Level.FAIL, name, told)
        else:
            yield Finding(Level.FAIL, name, f"{host}:{port} cannot be had: {taken}")
    if owner == settings.environment:
        yield from suspects(metrics)
        yield from collectors(metrics)


def suspects(metrics: str) -> Iterator[Finding]:
    """Read from a gateway's metrics which sources verified lately and now fail altogether.

    Where a key was proven right in the midst of failures they are a stranger's: no reason to roll
    anything back, as the alert is no page then.
    """
    besieged = {
        (name, source) for name, source, count in _BESIEGED.findall(metrics) if float(count)
    }
    for provider, source, count in _SUSPECT.findall(metrics):
        if not float(count):
            continue
        if (provider, source) in besieged:
            told = (
                f"what fails at {source!r} of {provider} is taken for a stranger's: its key proved"
                " a delivery in the midst of it; runbook verification-failures"
            )
            yield Finding(Level.WARN, "suspect", told)
        else:
            told = (
                f"{source!r} of {provider} verified lately, and now everything fails: the key "
                "here may be wrong; runbook verification-failures"
            )
            yield Finding(Level.FAIL, "suspect", told)


def collectors(metrics: str) -> Iterator[Finding]:
    """Read from a gateway's metrics whether its monitor, where it has one, measures everything."""
    found = _COLLECTOR.findall(metrics)
    for name, value in found:
        if not float(value):
            told = f"could not measure {name} when it last tried: its log lines say why"
            yield Finding(Level.FAIL, "monitor", f"{told}; runbook monitoring")
    if found and all(float(value) for _, value in found):
        told = f"runs here, and its {len(found)} collectors succeed"
        yield Finding(Level.OK, "monitor", told)


def _trouble(host: str, port: int) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((host, port))
        except OSError as wrong:
            return "it is in use" if wrong.errno == errno.EADDRINUSE else str(wrong.strerror)
    return ""


def metrics_at(host: str, port: int) -> str:
    """Return the metrics of whoever has this admin port; "" where nobody answers."""
    connection = HTTPConnection(_asked_at(host), port, timeout=_ASK_S)
    try:
        answer = adminport.ask(connection, "/metrics", Bounds(ANSWER_S, METRICS_BYTES_MAX))
    except (OSError, HTTPException, ValueError):
        return ""
    return answer.body.decode("utf-8", "replace") if answer.status == HTTPStatus.OK else ""


def _asked_at(host: str) -> str:
    """Return where to ask whoever listens at a host: at loopback, if that is everywhere."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "::1" if address.version == IPV6 else "127.0.0.1"


def _is_new(url: str) -> bool:
    scheme, _, path = url.partition("://")
    return scheme == "embedded" and not Path(path.partition("?")[0]).exists()


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%MZ")
