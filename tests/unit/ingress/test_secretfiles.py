"""Files of secrets: which are read, which are refused; no message repeats a word of them."""

import os
from pathlib import Path

import pytest

from ingress.secretfiles import SECRET_BYTES_MAX, read, read_secret_file

CANARY = b"canary-5f2c"
NAME = Path("secret")


def _file(directory: Path, content: bytes, mode: int = 0o600) -> Path:
    path = directory / NAME
    path.write_bytes(content)
    path.chmod(mode)
    return path


def _refusal(base: Path, name: Path = NAME) -> str:
    with pytest.raises(ValueError) as refused:
        read_secret_file(base, name)
    assert "canary" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_one_line_end_is_not_part_of_the_secret(tmp_path: Path, end: bytes) -> None:
    """Editors add one, `printf` does not."""
    _file(tmp_path, CANARY + end)
    assert read_secret_file(tmp_path, NAME) == CANARY


@pytest.mark.parametrize("more", [b"\n\n", b" \n", b"\t\n"])
def test_whatever_else_stands_there_is_part_of_it(tmp_path: Path, more: bytes) -> None:
    """Nothing is guessed away: a secret may end in a blank."""
    _file(tmp_path, CANARY + more)
    assert read_secret_file(tmp_path, NAME) == CANARY + more[:-1]


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n"])
def test_a_file_without_a_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    """A mount that failed leaves an empty file, and anybody could sign with it."""
    _file(tmp_path, content)
    assert "it is empty; write the provider's signing secret" in _refusal(tmp_path)


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])
def test_a_byte_order_mark_is_refused(tmp_path: Path, mark: bytes) -> None:
    """An editor writes it unseen, and nothing would verify."""
    _file(tmp_path, mark + CANARY)
    assert "byte order mark" in _refusal(tmp_path)


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o666, 0o777])
def test_a_file_that_everybody_reads_is_refused(tmp_path: Path, mode: int) -> None:
    """A secret that any process of the machine can read is none."""
    _file(tmp_path, CANARY, mode)
    refusal = _refusal(tmp_path)
    assert f"mode {mode:04o}" in refusal
    assert "chmod 600 it, or 640 for a group" in refusal
    assert read(tmp_path, NAME).content == CANARY, "a public key may be everybody's"


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640, 0o660])
def test_a_file_of_a_group_is_read(tmp_path: Path, mode: int) -> None:
    """Kubernetes and systemd give secrets to a group."""
    _file(tmp_path, CANARY, mode)
    assert read_secret_file(tmp_path, NAME) == CANARY


def test_the_largest_secret_is_read_and_a_larger_file_is_refused(tmp_path: Path) -> None:
    """Whatever is named by mistake is not read into memory whole."""
    _file(tmp_path, b"x" * SECRET_BYTES_MAX)
    assert len(read_secret_file(tmp_path, NAME)) == SECRET_BYTES_MAX
    _file(tmp_path, b"x" * (SECRET_BYTES_MAX + 1))
    assert "larger than 65536 bytes" in _refusal(tmp_path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A directory, and a pipe that nobody writes to: neither is waited for."""
    (tmp_path / "directory").mkdir()
    assert "not a regular file" in _refusal(tmp_path, Path("directory"))
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "not a regular file" in _refusal(tmp_path, Path("pipe"))
    assert "not a regular file" in _refusal(tmp_path, Path("/dev/zero"))


def test_a_file_that_is_not_there_is_told_without_its_name(tmp_path: Path) -> None:
    """The name may be the secret itself, written in the wrong place."""
    refusal = _refusal(tmp_path, Path(CANARY.decode()))
    assert "No such file or directory" in refusal
    assert f"its path counts from {tmp_path}" in refusal


def test_a_secret_is_read_through_the_links_of_kubernetes(tmp_path: Path) -> None:
    """The name -> ..data/secret, ..data -> ..2026_11: swapped by renaming one link."""
    for version, content in (("..2026_11", CANARY), ("..2026_12", CANARY + b"-2")):
        (tmp_path / version).mkdir()
        _file(tmp_path / version, content, 0o440)
    (tmp_path / "..data").symlink_to("..2026_11")
    (tmp_path / NAME).symlink_to(Path("..data") / NAME)
    assert read_secret_file(tmp_path, NAME) == CANARY
    (tmp_path / "..data_tmp").symlink_to("..2026_12")
    (tmp_path / "..data_tmp").replace(tmp_path / "..data")
    assert read_secret_file(tmp_path, NAME) == CANARY + b"-2"
    (tmp_path / "..2026_12" / NAME).chmod(0o444)
    assert "everybody on this machine" in _refusal(tmp_path), "the file counts, not the link"
