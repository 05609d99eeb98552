"""What is on the log is proven again from the log alone, and what is not true is found."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ingress.admit import Sealed, decide
from ingress.contract.envelope import Assurance, Envelope, Mode
from ingress.fetching import plan
from ingress.keyring import Live, Ring, Status
from ingress.settings import SourceSettings
from ingress.sources import Source
from sealgate.tail.proving import Proof, Prover, Word
from tests.support.attacks import SENDERS, profile, received, ring, sample, signs
from tests.support.quarantined import number
from tests.support.signers import Signer

BTCPAY = next(signer for signer in SENDERS if signer.name == "btcpay")
FETCHED = next(signer for signer in SENDERS if signer.name == "fireblocks_v2")
# The digest that it signs stands in the query it calls with, and no query of a POST is stored.
CALLED_OTHERWISE = frozenset({"twilio sending JSON"})


def source(signer: Signer, **changes: Any) -> Source:
    """Configure a source of a sender, with its old key."""
    keys = tuple(Live(f"k{index}", key) for index, key in enumerate(ring(signer)))
    plain = Source(
        slug="shop",
        profile=profile(signer),
        environment="test",
        mode=Mode.UNKNOWN,
        account="main",
        uri="urn:sealgate:test:shop",
        url=signer.url,
        ring=Ring(keys),
        body_bytes_max=1_000_000,
        rate_per_s=None,
        setting=SourceSettings(slug="shop", provider=signer.provider),
    )
    return replace(plain, **changes)


def sealed(signer: Signer) -> Envelope:
    """Take a sender's sample in as the edge does, and read it back from its record."""
    decided = decide(received(signer, sample(signer)), source(signer), number(1))
    assert isinstance(decided, Sealed)
    return Envelope.decode(decided.message.headers, decided.message.value)


def prove(envelope: Envelope, *sources: Source, key: bytes | None = None) -> Proof:
    """Prove an envelope by these sources."""
    held = {f"{index}": one for index, one in enumerate(sources)}
    return Prover(held, "test").prove(envelope.key if key is None else key, envelope)


def leaves_proof(signer: Signer) -> bool:
    """Say whether what proved it may be stored: a signature, and no key to a door."""
    return signs(signer) and signer.header != b"authorization"


EVENTS = [one for one in SENDERS if one.name != "aws_sns confirming a subscription"]
PROVABLE = [one for one in EVENTS if leaves_proof(one) and one.name not in CALLED_OTHERWISE]
HINTS = [one for one in EVENTS if not leaves_proof(one)]


def test_nearly_every_provider_is_provable() -> None:
    """A list that shrinks unseen would make the next two tests say ever less."""
    assert len({one.provider for one in PROVABLE}) >= 74
    assert {one.provider for one in HINTS} & {"bitpay", "telegram", "google_pubsub"}


@pytest.mark.parametrize("signer", PROVABLE, ids=str)
def test_an_envelope_is_proven_again_by_what_it_carries(signer: Signer) -> None:
    """Years later there is the record, the key, and nobody to ask."""
    assert prove(sealed(signer), source(signer)) == Proof(Word.PROVEN, "k0")


@pytest.mark.parametrize("signer", HINTS, ids=str)
def test_what_leaves_no_proof_is_a_hint_and_no_failure(signer: Signer) -> None:
    """A token is never stored; an alarm about each of its events would be switched off."""
    proof = prove(sealed(signer), source(signer))
    assert (proof.word, proof.key_id) == (Word.HINT, "")
    assert proof.why


def digest(body: bytes) -> str:
    """Write a body's digest as an envelope does."""
    return "sha256:" + hashlib.sha256(body).hexdigest()


FORGED = b'{"type":"InvoiceSettled","invoiceId":"another"}'


def _another_body(one: Envelope) -> Envelope:
    return replace(one, body=FORGED, body_digest=digest(FORGED))


def _no_header(one: Envelope) -> Envelope:
    return replace(one, signed_headers=())


@pytest.mark.parametrize(
    ("change", "why"),
    [(_another_body, "no_matching_signature"), (_no_header, "missing_header")],
    ids=["body", "header"],
)
def test_what_nobody_signed_fails(change: Callable[[Envelope], Envelope], why: str) -> None:
    """Whoever can write to the topic can write anything but a signature."""
    proof = prove(change(sealed(BTCPAY)), source(BTCPAY))
    assert proof == Proof(Word.FAILED, why=why)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"payment_ref": "another"}, "its body is about the payment"),
        ({"event_key": "another"}, "its body is the event"),
        ({"event_type": "InvoiceInvalid"}, "its body is the event"),
        ({"environment": "prod"}, "of the environment prod"),
        ({"body_digest": digest(b"")}, "its digest is of another body"),
        ({"key_id": "k7"}, "it names the key k7"),
        ({"account": "theirs"}, "its source is of btcpay/main"),
        ({"type": "org.btcpayserver.InvoiceInvalid"}, "its type is org.btcpayserver.Inv"),
        ({"occurred_ms": 1_700_000_000_000}, "its body says that it happened at 20"),
        ({"mode": Mode.LIVE}, "it says that it is live"),
        ({"assurance": Assurance.A}, "its proof is of class A"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_true_body_under_false_headers_differs(changes: dict[str, Any], why: str) -> None:
    """A signature proves the body alone: headers that point elsewhere would move other money."""
    proof = prove(replace(sealed(BTCPAY), **changes), source(BTCPAY))
    assert proof.word is Word.DIFFERS
    assert why in proof.why


def test_a_record_under_the_key_of_another_payment_differs() -> None:
    """It would be read out of the order of its own payment."""
    proof = prove(sealed(BTCPAY), source(BTCPAY), key=b"test/btcpay/main/another")
    assert proof == Proof(Word.DIFFERS, "k0", "its record has the key of another payment")


def test_the_keys_of_envelopes_from_before_the_environment_was_in_them_are_right() -> None:
    """Version 1 is read for ever."""
    envelope = sealed(BTCPAY)
    key = envelope.key.removeprefix(b"test/")
    assert prove(envelope, source(BTCPAY), key=key).word is Word.PROVEN


def test_a_revoked_key_proves_nothing_whenever_it_was_used() -> None:
    """After a theft nobody can tell the thief's events from the provider's by it."""
    live = Live("k0", ring(BTCPAY)[0], Status.REVOKED)
    proof = prove(sealed(BTCPAY), source(BTCPAY, ring=Ring([live])))
    assert proof.word is Word.KEYLESS
    assert "k0 is revoked or not configured any more" in proof.why


def test_a_key_whose_window_closed_since_still_proves_what_came_before() -> None:
    """A rotation ends what a key may prove from now on, and takes nothing back."""
    envelope = sealed(BTCPAY)
    live = Live("k0", ring(BTCPAY)[0], Status.VERIFY_ONLY, not_after_ms=envelope.received_ms + 1)
    assert prove(envelope, source(BTCPAY, ring=Ring([live]))).word is Word.PROVEN
    later = replace(envelope, received_ms=envelope.received_ms + 1)
    assert prove(later, source(BTCPAY, ring=Ring([live]))).word is Word.KEYLESS


def test_keys_that_are_fetched_are_not_called_a_failure() -> None:
    """Nothing is fetched here; that the key is not at hand says nothing of the event."""
    fetching = plan(profile(FETCHED).declaration, None)
    proof = prove(sealed(FETCHED), source(FETCHED, ring=Ring(()), plan=fetching))
    assert proof.word is Word.KEYLESS
    assert "fetched" in proof.why


def test_an_envelope_of_no_configured_source_is_not_taken_for_true() -> None:
    """Whoever invents a source would choose one that nobody holds a key of."""
    other = source(BTCPAY, uri="urn:sealgate:test:other", slug="other", account="other")
    assert prove(sealed(BTCPAY), other).word is Word.KEYLESS
    assert prove(sealed(BTCPAY)).word is Word.KEYLESS


def test_a_source_that_was_renamed_is_found_by_its_account() -> None:
    """Slugs and public addresses change; the account and its keys are the same."""
    stranger = source(BTCPAY, ring=Ring(()), uri="urn:sealgate:test:first", slug="first")
    renamed = source(BTCPAY, uri="https://hooks.example/new", slug="new")
    assert prove(sealed(BTCPAY), stranger, renamed).word is Word.PROVEN
