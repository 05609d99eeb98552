"""What is kept is whole, opens for who holds the key, and nowhere but where it was put."""

import base64
import pickle
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from Crypto.Cipher import AES
from hypothesis import given
from hypothesis import strategies as st

from ingress.delivery import Delivery
from ingress.sealing import KEY_BYTES, Seals, deserialise, new_key, seals, serialise
from ingress.settings import ConfigurationInvalid, QuarantineSettings

KEY = bytes(range(KEY_BYTES))
OTHER = bytes(range(1, KEY_BYTES + 1))
PLACE = b"live/shop/019b0000-0000-7000-8000-000000000001"
DELIVERIES = st.builds(
    Delivery,
    source=st.text(st.characters(codec=None), max_size=20),
    method=st.text(st.characters(codec=None), max_size=20),
    query=st.binary(max_size=50),
    headers=st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=40)), max_size=8).map(
        tuple
    ),
    body=st.binary(max_size=200),
    received_ms=st.integers(-(2**63), 2**63 - 1),
    url=st.text(max_size=30),
    address=st.text(max_size=30),
)


def _seals(tmp_path: Path, keys: Mapping[str, bytes]) -> Seals:
    for name, key in keys.items():
        (tmp_path / name).write_bytes(base64.b64encode(key) + b"\n")
    listed = [{"id": name, "file": name} for name in keys]
    return seals(QuarantineSettings.model_validate({"key": listed}), tmp_path)


def _mistakes(tmp_path: Path, *listed: tuple[str, str]) -> str:
    settings = QuarantineSettings.model_validate(
        {"key": [{"id": key_id, "file": file} for key_id, file in listed]}
    )
    with pytest.raises(ConfigurationInvalid) as invalid:
        seals(settings, tmp_path)
    return str(invalid.value)


@given(DELIVERIES)
def test_a_delivery_comes_back_to_the_byte(delivery: Delivery) -> None:
    """It is to be verified again: one octet, one header's place, and no key would ever fit."""
    assert deserialise(serialise(delivery)) == delivery


def test_the_form_on_the_log_is_the_one_that_was_promised() -> None:
    """What was kept yesterday is read by tomorrow's version: these bytes were written by hand."""
    written = (
        b"\x01"
        b"\x00\x00\x01\x9b\x76\xda\xa8\x00"
        b"\x00\x00\x00\x0a"
        b"\x00\x00\x00\x04shop"
        b"\x00\x00\x00\x04POST"
        b"\x00\x00\x00\x00"
        b"\x00\x00\x00\x09192.0.2.7"
        b"\x00\x00\x00\x03a=1"
        b"\x00\x00\x00\x02{}"
        b"\x00\x00\x00\x01x"
        b"\x00\x00\x00\x02\xff\x00"
        b"\x00\x00\x00\x01x"
        b"\x00\x00\x00\x00"
    )
    headers = ((b"x", b"\xff\x00"), (b"x", b""))
    delivery = Delivery("shop", "POST", b"a=1", headers, b"{}", 1_767_225_600_000, "", "192.0.2.7")
    assert serialise(delivery) == written
    assert deserialise(written) == delivery


@given(st.binary(max_size=120) | st.binary(max_size=120).map((b"\x01" + bytes(11)).__add__))
def test_what_was_not_written_here_is_a_value_error_and_nothing_else(content: bytes) -> None:
    """One record that somebody broke must not end the reading of all the others."""
    with suppress(ValueError):
        assert serialise(deserialise(content)) == content


@given(DELIVERIES, st.data())
def test_what_is_cut_off_is_not_taken_for_the_whole(
    delivery: Delivery, data: st.DataObject
) -> None:
    """A shorter body, or one header less, would be another delivery."""
    written = serialise(delivery)
    with pytest.raises(ValueError) as wrong:
        deserialise(written[: data.draw(st.integers(0, len(written) - 1))])
    assert str(wrong.value)
    with pytest.raises(ValueError) as wrong:
        deserialise(written + data.draw(st.binary(min_size=1, max_size=9)))
    assert "longer than it was" in str(wrong.value)


def test_another_library_opens_what_was_sealed(tmp_path: Path) -> None:
    """It is AES-256-GCM with the nonce in front: whoever has the key needs none of this code."""
    seal_id, sealed = _seals(tmp_path, {"k1": KEY}).seal(b"content", PLACE)
    assert seal_id == "k1"
    cipher = AES.new(KEY, AES.MODE_GCM, nonce=sealed[:12])
    cipher.update(PLACE)
    assert cipher.decrypt_and_verify(sealed[12:-16], sealed[-16:]) == b"content"


def test_what_another_library_sealed_is_opened(tmp_path: Path) -> None:
    """The other direction, so that a shared mistake is none of ours alone."""
    cipher = AES.new(KEY, AES.MODE_GCM, nonce=b"twelve bytes")
    cipher.update(PLACE)
    encrypted, tag = cipher.encrypt_and_digest(b"content")
    opened = _seals(tmp_path, {"k1": KEY}).open("k1", b"twelve bytes" + encrypted + tag, PLACE)
    assert opened == b"content"


def test_the_first_key_seals_and_every_key_opens(tmp_path: Path) -> None:
    """So a key is rotated: the new one in front, the old one behind while its records live."""
    before = _seals(tmp_path, {"old": KEY})
    seal_id, sealed = before.seal(b"content", PLACE)
    after = _seals(tmp_path, {"new": OTHER, "old": KEY})
    assert after.open(seal_id, sealed, PLACE) == b"content"
    assert after.seal(b"content", PLACE)[0] == "new"


def test_the_same_content_is_never_sealed_to_the_same_bytes(tmp_path: Path) -> None:
    """A nonce that comes twice gives both contents away."""
    sealing = _seals(tmp_path, {"k1": KEY})
    assert len({sealing.seal(b"content", PLACE)[1][:12] for _ in range(500)}) == 500


@pytest.mark.parametrize(
    ("seal_id", "change", "place", "said"),
    [
        ("k1", b"", PLACE + b"x", "does not open it"),
        ("k1", b"\x01", PLACE, "does not open it"),
        ("k2", b"", PLACE, "does not open it"),
        ("gone", b"", PLACE, "not configured: add it as a [[quarantine.key]]"),
    ],
)
def test_what_was_moved_changed_or_sealed_otherwise_stays_closed(
    tmp_path: Path, seal_id: str, change: bytes, place: bytes, said: str
) -> None:
    """A record under another source's name would be verified with another source's keys."""
    sealing = _seals(tmp_path, {"k1": KEY, "k2": OTHER})
    _, sealed = sealing.seal(b"content", PLACE)
    with pytest.raises(ValueError) as wrong:
        sealing.open(seal_id, sealed + change, place)
    assert said in str(wrong.value)


@given(st.binary(max_size=40))
def test_what_nobody_sealed_is_a_value_error(content: bytes) -> None:
    """Whoever can write to the log can write anything there."""
    sealing = Seals({"k1": _cipher()})
    with pytest.raises(ValueError) as wrong:
        sealing.open("k1", content, PLACE)
    assert "does not open it" in str(wrong.value)


def _cipher() -> object:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(KEY)


def test_without_a_key_the_content_is_kept_as_it_is() -> None:
    """What may be kept so is decided elsewhere; the record says that it is not sealed."""
    sealing = seals(QuarantineSettings(), Path())
    assert not sealing
    assert sealing.seal(b"content", PLACE) == ("", b"content")
    assert sealing.open("", b"content", PLACE) == b"content"


def test_a_new_key_is_one_that_can_be_used(tmp_path: Path) -> None:
    """The command that writes one and the loader that reads it agree; and no two are the same."""
    (tmp_path / "k").write_bytes(new_key())
    settings = QuarantineSettings.model_validate({"key": [{"id": "k", "file": "k"}]})
    assert seals(settings, tmp_path)
    assert new_key() != new_key()


def test_every_key_that_cannot_be_used_is_told_at_once(tmp_path: Path) -> None:
    """An operator repairs the configuration once, not once for each key."""
    (tmp_path / "short").write_bytes(base64.b64encode(KEY[:16]))
    (tmp_path / "words").write_bytes(b"not in base64, but a sentence!")
    (tmp_path / "open").write_bytes(base64.b64encode(KEY))
    (tmp_path / "open").chmod(0o644)
    told = _mistakes(
        tmp_path, ("a", "short"), ("b", "words"), ("c", "open"), ("d", "absent")
    ).splitlines()
    assert [line.split(":")[0] for line in told] == [
        f"quarantine.key '{key_id}'" for key_id in "abcd"
    ]
    assert "32 bytes in base64; `sealgate quarantine new-key`" in told[0]
    assert "32 bytes in base64" in told[1]
    assert "chmod 600" in told[2]
    assert "cannot be read" in told[3]
    assert "sentence" not in "".join(told)
    assert base64.b64encode(KEY).decode() not in "".join(told)


def test_two_keys_under_one_name_are_refused(tmp_path: Path) -> None:
    """Which of them would open a record is not to be left to their order."""
    (tmp_path / "k1").write_bytes(base64.b64encode(KEY))
    (tmp_path / "k2").write_bytes(base64.b64encode(OTHER))
    assert "'same' is used twice" in _mistakes(tmp_path, ("same", "k1"), ("same", "k2"))


def test_one_key_under_two_names_is_refused(tmp_path: Path) -> None:
    """A rotation to the same key is none, and would be believed to be one."""
    (tmp_path / "k1").write_bytes(base64.b64encode(KEY))
    (tmp_path / "k2").write_bytes(base64.b64encode(KEY))
    assert "hold the same secret" in _mistakes(tmp_path, ("a", "k1"), ("b", "k2"))


def test_nothing_shows_a_key(tmp_path: Path) -> None:
    """A stray repr in a log line or a pickle on a queue must not open the quarantine."""
    sealing = _seals(tmp_path, {"k1": KEY})
    shown = f"{sealing!r} {sealing} {sealing._ciphers}"
    for form in (KEY, base64.b64encode(KEY), KEY.hex().encode()):
        assert form.decode("latin-1") not in shown
    with pytest.raises(TypeError):
        pickle.dumps(sealing)
