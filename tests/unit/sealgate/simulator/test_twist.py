"""Twists: each breaks one thing, and the profiles' own verifiers name exactly that thing."""

import base64

import pytest

from ingress import providers
from ingress.delivery import Delivery, Reason, Rejected
from ingress.providers import Profile
from sealgate.simulator.keys import new_secret
from sealgate.simulator.twist import MISSING_BYTES, Request, Signer, Twist

NOW_MS = 1_790_000_000_000
BODY = b'{"type": "x", "amount": "49.00"}'
TIMED = frozenset({"stripe", "standard_webhooks", "kobbopay"})

MISMATCH = Reason.SIGNATURE_MISMATCH
BREAKS = {
    Twist.FORGED: MISMATCH,
    Twist.WRONG_KEY: MISMATCH,
    Twist.ALTERED: MISMATCH,
    Twist.CUT: MISMATCH,
    Twist.UNSIGNED: Reason.HEADER_MISSING,
    Twist.STALE: Reason.TIMESTAMP_STALE,
}


def _signer(provider: str) -> tuple[Profile, Signer]:
    profile = providers.load(provider)
    right, wrong = (
        profile.key_material(new_secret(profile, seed * 32).encode()) for seed in (b"r", b"w")
    )
    return profile, Signer(profile, right, wrong)


def _verify(profile: Profile, signer: Signer, request: Request) -> int:
    headers = tuple(
        (name.lower().encode(), text.encode()) for name, text in request.headers.items()
    )
    delivery = Delivery("s", "POST", b"", headers, request.body, NOW_MS)
    return profile.verify(delivery, [signer.secret])


@pytest.mark.parametrize("provider", providers.names())
@pytest.mark.parametrize("twist", [Twist.GENUINE, Twist.BROKEN, Twist.OVERSIZED, Twist.SHORT])
def test_what_is_signed_well_verifies(provider: str, twist: Twist) -> None:
    """Only then is a refusal about the size or the content, and not about the signature."""
    profile, signer = _signer(provider)
    request = signer.request(twist, BODY, NOW_MS, "msg_1")
    assert _verify(profile, signer, request) == 0


@pytest.mark.parametrize("provider", providers.names())
@pytest.mark.parametrize("twist", BREAKS)
def test_a_twist_breaks_exactly_one_check(provider: str, twist: Twist) -> None:
    """A forgery that failed on its timestamp would not show that forgeries fail."""
    profile, signer = _signer(provider)
    request = signer.request(twist, BODY, NOW_MS, "msg_1")
    if twist is Twist.STALE and provider not in TIMED:
        # Nothing signs the time: this is why replays are caught by the event's key.
        assert _verify(profile, signer, request) == 0
        return
    with pytest.raises(Rejected) as raised:
        _verify(profile, signer, request)
    assert raised.value.reason is BREAKS[twist]


@pytest.mark.parametrize("provider", providers.names())
def test_a_forged_signature_has_the_right_form(provider: str) -> None:
    """Refused for its form alone, it would never meet the comparison."""
    profile, signer = _signer(provider)
    header = profile.declaration.signature.header
    genuine = signer.request(Twist.GENUINE, BODY, NOW_MS, "m").headers[header]
    forged = signer.request(Twist.FORGED, BODY, NOW_MS, "m").headers[header]
    assert len(forged) == len(genuine)
    assert sum(a != b for a, b in zip(forged, genuine, strict=True)) == 1


def test_a_short_delivery_declares_more_than_it_sends() -> None:
    """The receiver waits for bytes that never come."""
    _, signer = _signer("btcpay")
    request = signer.request(Twist.SHORT, BODY, NOW_MS, "m")
    assert (request.body, request.declared_bytes) == (BODY, len(BODY) + MISSING_BYTES)


def test_no_secret_shows() -> None:
    """Signers are printed when a test fails and when somebody logs one by mistake."""
    _, signer = _signer("btcpay")
    shown = repr(signer)
    assert signer.secret.decode() not in shown
    assert signer.wrong.decode() not in shown


@pytest.mark.parametrize("provider", providers.names())
def test_a_new_secret_is_one_that_the_profile_reads(provider: str) -> None:
    """Whoever follows the demo finds keys that look like the provider's own."""
    profile = providers.load(provider)
    first, second = (new_secret(profile, seed * 32) for seed in (b"a", b"b"))
    assert profile.key_material(first.encode()) != profile.key_material(second.encode())


def test_a_standard_webhooks_secret_is_base64_behind_its_prefix() -> None:
    """Its specification says so; Stripe's look alike and are not (the letters are the key)."""
    profile = providers.load("standard_webhooks")
    secret = new_secret(profile, b"k" * 32)
    assert secret.startswith("whsec_")
    assert base64.b64decode(secret.removeprefix("whsec_")) == b"k" * 32
