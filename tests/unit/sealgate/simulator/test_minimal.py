"""The smallest events: read by the gateway as an event, with what the provider's places say."""

import json

import pytest

from ingress import providers
from ingress.contract.envelope import UNPARSED_TYPE
from ingress.providers.identity import UNKNOWN_TYPE
from sealgate.simulator import minimal
from sealgate.simulator.events import Occasion
from tests.support.simulated import NOW_MS, PARAMETERS, received, simulated

# By hand, from the profiles: no signed or unsigned place of these names what happened.
WITHOUT_A_TYPE = frozenset(
    {"braintree", "dropbox", "google_pubsub", "mollie_legacy", "quicknode", "telegram"}
)
# Its notification names its topic, which is the source's own, where others name a payment.
TOPICS = frozenset({"aws_sns"})
every_provider = pytest.mark.parametrize("provider", providers.names())


@every_provider
def test_the_gateway_reads_what_was_put_in(provider: str) -> None:
    """A test event that arrives as "unknown, of no payment" tries half of a source."""
    one = simulated(provider)
    says = one.profile.declaration.identity
    identity = one.profile.identify(received(one.request()))
    named = identity.event_type not in {UNKNOWN_TYPE, UNPARSED_TYPE}
    assert named == (provider not in WITHOUT_A_TYPE)
    if says.payment_ref and provider not in TOPICS:
        assert identity.payment_ref == "pay-1"
    # In a form or a query there is no place of JSON to put the time in.
    if says.occurred.at and one.draft.body[:1] in {b"{", b"["}:
        assert identity.occurred_ms == NOW_MS


@every_provider
def test_two_test_events_are_two(provider: str) -> None:
    """The second would be taken for a redelivery, and whoever tries would see nothing happen."""
    one = simulated(provider)
    other = Occasion("pay-2", "event-2", NOW_MS, NOW_MS, NOW_MS, NOW_MS)
    draft = minimal.draft(one.profile, other)
    first = one.profile.identify(received(one.request()))
    second = one.profile.identify(received(one.request(draft=draft)))
    assert first.event_key != second.event_key


@every_provider
def test_the_same_occasion_gives_the_same_event(provider: str) -> None:
    """Nothing is read from a clock, and no id is invented."""
    profile = providers.load(provider, PARAMETERS.get(provider))
    occasion = Occasion("p", "e", NOW_MS, NOW_MS, NOW_MS, NOW_MS)
    assert minimal.draft(profile, occasion) == minimal.draft(profile, occasion)


def _body(provider: str) -> bytes:
    return simulated(provider).draft.body


def test_json_a_list_a_form_and_a_query_are_told_apart() -> None:
    """By hand, of one provider each: who sends what."""
    assert json.loads(_body("alchemy"))["id"] == "event-1"
    assert json.loads(_body("sendgrid"))[0]["sg_event_id"] == "event-1"
    assert _body("opennode").startswith(b"id=pay-1&status=test")
    assert b"uuid=event-1" in simulated("cryptapi").draft.query
    assert simulated("cryptapi").draft.body == b""


def test_a_number_of_time_is_a_number() -> None:
    """Seconds and milliseconds stand without quotation marks in everybody's JSON."""
    assert json.loads(_body("slack"))["event_time"] == NOW_MS // 1000
    assert json.loads(_body("zoom"))["event_ts"] == NOW_MS


def test_what_a_source_expects_is_what_it_gets() -> None:
    """Another topic's or merchant's event would be refused for its claim."""
    assert json.loads(_body("aws_sns"))["TopicArn"] == PARAMETERS["aws_sns"]["topic_arn"]


@pytest.mark.parametrize(
    ("provider", "body", "said"),
    [
        ("stripe", b' {"a": 1}', "application/json"),
        ("sendgrid", b"[]", "application/json"),
        ("slack", b"payload=%7B%7D", "application/x-www-form-urlencoded"),
        ("opennode", b"", "application/x-www-form-urlencoded"),
        ("stripe", b"", "application/json"),
    ],
)
def test_the_kind_of_a_body_is_seen(provider: str, body: bytes, said: str) -> None:
    """A body from a file is sent as what it is."""
    assert minimal.content_type(providers.load(provider), body) == said
