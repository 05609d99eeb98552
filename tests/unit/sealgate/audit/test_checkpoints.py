"""Checkpoints: what is signed, what is refused, and what a row of them proves."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealgate.audit import checkpoints, folder
from sealgate.audit.checkpoints import Checkpoint, Seen, Unsound
from sealgate.audit.command import Checkpoints, chained

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key()
HEADS = [Seen("g/t/0", 4, b"h" * 32), Seen("operator", 0, b"o" * 32)]


def row(count: int) -> list[bytes]:
    """Write a row of checkpoints, one an hour, between which one chain grows by one."""
    last: Checkpoint | None = None
    files: list[bytes] = []
    for number in range(count):
        heads = [HEADS[0]._replace(seq=4 + number), HEADS[1]]
        before = files[-1] if files else b""
        last = checkpoints.follow(last, before, "sandbox", heads, number * 3_600_000)
        files.append(checkpoints.sign(last, KEY))
    return files


def read(files: dict[int, bytes]) -> Checkpoints:
    """Hold files against each other."""
    kept = [
        folder.Kept(number, Path(folder.name(number)), content) for number, content in files.items()
    ]
    return chained(kept, PUBLIC, "sandbox")


def test_the_first_line_is_what_the_signature_signs() -> None:
    """Any Ed25519 tool verifies it: the bytes of the line, without its end."""
    line, proof, rest = row(1)[0].split(b"\n")
    assert rest == b""
    said = json.loads(line)
    assert said["chains"][0] == {"chain": "g/t/0", "seq": 4, "count": 5, "head": (b"h" * 32).hex()}
    raw = PUBLIC.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    assert json.loads(proof)["key"] == sha256(raw).hexdigest()[:16]
    assert said["before"] == ""


def test_each_names_the_file_before_it_and_what_is_new() -> None:
    """So none can be taken out, and an hour in which nothing happened is on record."""
    first, second, _ = row(3)
    said = json.loads(second.partition(b"\n")[0])
    assert said["before"] == sha256(first).hexdigest()
    assert (said["number"], said["new"]) == (2, 1)
    quiet = checkpoints.follow(checkpoints.read(first, PUBLIC), first, "sandbox", HEADS, 9)
    assert quiet.new == 0


def test_what_is_written_is_read_back() -> None:
    """Heads, instant and all."""
    one = checkpoints.follow(None, b"", "sandbox", HEADS, 5)
    assert checkpoints.read(checkpoints.sign(one, KEY), PUBLIC) == one
    assert one == Checkpoint("sandbox", 1, 5, "", 6, tuple(HEADS))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no checkpoint"),
        (b"{}\n{}\n", "no checkpoint"),
        (b'{"a":1}\n{"signature":"!!"}\n', "no checkpoint"),
        (row(1)[0].replace(b'"seq":4', b'"seq":3'), "signature does not hold"),
    ],
)
def test_what_we_did_not_sign_is_refused(content: bytes, said: str) -> None:
    """A digit moved is another checkpoint; rubbish is none."""
    with pytest.raises(Unsound, match=said):
        checkpoints.read(content, PUBLIC)


def test_another_key_signs_nothing_for_us() -> None:
    """Whoever took the directory over has a key too."""
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    with pytest.raises(Unsound, match="signature"):
        checkpoints.read(row(1)[0], other)


def test_a_whole_row_is_sound() -> None:
    """All of them are then what the chains are held against."""
    found = read(dict(enumerate(row(4), 1)))
    assert found.problems == []
    assert [one.number for one in found.sound] == [1, 2, 3, 4]
    assert len(found.anchors()) == 8


def test_a_missing_one_and_a_missing_beginning_are_said() -> None:
    """Whoever cannot forge one takes one away."""
    files = dict(enumerate(row(5), 1))
    del files[1], files[4]
    assert read(files).problems == ["checkpoints 1 to 1 are not there", "checkpoint 4 is not there"]


def test_one_put_in_another_place_does_not_follow() -> None:
    """Genuine, but of another number; and a second row, signed in our name, breaks the link."""
    files = row(3)
    assert "it is checkpoint 3" in read({1: files[0], 2: files[2]}).problems[0]
    forged = checkpoints.read(files[1], PUBLIC)._replace(at_ms=7)
    again = [files[0], checkpoints.sign(forged, KEY), files[2]]
    found = read(dict(enumerate(again, 1)))
    assert found.problems == ["checkpoint-000000003.json: it does not follow the one before it"]


def test_one_of_another_environment_is_refused() -> None:
    """A sandbox's checkpoint says nothing about production."""
    kept = [folder.Kept(1, Path(folder.name(1)), row(1)[0])]
    assert chained(kept, PUBLIC, "production").sound == []


def test_chains_that_were_longer_are_named() -> None:
    """A backup was restored, or an end was cut off: the monitor says so when it writes the next."""
    last = checkpoints.follow(None, b"", "sandbox", HEADS, 5)
    assert checkpoints.shorter(last, HEADS) == []
    assert checkpoints.shorter(last, [HEADS[0]._replace(seq=3)]) == ["g/t/0", "operator"]
    assert checkpoints.shorter(None, HEADS) == []


def test_a_number_is_written_once(tmp_path: Path) -> None:
    """Of two monitors one writes; and no checkpoint is ever written over."""
    where = tmp_path / "deep" / "down"
    assert folder.keep(where, 1, b"one")
    assert not folder.keep(where, 1, b"two")
    assert [one.content for one in folder.kept(where)] == [b"one"]
    assert [path.name for path in where.iterdir()] == ["checkpoint-000000001.json"]
    assert folder.latest(tmp_path / "nowhere") is None


def test_a_key_is_for_us_alone_and_made_once(tmp_path: Path) -> None:
    """The private half signs; the public half is for whoever verifies."""
    path = tmp_path / "secrets" / "audit.pem"
    made = folder.make_key(path)
    assert made is not None
    assert path.stat().st_mode & 0o777 == 0o600
    assert folder.private_key(tmp_path, path).public_key() == made
    assert folder.public_key(tmp_path, folder.public_path(path)) == made
    assert folder.make_key(path) is None


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    """The message says what makes the right one."""
    path = tmp_path / "key"
    path.write_text("not a key")
    path.chmod(0o600)
    with pytest.raises(ValueError, match="sealgate audit init makes one"):
        folder.private_key(tmp_path, path)
    with pytest.raises(ValueError, match="as sealgate audit init writes it"):
        folder.public_key(tmp_path, path)
