"""Write the notice of one transition: what downstream services hear. Pure.

A transition flows in with the occasion of it, an event or an operator's mark; a CloudEvent for the
lifecycle topic flows out. The store keeps it in the outbox of the same transaction, and the relay
publishes it at least once. Its id and its payment version are the same each time, so that a
subscriber can drop what it has already seen, and notice what it has missed: versions of one payment
have no gaps.

Goods leave once, whatever the ids: a notice that lets them go has an effect key of its own, made of
the payment and of its generation (`fulfilment`), which two notices share where they are about the
same goods. A notice lets goods go where the payment is Confirmed and no hold is on; no other has an
effect key.

A hold that is placed or let go while the state stays as it is makes a notice too, of a type of its
own, so that nobody takes it for the move again that led to the state. It has the version that the
payment has, and an id of its own.

The format has a version of its own. A field is added without a new one; none is changed.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Self

import orjson

from consumers.facts import HoldKind
from consumers.lifecycle import State
from consumers.store.port import Notice, PaymentKey, Transition
from ingress.contract import cloudevents
from ingress.contract.cloudevents import Headers
from ingress.contract.envelope import Envelope

VERSION = "1"
TYPE_PREFIX = "com.sealgate.payment."
CONTENT_TYPE = "application/json"
# Endpoints whose unchanging headers are kept ready.
_ENDPOINTS_KEPT = 256
_TYPES = {state: ("ce_type", (TYPE_PREFIX + state.lower()).encode()) for state in State}
_PLACED = ("ce_type", f"{TYPE_PREFIX}held".encode())
_LET_GO = ("ce_type", f"{TYPE_PREFIX}released".encode())
_DIGEST_CHARS = 16
# The one effect that goods have: that they leave.
_FULFIL = "fulfil"
# The flags that are holds.
_HOLDS = {f"hold: {kind}": kind for kind in HoldKind} | {"disputed": HoldKind.DISPUTE}
_SPEC_VERSION = ("ce_specversion", b"1.0")
_NOTICE_VERSION = ("ce_sealgatenotice", VERSION.encode())
_CONTENT = ("content-type", CONTENT_TYPE.encode())


class Occasion(NamedTuple):
    """What moved a payment, as far as downstream is told."""

    environment: str
    event_type: str
    occurred_ms: int
    traceparent: str

    @classmethod
    def of(cls, envelope: Envelope) -> Self:
        """Take it from the envelope of the event."""
        return cls(
            envelope.environment, envelope.event_type, envelope.occurred_ms, envelope.traceparent
        )


class _Fixed(NamedTuple):
    """What all notices of one provider's account have in common."""

    path: str
    key: str
    source: tuple[str, bytes]
    endpoint: Headers


class _Naming(NamedTuple):
    """What tells one notice of a payment from its others."""

    name: str
    type: tuple[str, bytes]


class _Telling(NamedTuple):
    """What a notice says beside the move: who it is about, which goods leave, and when."""

    payment: str
    effect_key: str | None
    flags: Sequence[str]
    holds: Sequence[str]
    occurred: str
    recorded: str


def build(
    transition: Transition, occasion: Occasion, flags: Sequence[str], generation: int
) -> Notice:
    """Return the notice of `transition`, after which the payment has these `flags`.

    `generation` is that of the goods which leave when the payment is Confirmed.
    """
    naming = _Naming(str(transition.version), _TYPES[transition.after])
    return _notice(transition, occasion, flags, generation, naming)


def build_held(
    place: Transition, occasion: Occasion, flags: Sequence[str], generation: int, *, is_placed: bool
) -> Notice:
    """Return the notice of holds that are others than before, in a state that stays as it is.

    `place` says where the payment stands and who said what: no move, and it is never written.
    """
    # With what it tells: an event can be read again, twice in one millisecond, and say both.
    told = "/".join((*place.event, place.cause, str(place.at_ms), str(is_placed), *flags))
    digest = hashlib.sha256(told.encode()).hexdigest()[:_DIGEST_CHARS]
    # No number: so it is no version's name.
    naming = _Naming(f"{place.version}/held-{digest}", _PLACED if is_placed else _LET_GO)
    return _notice(place, occasion, flags, generation, naming)


def _notice(
    transition: Transition,
    occasion: Occasion,
    flags: Sequence[str],
    generation: int,
    naming: _Naming,
) -> Notice:
    payment, version = transition.payment, transition.version
    fixed = _fixed(occasion.environment, payment.provider, payment.account)
    path = fixed.path + payment.reference
    # Cut by nothing, hashed by nobody: the same payment, the same partition, as on the way in.
    key = (fixed.key + payment.reference).encode()
    notice_id = cloudevents.attribute(f"{path}/{naming.name}")
    holds = [kind for flag, kind in _HOLDS.items() if flag in flags]
    goes = transition.after is State.CONFIRMED and not holds
    telling = _Telling(
        payment=path,
        effect_key=cloudevents.attribute(f"{path}/{_FULFIL}/{generation}") if goes else None,
        flags=flags,
        holds=holds,
        occurred=cloudevents.timestamp(occasion.occurred_ms),
        recorded=cloudevents.timestamp(transition.at_ms),
    )
    traceparent = occasion.traceparent.encode()
    headers = (
        _SPEC_VERSION,
        ("ce_id", notice_id.encode()),
        fixed.source,
        naming.type,
        ("ce_subject", payment.reference.encode()),
        ("ce_time", telling.occurred.encode()),
        ("ce_recordedtime", telling.recorded.encode()),
        ("ce_partitionkey", key),
        _NOTICE_VERSION,
        *fixed.endpoint,
        ("ce_correlationid", transition.correlation_id.encode()),
        ("ce_traceparent", traceparent),
        ("ce_paymentversion", str(version).encode()),
        *_effect(telling.effect_key),
        _CONTENT,
        ("traceparent", traceparent),
    )
    value = _content(transition, occasion, telling)
    return Notice(notice_id, payment, version, key, value, headers)


def _effect(effect_key: str | None) -> Headers:
    return () if effect_key is None else (("ce_effectkey", effect_key.encode()),)


def name(payment: PaymentKey, version: int) -> str:
    """Return the id of the notice that tells of a payment's version."""
    path = _fixed("", payment.provider, payment.account).path + payment.reference
    return cloudevents.attribute(f"{path}/{version}")


def begin(payment: PaymentKey) -> str:
    """Return what the ids of a payment's notices begin with, but for names that are too long."""
    return _fixed("", payment.provider, payment.account).path + payment.reference + "/"


def is_of_hold(notice: Notice) -> bool:
    """Say whether a notice tells of a hold alone, and of no move."""
    return _PLACED in notice.headers or _LET_GO in notice.headers


def is_placed(notice: Notice) -> bool:
    """Say of a notice of a hold whether one was placed; let go where not."""
    return _PLACED in notice.headers


def _content(transition: Transition, occasion: Occasion, telling: _Telling) -> bytes:
    """Say what happened. Every field is always there; `before` of the first move is null."""
    payment = transition.payment
    content = {
        "notice_version": VERSION,
        "environment": occasion.environment,
        "payment": telling.payment,
        "provider": payment.provider,
        "account": payment.account,
        "reference": payment.reference,
        "version": transition.version,
        "before": transition.before,
        "after": transition.after,
        "effect_key": telling.effect_key,
        "flags": telling.flags,
        "holds": telling.holds,
        "cause": transition.cause,
        "event": transition.event.key,
        "event_type": occasion.event_type,
        "correlation_id": transition.correlation_id,
        "occurred_at": telling.occurred,
        "recorded_at": telling.recorded,
    }
    return orjson.dumps(content)


@lru_cache(_ENDPOINTS_KEPT)
def _fixed(environment: str, provider: str, account: str) -> _Fixed:
    """Write what all notices of an account have in common."""
    # Only a reference may hold a slash in a payment's name, or two names could meet.
    told = account.replace("%", "%25").replace("/", "%2F")
    return _Fixed(
        path=f"{provider}/{told}/",
        key=f"{environment}/{provider}/{account}/",
        source=("ce_source", f"urn:sealgate:{environment}:lifecycle".encode()),
        endpoint=(
            ("ce_environment", environment.encode()),
            ("ce_provider", provider.encode()),
            ("ce_account", account.encode()),
        ),
    )
