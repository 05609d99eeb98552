"""Which bodies must be parsed before it is known who sent them."""

from pathlib import Path

import pytest

from ingress.providers import load, load_file, names
from ingress.providers.limits import PARSED_BYTES_MAX, body_bytes_max, is_parsed_first

# By what each provider's documents say about its signature, not by the profiles.
PARSED_FIRST = {
    "adyen_standard": "values of the notification, and the signature beside them",
    "aws_sns": "names and values of the message",
    "braintree": "the form's fields",
    "circle_v1": "names and values of the message",
    "cryptomus": "JSON without its signature",
    "linear": "the timestamp stands in the body",
    "mailgun": "timestamp, token and signature stand in the body",
    "nowpayments": "sorted JSON",
    "opennode": "the form's fields",
    "paddle_classic": "the form's fields, serialized",
    "plisio": "JSON without its signature",
    "ramp": "sorted JSON",
    "transak": "the token stands in the body",
    "twilio": "the form's fields, sorted",
}
EDGE = 512 * 1024
OWN = """
title = "Own"
type_prefix = "com.example"
confidence = "A"
coverage = "none"
[signature]
%s
[identity]
[[evidence]]
what = "a document"
read = 2026-11-22
"""
TOKEN = 'kind = "token"\n'
MAC = 'kind = "mac"\nhash = "sha256"\nheader = "x-sig"\nencoding = "hex"\n'
ASYM = 'kind = "asym"\ntype = "rsa"\nhash = "sha256"\nheader = "x-sig"\nencoding = "base64"\n'


@pytest.mark.parametrize("name", names())
def test_a_profile_whose_signature_is_over_the_bytes_has_the_edges_limit(name: str) -> None:
    """And every other a closer one, or one that its file names."""
    said = load(name).declaration
    assert is_parsed_first(said) is (name in PARSED_FIRST)
    if said.body_bytes_max is None:
        expected = PARSED_BYTES_MAX if name in PARSED_FIRST else EDGE
        assert body_bytes_max(said, EDGE) == expected


@pytest.mark.parametrize(
    ("signature", "is_parsed"),
    [
        (TOKEN + 'header = "x-token"', False),
        (TOKEN + 'at = "query:token"', False),
        (TOKEN + 'at = "/token"', True),
        (TOKEN + 'at = "form:token"', True),
        (MAC + 'message = "{body}"', False),
        (MAC + 'message = "{query:a}"', False),
        (MAC + 'message = "{json:/a}"', True),
        (MAC + 'message = "{form:a}"', True),
        (MAC + 'message = "{body}"\nwhen = [{ at = "header:v", equals = "1" }]', False),
        (MAC + 'message = "{body}"\nwhen = [{ at = "/v", equals = "1" }]', True),
        (ASYM + 'message = "{body}"\nkey_id = "header:k"', False),
        (ASYM + 'message = "{body}"\nkey_id = "/key"', True),
    ],
)
def test_every_place_that_is_read_before_the_proof_counts(
    tmp_path: Path, signature: str, is_parsed: bool
) -> None:
    """One that was forgotten is a door for half a megabyte of a stranger's JSON."""
    own = tmp_path / "own.toml"
    own.write_text(OWN % signature)
    assert is_parsed_first(load_file(own).declaration) is is_parsed
