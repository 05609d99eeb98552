"""The simulator's signing, held against senders that know nothing of profiles."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.delivery import Delivery
from ingress.providers import load
from ingress.schemes.parts import places
from ingress.schemes.parts.places import Place
from sealgate.simulator import keys
from sealgate.simulator.draft import Draft, drop, find
from sealgate.simulator.keys import SigningKey
from sealgate.simulator.sign import sign
from tests.support.signers import EVERY, MESSAGE_ID, SIGNERS, Signer

AT_S = 1_790_000_000
# Every ECDSA signature has a number in it that was never used before, so no two are the same.
RANDOM = frozenset({"circle_v2", "ramp", "sendgrid"})
# A token's header and claims may be spelt in many ways, and the signature is of the spelling.
TOKENS = frozenset({"fireblocks_v2", "google_pubsub", "plaid", "transak"})
# These sign something that a sender chooses: the spelling of the time, the headers it covers,
# the port in the URL, capitals; or a request that only another alternative verifies.
CHOSEN = frozenset(
    {"coinbase_cdp", "coinpayments", "paypal", "paypal with SHA-1", "strike", "twilio"}
    | {"shopify by its Events family"}
    | {"twilio sending JSON", "twilio with a shared key", "zendesk"}
)
SAME = [one for one in EVERY if one.place and one.name not in RANDOM | TOKENS | CHOSEN]


@pytest.mark.parametrize("signer", SIGNERS, ids=str)
@given(body=st.binary(), at_s=st.integers(0, 4_000_000_000))
def test_it_signs_as_the_provider_does(signer: Signer, body: bytes, at_s: int) -> None:
    """A trial that signs otherwise than the provider proves nothing."""
    profile = load(signer.provider, signer.parameters)
    key = keys.read(profile, signer.new)
    signed = sign(profile, key, Draft(body=body), at_s * 1000 + 999, MESSAGE_ID)
    sent = {name.encode(): text.encode() for name, text in signed.headers.items()}
    assert sent == dict(signer.sign(signer.new, body, at_s))


@pytest.mark.parametrize("signer", SAME, ids=str)
def test_the_same_delivery_gets_the_very_same_signature(signer: Signer) -> None:
    """Wherever a scheme leaves no choice: letter for letter, with private keys too."""
    profile = load(signer.provider, signer.parameters)
    place, theirs = _place(signer), _sent(signer)
    key = keys.read(profile, signer.old, signer.kid(signer.old))
    ours = sign(profile, key, drop(theirs, place), AT_S * 1000, MESSAGE_ID)
    assert find(theirs, place)
    assert find(ours, place) == find(theirs, place)


@pytest.mark.parametrize("provider", ["adyen_standard", "stripe", "bridge", "opennode"])
def test_the_comparison_is_made_for_each_kind(provider: str) -> None:
    """Lists of exceptions grow: these four, of four kinds, may never be among them."""
    assert provider in {one.provider for one in SAME}


def test_it_signs_a_timestamp_in_the_unit_of_the_profile() -> None:
    """The signer must follow a source's parameters as the verifier does."""
    profile = load("kobbopay", {"timestamp_unit": "ms", "prefix": "sha256="})
    signed = sign(profile, SigningKey(b"k"), Draft(body=b"{}"), 1_760_000_000_123, "m")
    assert signed.headers["x-kobbopay-timestamp"] == "1760000000123"
    assert signed.headers["x-kobbopay-signature"].startswith("sha256=")
    sent = tuple((name.encode(), text.encode()) for name, text in signed.headers.items())
    delivery = Delivery("shop", "POST", b"", sent, b"{}", 1_760_000_300_123)
    assert profile.verify(delivery, [profile.key(b"k")]) == 0


def test_a_key_whose_name_must_be_known_is_asked_for() -> None:
    """A certificate's URL cannot be made up: the gateway takes those of the provider alone."""
    profile = load("paypal", {"webhook_id": "W"})
    key = keys.read(profile, keys.new_key(profile, b"").sender.encode())
    draft = Draft(body=b"{}")
    with pytest.raises(ValueError, match="--kid is needed"):
        sign(profile, key, draft, 0, "m")
    with pytest.raises(ValueError, match="--kid is not one of this provider's"):
        sign(profile, replace(key, kid="https://elsewhere.example/cert"), draft, 0, "m")


@pytest.mark.parametrize(
    ("provider", "body", "said"),
    [
        ("cryptomus", b"<xml/>", "must be JSON"),
        ("plisio", b"[]", "no room for /verify_hash"),
        ("adyen_standard", b"{}", "a list of events at /notificationItems"),
        ("opennode", b"id=\xff", "must be a form"),
        ("transak", b"[]", "must be a JSON object"),
        ("nowpayments", b"{", "could not sign such a request"),
    ],
)
def test_a_body_that_has_no_room_for_the_signature_is_told(
    provider: str, body: bytes, said: str
) -> None:
    """Whoever sends a file of their own learns what this provider's bodies are."""
    profile = load(provider)
    key = keys.read(profile, keys.new_key(profile, b"s" * 32).sender.encode())
    with pytest.raises(ValueError, match=said):
        sign(profile, key, Draft(body=body), 0, "m")


def test_a_captured_body_keeps_all_but_its_signature() -> None:
    """The old signature is written over, and every other letter stays where it was."""
    profile = load("plisio")
    body = b'{"txn_id":"t","amount":0.10,"verify_hash":"old","status":"new"}'
    signed = sign(profile, SigningKey(b"k"), Draft(body=body), 0, "m")
    new = find(signed, places.parse("/verify_hash"))
    assert new is not None
    assert signed.body == body.replace(b"old", new.encode())


def _place(signer: Signer) -> Place:
    place = places.parse(signer.place.removeprefix("json:"))
    return place._replace(name=place.name.replace("*", "1"))


def _sent(signer: Signer) -> Draft:
    sent = signer.sample(AT_S)
    headers = {name.decode(): text.decode() for name, text in sent.headers}
    query = sent.url.partition("?")[2].encode()
    return Draft(sent.method, signer.url, query, headers, sent.body)
