"""What names an event, what is kept of a delivery, and hints that prove nothing: 14, 15 and 16."""

from dataclasses import replace

import pytest

from ingress.contract.envelope import Assurance, Coverage
from ingress.providers import names
from tests.support.attacks import (
    NOW_MS,
    SENDERS,
    against,
    in_header,
    is_token,
    profile,
    proves,
    received,
    ring,
    sample,
    signs,
    verify,
)
from tests.support.signers import EVERY, Signer

OTHER_IDS = (
    (b"x-event-id", b"other"),
    (b"x-delivery-id", b"other"),
    (b"x-request-id", b"other"),
    (b"idempotency-key", b"other"),
    (b"x-http-method-override", b"DELETE"),
    (b"content-type", b"application/x-evil"),
    (b"x-forwarded-host", b"evil.example"),
)


def test_every_built_in_profile_has_a_sender() -> None:
    """A profile without a sender of its own stands outside this whole matrix."""
    assert {signer.provider for signer in EVERY} == set(names())


def test_the_matrix_cannot_shrink_unseen() -> None:
    """An attack that lost its targets would pass for ever: `against` must say so."""
    left = 1
    chosen = against(lambda signer: signer.name == "stripe", profiles=left)
    assert [signer.name for signer in chosen.args[1]] == ["stripe"]
    with pytest.raises(AssertionError, match="written for 2 profiles, and 1 are left"):
        against(lambda signer: signer.name == "stripe", profiles=left + 1)


@pytest.mark.parametrize("signer", SENDERS, ids=str)
def test_headers_that_nobody_signed_cannot_name_another_event(signer: Signer) -> None:
    """Attack 14: a replay under new ids must have the event key of the first delivery."""
    first = received(signer, sample(signer))
    unsigned = tuple((name, b"other") for name, _ in signer.also)
    kept = tuple(item for item in first.headers if item not in signer.also)
    taken = {name for name, _ in first.headers if name != b"content-type"}
    more = tuple(item for item in OTHER_IDS if item[0] not in taken)
    again = replace(first, headers=kept + unsigned + more)
    assert verify(signer, again) == 0
    was, now = profile(signer).identify(first), profile(signer).identify(again)
    assert (now.event_key, now.payment_ref, now.occurred_ms) == (
        was.event_key,
        was.payment_ref,
        was.occurred_ms,
    )


@against(lambda signer: bool(signer.also), profiles=9)
def test_headers_that_nobody_signed_are_not_needed(signer: Signer) -> None:
    """Attack 14: who takes the ids away must not get another event, nor an error, by it."""
    first = received(signer, sample(signer))
    again = replace(first, headers=tuple(one for one in first.headers if one not in signer.also))
    assert verify(signer, again) == 0
    was, now = profile(signer).identify(first), profile(signer).identify(again)
    assert (now.event_key, now.payment_ref) == (was.event_key, was.payment_ref)


@against(lambda signer: signer.covered is not None, profiles=74)
def test_two_different_reports_have_different_keys(signer: Signer) -> None:
    """Dedup by a key that two reports share would lose a payment."""
    assert signer.covered is not None
    first = received(signer, sample(signer))
    other = replace(first, body=signer.body + b" ")
    assert profile(signer).identify(first).event_key
    assert profile(signer).identify(other).event_key


@pytest.mark.parametrize("signer", SENDERS, ids=str)
def test_the_identity_of_a_delivery_does_not_depend_on_when_it_is_asked(signer: Signer) -> None:
    """A record read again next year must name the same event."""
    delivery = received(signer, sample(signer))
    assert profile(signer).identify(delivery) == profile(signer).identify(delivery)


def _leaves_proof(signer: Signer) -> bool:
    """Say whether what is stored suffices to verify: not where the header is the key to a door."""
    return signs(signer) and signer.header != b"authorization"


@against(_leaves_proof, profiles=74)
def test_the_signed_headers_are_enough_to_verify_again(signer: Signer) -> None:
    """The record on the log must be provable years later, from what it carries."""
    delivery = received(signer, sample(signer))
    kept = tuple(item for item in delivery.headers if item[0] in _kept(signer))
    assert verify(signer, replace(delivery, headers=kept)) == 0


def _kept(signer: Signer) -> set[bytes]:
    """Return the names of stored headers; a family is stored by each of its names."""
    named = profile(signer).signed_headers
    families = tuple(name[:-1] for name in named if name.endswith(b"*"))
    received_names = {name for name, _ in sample(signer).headers}
    covered = {b"x-event-id", b"x-event-type"} if signer.provider == "coinbase_cdp" else set()
    return {n for n in received_names if n in named or (families and n.startswith(families))} | (
        covered
    )


@against(lambda signer: is_token(signer) and in_header(signer), profiles=7)
def test_a_header_that_is_the_secret_is_never_stored(signer: Signer) -> None:
    """Attack 16: whoever reads the log could send deliveries of their own."""
    assert signer.header not in profile(signer).signed_headers


@against(lambda signer: signer.header == b"authorization", profiles=4)
def test_an_authorization_header_is_never_stored(signer: Signer) -> None:
    """Attack 16: a bearer token opens doors elsewhere too."""
    assert b"authorization" not in profile(signer).signed_headers


@against(lambda signer: is_token(signer) and signer.method == "GET", profiles=1)
def test_a_secret_in_the_query_is_not_in_the_content(signer: Signer) -> None:
    """Attack 16: of a GET the query is what is published."""
    delivery = received(signer, sample(signer))
    assert signer.old in delivery.content
    kept = profile(signer).content(delivery)
    assert kept
    assert signer.old not in kept


@against(proves, profiles=84)
def test_no_key_shows_itself(signer: Signer) -> None:
    """Attack 15: a representation ends up in a log line one day."""
    for key in ring(signer, signer.old, signer.new):
        shown = repr(key) + repr(profile(signer)) + str(profile(signer))
        assert repr(key.material) not in shown
        assert signer.old.decode() not in shown
        assert signer.new.decode() not in shown


# -- profiles of kind none ----------------------------------------------------------------------

hints = pytest.mark.parametrize(
    "signer", [signer for signer in SENDERS if not signer.place], ids=str
)


def test_two_providers_sign_nothing() -> None:
    """A third would be a decision, and not an accident."""
    unsigned = {signer.provider for signer in SENDERS if not signer.place}
    assert unsigned == {"bitpay", "mollie_legacy"}


@hints
def test_a_hint_is_accepted_from_anybody_and_proves_nothing(signer: Signer) -> None:
    """Whatever is sent is a reason to ask the provider, and never a reason to move money."""
    found = profile(signer)
    assert (found.assurance, found.coverage) == (Assurance.E, Coverage.NONE)
    assert not found.is_signed
    assert found.signed_headers == ()
    for body in (signer.body, b"", b"\xff", b"{}"):
        delivery = replace(received(signer, sample(signer)), body=body, received_ms=NOW_MS * 2)
        assert found.verify(delivery, []) == 0
        assert found.claimed_ms(delivery) is None
        assert found.kid(delivery) is None


@hints
def test_a_hint_has_no_key(signer: Signer) -> None:
    """A secret configured for it would make an operator believe in a check that is none."""
    with pytest.raises(ValueError, match="no key"):
        profile(signer).key(b"secret")
