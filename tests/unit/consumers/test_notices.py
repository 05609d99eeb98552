"""The notice of a transition, read by an independent party: the CloudEvents SDK."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event

from consumers import notices
from consumers.lifecycle import State
from consumers.store.port import EventKey, Notice, PaymentKey, Transition
from tests.support.builders import NOW_MS, TRACEPARENT, envelope


def build(
    before: State | None = State.PENDING,
    after: State = State.PAID,
    version: int = 2,
    flags: Sequence[str] = (),
    generation: int = 1,
    **changes: Any,
) -> Notice:
    """Write the notice of a move that one envelope caused."""
    sealed = envelope(**changes)
    payment = PaymentKey(sealed.provider, sealed.account, sealed.payment_ref)
    event = EventKey(sealed.provider, sealed.account, "evt_1")
    at_ms = NOW_MS + 1000
    cause = sealed.correlation_id
    move = Transition(payment, version, before, after, event, cause, at_ms)
    return notices.build(move, notices.Occasion.of(sealed), flags, generation)


def sdk(notice: Notice) -> Any:
    """Let the SDK read what the relay would publish."""
    return from_kafka_event(KafkaMessage(dict(notice.headers), notice.key, notice.value))


def test_a_notice_is_a_cloudevent_that_others_can_read() -> None:
    """Subscribers use the SDK of their own language, not our code."""
    event = sdk(build())
    assert event.get_id() == "kobbopay/main/pay_1/2"
    assert event.get_type() == "com.sealgate.payment.paid"
    assert event.get_source() == "urn:sealgate:sandbox:lifecycle"
    assert event.get_subject() == "pay_1"
    assert event.get_specversion() == "1.0"
    assert event.get_datacontenttype() == "application/json"
    assert event.get_time().isoformat() == "2026-01-01T00:00:00+00:00"
    assert event.get_extension("paymentversion") == "2"
    assert event.get_extension("partitionkey") == "sandbox/kobbopay/main/pay_1"
    assert event.get_extension("correlationid") == "019b0000-0000-7000-8000-000000000001"
    assert event.get_extension("traceparent") == TRACEPARENT


def test_a_notice_says_everything_a_subscriber_needs() -> None:
    """The fields and their names are an interface: this is its golden copy."""
    assert json.loads(build().value) == {
        "notice_version": "1",
        "environment": "sandbox",
        "payment": "kobbopay/main/pay_1",
        "provider": "kobbopay",
        "account": "main",
        "reference": "pay_1",
        "version": 2,
        "before": "Pending",
        "after": "Paid",
        "effect_key": None,
        "flags": [],
        "holds": [],
        "cause": "event",
        "event": "evt_1",
        "event_type": "payment.paid",
        "occurred_at": "2026-01-01T00:00:00.000Z",
        "recorded_at": "2026-01-01T00:00:01.000Z",
        "correlation_id": "019b0000-0000-7000-8000-000000000001",
    }


def test_the_notice_of_a_payments_first_move_comes_from_nothing() -> None:
    """`before` is null, and there: a missing field would look like an older format."""
    body = json.loads(build(before=None, after=State.PENDING, version=1).value)
    assert "before" in body
    assert body["before"] is None


def test_a_notice_shares_its_payments_partition_with_the_verified_events() -> None:
    """One payment, one key, on both topics: a subscriber may join them partition by partition."""
    assert build().key == envelope().key == b"sandbox/kobbopay/main/pay_1"


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_its_own_type(state: State) -> None:
    """Subscribers filter by type before they read any body."""
    assert dict(build(after=state).headers)["ce_type"] == (
        b"com.sealgate.payment." + state.value.lower().encode()
    )


def test_an_id_that_may_not_travel_is_digested_and_stays_different() -> None:
    """A reference of 512 characters makes an id that is too long for an attribute."""
    first, second = (build(payment_ref="x" * 511 + end) for end in "ab")
    assert first.id.startswith("sha256:")
    assert first.id != second.id
    assert sdk(first).get_id() == first.id


def test_a_slash_in_an_account_cannot_make_two_payments_one() -> None:
    """The outbox refuses a second notice of one id: two names must never meet."""
    first = build(account="a/b", payment_ref="c")
    second = build(account="a", payment_ref="b/c")
    assert first.id != second.id
    assert json.loads(first.value)["payment"] != json.loads(second.value)["payment"]
