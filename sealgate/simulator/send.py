"""`sealgate send`: one correctly signed event to one source, and what its answer means.

A `Shipment` flows in as typed by a person; the delivery is made once, as the provider would make
it, and the answer is explained with the next place to look. Standard output gets the result,
standard error what stood in the way.
"""

import asyncio
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from ingress import providers, telemetry
from ingress.providers import Profile
from ingress.sources import read_secret_file
from sealgate.simulator import events
from sealgate.simulator.events import Occasion
from sealgate.simulator.twist import Signer, Twist
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
    401: "it did not verify: another key, another profile, or a clock that is wrong; the edge's log"
    " line `delivery_handled` of this correlation id has the reason",
    404: "no source has this name; `sealgate check` reads the sources, and a path is /hooks/<slug>",
    405: "this path takes another method",
    408: "the body did not arrive in time",
    411: "the length was not declared",
    413: "the body is larger than the source takes (`body_bytes_max`)",
    415: "the body is compressed, and nobody could verify it so",
    429: "more deliveries a second than the source allows (`rate_per_s`)",
    503: "not now: the log cannot take it, or the edge is full; a provider would try again",
}
# A profile whose provider never retries a 401 refuses with 503, and a stranger cannot tell.
_UNPROVEN_SOFTLY = "did not verify (its provider never retries a 401), or: "
_TAKEN = (
    "verified, and durable in the log; the same correlation id is on its record and its notices"
)
_OTHER = "an answer that the edge does not give: is this address Sealgate's edge?"


@dataclass(frozen=True, slots=True)
class Shipment:
    """What is to be sent, as typed."""

    url: str
    provider: str
    key_file: Path
    event: str = ""
    reference: str = ""
    body: Path | None = None
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Letter:
    """A body and what is known about it: `what` and `reference` are empty where it is a file's."""

    body: bytes
    message_id: str
    what: str = ""
    reference: str = ""


def send(shipment: Shipment) -> int:
    """Send one event and explain the answer; return the exit code."""
    now_ms = telemetry.now_ms()
    try:
        profile = providers.load(shipment.provider, parameters(shipment.parameters))
        secret = profile.key_material(_secret(shipment.key_file))
        letter = _letter(shipment, now_ms)
        answer = asyncio.run(_post(shipment.url, Signer(profile, secret, secret), letter, now_ms))
    except ValueError as wrong:
        print(wrong, file=sys.stderr)
        return EXIT_USAGE
    except Unreachable as away:
        print(
            f"{away}\nIs Sealgate running? `sealgate up` or `sealgate demo --stay`.",
            file=sys.stderr,
        )
        return EXIT_UNREACHABLE
    for line in report(profile, letter.what, letter.reference, answer):
        print(line)
    return EXIT_TAKEN if is_success(answer.status) else EXIT_REFUSED


def _secret(key_file: Path) -> bytes:
    """Read the key. Raises `ValueError`, naming the file: here a person typed its name just now."""
    try:
        return read_secret_file(Path.cwd(), key_file)
    except ValueError as wrong:
        raise ValueError(f"--key-file {key_file}: {wrong}") from None


def parameters(words: Sequence[str]) -> dict[str, str | int]:
    """Read ``name=value`` words. Raises `ValueError` for a word without an equals sign."""
    found: dict[str, str | int] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise ValueError(f"--parameter {word!r}: write name=value")
        found[name] = int(value) if value.isascii() and value.isdigit() else value
    return found


def report(profile: Profile, what: str, reference: str, answer: Answer) -> list[str]:
    """Say what was sent, what was answered, and what that means."""
    lines = [f"sent         {profile.title}: {what or 'the body from the file'}"]
    if reference:
        lines.append(f"payment      {reference}")
    lines.append(f"answer       {answer.status} in {answer.latency_s * 1000:.0f} ms")
    if answer.correlation_id:
        lines.append(f"correlation  {answer.correlation_id}")
    lines.append(f"meaning      {_meaning(profile, answer.status)}")
    if reference and is_success(answer.status):
        lines.append(f"next         send another --event with --reference {reference}")
    return lines


async def _post(url: str, signer: Signer, letter: _Letter, now_ms: int) -> Answer:
    request = signer.request(Twist.GENUINE, letter.body, now_ms, letter.message_id)
    async with Wire() as wire:
        return await wire.post(url, request.headers, request.body, request.declared_bytes)


def _letter(shipment: Shipment, now_ms: int) -> _Letter:
    """Write the sample event, or read the body. Raises `ValueError`."""
    if shipment.body is not None:
        if shipment.event or shipment.reference:
            raise ValueError("--body replaces the sample: leave out --event and --reference")
        try:
            return _Letter(shipment.body.read_bytes(), f"msg_{secrets.token_hex(SEED_BYTES)}")
        except OSError as wrong:
            raise ValueError(f"the body {shipment.body} cannot be read: {wrong.strerror}") from None
    try:
        samples = events.load(shipment.provider)
    except ValueError as wrong:
        raise ValueError(f"{wrong}; give the body yourself with --body") from None
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
    return _Letter(body, occasion.event_id, f"{sample.name} ({sample.word})", reference)


def _meaning(profile: Profile, status: int) -> str:
    if is_success(status):
        return _TAKEN
    soft = status == profile.refusal_status and status != HTTPStatus.UNAUTHORIZED
    return (_UNPROVEN_SOFTLY if soft else "") + _MEANING.get(status, _OTHER)
