"""Examples of every message, written by the code that writes the records themselves.

Nothing flows in: one payment, its event, its notices, an alarm and a refused delivery are made up.
What stands in the AsyncAPI document is what they look like on the wire.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from consumers import notices
from consumers.lifecycle import State
from consumers.store.port import EventKey, PaymentKey, Transition
from ingress.contract.alarm import Alarm
from ingress.contract.cloudevents import Headers
from ingress.contract.declaration import ALARMS, LIFECYCLE, QUARANTINE, VERIFIED
from ingress.contract.envelope import Assurance, Coverage, Envelope, Mode
from ingress.contract.quarantined import Quarantined, Release
from ingress.delivery import Reason
from ingress.refusals import ENVIRONMENT_MISMATCH
from sealgate.topics.headers import RELEASES

_AT_MS = 1_767_225_600_000
_CORRELATION = "019b76da-a800-7000-8000-000000000001"
_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
_ENVIRONMENT, _SLUG, _PROVIDER, _ACCOUNT, _REFERENCE = "live", "btcpay-shop", "btcpay", "shop", "L1"
_SOURCE = f"urn:sealgate:{_ENVIRONMENT}:{_PROVIDER}:{_ACCOUNT}"
_BODY = b'{"deliveryId":"d1","type":"InvoiceSettled","invoiceId":"L1","timestamp":1767225600}'


def examples(message: str) -> list[dict[str, Any]]:
    """Return the examples of a message."""
    made = {
        VERIFIED.word: _verified,
        LIFECYCLE.word: _lifecycle,
        ALARMS.word: _alarms,
        QUARANTINE.word: _quarantine,
        RELEASES: _released,
    }
    return made[message]()


def _example(name: str, summary: str, headers: Headers, payload: object) -> dict[str, Any]:
    texts = {name: value.decode() for name, value in headers}
    return {"name": name, "summary": summary, "headers": texts, "payload": payload}


def _envelope() -> Envelope:
    return Envelope(
        source=_SOURCE,
        provider=_PROVIDER,
        environment=_ENVIRONMENT,
        account=_ACCOUNT,
        event_key="d1",
        event_type="InvoiceSettled",
        type="org.btcpayserver.InvoiceSettled",
        payment_ref=_REFERENCE,
        occurred_ms=_AT_MS,
        received_ms=_AT_MS + 850,
        correlation_id=_CORRELATION,
        traceparent=_TRACE,
        key_id="2026-11",
        scheme="hmac-sha256",
        coverage=Coverage.FULL,
        assurance=Assurance.B,
        body_digest="sha256:" + hashlib.sha256(_BODY).hexdigest(),
        content_type="application/json",
        signed_headers=(("btcpay-sig", b"sha256=" + b"0" * 64),),
        body=_BODY,
        mode=Mode.UNKNOWN,
    )


def _verified() -> list[dict[str, Any]]:
    _, headers, value = _envelope().encode()
    summary = "BTCPay Server says that an invoice is settled."
    return [_example("settled", summary, headers, value.decode())]


def _lifecycle() -> list[dict[str, Any]]:
    return [
        _notice("confirmed", "Money is final: goods may leave, once for the effect key.", ()),
        _notice("held", "A hold began, the state is as before: nothing leaves.", ["disputed"]),
    ]


def _notice(name: str, summary: str, flags: Sequence[str]) -> dict[str, Any]:
    payment = PaymentKey(_PROVIDER, _ACCOUNT, _REFERENCE)
    event = EventKey(_PROVIDER, _ACCOUNT, "d1")
    at_ms = _AT_MS + 900
    move = Transition(payment, 3, State.PAID, State.CONFIRMED, event, _CORRELATION, at_ms)
    occasion = notices.Occasion.of(_envelope())
    if flags:
        still = move._replace(before=State.CONFIRMED)
        notice = notices.build_held(still, occasion, flags, 1, is_placed=True)
    else:
        notice = notices.build(move, occasion, flags, 1)
    return _example(name, summary, notice.headers, json.loads(notice.value))


def _alarms() -> list[dict[str, Any]]:
    alarm = Alarm(
        id=_CORRELATION,
        code=ENVIRONMENT_MISMATCH,
        subject=_SOURCE,
        evidence=f"the event d1 of {_PROVIDER} verified at {_SLUG} and says that it is test",
        source=_SLUG,
        environment=_ENVIRONMENT,
        correlation_id=_CORRELATION,
        at_ms=_AT_MS,
    )
    _, headers, value = alarm.encode()
    summary = "A test event came to a live source: it is kept, and a person has to look."
    return [_example("mismatch", summary, headers, value.decode())]


def _quarantine() -> list[dict[str, Any]]:
    kept = Quarantined(
        id=_CORRELATION,
        environment=_ENVIRONMENT,
        slug=_SLUG,
        provider=_PROVIDER,
        account=_ACCOUNT,
        reason=Reason.SIGNATURE_MISMATCH.value,
        network="192.0.2.0/24",
        received_ms=_AT_MS,
        length=len(_BODY),
        seal="2026-11",
        content=b"",
    )
    _, headers, _ = kept.encode()
    summary = "A delivery that no key proved. Only `sealgate quarantine` reads the value."
    return [_example("refused", summary, headers, "sealed")]


def _released() -> list[dict[str, Any]]:
    release = Release(_CORRELATION, _ENVIRONMENT, _SLUG, "d1", "2026-12", _AT_MS)
    _, headers, value = release.encode()
    summary = "It verified with a key that came later, and was published."
    return [_example("released", summary, headers, value.decode())]
