"""What is kept of files, and when it is made anew."""

import os
from pathlib import Path

import pytest

from ingress.filestate import ANYTHING, Memory, Touched, look, signature


def _memory(file: Path) -> Memory[str]:
    memory: Memory[str] = Memory()
    memory.keep("name", (1,), look((str(file),)), "made")
    return memory


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_text("content")
    return file


def test_what_did_not_change_is_handed_out_again(file: Path) -> None:
    """Ten thousand sources are not built again for the one that changed."""
    assert _memory(file).recall("name", (1,)) == "made"


def test_other_inputs_make_it_anew(file: Path) -> None:
    """The same file in another source's setting makes another source."""
    assert _memory(file).recall("name", (2,)) is None


@pytest.mark.parametrize("change", ["write", "rename", "remove", "mode", "link"])
def test_every_way_to_change_a_file_is_seen(file: Path, change: str) -> None:
    """Its size may be the same, its times may be kept by a careful copy, its name may be a link."""
    other = file.with_name("other")
    other.write_text("CONTENT")
    memory = _memory(file)
    kept = file.stat()
    match change:
        case "write":
            file.write_text("other content")
        case "rename":
            os.utime(other, ns=(kept.st_atime_ns, kept.st_mtime_ns))
            other.rename(file)
        case "remove":
            file.unlink()
        case "mode":
            file.chmod(0o644)
        case _:
            file.unlink()
            file.symlink_to(other)
    assert memory.recall("name", (1,)) is None


def test_a_file_that_was_written_is_read_whatever_its_signature_says(file: Path) -> None:
    """Two writes within one tick of the clock, of the same length, leave the same signature."""
    memory = _memory(file)
    memory.touched = Touched(frozenset({str(file)}))
    assert memory.recall("name", (1,)) is None


def test_files_that_nothing_happened_to_are_not_even_asked(file: Path) -> None:
    """A changed file costs what it costs, not twenty thousand questions to the disk."""
    memory = _memory(file)
    file.write_text("changed, and nobody said so")
    memory.touched = Touched(frozenset({"/another"}), frozenset({"/elsewhere"}))
    assert memory.recall("name", (1,)) == "made"
    memory.touched = Touched(frozenset(), frozenset({str(file.parent)}))
    assert memory.recall("name", (1,)) is None


def test_what_would_be_made_anew_does_not_come_back(file: Path) -> None:
    """If making it fails, the next look, at something else, must not find what it was before."""
    memory = _memory(file)
    memory.touched = Touched(frozenset({str(file)}))
    assert memory.recall("name", (1,)) is None
    memory.touched = Touched(frozenset({"/another"}))
    assert memory.recall("name", (1,)) is None


def test_a_file_that_is_not_there_has_no_signature_until_it_comes(tmp_path: Path) -> None:
    """The file of a revoked key may be gone; that it is back must be seen."""
    file = tmp_path / "gone"
    memory = _memory(file)
    assert signature(str(file)) is None
    assert memory.recall("name", (1,)) == "made"
    assert memory.files() == set()
    file.write_text("back")
    assert memory.recall("name", (1,)) is None


def test_nothing_told_means_that_anything_may_have_changed() -> None:
    """At SIGHUP and every half minute every file is asked."""
    assert not ANYTHING.spares(("/any",))
    assert not ANYTHING.names(("/any",))
