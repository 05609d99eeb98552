"""The simulator's signing, held against senders that know nothing of profiles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.delivery import Delivery
from ingress.providers import load
from sealgate.simulator.sign import sign
from tests.support.signers import MESSAGE_ID, SIGNERS, Signer

every_provider = pytest.mark.parametrize("signer", SIGNERS, ids=str)


@every_provider
@given(body=st.binary(), at_s=st.integers(0, 4_000_000_000))
def test_it_signs_as_the_provider_does(signer: Signer, body: bytes, at_s: int) -> None:
    """A trial that signs otherwise than the provider proves nothing."""
    profile = load(signer.provider, signer.parameters)
    headers = sign(
        profile,
        secret=profile.key_material(signer.new),
        body=body,
        now_ms=at_s * 1000 + 999,
        message_id=MESSAGE_ID,
    )
    sent = {name.encode(): value.encode() for name, value in headers.items()}
    assert sent == dict(signer.sign(signer.new, body, at_s))


def test_it_signs_a_timestamp_in_the_unit_of_the_profile() -> None:
    """The signer must follow a source's parameters as the verifier does."""
    profile = load("kobbopay", {"timestamp_unit": "ms", "prefix": "sha256="})
    headers = sign(profile, secret=b"k", body=b"{}", now_ms=1_760_000_000_123, message_id="m")
    assert headers["x-kobbopay-timestamp"] == "1760000000123"
    assert headers["x-kobbopay-signature"].startswith("sha256=")
    sent = tuple((name.encode(), value.encode()) for name, value in headers.items())
    delivery = Delivery("shop", "POST", b"", sent, b"{}", 1_760_000_300_123)
    assert profile.verify(delivery, [b"k"]) == 0
