"""`sealgate send`: one correctly signed event to one source, and what its answer means.

A `Shipment` flows in as typed by a person; the delivery is made once, as the provider would make
it, and the answer is explained with the next place to look. Standard output gets the result,
standard error what stood in the way.

Some providers have sample events in their own words and shapes; of every other one, the smallest
event that its profile can read is sent, or the body from a file.
"""

import asyncio
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

from consumers.interpret import mapping
from ingress import telemetry
from ingress.providers import Profile
from ingress.secretfiles import read_secret_file
from sealgate.catalogue.entries import find
from sealgate.catalogue.showing import NOT_INTERPRETED
from sealgate.plain import block, plain
from sealgate.simulator import events, keys, minimal
from sealgate.simulator.draft import CONTENT_TYPE, JSON, Draft
from sealgate.simulator.events import Occasion
from sealgate.simulator.keys import SigningKey
from sealgate.simulator.twist import Request, Signer, Twist
from sealgate.simulator.wire import Answer, Unreachable, Wire, is_success

EXIT_TAKEN = 0
EXIT_REFUSED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 69

DEFAULT_EVENT = "confirmed"
SEED_BYTES = 16
_MINUTE_MS = 60_000
# What the edge's answers mean to whoever sent the event (`ingress.answers`).
_MEANING: Mapping[int, str] = {
    400: "the request is not HTTP/1.1 as the edge wants it",
    401: "it did not verify: another key, another profile, or a clock that is wrong",
    404: "no source has this name; `sealgate check` reads the sources, and a path is /hooks/<slug>",
    405: "this path takes another method",
    408: "the body did not arrive in time",
    411: "the length was not declared",
    413: "the body is larger than the source takes (`body_bytes_max`)",
    415: "the body is compressed, and nobody could verify it so",
    429: "more deliveries a second than the source allows (`rate_per_s`)",
    503: "not now: the log cannot take it, or the edge is full; a provider would try again",
}
# With these a delivery may have been kept: docs/quarantine.md.
_KEPT = frozenset({401, 403, 503})
# A profile whose provider never retries a 401 refuses with 503, and a stranger cannot tell.
_UNPROVEN_SOFTLY = "did not verify (its provider never retries a 401), or: "
_TAKEN = (
    "verified, and durable in the log; the same correlation id is on its record and its notices"
)
# Of a provider that marks its events the answer to one of another environment is success, too.
_MARKED = (
    "; but where it says that it belongs to another environment, as samples say test, it is kept "
    "in the quarantine, published to nobody, and moves nothing"
)
_HINT = (
    "taken as a hint: nothing is signed, anybody could have sent it, and it moves no payment; "
    "durable in the log, and the same correlation id is on its record"
)
_OTHER = "an answer that the edge does not give: is this address Sealgate's edge?"


@dataclass(frozen=True, slots=True)
class Shipment:
    """What is to be sent, as typed."""

    url: str
    provider: str
    key_file: Path | None = None
    event: str = ""
    reference: str = ""
    body: Path | None = None
    parameters: tuple[str, ...] = ()
    kid: str = ""
    registered_url: str = ""
    own: Path | None = None
    """The directory of the user's own profiles."""


@dataclass(frozen=True, slots=True)
class _Letter:
    """A request and what is known about it: `what` and `reference` are empty for a file's body."""

    draft: Draft
    message_id: str
    what: str = ""
    reference: str = ""


def send(shipment: Shipment) -> int:
    """Send one event and explain the answer; return the exit code."""
    now_ms = telemetry.now_ms()
    try:
        profile = _profile(shipment)
        key = _key(shipment, profile)
        letter = _letter(shipment, profile, now_ms)
        signer = Signer(profile, key, key)
        request = signer.request(Twist.GENUINE, letter.draft, now_ms, letter.message_id)
        answer = asyncio.run(_send(shipment.url, request))
    except ValueError as wrong:
        print(plain(str(wrong)), file=sys.stderr)
        return EXIT_USAGE
    except Unreachable as away:
        print(
            f"{plain(str(away))}\nIs Sealgate running? `sealgate up` or `sealgate demo --stay`.",
            file=sys.stderr,
        )
        return EXIT_UNREACHABLE
    for line in report(profile, letter.what, letter.reference, answer, letter.draft.url):
        print(block(line))
    return EXIT_TAKEN if is_success(answer.status) else EXIT_REFUSED


def send_on(shipment: Shipment, every_s: float, wait: Callable[[float], None] = time.sleep) -> int:
    """Send one event after the other until interrupted, or told that no event can be made.

    What stands in the way of one, an edge that starts anew, is told, and the next one is sent.
    """
    while (code := send(shipment)) != EXIT_USAGE:
        sys.stdout.flush()
        wait(every_s)
    return code


def _profile(shipment: Shipment) -> Profile:
    """Load the profile. Raises `ValueError`, also where a parameter is needed and not given."""
    profile = find(shipment.provider, parameters(shipment.parameters), shipment.own).profile
    if profile.lacking:
        raise ValueError("\n".join(f"{one} (--parameter name=value)" for one in profile.lacking))
    return profile


def _key(shipment: Shipment, profile: Profile) -> SigningKey:
    """Read the key. Raises `ValueError`, naming the file: here a person typed its name just now."""
    file = shipment.key_file
    if not profile.is_signed:
        if file is not None:
            raise ValueError(f"{profile.title} signs nothing: leave out --key-file")
        return SigningKey(b"")
    if file is None:
        what = "private key (PEM)" if keys.pair_kind(profile) else "secret"
        raise ValueError(
            f"--key-file is needed: the file with the {what} to sign with; "
            f"`sealgate new-key {profile.name} --key-file FILE` makes one to try with"
        )
    try:
        return keys.read(profile, read_secret_file(Path.cwd(), file), shipment.kid)
    except ValueError as wrong:
        raise ValueError(f"--key-file {file}: {wrong}") from None


def parameters(words: Sequence[str]) -> dict[str, str | int]:
    """Read ``name=value`` words. Raises `ValueError` for a word without an equals sign."""
    found: dict[str, str | int] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise ValueError(f"--parameter {word!r}: write name=value")
        found[name] = int(value) if value.isascii() and value.isdigit() else value
    return found


def report(profile: Profile, what: str, reference: str, answer: Answer, url: str = "") -> list[str]:
    """Say what was sent, what was answered, and what that means."""
    lines = [f"sent         {profile.title}: {what or 'the body from the file'}"]
    if profile.signs_url:
        lines.append(f"signed URL   {url}, which must be the source's public_url; else say --url")
    if reference:
        lines.append(f"payment      {reference}")
    lines.append(f"answer       {answer.status} in {answer.latency_s * 1000:.0f} ms")
    if answer.correlation_id:
        lines.append(f"correlation  {answer.correlation_id}")
    lines.append(f"meaning      {_meaning(profile, answer.status)}")
    if answer.correlation_id and answer.status in _KEPT:
        asked = f"sealgate quarantine show {answer.correlation_id}"
        lines.append(f"why          `{asked}`, beside the gateway, where it was kept")
    is_read = profile.name in mapping.load()
    if profile.is_signed and not is_read and is_success(answer.status):
        lines.append(f"payments     {NOT_INTERPRETED}")
    if reference and is_read and is_success(answer.status):
        more = f"send another --event with --reference {reference}"
        has_more = profile.name in events.names()
        lines.append(f"next         {more if has_more else 'give what moves money with --body'}")
    return lines


async def _send(url: str, request: Request) -> Answer:
    async with Wire() as wire:
        return await wire.send(url, request)


def _letter(shipment: Shipment, profile: Profile, now_ms: int) -> _Letter:
    """Write the sample event, or read the body, and address it. Raises `ValueError`."""
    if shipment.body is not None:
        letter = _from_file(shipment, shipment.body, profile)
    elif shipment.provider in events.names():
        letter = _sample(shipment, now_ms)
    else:
        letter = _smallest(shipment, profile, now_ms)
    query = shipment.url.partition("?")[2].encode()
    draft = replace(
        letter.draft,
        url=shipment.registered_url or shipment.url,
        query=b"&".join(filter(None, (query, letter.draft.query))),
    )
    return replace(letter, draft=draft)


def _from_file(shipment: Shipment, file: Path, profile: Profile) -> _Letter:
    """Read the content: the body, or of a provider that calls with GET the query."""
    if shipment.event or shipment.reference:
        raise ValueError("--body replaces the sample: leave out --event and --reference")
    try:
        content = file.read_bytes()
    except OSError as wrong:
        raise ValueError(f"the body {file} cannot be read: {wrong.strerror}") from None
    method = profile.methods[0]
    draft = Draft(method, query=content.strip())
    if method != "GET":
        headers = {CONTENT_TYPE: minimal.content_type(profile, content)}
        draft = Draft(method, headers=headers, body=content)
    return _Letter(draft, f"msg_{secrets.token_hex(SEED_BYTES)}")


def _smallest(shipment: Shipment, profile: Profile, now_ms: int) -> _Letter:
    """Write the smallest event of a provider that has no samples. Raises `ValueError`."""
    if shipment.event not in {"", minimal.NAME}:
        raise ValueError(
            f"{shipment.provider} has no sample event {shipment.event!r}; there is {minimal.NAME}, "
            "the smallest that the profile can read; give any other yourself with --body"
        )
    reference = shipment.reference or f"pay_{secrets.token_hex(SEED_BYTES)}"
    event_id = f"evt_{secrets.token_hex(SEED_BYTES)}"
    occasion = Occasion(reference, event_id, now_ms, now_ms, now_ms, now_ms)
    draft = minimal.draft(profile, occasion)
    named = reference if profile.declaration.identity.payment_ref else ""
    return _Letter(draft, event_id, f"{minimal.NAME} (the smallest event)", named)


def _sample(shipment: Shipment, now_ms: int) -> _Letter:
    """Write a sample event in the provider's words. Raises `ValueError`."""
    samples = events.load(shipment.provider)
    sample = samples.find(shipment.event or DEFAULT_EVENT)
    reference = shipment.reference or samples.reference.make(secrets.token_bytes(SEED_BYTES))
    occasion = Occasion(
        reference=reference,
        event_id=samples.event_id.make(secrets.token_bytes(SEED_BYTES)),
        opened_ms=now_ms - _MINUTE_MS,
        seen_ms=now_ms,
        at_ms=now_ms,
        # A window that closes now, for events that say it has: no earlier sighting becomes late.
        closes_ms=now_ms if sample.closes else now_ms + 15 * _MINUTE_MS,
    )
    body = samples.body(sample.name, occasion)
    draft = Draft(headers={CONTENT_TYPE: JSON}, body=body)
    return _Letter(draft, occasion.event_id, f"{sample.name} ({sample.word})", reference)


def _meaning(profile: Profile, status: int) -> str:
    if is_success(status):
        marked = _MARKED if profile.identifier.modes else ""
        return (_TAKEN if profile.is_signed else _HINT) + marked
    soft = status == profile.refusal_status and status != HTTPStatus.UNAUTHORIZED
    return (_UNPROVEN_SOFTLY if soft else "") + _MEANING.get(status, _OTHER)
