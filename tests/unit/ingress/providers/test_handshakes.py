"""What a profile may say about handshakes: nothing that a stranger could make use of."""

from pathlib import Path

import pytest

from ingress import providers
from ingress.providers import load_file

HEAD = """
title = "A test"
type_prefix = "com.example"
confidence = "A"
coverage = "full"
[parameters.origin]
meaning = "who may ask"
default = ""
"""
MAC = """
[signature]
kind = "mac"
hash = "sha256"
header = "X-Sig"
encoding = "hex"
message = "{body}"
"""
TOKEN = """
[signature]
kind = "token"
header = "X-Token"
"""
TAIL = """
[identity]
[[evidence]]
what = "a test"
read = 2026-11-22
[[handshake]]
"""


def _load(tmp_path: Path, handshake: str, signature: str = MAC) -> providers.Profile:
    head = HEAD.replace('"full"', '"none"') if signature == TOKEN else HEAD
    file = tmp_path / "example.toml"
    file.write_text(head + signature + TAIL + handshake)
    return load_file(file)


@pytest.mark.parametrize(
    ("handshake", "message"),
    [
        ('method = "POST"', "needs a token or its whole request_body"),
        ('method = "POST"\nwhen = [{ at = "/a", equals = "b" }]', "needs a token or its whole"),
        ('method = "GET"\nbody = "{hmac:query:a}"', "signs what a stranger sends"),
        ('method = "GET"\nheaders = { X-A = "{hmac:query:a}" }', "signs what a stranger sends"),
        ('method = "GET"\ntell = "query:a"', "a stranger writes no log lines"),
        ('method = "GET"\nsigned = true', "a signed GET is never verified"),
        ('method = "GET"\nbody = "{qeury:a}"', "is no part of an answer"),
        ('method = "GET"\ncontent_type = "text/html"', "text/plain"),
        ('method = "GET"\nheaders = { Content-Type = "text/html" }', "written by the gateway"),
        ('method = "GET"\nheaders = { set-cookie = "a" }', "written by the gateway"),
        ('method = "GET"\nstatus = 301', "299"),
        ('method = "GET"\naccepts = "["', "no regular expression"),
        ('method = "PUT"', "'GET', 'HEAD', 'OPTIONS' or 'POST'"),
    ],
)
def test_what_a_stranger_could_use_is_refused_with_the_reason(
    tmp_path: Path, handshake: str, message: str
) -> None:
    """A user writes such a file late at night; each of these would answer anybody."""
    with pytest.raises(ValueError, match=message):
        _load(tmp_path, handshake)


def test_only_a_provider_that_signs_by_hmac_can_be_shown_one(tmp_path: Path) -> None:
    """With a token for a key, its HMAC would be a hash of the token for everybody to try on."""
    handshake = 'method = "POST"\nsigned = true\nbody = "{hmac:/a}"'
    assert _load(tmp_path, handshake).handshakes[0].hash_name == "sha256"
    with pytest.raises(ValueError, match="needs a first signature that is an HMAC"):
        _load(tmp_path, handshake, TOKEN)


SIGNING = """
method = "GET"
accepts = "[a-f0-9]{20,32}"
body = "{hmac:query:a}"
"""
LONG = """when = [{ at = "/a", matches = ".{33,}" }]
"""
SECOND = MAC.replace("[signature]", "[[signature]]").replace("X-Sig", "X-Other")


@pytest.mark.parametrize(
    "signature",
    [
        MAC,
        MAC + 'when = [{ at = "/a", equals = "b" }]\n',
        MAC + LONG.replace(" }", ", absent = true }"),
        MAC.replace("[signature]", "[[signature]]") + LONG + SECOND,
    ],
    ids=["bare", "of one text", "or absent", "only the first"],
)
def test_what_was_signed_for_anybody_must_not_pass_for_a_delivery(
    tmp_path: Path, signature: str
) -> None:
    """Whoever asks gets a good signature over a text of his choice: Braintree's challenge."""
    with pytest.raises(ValueError, match="give every signature a when with matches"):
        _load(tmp_path, SIGNING, signature)


@pytest.mark.parametrize(
    "signature", [MAC + LONG, MAC.replace("[signature]", "[[signature]]") + LONG + SECOND + LONG]
)
def test_where_deliveries_have_a_form_of_their_own_it_may_be_signed(
    tmp_path: Path, signature: str
) -> None:
    """Neither is a signed handshake a stranger's, as Zoom's is not."""
    assert _load(tmp_path, SIGNING, signature).greets("GET")
    assert _load(tmp_path, 'method = "POST"\nsigned = true\nbody = "{hmac:/a}"').handshakes


def test_a_condition_on_an_empty_parameter_is_never_met(tmp_path: Path) -> None:
    """Left out, it would be met by everything: an empty setting must not open the door."""
    handshake = (
        'method = "OPTIONS"\nwhen = [{ at = "header:webhook-request-origin", equals = "$origin" }]'
    )
    assert _load(tmp_path, handshake).handshakes[0].when[0].equals == b""


@pytest.mark.parametrize("name", providers.names())
def test_no_built_in_handshake_answers_a_plain_unsigned_delivery(name: str) -> None:
    """Whatever a provider may ask, a POST of an event without a signature is not a question."""
    profile = providers.load(name)
    unsigned = [one for one in profile.handshakes if one.method == "POST" and not one.signed]
    assert all(one.token is not None or one.request_body is not None for one in unsigned)
    assert set(profile.methods) <= set(profile.allowed_methods)
    assert profile.greets("PUT") is False
