"""Real gateway processes: written configuration, started, waited for, asked, ended or killed."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from consumers.store import connect as store_connect
from consumers.store.port import PaymentKey, Store, Transition
from ingress.contract import cloudevents, topics
from ingress.eventlog import connect as log_connect
from ingress.eventlog.port import EventLog, Position, Record
from tests.support.gateway import OLD_SECRET, btcpay

ROOT = Path(__file__).parents[2]
WAIT_S = 40.0
CRASHED = 137
_STARTED: list[subprocess.Popen[bytes]] = []


@dataclass(slots=True)
class Stack:
    """One gateway's configuration on disk: an environment of its own, a log and a store."""

    directory: Path
    log_url: str
    store_url: str
    environment: str = field(default_factory=lambda: f"test-{secrets.token_hex(4)}")

    def __post_init__(self) -> None:
        (self.directory / "key").write_bytes(OLD_SECRET)

    def write(self, **tables: Mapping[str, object]) -> Path:
        """Write the configuration; `tables` add to or replace values of a table."""
        settings: dict[str, dict[str, object]] = {
            "log": {
                "url": self.log_url,
                "partitions": 3,
                "accepts_unsafe_topics": True,  # one broker
            },
            "store": {"url": self.store_url},
            # A machine that does many things at once is no overload of the edge.
            "edge": {"port": 0, "drain_s": 0, "shed_lag_s": 60},
            "admin": {"port": 0},
            "consumer": {"wait_s": 0.2, "relay_idle_s": 0.05, "monitor_s": 0.5, "timers_s": 0.5},
        }
        for name, values in tables.items():
            settings.setdefault(name, {}).update(values)
        lines = [f"environment = {json.dumps(self.environment)}"]
        for name, values in settings.items():
            lines.append(f"[{name}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        lines += ["[[source]]", 'slug = "shop"', 'provider = "btcpay"', 'account = "shop"']
        lines += ["[[source.key]]", 'id = "k1"', 'file = "key"']
        path = self.directory / "sealgate.toml"
        path.write_text("\n".join(lines) + "\n")
        return path

    def log(self) -> EventLog:
        """Open the event log from this process."""
        return log_connect.connect(self.log_url)

    def store(self) -> Store:
        """Open the store from this process."""
        return store_connect.connect(self.store_url)


@dataclass(slots=True)
class Running:
    """One started process of the command line."""

    process: subprocess.Popen[bytes]
    output: Path
    edge_url: str = ""
    admin_url: str = ""
    started: dict[str, object] = field(default_factory=dict)

    def lines(self) -> list[dict[str, object]]:
        """Return its log lines so far; the last one may still be being written."""
        whole, _, _ = self.output.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def wait_started(self) -> "Running":
        """Wait until it says that it has started."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            for line in self.lines():
                if line["event"] == "started":
                    self.edge_url, self.admin_url = str(line["edge"]), str(line["admin"])
                    self.started = line
                    return self
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"it did not start: {self.output.read_text()}")

    def wait_said(self, event: str, count: int = 1) -> list[dict[str, object]]:
        """Wait until an event was logged so many times; return its lines.

        A line may come a moment after the answer to the request that it is about.
        """
        deadline = time.monotonic() + WAIT_S
        while len(found := [line for line in self.lines() if line["event"] == event]) < count:
            is_over = self.process.poll() is not None or time.monotonic() > deadline
            assert not is_over, f"no {event}: {self.output.read_text()}"
            time.sleep(0.02)
        return found

    def wait_ready(self) -> "Running":
        """Wait until ``/readyz`` says so."""
        deadline = time.monotonic() + WAIT_S
        while get(self.admin_url + "/readyz")[0] != 200:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"it did not get ready: {self.output.read_text()}")
            time.sleep(0.02)
        return self

    def terminate(self) -> int:
        """Ask it to end; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait(WAIT_S)

    def wait(self) -> int:
        """Wait for its end; return its exit code."""
        return self.process.wait(WAIT_S)


def start(
    config: Path, *words: str, environ: Mapping[str, str] | None = None, name: str = "out"
) -> Running:
    """Start ``sealgate <words> --config <config>`` with its output in a file."""
    output = config.parent / f"{name}-{secrets.token_hex(4)}.log"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "sealgate", *words, "--config", str(config)],
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, **(environ or {})},
        )
    _STARTED.append(process)
    return Running(process, output)


def end_all() -> None:
    """Kill what a failed test left running."""
    while _STARTED:
        process = _STARTED.pop()
        if process.poll() is None:
            process.kill()
            process.wait(WAIT_S)


def get(url: str) -> tuple[int, str]:
    """Ask an admin port; status 0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()
    except OSError:
        return 0, ""


def post(url: str, body: bytes) -> int:
    """Deliver one body as BTCPay would; status 0 where the connection broke."""
    name, value = btcpay(body)
    # As it is not said, the library says that it is a form.
    headers = {name: value, "content-type": "application/json"}
    asked = urllib.request.Request(url + "/hooks/shop", data=body, headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=10) as reply:
            status: int = reply.status
            return status
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code
    except OSError:
        return 0


def event(payment: str, word: str, **facts: object) -> bytes:
    """Write a BTCPay event; its id is made of the payment and the word, so a retry is the same."""
    known = {
        "deliveryId": f"{payment}-{word}",
        "originalDeliveryId": f"{payment}-{word}",
        "type": word,
        "timestamp": 1_747_317_970,
        "storeId": "store",
        "invoiceId": payment,
    }
    return json.dumps({**known, **facts}).encode()


def story(payment: str) -> Sequence[bytes]:
    """Write the events of one payment that goes well: created, paid, confirmed."""
    words = ("InvoiceCreated", "InvoiceProcessing", "InvoiceSettled")
    return [event(payment, word) for word in words]


async def notices(log: EventLog, environment: str) -> list[Record]:
    """Read every record of the lifecycle topic."""
    found: list[Record] = []
    for partition, begin in (await log.begins(topics.lifecycle(environment))).items():
        end = (await log.ends(topics.lifecycle(environment)))[partition]
        at = begin
        while at < end:
            records = await log.read(Position(partition, at), 1000)
            found += records
            at = records[-1].position.offset + 1
    return found


def notice_ids(records: Sequence[Record]) -> list[str]:
    """Return the CloudEvents ids of notices, repetitions included."""
    return [cloudevents.from_headers(record.headers)["id"] for record in records]


async def history(store: Store, payment: str) -> Sequence[Transition]:
    """Read the transitions of a payment of the test's source."""
    return await store.transitions(PaymentKey("btcpay", "shop", payment))
