"""What a timestamp says, and what is wrong with it.

The profile's freshness and the delivery flow in; the moment, its age, and findings about unit and
age flow out. Pure: the moment of receipt stands in the delivery, and now is an argument.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ingress.delivery import Delivery, Reason, Rejected
from ingress.providers import Profile
from ingress.schemes.parts.fresh import Freshness, Unit
from ingress.schemes.parts.parsers import single
from ingress.schemes.parts.statement import Statement
from ingress.schemes.parts.view import View
from sealgate.explain.case import AGE, Case, Verdict, restated, statements
from sealgate.explain.diagnoses import Finding

_SECOND_MS = 1000
_LAST_MS = 253_402_300_799_999
# Epoch seconds reach this in the year 5138; as milliseconds it is 1973.
_MS_FROM = 1e11
_FAR_MS = 20 * 366 * 86_400 * _SECOND_MS
_UNITS = {Unit.SECONDS: "seconds", Unit.MILLISECONDS: "milliseconds", Unit.ISO: "ISO 8601"}


@dataclass(frozen=True, slots=True)
class Receipt:
    """The moment of receipt that is assumed, and why."""

    ms: int
    why: str
    is_assumed: bool = False


def receipt(profile: Profile, delivery: Delivery, at: str, now_ms: int) -> Receipt:
    """Choose the moment of receipt: the one given, the one claimed, or now. Raises `ValueError`."""
    if at == "now":
        return Receipt(now_ms, "now, as given with --at")
    if at:
        return Receipt(parse(at), "as given with --at")
    claimed = claimed_ms(profile, delivery)
    if claimed is not None:
        return Receipt(
            claimed,
            "assumed to be the moment the delivery claims; give another with --at",
            is_assumed=True,
        )
    return Receipt(now_ms, "now; the delivery claims no moment")


def claimed_ms(profile: Profile, delivery: Delivery) -> int | None:
    """Return the moment that a delivery claims; None where it claims none that can be read.

    It may be read where the signature beside it cannot.
    """
    try:
        return profile.claimed_ms(delivery)
    except Rejected:
        stamped = [said for said in statements(profile) if said.stamp is not None]
    for said in stamped:
        try:
            return _stamp_ms(said, View(delivery))
        except Rejected:
            continue
    return None


def _stamp_ms(said: Statement, view: View) -> int | None:
    stamp = said.stamp
    if stamp is None:
        return None
    if stamp.place is not None:
        found = view.text(stamp.place)
    else:
        found = single(said.parser.parse(view.text(said.at)).fields, stamp.field) or b""
    return stamp.freshness.sent_ms(stamp.freshness.check(found))


def since(claimed_ms: int, now_ms: int) -> str:
    """Say how long ago a moment was, or how far ahead it is."""
    gone_ms = now_ms - claimed_ms
    return (
        f"that was {span(gone_ms)} ago" if gone_ms >= 0 else f"that is {span(gone_ms)} ahead of now"
    )


def past(case: Case, now_ms: int) -> Iterator[Finding]:
    """Say that what was valid at its own moment is not valid now."""
    verdict = replace(case, delivery=replace(case.delivery, received_ms=now_ms)).judge()
    if verdict.reason in AGE:
        yield Finding(
            "refused-now",
            f"VALID at the moment it claims; received now it would be refused ({verdict.reason})",
            "give the moment at which it was received with --at, or --at now",
            proven=False,
        )


def parse(text: str) -> int:
    """Read epoch seconds, epoch milliseconds or ISO 8601. Raises `ValueError`."""
    if text.isascii() and text.replace(".", "", 1).isdigit():
        number = float(text)
        return int(number if number >= _MS_FROM else number * _SECOND_MS)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no moment; write now, epoch seconds or ISO 8601 (2026-11-22T10:00:00Z)"
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * _SECOND_MS)


def moment(ms: int) -> str:
    """Write a moment for a person."""
    if not 0 <= ms <= _LAST_MS:
        return f"{ms} ms since 1970"
    return datetime.fromtimestamp(ms / _SECOND_MS, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def span(ms: int) -> str:
    """Write a length of time for a person."""
    seconds = abs(ms) / _SECOND_MS
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s".replace(".0 ", " ")


def judged(verdict: Verdict) -> Iterator[Finding]:
    """Explain a signature that holds over what is too old, ahead of its time, or no content."""
    if verdict.reason is Reason.TIMESTAMP_STALE:
        yield Finding(
            "stale",
            "the signature holds; the delivery was too old when it was received",
            "a redelivery with its old signature, a queue or a slow proxy in between, or a replay; "
            "window_s of the source's parameters widens the window, where the provider is slow",
        )
    if verdict.is_other_content:
        yield Finding(
            "content",
            "the signature holds, and the body is not one JSON object or array: refused",
            "what this provider signs has no end of its parts, so that a piece of another message "
            "would hold, too: see who cut the body or added to it",
        )
    if verdict.reason is Reason.TIMESTAMP_FUTURE:
        yield Finding(
            "future",
            "the signature holds; the delivery claims to be signed after its receipt",
            "compare the clock of this machine with NTP; or --at is the wrong moment",
        )


def units(case: Case, now_ms: int) -> Iterator[Finding]:
    """Find a timestamp in another unit than the profile's, by trying."""
    claimed = claimed_ms(case.profile, case.delivery)
    if claimed is not None and abs(now_ms - claimed) < _FAR_MS:
        return
    for unit in Unit:
        other = restated(case, _in(unit))
        moment_ms = claimed_ms(other.profile, case.delivery)
        if moment_ms is None or moment_ms == claimed or abs(now_ms - moment_ms) > _FAR_MS:
            continue
        if replace(other, delivery=replace(case.delivery, received_ms=moment_ms)).judge().is_signed:
            yield Finding(
                "unit",
                f"the timestamp is in {_UNITS[unit]} ({moment(moment_ms)}), which the profile does "
                "not expect; apart from that the signature holds",
                f'set freshness.unit = "{unit}" in a profile of your own, or tell its authors',
            )


def _in(unit: Unit) -> Callable[[Statement], Statement]:
    def changed(said: Statement) -> Statement:
        if said.stamp is None:
            return said
        freshness = Freshness(unit, said.stamp.freshness.window_s)
        return replace(said, stamp=replace(said.stamp, freshness=freshness))

    return changed
