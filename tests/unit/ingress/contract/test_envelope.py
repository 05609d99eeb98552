"""The envelope: what is sealed comes out unchanged, and strangers can read it."""

from dataclasses import replace

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from ingress.contract import cloudevents
from ingress.contract.envelope import Assurance, Coverage, Envelope, EnvelopeMalformed

ENVELOPE = Envelope(
    source="https://hooks.example.com/hooks/stripe-eu",
    provider="stripe",
    environment="test",
    account="acct-eu",
    event_key="evt_1",
    event_type="payment_intent.succeeded",
    type="com.stripe.payment_intent.succeeded",
    payment_ref="pi_1",
    occurred_ms=1_700_000_000_000,
    received_ms=1_700_000_001_500,
    correlation_id="018bcfe5-687c-7000-8000-000000000001",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
    key_id="2026-11",
    scheme="mac",
    coverage=Coverage.FULL,
    assurance=Assurance.A,
    body_digest="sha256:" + "0" * 64,
    content_type="application/json",
    signed_headers=(("stripe-signature", b"t=1700000001,v1=ab"),),
    body=b'{"id": "evt_1",  "n": 10.10}',
)


def test_the_value_is_the_providers_bytes() -> None:
    """Re-serialising would change ``10.10`` and the blanks, and no signature would hold again."""
    assert ENVELOPE.encode()[2] == b'{"id": "evt_1",  "n": 10.10}'


def test_one_payment_has_one_key() -> None:
    """Events of one payment must share a partition; accounts must not share payments."""
    other_event = replace(ENVELOPE, event_key="evt_2", body=b"")
    assert ENVELOPE.encode()[0] == other_event.encode()[0] == b"test/stripe/acct-eu/pi_1"
    assert replace(ENVELOPE, account="acct-us").encode()[0] == b"test/stripe/acct-us/pi_1"


def test_an_event_without_a_payment_is_keyed_by_itself() -> None:
    """It has no order to keep with anybody, and must not pile up on one partition."""
    assert replace(ENVELOPE, payment_ref="").encode()[0] == b"test/stripe/acct-eu/evt_1"


_text = st.text(min_size=1, max_size=60).map(cloudevents.attribute)
_ms = st.integers(min_value=0, max_value=253_402_300_799_999)
_envelopes = st.builds(
    Envelope,
    source=_text,
    provider=st.just("stripe"),
    environment=st.just("test"),
    account=_text,
    event_key=_text,
    event_type=_text,
    type=_text,
    payment_ref=st.one_of(st.just(""), _text),
    occurred_ms=_ms,
    received_ms=_ms,
    correlation_id=_text,
    traceparent=_text,
    key_id=_text,
    scheme=_text,
    coverage=st.sampled_from(Coverage),
    assurance=st.sampled_from(Assurance),
    body_digest=_text,
    content_type=st.sampled_from(sorted(cloudevents.CONTENT_TYPES)),
    signed_headers=st.lists(
        st.tuples(st.sampled_from(["x-sig", "x-time"]), st.binary()), max_size=3
    ).map(tuple),
    body=st.binary(),
    trace_link=st.one_of(st.just(""), _text),
)


@given(_envelopes)
def test_what_is_sealed_is_read_back(envelope: Envelope) -> None:
    """A consumer sees exactly what the edge saw, whatever the bytes were."""
    _, headers, value = envelope.encode()
    assert Envelope.decode(headers, value) == envelope


@given(_envelopes)
def test_the_official_cloudevents_sdk_reads_our_records(envelope: Envelope) -> None:
    """Subscribers use it: what it sees must be what we meant, with the bytes untouched."""
    key, headers, value = envelope.encode()
    message = KafkaMessage(headers=dict(headers), key=key, value=value)
    event = from_kafka(message, JSONFormat())
    assert event.get_id() == envelope.event_key
    assert event.get_source() == envelope.source
    assert event.get_type() == envelope.type
    assert event.get_subject() == (envelope.payment_ref or None)
    assert event.get_extension("correlationid") == envelope.correlation_id
    assert event.get_datacontenttype() == envelope.content_type


@given(_ms, _ms, st.booleans())
def test_whether_the_provider_told_the_time_is_read_back(
    occurred_ms: int, received_ms: int, untold: bool
) -> None:
    """Two equal times may be a provider's own and the receipt, or the receipt twice."""
    at_ms = received_ms if untold else occurred_ms
    for time_ms in (at_ms, received_ms):
        sealed = replace(ENVELOPE, occurred_ms=time_ms, received_ms=received_ms, untold=untold)
        _, headers, value = sealed.encode()
        assert Envelope.decode(headers, value).untold is untold


@pytest.mark.parametrize(("occurred_ms", "untold"), [(1_500, True), (1_499, False)])
def test_a_record_of_before_tells_by_its_two_times(occurred_ms: int, untold: bool) -> None:
    """Nothing said then whose time it was: equal to the millisecond, it is the receipt."""
    sealed = replace(ENVELOPE, occurred_ms=occurred_ms, received_ms=1_500)
    _, headers, value = sealed.encode()
    old = [(name, text) for name, text in headers if name != "ce_timesource"]
    assert Envelope.decode(old, value).untold is untold


def test_the_header_of_a_token_scheme_does_not_travel() -> None:
    """Only headers the profile lists are carried, and they are kept apart from our own names."""
    names = [name for name, _ in ENVELOPE.encode()[1]]
    assert [name for name in names if name.startswith("signed-")] == ["signed-stripe-signature"]
    assert len(names) == len(set(names))


def test_an_empty_body_is_an_empty_value_and_no_tombstone() -> None:
    """A null value deletes the key in a compacted topic."""
    assert replace(ENVELOPE, body=b"").encode()[2] == b""


@pytest.mark.parametrize(
    ("drop", "complaint"),
    [("ce_sealgateversion", "ce_sealgateversion is missing"), ("ce_id", "ce_id is missing")],
)
def test_a_record_without_an_attribute_is_no_envelope(drop: str, complaint: str) -> None:
    """It is buried with a reason that says what to look for."""
    _, headers, value = ENVELOPE.encode()
    with pytest.raises(EnvelopeMalformed, match=complaint):
        Envelope.decode([h for h in headers if h[0] != drop], value)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("ce_sealgateversion", b"3"),
        ("ce_coverage", b"most"),
        ("ce_time", b"soon"),
        ("ce_id", b"\xff"),
    ],
)
def test_a_record_with_a_wrong_attribute_is_no_envelope(name: str, wrong: bytes) -> None:
    """A reader guesses nothing: neither a version nor a meaning."""
    _, headers, value = ENVELOPE.encode()
    changed = [(key, wrong if key == name else text) for key, text in headers]
    with pytest.raises(EnvelopeMalformed):
        Envelope.decode(changed, value)
