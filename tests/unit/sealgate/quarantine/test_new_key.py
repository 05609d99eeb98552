"""A key that seals: made in one command, and never over another one."""

import base64
import os
import stat
import tomllib
from pathlib import Path

import pytest

from ingress.sealing import seals
from ingress.settings import QuarantineSettings
from sealgate.quarantine.new_key import run


def test_the_file_and_the_lines_that_are_printed_work_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Copied as printed, they are a configuration; and the key itself is printed nowhere."""
    file = tmp_path / "quarantine-2026.key"
    before = os.umask(0)
    try:
        assert run(file) == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(base64.b64decode(file.read_bytes(), validate=False)) == 32
    told = capsys.readouterr().out
    begin, end = told.index("[["), told.index("Keep a copy")
    table = tomllib.loads(told[begin:end])["quarantine"]
    assert table["key"] == [{"id": "quarantine-2026", "file": str(file)}]
    assert seals(QuarantineSettings.model_validate(table), Path("/nowhere"))
    assert file.read_text().strip() not in told


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file may hold the only key to a week of deliveries."""
    file = tmp_path / "key"
    file.write_bytes(b"precious")
    assert run(file) == 2
    assert file.read_bytes() == b"precious"
    assert "nothing is written over" in capsys.readouterr().err


def test_a_place_that_is_not_there_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No directory is made by the way: it would be open to whoever the umask lets in."""
    assert run(tmp_path / "absent" / "key") == 2
    assert "cannot be written: No such file or directory" in capsys.readouterr().err


def test_a_file_name_that_is_no_key_id_gets_a_plain_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lines that are printed are never a mistake themselves."""
    assert run(tmp_path / "my key.b64") == 0
    assert 'id = "sealing"' in capsys.readouterr().out
