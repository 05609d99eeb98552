"""Twists: each breaks one thing, and the profiles' own verifiers name exactly that thing."""

import json
import re

import pytest

from ingress import providers
from ingress.contract.envelope import Assurance
from ingress.delivery import Reason, Rejected
from ingress.providers import signature as signs
from ingress.schemes.parts.scope import Covers
from sealgate.simulator.draft import Draft
from sealgate.simulator.twist import MISSING_BYTES, OVERSIZED_BYTES, Inexpressible, Twist
from tests.support.simulated import Simulated, received, simulated

MISMATCH = Reason.SIGNATURE_MISMATCH
# A forged text in these places is refused before the key is asked, or for the content it is about.
IN_THE_BODY = frozenset(
    {Reason.BODY_MALFORMED, Reason.HEADER_MALFORMED, Reason.HEADER_MISSING, Reason.DIGEST_MISMATCH}
)
HINTS = frozenset({"bitpay", "mollie_legacy"})
# By hand, from the providers' documents: those who call with GET have no body.
CALL_WITH_GET = frozenset({"blockonomics", "cryptapi"})
# Whose signature says nothing of the content: whoever has one can send any other with it. Transak's
# content is inside its token, so to change it is to forge.
COVER_NOTHING = frozenset(
    {"auth0", "azure_event_grid", "blockonomics", "coingate", "flutterwave_v3", "gitlab_token"}
    | {"google_pubsub", "helius", "okta", "telegram", "transak"}
)
# Whose signature needs the body read: what is no JSON they could not sign.
SIGN_WHAT_THEY_READ = frozenset(
    {"adyen_standard", "aws_sns", "circle_v1", "cryptomus", "linear", "mailgun", "nowpayments"}
    | {"plisio", "ramp", "transak"}
)
# Whose body is a form: nobody would break its JSON.
SEND_FORMS = frozenset(
    {"braintree", "coinpayments_ipn", "mollie_legacy", "opennode", "paddle_classic", "twilio"}
)
every_provider = pytest.mark.parametrize("provider", providers.names())


def _refusal(one: Simulated, twist: Twist) -> Reason:
    with pytest.raises(Rejected) as raised:
        one.verify(one.request(twist))
    return raised.value.reason


@every_provider
def test_what_is_sent_verifies(provider: str) -> None:
    """The one thing that whoever tries a source needs: signed as this provider signs."""
    one = simulated(provider)
    assert one.verify(one.request()) == 0


@every_provider
@pytest.mark.parametrize("twist", [Twist.FORGED, Twist.WRONG_KEY])
def test_a_forgery_does_not_verify(provider: str, twist: Twist) -> None:
    """Well formed and fresh, so it is refused for the signature and for nothing else."""
    one = simulated(provider)
    if provider in HINTS:
        with pytest.raises(Inexpressible, match="signs nothing"):
            one.request(twist)
        return
    assert _refusal(one, twist) is MISMATCH


@every_provider
def test_without_a_signature_it_is_missed(provider: str) -> None:
    """The first thing that a stranger tries."""
    one = simulated(provider)
    if provider in HINTS:
        with pytest.raises(Inexpressible):
            one.request(Twist.UNSIGNED)
        return
    assert _refusal(one, Twist.UNSIGNED) is Reason.HEADER_MISSING


@every_provider
def test_an_altered_content_is_refused_wherever_it_is_covered(provider: str) -> None:
    """What a signature covers is what its profile claims, and the simulator can show it."""
    one = simulated(provider)
    if provider in COVER_NOTHING | HINTS:
        with pytest.raises(Inexpressible):
            one.request(Twist.ALTERED)
        return
    assert _refusal(one, Twist.ALTERED) in {MISMATCH, Reason.DIGEST_MISMATCH}


@every_provider
def test_an_old_delivery_is_refused_where_its_age_is_judged(provider: str) -> None:
    """Where nobody signs or judges the time, replays are caught by the event's key alone."""
    one = simulated(provider)
    says = one.profile.declaration
    expires = any(isinstance(said, signs.Jws) and said.requires_expiry for said in says.signature)
    if says.is_judged or expires:
        assert _refusal(one, Twist.STALE) is Reason.TIMESTAMP_STALE
    else:
        assert one.verify(one.request(Twist.STALE)) == 0


@every_provider
def test_half_a_body_is_refused_wherever_it_is_covered(provider: str) -> None:
    """A connection that broke must not become an event."""
    one = simulated(provider)
    if provider in CALL_WITH_GET:
        with pytest.raises(Inexpressible, match="no body"):
            one.request(Twist.CUT)
        return
    if provider in COVER_NOTHING - {"transak"} | HINTS:
        assert one.verify(one.request(Twist.CUT)) == 0
        return
    assert _refusal(one, Twist.CUT) in {MISMATCH, *IN_THE_BODY}


@every_provider
def test_an_oversized_body_is_signed_well(provider: str) -> None:
    """Only then is a refusal about the size."""
    one = simulated(provider)
    if provider in CALL_WITH_GET:
        with pytest.raises(Inexpressible):
            one.request(Twist.OVERSIZED)
        return
    request = one.request(Twist.OVERSIZED)
    assert len(request.body) >= OVERSIZED_BYTES
    assert one.verify(request) == 0


@every_provider
def test_a_broken_body_is_signed_well_where_it_can_be(provider: str) -> None:
    """A provider's own mistake: verified and published, and told by the consumers."""
    one = simulated(provider)
    if provider in CALL_WITH_GET | SIGN_WHAT_THEY_READ | SEND_FORMS:
        with pytest.raises(Inexpressible):
            one.request(Twist.BROKEN)
        return
    request = one.request(Twist.BROKEN)
    with pytest.raises(json.JSONDecodeError):
        json.loads(request.body)
    assert one.verify(request) == 0


@every_provider
def test_a_short_delivery_declares_more_than_it_sends(provider: str) -> None:
    """The receiver waits for bytes that never come."""
    one = simulated(provider)
    if provider in CALL_WITH_GET:
        with pytest.raises(Inexpressible):
            one.request(Twist.SHORT)
        return
    request = one.request(Twist.SHORT)
    assert request.declared_bytes == len(request.body) + MISSING_BYTES
    assert one.verify(request) == 0


@pytest.mark.parametrize(
    ("provider", "header"),
    [
        ("stripe", "stripe-signature"),  # fields
        ("standard_webhooks", "webhook-signature"),  # a list
        ("github", "x-hub-signature-256"),  # a prefix
        ("bridge", "x-webhook-signature"),  # RSA
        ("fireblocks_v2", "fireblocks-webhook-signature"),  # a token
    ],
)
def test_a_forged_signature_has_the_right_form(provider: str, header: str) -> None:
    """Refused for its form alone, it would never meet the comparison."""
    one = simulated(provider)
    genuine = one.request().headers[header]
    forged = one.request(Twist.FORGED).headers[header]
    assert len(forged) == len(genuine)
    assert sum(a != b for a, b in zip(forged, genuine, strict=True)) == 1


def test_the_lists_above_are_what_the_profiles_claim() -> None:
    """A profile that begins to cover its content must not stay excused here."""
    claims = {name: simulated(name).profile for name in providers.names()}
    hints = {name for name, one in claims.items() if one.assurance is Assurance.E}
    bare = {name for name, one in claims.items() if one.declaration.covers is Covers.NOTHING}
    assert hints == HINTS
    assert bare - hints == COVER_NOTHING - {"transak"}
    assert {name for name, one in claims.items() if one.methods[0] == "GET"} == CALL_WITH_GET


def test_every_item_of_a_list_is_signed_for_itself() -> None:
    """Adyen batches: one item with a bad signature among good ones refuses the whole."""
    one = simulated("adyen_standard")
    item = json.loads(one.draft.body)["notificationItems"][0]
    body = json.dumps({"live": "false", "notificationItems": [item, item]}).encode()
    request = one.request(draft=_with_body(one, body))
    found = re.findall(rb'"hmacSignature":"([^"]+)"', request.body)
    assert len(found) == 2
    assert one.verify(request) == 0


def test_numbers_keep_their_letters_when_a_signature_is_put_into_the_body() -> None:
    """Plisio's amounts would be others, and so would be the signature of a captured body."""
    one = simulated("plisio")
    body = b'{"txn_id": "t", "status": "new", "amount": 0.10000000, "source_rate": 1.0e2}'
    request = one.request(draft=_with_body(one, body))
    assert b'"amount":0.10000000' in request.body
    assert b'"source_rate":1.0e2' in request.body
    assert one.verify(request) == 0


def test_twilio_is_signed_in_the_way_that_the_request_can_carry() -> None:
    """With a body that is no form, the URL carries its digest: another of its signatures."""
    one = simulated("twilio")
    body = b'{"a": 1}'
    draft = _with_body(one, body)
    draft = Draft(
        "POST", draft.url, b"tenant=7&bodySHA256=old", {"content-type": "application/json"}, body
    )
    request = one.request(draft=draft)
    assert one.verify(request) == 0
    assert b"bodySHA256=old" not in request.query
    assert _refused(one, draft, Twist.ALTERED) is Reason.DIGEST_MISMATCH


def test_no_secret_shows() -> None:
    """Signers are printed when a test fails and when somebody logs one by mistake."""
    for provider in ("btcpay", "standard_webhooks_v1a"):
        shown = repr(simulated(provider).signer.key) + repr(simulated(provider).signer.wrong)
        assert "material" not in shown


def test_the_request_says_what_its_body_is() -> None:
    """Frameworks in front of a gateway look at it, though a signature never does."""
    for provider, said in {
        "stripe": "application/json",
        "opennode": "application/x-www-form-urlencoded",
    }.items():
        assert simulated(provider).request().headers["content-type"] == said
    assert "content-type" not in simulated("cryptapi").request().headers


def test_a_get_carries_its_content_in_the_query() -> None:
    """And the query that the registered URL has already stays in front of it."""
    delivery = received(simulated("blockonomics").request())
    assert (delivery.method, delivery.body) == ("GET", b"")
    assert delivery.query.startswith(b"tenant=7&")
    assert b"secret=" in delivery.query


def _with_body(one: Simulated, body: bytes) -> Draft:
    draft = one.draft
    return Draft(draft.method, draft.url, draft.query, draft.headers, body)


def _refused(one: Simulated, draft: Draft, twist: Twist) -> Reason:
    with pytest.raises(Rejected) as raised:
        one.verify(one.request(twist, draft))
    return raised.value.reason
