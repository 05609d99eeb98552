"""`sealgate quarantine show`: what is known of one kept delivery, and why it fails today.

The record and, where it could be opened, the delivery flow in; lines for a person flow out. A value
is shown where its header is known to hold no secret; of everything else the length is told, since
anything may stand in a request that nobody verified, another door's key included.
"""

from collections.abc import Iterator
from pathlib import Path

from ingress import secretfiles
from ingress.contract.quarantined import Quarantined
from ingress.delivery import Delivery, Reason
from ingress.sources import Source
from sealgate.explain import report, steps, times
from sealgate.explain.case import Case, Held, decoded
from sealgate.explain.command import diagnose
from sealgate.explain.question import Subject
from sealgate.plain import plain

# What these hold is no secret by their definition. All else is hidden unless it is asked for.
OPEN_HEADERS = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"date",
        b"host",
        b"traceparent",
        b"transfer-encoding",
        b"user-agent",
        b"x-correlation-id",
    }
)


def known(kept: Quarantined, released: str) -> Iterator[str]:
    """Tell what stands in the record itself, sealed or not."""
    meaning = report.MEANING.get(_reason(kept.reason), "")
    yield f"id         {plain(kept.id)}"
    yield f"received   {times.moment(kept.received_ms)}"
    yield f"source     {plain(kept.slug)} ({plain(kept.provider)}, account {plain(kept.account)})"
    yield f"refused    {plain(kept.reason)}" + (f": {meaning}" if meaning else "")
    yield f"network    {plain(kept.network) or 'unknown'}"
    yield f"body       {kept.length} bytes"
    yield f"sealed     {'with ' + repr(kept.seal) if kept.seal else 'no'}"
    yield f"released   {'as ' + plain(released) if released else 'no'}"


def request(delivery: Delivery, *, raw: bool) -> Iterator[str]:
    """Tell what was sent, less its body; `raw` shows what is hidden otherwise."""
    yield f"{plain(delivery.method)}, registered URL {plain(delivery.url) or 'none'}"
    if delivery.query:
        yield f"  ?  {_value(delivery.query, is_open=raw)}"
    for name, value in delivery.headers:
        shown = _value(value, is_open=raw or name in OPEN_HEADERS)
        yield f"  {_text(name)}: {shown}"


def explained(
    kept: Quarantined, delivery: Delivery, source: Source, base: Path, *, raw: bool, now_ms: int
) -> str:
    """Explain as `sealgate verify` does, with the keys that are usable now. Raises `ValueError`."""
    profile = source.profile
    held = tuple(_held(source, base, now_ms))
    keys, wrong = decoded(profile, held)
    case = Case(profile, delivery, held, tuple(keys))
    verdict = case.judge()
    receipt = times.Receipt(delivery.received_ms, "as it was kept")
    told = [
        steps.profile(case, f"the profile of the source {kept.slug!r}"),
        steps.timestamp(case, receipt, now_ms),
        steps.keys(case, wrong, verdict),
    ]
    if raw:
        # What was sent where the signature belongs is shown in part, and may be something else.
        told[1:1] = [steps.signature(case), steps.message(case, show_body=False)]
    asked = Subject(profile, "", held, source.url)
    findings = diagnose(case, verdict, asked, now_ms)
    return report.as_text(report.Report(told, verdict, profile.is_signed, findings))


def _held(source: Source, base: Path, now_ms: int) -> Iterator[Held]:
    """Read the keys that may prove something now: none that is revoked, or out of its window."""
    usable = set(source.ring.at(now_ms).ids)
    for key in source.setting.key:
        if key.id in usable:
            yield Held(key.id, secretfiles.read(base, key.file).content, key.kid)


def _reason(word: str) -> Reason:
    try:
        return Reason(word)
    except ValueError:
        return Reason.UNVERIFIABLE


def _value(value: bytes, *, is_open: bool) -> str:
    return _text(value) if is_open else f"(hidden, {len(value)} bytes; --raw shows it)"


def _text(value: bytes) -> str:
    return repr(value)[2:-1]
