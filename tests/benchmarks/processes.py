"""Processes of the benchmark: on which core they run, what they cost, and that they end.

Linux only: cores are assigned by `sched_setaffinity` and costs are read from ``/proc``.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import orjson
from pydantic import TypeAdapter

ROOT = Path(__file__).parents[2]
START_S = 30.0
STOP_S = 15.0
LOOK_S = 0.02
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
T = TypeVar("T")


class Unsound(Exception):
    """A run that must not become a figure: something was refused, lost, or not as it should be."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Who runs where. With two cores, broker and database share the generator's."""

    server: int
    generator: int
    services: frozenset[int]

    @classmethod
    def of(cls, available: Sequence[int]) -> Self:
        """Share the cores out."""
        server, *others = sorted(available)
        generator = others[0] if others else server
        return cls(server, generator, frozenset(others[1:] or [generator]))

    @property
    def every(self) -> frozenset[int]:
        """All of them: for what is more than one process, and not measured by itself."""
        return self.services | {self.server, self.generator}

    @property
    def several(self) -> frozenset[int]:
        """For several workers: all that the generator leaves, or all where it leaves but one."""
        left = self.every - {self.generator}
        return left if len(left) > 1 else self.every

    @property
    def alone(self) -> bool:
        """Say whether the programs under test share their core with nobody of ours."""
        return self.server != self.generator


@contextmanager
def on(cores: frozenset[int]) -> Iterator[None]:
    """Let what is started in here run on these cores only: a child inherits it, threads and all."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def family(pid: int) -> list[int]:
    """Return a process and those it has started, and theirs: a supervisor works by its workers."""
    found = [pid]
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            found += family(int(child))
    return found


def cpu_s(pid: int) -> float:
    """Return the CPU time, user and system, of a process and its children, threads and all."""
    return sum(map(_own_cpu_s, family(pid)))


def _own_cpu_s(pid: int) -> float:
    # The name may hold anything, brackets and blanks included; after its last bracket come fields.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def resident_mib(pid: int) -> float:
    """Return the memory that a process and its children hold."""
    return sum(map(_own_resident_mib, family(pid)))


def _own_resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def python(module: str, *words: str) -> list[str]:
    """Return the command that runs a module with this interpreter."""
    return [sys.executable, "-m", module, *words]


@dataclass(slots=True)
class Running:
    """A server that has said that it listens; what it says goes to a file."""

    process: subprocess.Popen[bytes]
    said: Path

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    @classmethod
    def start(cls, command: Sequence[str], said: Path, cores: frozenset[int]) -> Self:
        """Start a server on these cores."""
        with said.open("wb") as file, on(cores):
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd=ROOT,
                env=_environ(),
            )
        return cls(process, said)

    def started(self) -> Mapping[str, Any]:
        """Wait until the server says that it has started; return what it says with it."""
        until_s = time.monotonic() + START_S
        while time.monotonic() < until_s:
            for line in self.said.read_bytes().splitlines(keepends=True):
                if line.endswith(b"\n") and b'"event":"started"' in line:
                    found: Mapping[str, Any] = orjson.loads(line)
                    return found
            self.check()
            time.sleep(LOOK_S)
        raise Unsound(f"a server did not start within {START_S} s: {self.last_words()}")

    def check(self) -> None:
        """Raise `Unsound` if the server has ended."""
        if self.process.poll() is not None:
            raise Unsound(f"a server ended by itself: {self.last_words()}")

    def last_words(self) -> str:
        """Return the end of what the server said."""
        return self.said.read_text(errors="replace")[-1000:].strip() or "it said nothing"

    def stop(self) -> None:
        """End the server in good order, or by force if it does not."""
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Colleague:
    """A process that takes jobs as lines of JSON and answers each with a line."""

    def __init__(self, module: str, core: int) -> None:
        self._module = module
        with on(frozenset({core})):
            self._process = subprocess.Popen(
                python(module),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=ROOT,
                env=_environ(),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # The end of its input is the end of its work.
        try:
            self._process.communicate(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def ask(self, job: object, answer: type[T]) -> T:
        """Have a job done."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(orjson.dumps(job) + b"\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise Unsound(f"{self._module} ended in the middle of a job: see above")
        return TypeAdapter(answer).validate_json(line)


def _environ() -> dict[str, str]:
    """Leave out what would configure the gateway behind the benchmark's back."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SEALGATE_")}
