"""Published signatures, with the verdict each deserves: the outside world's word against ours."""

import json
from pathlib import Path

import pytest

from ingress.providers import names
from sealgate.vectors import Vector, verdict

VECTORS = Path(__file__).parents[4] / "tests" / "vectors"
ALL = [
    Vector.model_validate(entry)
    for name in names()
    for file in sorted((VECTORS / name).glob("*.json"))
    for entry in json.loads(file.read_bytes())
]


@pytest.mark.parametrize("vector", ALL, ids=lambda vector: vector.id)
def test_a_published_vector_gets_its_published_verdict(vector: Vector) -> None:
    """A verifier that disagrees with the provider's own numbers refuses real payments."""
    assert (verdict(vector) == "valid") == (vector.expect == "valid")


# Nobody publishes a signature of these; they are held against senders written from the documents.
UNPUBLISHED = {
    "azure_event_grid",
    "bitpay",
    "bvnk",
    "circle_v1",
    "coingate",
    "cryptapi",
    "cryptopay",
    "mollie_legacy",
    "openai",
    "triplea_fiat",
    "zeroxpay",
}
# Of these only refusals are published.
REFUSALS_ONLY = {
    "coinpayments",
    "google_pubsub",
    "helius",
    "line",
    "plaid",
    "ramp",
    "square",
    "transak",
}


def test_every_profile_has_a_vector() -> None:
    """A profile that no number from outside supports is a guess, and is on a list as one."""
    valid = {vector.provider for vector in ALL if vector.expect == "valid"}
    invalid = {vector.provider for vector in ALL if vector.expect == "invalid"}
    assert set(names()) - valid - invalid == UNPUBLISHED
    assert invalid - valid == REFUSALS_ONLY


@pytest.mark.parametrize(
    ("vector_id", "reason"),
    [
        ("sw-old", "timestamp_too_old"),
        ("sw-future", "timestamp_in_future"),
        ("sw-ts-hello", "timestamp_malformed"),
        ("sw-v2-only-same-bytes", "unsupported_version"),
        ("sw-badsig", "no_matching_signature"),
        ("sw-missing-webhook-signature", "missing_header"),
        ("stripe-v0-only", "unsupported_version"),
        ("stripe-late", "timestamp_too_old"),
        ("kobbopay-timestamp-changed", "no_matching_signature"),
    ],
)
def test_a_refusal_has_the_right_reason(vector_id: str, reason: str) -> None:
    """Refused for the wrong reason is right by accident."""
    (vector,) = [vector for vector in ALL if vector.id == vector_id]
    assert verdict(vector) == reason
