"""Guards that a fuzzer or a mutant found unguarded: each test is a way in which one could fail."""

import base64
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ingress.delivery import Delivery, Reason
from ingress.providers import load
from ingress.schemes.parts import certificates, pointer, public_keys
from ingress.schemes.parts.keys import KeyForm, key_material
from ingress.schemes.parts.urls import Port, path, with_port
from ingress.schemes.parts.view import View
from tests.support.attacks import profile, received, refusal, sample
from tests.support.signers import EVERY, pairs, wire

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_certificate_whose_name_is_no_text_is_refused() -> None:
    """The library reads a name only when asked, and then raises a `TypeError`.

    It would have ended the task that fetches keys, on the word of whoever serves the certificate.
    """
    pem = pairs.certificate("sns.amazonaws.com")(pairs.RSA.old)
    der = base64.b64decode(b"".join(pem.splitlines()[1:-1]))
    # The common name as a string of bits, where a string of letters stood.
    broken = der.replace(b"\x0c\x11sns.amazonaws.com", b"\x03\x11sns.amazonaws.com")
    assert broken != der
    text = base64.encodebytes(broken)
    chain = b"-----BEGIN CERTIFICATE-----\n" + text + b"-----END CERTIFICATE-----\n"
    with pytest.raises(ValueError, match="names cannot be read"):
        certificates.verify_chain(chain, (), "sns.amazonaws.com", NOW)


def test_a_certificate_alone_says_when_it_ends() -> None:
    """Amazon serves one certificate, and no chain."""
    pem = pairs.certificate("sns.amazonaws.com")(pairs.RSA.old)
    assert certificates.expires(pem) == datetime(2049, 12, 31, tzinfo=UTC)


def test_the_largest_chain_that_is_allowed_is_read() -> None:
    """The bound is the last that fits."""
    pem = pairs.certificate("sns.amazonaws.com")(pairs.RSA.old)
    full = pem + b"\n" * (certificates.CHAIN_BYTES_MAX - len(pem))
    assert certificates.expires(full) == certificates.expires(pem)
    with pytest.raises(ValueError, match="larger than"):
        certificates.expires(full + b"\n")


@pytest.mark.parametrize("length", [30, 31, 32])
def test_the_padding_of_a_standard_secret_may_be_left_out(length: int) -> None:
    """Of every length: dashboards cut it off, and libraries put it back."""
    raw = bytes(range(length))
    bare = b"whsec_" + base64.b64encode(raw).rstrip(b"=")
    assert key_material(KeyForm.WHSEC, bare) == raw


@pytest.mark.parametrize(
    ("url", "port", "expected"),
    [
        (b"https://h.example/p?to=http://x", Port.ADDED, b"https://h.example:443/p?to=http://x"),
        (b"https://h.example?a=1?b=2", Port.ADDED, b"https://h.example:443?a=1?b=2"),
        (b"https://h.example?a=1/b", Port.ADDED, b"https://h.example:443?a=1/b"),
        (b"https:///p:1", Port.REMOVED, b"https:///p:1"),
        (b"http://h.example:80/p", Port.REMOVED, b"http://h.example/p"),
    ],
    ids=["url inside", "two marks", "slash inside", "no host", "removed"],
)
def test_a_port_is_changed_in_the_host_and_nowhere_else(
    url: bytes, port: Port, expected: bytes
) -> None:
    """A query may hold another URL, or a question mark."""
    assert with_port(url, port) == expected


def test_a_path_may_hold_what_looks_like_a_scheme() -> None:
    """0xPay signs the path; it begins behind the first host."""
    assert path("https://h.example/to/https://other.example/x") == b"/to/https://other.example/x"


@pytest.mark.parametrize("name", ["discord", "stripe", "telegram", "twilio"])
def test_a_key_without_a_name_has_an_empty_one(name: str) -> None:
    """An empty name fits every delivery; any other would fit none."""
    signer = next(one for one in EVERY if one.provider == name)
    assert profile(signer).key(signer.shown(signer.old)).kid == ""


def test_a_mac_keeps_the_headers_it_is_made_over() -> None:
    """Whoever verifies the record again needs them, and they are the statement's."""
    assert load("standard_webhooks").verifier.signed_headers == (
        b"webhook-signature",
        b"webhook-timestamp",
        b"webhook-id",
    )


def test_only_jsons_blanks_are_taken_off_a_handshake() -> None:
    """A form feed is no blank of JSON's: such a body is not the provider's."""
    signer = next(one for one in EVERY if one.provider == "quicknode")
    (asked,) = profile(signer).handshakes
    ping = Delivery("shop", "POST", b"", (), b" {}\r\n", 0)
    assert asked.matches(View(ping))
    assert not asked.matches(View(replace(ping, body=b"\x0c{}")))


def test_nothing_at_all_is_no_signature_of_a_public_key() -> None:
    """Where its length varies, an empty one would still cost an operation."""
    signer = next(one for one in EVERY if one.provider == "wise")
    sent = wire.respelt(signer, sample(signer), lambda _: b"")
    assert refusal(signer, received(signer, sent)) is Reason.HEADER_MALFORMED


def _number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize(("modulus_bits", "exponent_bits"), [(1, 17), (0, 1)])
def test_a_published_key_of_monstrous_numbers_is_refused(
    modulus_bits: int, exponent_bits: int
) -> None:
    """One operation with it would hold the gateway up; either number suffices."""
    limit = public_keys.RSA_BITS_MAX
    modulus = (1 << (limit + modulus_bits - 1)) | 1 if modulus_bits else (1 << 2047) | 1
    exponent = 65537 if modulus_bits else (1 << limit) | 1
    jwk = {"kty": "RSA", "kid": "a", "n": _number(modulus), "e": _number(exponent)}
    with pytest.raises(ValueError, match=str(limit)):
        public_keys.from_jwk(dict(jwk))


@pytest.mark.parametrize(
    ("body", "document", "expected"),
    [
        (b'{"a":["x"]}', {"a": ["x"]}, "x"),
        (b'{"a":[7]}', {"a": [7]}, "7"),
        (b'{"a":[1e2]}', {"a": [100.0]}, "1e2"),
        (b'{"a":[18446744073709551616]}', {"a": [1.8446744073709552e19]}, "18446744073709551616"),
        (b'{"a":[true]}', {"a": [True]}, ""),
        (b'{"a":[null]}', {"a": [None]}, ""),
        (b'{"a":[]}', {"a": []}, ""),
        (b'{"a":[NaN', {"a": [1.5]}, ""),
        (b'{"a":{}}', {"a": [1.5]}, ""),
        (b"[" * 100_000, {"a": [1.5]}, ""),
    ],
    ids=["text", "int", "exponent", "large", "flag", "null", "none", "cut", "other", "deep"],
)
def test_a_number_that_identifies_keeps_its_letters(
    body: bytes, document: object, expected: str
) -> None:
    """An id that went through a float would be another id, or two would be one."""
    assert pointer.text(document, ("a", "0"), body) == expected
