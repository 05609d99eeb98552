"""What every attack needs: senders, the profiles they are verified by, and who is attacked.

A sender of `tests.support.signers` flows in with what it sent; the verdict of its built-in profile
flows out. Profiles and keys are made once: the matrix has thousands of cells. `against` picks the
senders whom an attack concerns, and fails where fewer profiles are left than it was written for.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from ingress.delivery import Delivery, Reason, Rejected
from ingress.providers import Profile, load
from ingress.schemes.parts.keys import Key
from tests.support.signers import EVERY, Headers, Outgoing, Sent, Signer

NOW_S = 1_760_000_000
NOW_MS = NOW_S * 1000

# Signed as the provider once signed, and refused here: that would be a downgrade.
OUTDATED = frozenset({"paypal with SHA-1"})

SENDERS = tuple(signer for signer in EVERY if signer.name not in OUTDATED)
BY_NAME = {signer.name: signer for signer in EVERY}

UNREADABLE = frozenset({Reason.HEADER_MALFORMED, Reason.BODY_MALFORMED, Reason.VERSION_UNSUPPORTED})

Fits = Callable[[Signer], bool]


def proves(signer: Signer) -> bool:
    """Say whether there is anything to forge."""
    return bool(signer.place)


def signs(signer: Signer) -> bool:
    """Say whether it computes something, and does not merely show its secret."""
    return proves(signer) and signer.encoding != "token"


def in_header(signer: Signer) -> bool:
    """Say whether the proof stands in a header."""
    return signer.place.startswith("header:")


def is_token(signer: Signer) -> bool:
    """Say whether it shows its secret."""
    return signer.encoding == "token"


def against(fits: Fits, *, profiles: int) -> pytest.MarkDecorator:
    """Run a test against every sender that fits; fail if they are of fewer profiles than said."""
    chosen = [signer for signer in SENDERS if fits(signer)]
    left = len({signer.provider for signer in chosen})
    assert left >= profiles, f"the attack was written for {profiles} profiles, and {left} are left"
    return pytest.mark.parametrize("signer", chosen, ids=str)


@cache
def _profile(name: str) -> Profile:
    signer = BY_NAME[name]
    return load(signer.provider, signer.parameters)


def profile(signer: Signer) -> Profile:
    """Return the profile that verifies a sender."""
    return _profile(signer.name)


@cache
def _key(name: str, key: bytes) -> Key:
    signer = BY_NAME[name]
    return profile(signer).key(signer.shown(key), signer.kid(key))


def ring(signer: Signer, *keys: bytes) -> list[Key]:
    """Return what a merchant holds: the old key, if no others are given."""
    if not profile(signer).is_signed:
        return []
    return [_key(signer.name, key) for key in keys or (signer.old,)]


def received(
    signer: Signer, sent: Sent, *, at_ms: int = NOW_MS, url: str | None = None
) -> Delivery:
    """Receive a delivery at the registered URL."""
    noise: Headers = ((b"host", b"hooks.example"), (b"content-type", signer.content_type))
    query = sent.url.partition("?")[2].encode()
    registered = signer.url if url is None else url
    headers = noise + sent.headers
    return Delivery("shop", sent.method, query, headers, sent.body, at_ms, registered)


def outgoing(signer: Signer, **said: Any) -> Outgoing:
    """Tell what a sender is about to send, where the test says something else than the sample."""
    plain = Outgoing(
        signer.old, signer.body, NOW_S, signer.method, signer.url, kid=signer.kid(signer.old)
    )
    return replace(plain, **said)


def sample(signer: Signer) -> Sent:
    """Send the sample, now, with the old key."""
    return signer.sample(NOW_S)


def verify(signer: Signer, delivery: Delivery, *keys: bytes) -> int:
    """Verify as the edge does: first what needs no body. Returns the index of the key."""
    profile(signer).precheck(delivery.headers)
    return profile(signer).verify(delivery, ring(signer, *keys))


def refusal(signer: Signer, delivery: Delivery, *keys: bytes) -> Reason:
    """Return why a delivery is refused; fail if it is accepted, or raises anything else."""
    try:
        matched = profile(signer).verify(delivery, ring(signer, *keys))
    except Rejected as rejected:
        return rejected.reason
    pytest.fail(f"{signer} was verified, by key {matched}")


def refused_for(
    signer: Signer, sent: Sent, reasons: Iterable[Reason], *, at_ms: int = NOW_MS
) -> None:
    """Fail unless a forgery is refused for one of these reasons."""
    reason = refusal(signer, received(signer, sent, at_ms=at_ms))
    assert reason in set(reasons), f"{signer}: {reason.value}"
