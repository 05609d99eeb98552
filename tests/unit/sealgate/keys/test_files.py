"""Files are replaced as one, keep their mode, and are left alone where they are not ours."""

import stat
import threading
import time
from pathlib import Path

import pytest

from sealgate.keys import files
from sealgate.keys.files import NotWritable


def _names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_a_file_is_replaced_as_one_and_keeps_its_mode(tmp_path: Path) -> None:
    """The gateway may read it through its group; after the change it still must."""
    path = tmp_path / "sealgate.toml"
    path.write_bytes(b"old")
    path.chmod(0o640)
    number = path.stat().st_ino
    files.replace(path, b"old", b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert path.stat().st_ino != number, "a reader of the old file goes on reading the old file"
    assert _names(tmp_path) == {"sealgate.toml"}


def test_an_edit_by_somebody_else_is_not_lost(tmp_path: Path) -> None:
    """An editor takes no lock; what it saved in between stands."""
    path = tmp_path / "sealgate.toml"
    path.write_bytes(b"edited meanwhile")
    with pytest.raises(NotWritable, match="changed by somebody else just now"):
        files.replace(path, b"old", b"new")
    assert path.read_bytes() == b"edited meanwhile"
    assert _names(tmp_path) == {"sealgate.toml"}


def test_a_link_is_left_alone(tmp_path: Path) -> None:
    """A ConfigMap is a link: a file in its place would be gone with the next deployment."""
    real = tmp_path / "real"
    real.write_bytes(b"old")
    path = tmp_path / "sealgate.toml"
    path.symlink_to(real)
    with pytest.raises(NotWritable, match="is a link: it is managed where it points to"):
        files.replace(path, b"old", b"new")
    assert path.is_symlink()


def test_two_who_change_at_once_take_turns(tmp_path: Path) -> None:
    """Each reads, thinks and writes; without turns one of two edits would be lost."""
    path = tmp_path / "count"
    path.write_text("0")

    def work() -> None:
        for _ in range(5):
            with files.turn(tmp_path):
                before = path.read_bytes()
                time.sleep(0.001)
                files.replace(path, before, str(int(before) + 1).encode())

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert path.read_text() == "20"


def test_a_secret_is_ours_alone_and_gone_unless_it_is_kept(tmp_path: Path) -> None:
    """A change that is refused leaves no copy of a secret behind."""
    with files.draft(tmp_path, b"secret", None) as drafted:
        assert drafted.read_bytes() == b"secret"
        assert stat.S_IMODE(drafted.stat().st_mode) == 0o600
    assert _names(tmp_path) == set()
    with files.draft(tmp_path, b"secret", None) as drafted:
        files.keep(drafted, tmp_path / "kept")
    assert _names(tmp_path) == {"kept"}


@pytest.mark.parametrize(("mode", "mine"), [(0o600, 0o600), (0o640, 0o640), (0o444, 0o640)])
def test_whoever_reads_the_others_reads_the_new_secret(
    tmp_path: Path, mode: int, mine: int
) -> None:
    """The gateway's group yes, everybody never."""
    other = tmp_path / "other"
    other.write_bytes(b"x")
    other.chmod(mode)
    with files.draft(tmp_path, b"secret", other) as drafted:
        assert stat.S_IMODE(drafted.stat().st_mode) == mine
        assert drafted.stat().st_uid == other.stat().st_uid


def test_a_secret_never_takes_the_place_of_another(tmp_path: Path) -> None:
    """It may be the only copy."""
    taken = tmp_path / "taken"
    taken.write_bytes(b"precious")
    with (
        files.draft(tmp_path, b"secret", None) as drafted,
        pytest.raises(NotWritable, match="is there already"),
    ):
        files.keep(drafted, taken)
    assert taken.read_bytes() == b"precious"


def test_what_was_kept_can_be_taken_back(tmp_path: Path) -> None:
    """When the configuration could not be written after all."""
    with files.draft(tmp_path, b"secret", None) as drafted:
        files.keep(drafted, tmp_path / "kept")()
    assert _names(tmp_path) == set()
