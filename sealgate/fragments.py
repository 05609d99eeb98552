"""The files of a configuration, read one by one; what did not change is not read again.

Beside the main file stands a directory ``conf.d`` with the sources of providers, teams or
merchants: ten thousand files are usual for a platform. Each is parsed and checked on its own and
flows out as a `Fragment`, with its sources and its mistakes, and is kept for the next time.
"""

import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from ingress.filestate import Memory, look
from ingress.settings import Mistake, SourceSettings, Strict
from sealgate.form import SOURCES, Form

FRAGMENTS = "conf.d"
SUFFIX = ".toml"


class Sources(Strict):
    """What a file of ``conf.d`` may hold."""

    source: Annotated[list[SourceSettings], Field(default_factory=list)]


class Fragment(NamedTuple):
    """What one file says, as far as it is whole, and every mistake of its form."""

    file: str
    sources: Sequence[SourceSettings]
    mistakes: Sequence[Mistake]


def beside(path: Path, memory: Memory[Fragment]) -> list[Fragment]:
    """Read every file of the directory ``conf.d`` beside `path`, in the order of their names."""
    directory = path.parent / FRAGMENTS
    try:
        with os.scandir(directory) as entries:
            names = sorted(entry.name for entry in entries if entry.name.endswith(SUFFIX))
    except (FileNotFoundError, NotADirectoryError):
        names = []
    except OSError as wrong:
        return [
            Fragment("", (), [Mistake("", f"cannot be read: {wrong.strerror}", str(directory))])
        ]
    whole = f"{directory.absolute()}/"
    paths = [whole + name for name in names]
    found = [_recalled(path, directory, memory) for path in paths]
    memory.keep_only(paths)
    return found


def parse(path: Path | str, mistakes: list[Mistake]) -> dict[str, Any]:
    """Read the tables of one file; none where it cannot be read, or is not TOML."""
    try:
        return tomllib.loads(Path(path).read_bytes().decode())
    except OSError as wrong:
        hint = f"cannot be read: {wrong.strerror}"
        if isinstance(wrong, FileNotFoundError):
            hint = "there is no such file; name one with --config, or start from the sample"
        mistakes.append(Mistake("", hint, str(path)))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        mistakes.append(Mistake("", f"is not valid TOML: {wrong}", str(path)))
    return {}


def _recalled(path: str, directory: Path, memory: Memory[Fragment]) -> Fragment:
    known = memory.recall(path, ())
    if known is not None:
        return known
    seen = look((path,))
    # In messages, it is named as whoever gave the path named it.
    fragment = _read(f"{directory}/{path.rpartition('/')[2]}")
    if not fragment.mistakes:
        memory.keep(path, (), seen, fragment)
    return fragment


def _read(file: str) -> Fragment:
    mistakes: list[Mistake] = []
    tables = parse(file, mistakes)
    mistakes += [
        Mistake(other, "only [[source]] tables may stand in conf.d", file)
        for other in sorted(tables.keys() - {SOURCES})
    ]
    raw = {name: table for name, table in tables.items() if name == SOURCES}
    settings, wrong = Form(Sources, raw, file).validate()
    return Fragment(file, tuple(settings.source), tuple(mistakes + wrong))
