"""Where the self-test plays: nobody else's, with room, and gone afterwards, also after a kill."""

import errno
import fcntl
import os
import stat
import tempfile
from pathlib import Path

import pytest

from sealgate.config import read
from sealgate.evidence import ground, place, rehearsal
from sealgate.evidence.command import Asked, run
from sealgate.evidence.ground import SelfTestFailed
from tests.support.exposed import Shop


@pytest.fixture(name="parent", autouse=True)
def _parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let temporary files go to a directory of this test."""
    found = tmp_path / "tmp"
    found.mkdir(mode=0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(found))
    return found


def test_the_directory_is_ours_alone_and_removed_whatever_happens(parent: Path) -> None:
    """It holds keys, if only of a gateway that is gone."""

    def fall() -> None:
        with place.directory() as where:
            (where / "key").write_text("x")
            assert stat.S_IMODE(where.stat().st_mode) == 0o700
            assert where.parent == parent
            raise ValueError("trouble")

    with pytest.raises(ValueError, match="trouble"):
        fall()
    assert list(parent.iterdir()) == []


def test_what_a_killed_run_left_is_removed_by_the_next_one(parent: Path) -> None:
    """A kill cannot be caught, and full disks are made of what nobody removes.

    Nothing else goes: not the ground of a run that lives, nor what only looks like one.
    """
    left = parent / "sealgate-evidence-abcd_123"
    (left / "keys").mkdir(parents=True)
    (left / place.LOCK).touch()
    without_lock = parent / "sealgate-evidence-abcdefgh"
    without_lock.mkdir()
    report = parent / "sealgate-evidence-2026-12-go-live"
    report.mkdir()
    (report / place.LOCK).touch()
    theirs = parent.parent / "theirs"
    theirs.mkdir()
    (theirs / place.LOCK).touch()
    (parent / "sealgate-evidence-linked00").symlink_to(theirs)
    through = parent / "sealgate-evidence-through0"
    through.mkdir()
    (through / place.LOCK).symlink_to(theirs / place.LOCK)
    before = set(parent.iterdir())
    with place.directory() as one, place.directory() as other:
        assert one.is_dir()
        assert set(parent.iterdir()) == before - {left} | {one, other}
        assert (theirs / place.LOCK).exists()
    assert set(parent.iterdir()) == before - {left}


def test_a_lock_is_held_for_as_long_as_the_run_lives() -> None:
    """Else a second run would remove the ground of the first one under its feet."""
    taken = pytest.raises(BlockingIOError)
    with place.directory() as where, (where / place.LOCK).open() as lock, taken:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_where_somebody_else_could_exchange_it_nothing_is_played(
    parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read from there becomes evidence."""
    below = parent / "below"
    below.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(below))
    parent.chmod(0o777)
    with pytest.raises(SelfTestFailed, match="no sticky bit"), place.directory():
        pass
    parent.chmod(0o1777)
    with place.directory():
        pass
    if os.geteuid() == 0:
        os.chown(parent, 12_345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    refused = pytest.raises(SelfTestFailed, match="belongs to another user; name another")
    with refused, place.directory():
        pass
    assert list(below.iterdir()) == []


def test_without_a_place_or_room_it_says_so(monkeypatch: pytest.MonkeyPatch, parent: Path) -> None:
    """A full disk makes a gateway refuse what is genuine, and that is no finding."""
    monkeypatch.setattr(place, "FREE_BYTES_MIN", 1 << 62)
    with pytest.raises(SelfTestFailed, match="bytes of room, and it takes"), place.directory():
        pass
    monkeypatch.setattr(tempfile, "tempdir", str(parent / "gone"))
    with pytest.raises(SelfTestFailed, match="gone: No such file"), place.directory():
        pass


def test_a_run_that_cannot_be_played_leaves_nothing_and_can_be_typed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The directory of a report that was never made would refuse the next try."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "keys/shop")

    configuration = read(Shop(tmp_path).config, {})
    monkeypatch.setattr(ground, "prepare", full)
    for _ in range(2):
        assert run(configuration, Asked(output=tmp_path / "kept")) == 1
        assert "its files could not be written: keys/shop: No space" in capsys.readouterr().err
        assert not (tmp_path / "kept").exists()


def test_a_signal_ends_the_self_test_without_a_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parent: Path
) -> None:
    """The throw-away gateway ends in peace, having played nothing to judge."""
    monkeypatch.setattr(ground, "run", lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        rehearsal.rehearse(read(Shop(tmp_path).config, {}))
    assert list(parent.iterdir()) == []


def test_a_report_that_cannot_be_kept_is_said(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A traceback after minutes is no way to say that a disk is full."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    assert run(shop.configuration(), Asked(self_test=False, output=shop.directory / "kept")) == 1
    assert capsys.readouterr().err == "the report could not be kept: No space left on device\n"
    assert not (shop.directory / "kept").exists()
