"""One environment of one fault test: a broker, a database, gateway processes, and the world.

A `Ground` starts what it is asked for and ends all of it. A test takes parts of it away while the
world delivers, then `judge` lets everything come to rest, reads what is there, prints the figures
and returns the violations: none, or the test fails.
"""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from pydantic import TypeAdapter

from deploy.kafka import broker
from tests.faults import facts, history, rules
from tests.faults.facts import Database
from tests.faults.proxy import Proxy
from tests.faults.traffic import Job, Report
from tests.support import kafka, ports
from tests.support.kafka import quick
from tests.support.processes import CRASHED, ROOT, Running, get

SECRETS = {"stripe": "whsec_of_a_fault_test", "btcpay": "btcpay-secret-of-a-fault-test"}
PARTITIONS = 3
REST_S = 120.0
LOOK_S = 0.1
END_S = 30.0
SHED_LAG_S = 10.0


# What a record takes through the journal, on a machine that has other things to do.
ON_ITS_WAY_S = 2.0


@dataclass(slots=True)
class Traffic:
    """The world's process."""

    process: asyncio.subprocess.Process
    history: Path
    seed: int

    async def stop(self) -> Report:
        """End the arrivals, let the retries settle, and return what the world saw."""
        assert self.process.stdin is not None
        with contextlib.suppress(ConnectionError):
            self.process.stdin.write(b"stop\n")
            await self.process.stdin.drain()
        return await self.report()

    async def report(self) -> Report:
        """Wait for the end of the job, and return what the world saw."""
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        await self.process.wait()
        assert line, "the traffic ended without a report: see its standard error"
        return TypeAdapter(Report).validate_json(line)

    async def until_acked(self, count: int) -> None:
        """Wait until so many more deliveries have got their 2xx."""
        wanted = self._acked() + count
        async with asyncio.timeout(REST_S):
            while self._acked() < wanted:
                await asyncio.sleep(LOOK_S / 2)

    def _acked(self) -> int:
        return self.history.read_bytes().count(b'{"op":"ok"') if self.history.exists() else 0

    def told(self) -> dict[history.EventName, history.Told]:
        """Read the history."""
        return history.read(self.history.read_bytes().splitlines())


@dataclass(slots=True)
class Ground:
    """The environment. `policy` is the journal's; `log_url` any log, Kafka behind `kafka`."""

    name: str
    directory: Path
    seed: int
    store_url: str = ""
    log_url: str = ""
    policy: str = "refuse"
    settings: dict[str, dict[str, object]] = field(default_factory=dict)
    environment: str = field(default_factory=lambda: f"test-{secrets.token_hex(4)}")
    port: int = field(default_factory=ports.free)
    kafka: broker.Broker | None = None
    proxy: Proxy | None = None
    running: list[Running] = field(default_factory=list)
    worlds: list[Traffic] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    @property
    def database(self) -> Database | None:
        """The store's database, where consumers run."""
        return Database(self.store_url) if self.store_url else None

    async def start_kafka(self, *, proxied: bool = False) -> None:
        """Start a broker of our own; `proxied`: it sends everybody through a proxy."""
        if proxied:
            port = ports.free()
            self.proxy = await Proxy(port, self.seed).__aenter__()
            self.kafka = await self._broker(port)
            bootstrap = f"127.0.0.1:{self.proxy.port}"
        else:
            self.kafka = await self._broker(0)
            bootstrap = self.kafka.bootstrap
        self.log_url = f"kafka://{bootstrap}?replication_factor=1"

    async def kill_kafka(self) -> None:
        """End the broker as a crash would."""
        assert self.kafka is not None
        await asyncio.to_thread(self.kafka.kill)

    async def restart_kafka(self) -> None:
        """Start the broker again, with the records it had."""
        assert self.kafka is not None
        self.kafka = await self._broker(self.kafka.port)

    async def _broker(self, port: int) -> broker.Broker:
        advertised = self.proxy.port if self.proxy is not None else 0

        def start() -> broker.Broker:
            return kafka.start(
                self.directory / "kafka", port, java_options=quick(), advertised_port=advertised
            )

        return await asyncio.to_thread(start)

    async def start(
        self, *words: str, broken: str = "", environ: Mapping[str, str] | None = None
    ) -> Running:
        """Start ``sealgate <words>``, with what `broken` names switched off."""
        config = self._configure()
        module = ["tests.faults.broken", broken] if broken else ["sealgate"]
        command = [sys.executable, "-m", *module, *words, "--config", str(config)]
        one = _launch(command, self.directory / f"{words[0]}-{secrets.token_hex(4)}.log", environ)
        self.running.append(one)
        return await asyncio.to_thread(one.wait_started)

    async def crash(self, word: str, step: str) -> None:
        """Start ``sealgate <word>`` that ends at a step as a crash would, and wait for that."""
        config = self._configure()
        command = [sys.executable, "-m", "sealgate", word, "--config", str(config)]
        output = self.directory / f"{word}-{secrets.token_hex(4)}.log"
        one = _launch(command, output, {"SEALGATE_CRASH_AT": step})
        self.running.append(one)
        code = await asyncio.to_thread(one.wait)
        assert code == CRASHED, f"it did not crash at {step}: {output.read_text()}"

    async def serve(
        self, *words: str, broken: str = "", environ: Mapping[str, str] | None = None
    ) -> Running:
        """Start an edge and wait until it is ready."""
        edge = await self.start("serve", *words, broken=broken, environ=environ)
        return await asyncio.to_thread(edge.wait_ready)

    async def consume(self, broken: str = "") -> list[Running]:
        """Start a worker and a relay, over a database that counts."""
        database = self.database
        assert database is not None
        await database.prepare(self.environment)
        return [await self.start("consume", broken=broken), await self.start("relay")]

    async def deliver(self, seconds: float, **job: object) -> Traffic:
        """Let the world begin; it has begun when this returns."""
        path = self.directory / f"history-{len(self.worlds)}"
        # Each world has ids of its own, and the same ones again under the same seed.
        seed = self.seed * 100 + len(self.worlds)
        asked = Job(self.port, path, SECRETS, seed, seconds, **job)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.faults.traffic",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(orjson.dumps(asked, default=str) + b"\n")
        assert await process.stdout.readline() == b"begun\n"
        world = Traffic(process, path, seed)
        self.worlds.append(world)
        return world

    async def rest(self) -> None:
        """Wait until nothing is on its way: journal, lag and outbox are empty."""
        log = facts.opened(self.log_url)
        deadline = time.monotonic() + REST_S
        try:
            while waiting := await self._waiting(log):
                assert time.monotonic() < deadline, f"it does not come to rest: {waiting}"
                await asyncio.sleep(LOOK_S)
        finally:
            await log.close()

    async def _waiting(self, log: facts.EventLog) -> str:
        for edge in self.running:
            if edge.edge_url and edge.process.poll() is None and (held := journaled(edge)):
                return f"{held:.0f} records in the journal"
        database = self.database
        if database is None:
            return ""
        return await facts.settled(log, self.environment, database)

    async def facts(self) -> rules.Facts:
        """Read what is there."""
        log = facts.opened(self.log_url)
        try:
            return await facts.collect(log, self.environment, self.database)
        finally:
            await log.close()

    async def judge(
        self, report: Report, bounds: Sequence[rules.Bound] = ()
    ) -> list[rules.Violation]:
        """Let everything come to rest, compare it with the history, and print the figures."""
        await self.rest()
        told = {name: one for world in self.worlds for name, one in world.told().items()}
        there = await self.facts()
        found = rules.check(told, there, bounds)
        self._print(report, len(there.logged), found)
        return found

    def _print(self, report: Report, logged: int, found: Sequence[rules.Violation]) -> None:
        count = dict.fromkeys("LDOPUB", 0)
        for one in found:
            count[one.rule] += len(one.examples)
        shown = {
            "test": self.name,
            "seed": self.seed,
            "events": report.events,
            "acked": report.acked,
            "attempts": report.attempts,
            "refused": report.refused,
            "broken": report.broken + report.stale + report.timeouts,
            "connects_failed": report.connects_failed,
            "records": logged,
            "lost": count["L"],
            "doubled": count["D"] + count["U"],
            "astray": count["O"] + count["P"],
            "p50_ms": round(report.p50_ms, 1),
            "p99_ms": round(report.p99_ms, 1),
            "longest_s": round(report.longest_s, 2),
            **self.figures,
        }
        said = " ".join(f"{name}={value}" for name, value in shown.items())
        sys.stdout.write(f"\nfigures: {said}\n")

    def _configure(self) -> Path:
        settings: dict[str, dict[str, object]] = {
            "log": {
                "url": self.log_url,
                "partitions": PARTITIONS,
                "accepts_unsafe_topics": True,
            },
            "log.journal": {
                "policy": self.policy,
                "directory": "journal",
                "free_bytes_min": 0,
            },
            "store": {"url": self.store_url or f"sqlite://{self.directory / 'unused.db'}"},
            # Being late with its work is no refusal here: the machine may run other tests (but 24).
            "edge": {"port": self.port, "drain_s": 0.2, "shed_lag_s": SHED_LAG_S},
            "admin": {"port": 0},
            "consumer": {"wait_s": 0.2, "relay_idle_s": 0.05, "monitor_s": 1.0},
        }
        for name, values in self.settings.items():
            settings.setdefault(name, {}).update(values)
        lines = [f"environment = {json.dumps(self.environment)}"]
        for name, values in settings.items():
            lines.append(f"[{name}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        for provider, secret in SECRETS.items():
            (self.directory / provider).write_text(secret)
            lines += ["[[source]]", f'slug = "{provider}"', f'provider = "{provider}"']
            lines += ['account = "shop"', f'key = [{{ id = "k1", file = "{provider}" }}]']
        path = self.directory / "sealgate.toml"
        # At once: others may be starting from it.
        new = path.with_suffix(f".{secrets.token_hex(4)}")
        new.write_text("\n".join(lines) + "\n")
        return new.replace(path)

    async def end(self) -> None:
        """End everything that was started, however it is."""
        for world in self.worlds:
            with contextlib.suppress(ProcessLookupError):
                world.process.kill()
            await world.process.wait()
        for one in self.running:
            await asyncio.to_thread(_end, one)
        if self.proxy is not None:
            await self.proxy.__aexit__()
        if self.kafka is not None:
            self.kafka.resume()
            await asyncio.to_thread(self.kafka.kill)


@contextlib.asynccontextmanager
async def ground(name: str, directory: Path, seed: int, **more: object) -> AsyncIterator[Ground]:
    """Make an environment, and end all of it afterwards."""
    sys.stdout.write(f"\nseed: test={name} --seed={seed}\n")
    made = Ground(name, directory, seed, **more)
    try:
        yield made
    finally:
        await made.end()


def journaled(edge: Running) -> float:
    """Return how many records wait in an edge's journal, of all its workers."""
    return metric(edge, "sealgate_journal_records")


def is_behind(edge: Running) -> bool:
    """Say whether something waits in an edge's journal for longer than a record on its way does.

    With policy `always` every record is in it for a moment, and under load there is always one.
    """
    oldest_s = metric(edge, "sealgate_journal_oldest_timestamp_seconds")
    return journaled(edge) > 0 and time.time() - oldest_s > ON_ITS_WAY_S


def metric(edge: Running, name: str) -> float:
    """Read a metric without labels from an edge, summed over its workers; 0 where it is not."""
    # The first is the supervisor's, where there is one; its workers follow in the same file.
    workers = edge.started.get("workers")
    found = 0.0
    for url in workers if isinstance(workers, list) and workers else [edge.admin_url]:
        for line in get(f"{url}/metrics")[1].splitlines():
            if line.startswith(f"{name} "):
                found += float(line.rpartition(" ")[2])
    return found


def is_ready(edge: Running) -> bool:
    """Say whether an edge says that it is ready."""
    return get(edge.admin_url + "/readyz")[0] == 200


def is_whole(edge: Running) -> bool:
    """Say whether an edge is ready, and everything holds that it could do without."""
    status, told = get(edge.admin_url + "/readyz?verbose")
    return status == 200 and "[!]" not in told


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def descriptors(pid: int) -> int:
    """Count the open files of a process."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _launch(command: Sequence[str], output: Path, environ: Mapping[str, str] | None) -> Running:
    with output.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, **(environ or {})},
        )
    return Running(process, output)


def _end(one: Running) -> None:
    if one.process.poll() is None:
        one.process.send_signal(signal.SIGCONT)
        one.process.kill()
        one.process.wait(END_S)
