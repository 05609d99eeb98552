"""Keys of the sender's side: read as people have them, made as both sides need them."""

import base64
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ingress import providers
from sealgate.simulator import keys, new_key, pairs
from tests.support.simulated import PARAMETERS

SEED = bytes(range(32))
OWN = Ed25519PrivateKey.from_private_bytes(SEED)
PUBLIC = OWN.public_key().public_bytes_raw()


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("provider", providers.names())
def test_a_new_key_is_one_that_both_sides_read(provider: str) -> None:
    """Whoever follows the words of `new-key` has a pair of files that fit each other."""
    profile = providers.load(provider, PARAMETERS.get(provider))
    if not profile.is_signed:
        with pytest.raises(ValueError, match="signs nothing"):
            keys.new_key(profile, SEED)
        return
    made = keys.new_key(profile, SEED)
    profile.key(made.gateway.encode())
    read = keys.read(profile, made.sender.encode(), "kid-1")
    assert read.kid == "kid-1"
    assert made.is_pair == bool(keys.pair_kind(profile))
    if made.is_pair:
        with pytest.raises(ValueError, match="private key"):
            profile.key(made.sender.encode())


def test_two_secrets_are_two_keys() -> None:
    """The wrong key of a trial must be another one."""
    profile = providers.load("btcpay")
    assert keys.new_secret(profile, b"a" * 32) != keys.new_secret(profile, b"b" * 32)


def test_a_standard_webhooks_secret_is_base64_behind_its_prefix() -> None:
    """Its specification says so; Stripe's look alike and are not (the letters are the key)."""
    secret = keys.new_secret(providers.load("standard_webhooks"), b"k" * 32)
    assert secret.startswith("whsec_")
    assert base64.b64decode(secret.removeprefix("whsec_")) == b"k" * 32


@pytest.mark.parametrize(
    "text",
    [
        _pem(OWN),
        b"\n" + _pem(OWN) + b"\n",
        SEED.hex().encode(),
        (SEED + PUBLIC).hex().encode(),
        base64.b64encode(SEED),
        base64.b64encode(SEED + PUBLIC),
        b"whsk_" + base64.b64encode(SEED + PUBLIC),
    ],
)
def test_an_ed25519_key_is_read_in_each_of_its_spellings(text: bytes) -> None:
    """PEM from openssl, hex from Discord's world, whsk_ from Standard Webhooks."""
    key = keys.read(providers.load("standard_webhooks_v1a"), text).material
    assert isinstance(key, Ed25519PrivateKey)
    assert key.private_bytes_raw() == SEED


@pytest.mark.parametrize(
    ("provider", "text", "said"),
    [
        ("wise", _pem(OWN), "another type; expected an RSA private key"),
        ("sendgrid", _pem(ec.generate_private_key(ec.SECP256K1())), "P-256"),
        ("ramp", _pem(ec.generate_private_key(ec.SECP256R1())), "secp256k1"),
        ("discord", _pem(rsa.generate_private_key(65_537, 1024)), "an Ed25519 private key"),
        ("wise", b"secret-in-the-wrong-box", "no private key; expected an RSA private key"),
        ("discord", b"whpk_" + base64.b64encode(PUBLIC), "this is a public key"),
        ("wise", b"-----BEGIN PUBLIC KEY-----\nAAAA", "this is a public key"),
        ("wise", b"-----BEGIN CERTIFICATE-----\nAAAA", "this is a public key"),
        ("discord", base64.b64encode(SEED + SEED), "no private key"),
        ("discord", b"zz" * 32, "no private key"),
        ("transak", _pem(OWN), "HS256 takes the secret"),
        ("standard_webhooks", b"whsk_AAAA", "asymmetric key"),
    ],
)
def test_what_is_no_key_of_this_kind_is_refused_and_not_shown(
    provider: str, text: bytes, said: str
) -> None:
    """A person has several files with keys, and the words must tell them apart."""
    with pytest.raises(ValueError, match=said) as raised:
        keys.read(providers.load(provider), text)
    assert text.decode().split("\n")[1 if b"\n" in text else 0][:12] not in str(raised.value)


def test_a_token_writes_both_halves_at_full_length() -> None:
    """A number that begins with zeros is written with them, or one signature in 128 is refused."""
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    assert pairs.as_halves(encode_dss_signature(1, 2)) == bytes(31) + b"\1" + bytes(31) + b"\2"


def test_new_key_writes_a_secret_for_both_sides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One file, readable by its owner alone, and its content nowhere else."""
    file = tmp_path / "key"
    assert new_key.run("btcpay", file) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    shown = capsys.readouterr().out
    assert str(file) in shown
    assert "[[source.key]]" in shown
    assert file.read_text() not in shown
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_new_key_writes_a_pair_and_says_whose_is_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The private half never goes to the gateway; the words and the names keep them apart."""
    file, public = tmp_path / "key", tmp_path / "key.pub"
    assert new_key.run("bridge", file) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert public.read_text().startswith("-----BEGIN PUBLIC KEY-----")
    private_line, public_line = capsys.readouterr().out.splitlines()
    assert "private" in private_line
    assert "nobody else" in private_line
    assert str(public) in public_line
    assert "for the gateway" in public_line


@pytest.mark.parametrize("taken", ["key", "key.pub"])
def test_new_key_writes_over_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], taken: str
) -> None:
    """It may be the only copy of a key; and half a pair is worse than none."""
    (tmp_path / taken).write_text("the only copy")
    assert new_key.run("bridge", tmp_path / "key") == 2
    assert f"{taken} is there already" in capsys.readouterr().err
    assert (tmp_path / taken).read_text() == "the only copy"
    assert [path.name for path in tmp_path.iterdir()] == [taken]


@pytest.mark.parametrize(
    ("provider", "words", "said"),
    [
        ("btcpy", (), "did you mean 'btcpay'"),
        ("bitpay", (), "signs nothing"),
        ("kobbopay", ("key=rot13",), "'utf8', 'hex', 'base64'"),
    ],
)
def test_a_key_for_nobody_is_2(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    provider: str,
    words: tuple[str, ...],
    said: str,
) -> None:
    """Nothing is written, and the words say what there is."""
    assert new_key.run(provider, tmp_path / "key", words) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped directory is named."""
    assert new_key.run("btcpay", tmp_path / "none" / "key") == 2
    assert "none/key cannot be written: No such file" in capsys.readouterr().err
