"""The mappings that events are read by: those in force, or a candidate in their place.

A candidate replaces the tables of the providers that it names, as an installation's own folder
does; of all others, what is in force stays.
"""

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from consumers.interpret import interpreter
from consumers.interpret.interpreter import Interpreters
from consumers.policy import Policy

_ASSETS = "assets"


class CandidateWrong(ValueError):
    """The candidate cannot be read; the message says what is wrong with it."""


def interpreters(in_force: Interpreters, candidate: Path | None, policy: Policy) -> Interpreters:
    """Return what reads events, judged by `policy`. Raises `CandidateWrong`."""
    judging = replace(in_force, policy=policy)
    if candidate is None:
        return judging
    if candidate.is_dir():
        return _merged(judging, candidate)
    if not candidate.is_file():
        raise CandidateWrong(f"--mapping: {candidate} is no folder of mappings, and no file")
    with TemporaryDirectory() as alone:
        shutil.copyfile(candidate, Path(alone) / candidate.name)
        return _merged(judging, Path(alone))


def _merged(judging: Interpreters, folder: Path) -> Interpreters:
    try:
        told = interpreter.load(folder)
    except ValueError as wrong:
        raise CandidateWrong(f"--mapping: {wrong}") from wrong
    names = {path.stem.partition(".")[0] for path in folder.glob("*.toml")} - {_ASSETS}
    if not names:
        raise CandidateWrong(f"--mapping: {folder} holds no mapping, such as kobbopay.toml")
    chosen = {name: told.tables[name] for name in names}
    return replace(judging, tables={**judging.tables, **chosen})
