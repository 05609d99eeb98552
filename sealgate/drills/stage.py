"""The ground of a drill: a directory, a configuration, a running gateway, and a shell beside it.

The gateway runs in this process with every part, and the drill's own steps once it is ready. What a
person would type is really typed: each command is a process of its own, whose words, exit code and
output go to the evidence sheet.
"""

import asyncio
import json
import secrets
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from consumers.store.connect import postgres_address
from consumers.store.port import Store
from ingress import telemetry
from ingress.eventlog.port import EventLog, Position, Record
from sealgate import config
from sealgate.drills.sheet import Sheet
from sealgate.process import Process, Started
from sealgate.role import ALL_ROLES, Role
from sealgate.simulator.wire import Wire

READY_S = 40.0
COMMAND_S = 60.0
LOOK_S = 0.05
RECORDS_MAX = 10_000
_KEY_MODE = 0o600


class DrillFailed(Exception):
    """The drill could not be carried on: what it needs is not there, or a command did not work."""


class RanOn(DrillFailed):
    """A command did not end by itself, and was ended."""


class Services(NamedTuple):
    """Where the log and the store are; empty is the embedded one."""

    kafka: str = ""
    postgres: str = ""


class Done(NamedTuple):
    """A command that ended."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Stage:
    """One environment on disk: its configuration, its keys, its files."""

    directory: Path
    environment: str
    services: Services
    mode: str = "test"
    texts: list[str] = field(default_factory=list)
    """The tables of the configuration that the drill adds: sources, limits."""

    consumer: str = ""
    """Lines that the drill adds to the consumers' settings."""

    @property
    def configuration(self) -> Path:
        """The configuration file."""
        return self.directory / "sealgate.toml"

    @property
    def group(self) -> str:
        """The consumer group."""
        return f"sealgate-{self.environment}"

    @property
    def lines(self) -> Path:
        """The gateway's log lines."""
        return self.directory / "gateway.log"

    def secret(self, name: str, text: str) -> Path:
        """Write a secret that only its owner can read; return its path from the configuration."""
        folder = self.directory / "secrets"
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / name
        path.touch(mode=_KEY_MODE, exist_ok=False)
        path.write_text(text, encoding="utf-8")
        return path.relative_to(self.directory)

    @property
    def crew_configuration(self) -> Path:
        """The same configuration for processes beside the gateway: any admin port will do."""
        return self.directory / "crew.toml"

    def write(self) -> None:
        """Write the configuration."""
        store = 'url = "sqlite:./store.db"'
        if self.services.postgres:
            address = postgres_address(self.services.postgres, None)
            store = f"url = {json.dumps(address.dsn)}"
            if address.password:
                store += f'\npassword_file = "{self.secret("postgres", address.password)}"'
        log, unsafe = "embedded:./log.db", "false"
        if self.services.kafka:
            log, unsafe = f"kafka://{self.services.kafka}?replication_factor=1", "true"
        # A database that is given for a drill may well be called a test's.
        labels = 'accepts_labels = ["test"]' if self.services.postgres else ""
        port = _free_port()
        text = f"""\
# Written by a drill: everything here is made for it, and may be thrown away.
environment = "{self.environment}"
mode = "{self.mode}"
{labels}

[log]
url = {json.dumps(log)}
partitions = 3
accepts_unsafe_topics = {unsafe}

[store]
{store}

[edge]
port = 0
drain_s = 0
# A machine that plays everybody is no edge that is overloaded.
shed_lag_s = 60

[admin]
port = {port}

[consumer]
group = "{self.group}"
wait_s = 0.2
relay_idle_s = 0.05
monitor_s = 0.5
{self.consumer}
{"".join(self.texts)}"""
        self.configuration.write_text(text, "utf-8")
        self.crew_configuration.write_text(text.replace(f"port = {port}", "port = 0"), "utf-8")

    async def command(self, sheet: Sheet, *words: str, config: Path | None = None) -> Done:
        """Type a command of ours about this configuration, or about another one.

        Raises `RanOn` if it does not end in time.
        """
        shown = " ".join(["sealgate", *words])
        about = self.configuration if config is None else config
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sealgate", *words, "--config", str(about)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(COMMAND_S):
                out, err = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise RanOn(f"{shown} did not end within {COMMAND_S:.0f} s") from None
        code = process.returncode or 0
        sheet.commands.append(f"{shown} # exit code {code}")
        sheet.note(telemetry.now_ms(), f"`{shown}` ended with {code}")
        return Done(code, out.decode(), err.decode())


@dataclass(slots=True)
class Running:
    """A gateway that runs, and an HTTP client beside it."""

    edge_url: str
    admin_url: str
    store: Store
    log: EventLog
    wire: Wire


Steps = Callable[[Running], Awaitable[None]]


def run(stage: Stage, steps: Steps, roles: Sequence[Role] = ALL_ROLES) -> None:
    """Run the gateway of a stage, or some of its parts, and the steps beside it.

    Raises `DrillFailed`.
    """
    trouble: list[str] = []

    async def conduct(started: Started) -> None:
        try:
            async with Wire() as wire:
                await _ready(wire, started.admin_url)
                assert started.store is not None
                assert started.log is not None
                running = Running(
                    started.edge_url, started.admin_url, started.store, started.log, wire
                )
                await steps(running)
        except DrillFailed as failed:
            trouble.append(str(failed))
        finally:
            started.stop.set()

    with stage.lines.open("a", encoding="utf-8", buffering=1) as lines:
        telemetry.configure("json", "info", lines)
        configuration = config.read(stage.configuration, {})
        code = Process(
            configuration,
            roles,
            started=conduct,
            reread=lambda cache: config.examine(stage.configuration, {}, cache),
        ).main()
    if trouble:
        raise DrillFailed(trouble[0])
    if code:
        raise DrillFailed(f"the gateway ended by itself with {code}; see {stage.lines}")


@contextmanager
def ground(keep: Path | None) -> Iterator[Path]:
    """Give an empty directory; it is removed at the end unless it is named to be kept."""
    if keep is not None:
        keep.mkdir(mode=0o700, parents=True)
        yield keep
        return
    place = Path(tempfile.mkdtemp(prefix="sealgate-drill-"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _free_port() -> int:
    """Find a port that commands beside the gateway can be told of."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def new_environment() -> str:
    """Name an environment that nobody has used."""
    return f"drill-{secrets.token_hex(4)}"


async def until(holds: Callable[[], Awaitable[bool]], *, within_s: float = READY_S) -> bool:
    """Look until something holds; say whether it did in time."""
    end_s = time.monotonic() + within_s
    while not await holds():
        if time.monotonic() > end_s:
            return False
        await asyncio.sleep(LOOK_S)
    return True


async def _ready(wire: Wire, admin_url: str) -> None:
    async def answers() -> bool:
        return (await wire.get(f"{admin_url}/readyz")).status == HTTPStatus.OK

    if not await until(answers):
        raise DrillFailed("the gateway did not become ready")


async def records(log: EventLog, topic: str) -> list[Record]:
    """Read every record of a topic."""
    found: list[Record] = []
    ends = await log.ends(topic)
    for partition, begin in (await log.begins(topic)).items():
        at = begin
        while at < ends[partition]:
            records = await log.read(Position(partition, at), RECORDS_MAX)
            if not records:
                break
            found += records
            at = records[-1].position.offset + 1
    return found
