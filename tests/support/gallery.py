"""A whole gateway with a past: the gallery of `sealgate demo`, and what it does not show, on disk.

The process runs once, in this one, with every part; providers deliver over real HTTP, people give
commands while it runs, and everything that was written on the log is kept with the configuration
and the database. So a test has every kind of record and of answer, made by the code itself.
"""

import asyncio
import contextlib
import io
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from cyclopts import App

from consumers import interpret
from consumers.store.deposit_reads import FIRST, DepositReads
from consumers.store.deposits import DepositState
from ingress import telemetry
from ingress.contract.declaration import ALARMS, TOPICS, VERIFIED
from ingress.eventlog.port import EventLog, Message, Position, Record
from sealgate import config
from sealgate.__main__ import application
from sealgate.demo.gallery import GALLERY
from sealgate.demo.ground import Choices, Ground, prepare
from sealgate.demo.play import Stage
from sealgate.demo.scenario import SOURCES
from sealgate.process import Process, Started
from sealgate.role import ALL_ROLES
from sealgate.simulator.wire import Wire
from tests.support.gateway import btcpay, read_reply, request
from tests.support.signers import EVERY, Signer

PATIENCE_S = 60.0
RECORDS_MAX = 10_000
LATE_KEY, EARLY_KEY = b"a-key-that-is-configured-late", b"a-key-that-is-configured-first"
MORE = """
[[policy.final]]
rule = "trust_provider"

[[policy.final]]
provider = "standard_webhooks"
confirmations = 3

[[source]]
slug = "late-shop"
provider = "btcpay"
account = "late"
[[source.key]]
id = "first"
file = "keys/first"

[[source]]
slug = "chain"
provider = "alchemy"
account = "main"
[[source.key]]
id = "k1"
file = "keys/chain"
"""
CONSUMER = '[consumer]\nmappings = "mappings"'
LATE_BODY = b'{"deliveryId":"late-1","type":"InvoiceSettled","invoiceId":"late-1"}'
LIVE_BODY = b'{"id":"evt_live","livemode":true,"type":"payment_intent.succeeded"}'
CHAIN = next(signer for signer in EVERY if signer.name == "alchemy")
# A client that sends so much warns, which is an error here; nothing would come of it.
LEFT_OUT = {"Oversized body"}
TESTNET, UNKNOWN_NETWORK = "ETH_SEPOLIA", "ETH_HOLESKY"
SHOP_ADDRESS, DEPOSITS = "0x" + "5" * 40, 5
TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
Then = Callable[["Place"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Printed:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


def command(*words: str) -> Printed:
    """Run a command of the command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = _application()(words, result_action="return_value", exit_on_error=False)
    return Printed(int(code or 0), out.getvalue(), err.getvalue())


@cache
def _application() -> App:
    """Make the command line once: a person's shell would, for each command."""
    return application()


@dataclass(slots=True)
class Place:
    """Where it all is, while it runs and afterwards; `records` are of each topic, by its word."""

    ground: Ground
    running: Started = field(default_factory=Started)
    records: Mapping[str, Sequence[Record]] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    """The payments' references, by the title of their scenario."""

    @property
    def config(self) -> str:
        """The configuration file, as a word of a command."""
        return str(self.ground.configuration)

    async def typed(self, *words: str) -> Printed:
        """Give a command beside the running gateway."""
        return await asyncio.to_thread(command, *words, "--config", self.config)

    async def post(self, slug: str, body: bytes, *headers: tuple[str, str]) -> int:
        """Deliver to a source; return the status."""
        port = int(self.running.edge_url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(f"/hooks/{slug}", body, headers))
        status = (await read_reply(reader)).status
        writer.close()
        return status

    async def settled(self) -> None:
        """Wait until worker, relay and timers have nothing left to do."""
        async with asyncio.timeout(PATIENCE_S):
            while not await self._is_quiet():
                await asyncio.sleep(0.05)

    async def _is_quiet(self) -> bool:
        """Say whether all is read, all notices are out, and all deposits were looked at."""
        log, store, environment = self.running.log, self.running.store, self.ground.environment
        assert log is not None
        assert store is not None
        group = f"sealgate-{environment}"
        for topic, name in ((VERIFIED, group), (ALARMS, f"{group}.alarms")):
            read = await store.positions(name)
            ends = await log.ends(topic.name(environment))
            if any(read.get(partition, 0) < end for partition, end in ends.items()):
                return False
        waiting = await DepositReads.of(store).page(DepositState.UNMATCHED, FIRST, 1)
        return not waiting and await store.notices_pending() == 0


def play(directory: Path, then: Then) -> Place:
    """Run the gallery and more of it, then what the caller has to do beside the running gateway."""
    (directory / "log").mkdir()
    ground = prepare(directory, Choices(port=0, admin_port=0), SOURCES)
    keys = {"first": EARLY_KEY, "late": LATE_KEY, "chain": CHAIN.old}
    for name, secret in keys.items():
        (directory / "keys" / name).write_bytes(secret)
    _know_the_test_network(directory / "mappings")
    text = ground.configuration.read_text("utf-8").replace("[consumer]", CONSUMER)
    ground.configuration.write_text(text + MORE, "utf-8")
    place = Place(ground)

    filled: list[asyncio.Task[None]] = []

    async def started(running: Started) -> None:
        place.running = running
        task = asyncio.create_task(_fill(place, then))
        filled.append(task)
        await asyncio.wait(filled)
        running.stop.set()

    with ground.log.open("a", encoding="utf-8", buffering=1) as lines:
        telemetry.configure("json", "info", lines)
        process = Process(config.read(ground.configuration, {}), ALL_ROLES, started=started)
        code = asyncio.run(process.run())
        telemetry.flush()
    filled[0].result()
    assert code == 0, ground.log.read_text("utf-8")[-4000:]
    return place


def _know_the_test_network(directory: Path) -> None:
    """Write a mapping of our own, by which transfers on a test network have amounts."""
    directory.mkdir()
    built_in = (Path(interpret.__path__[0]) / "alchemy.toml").read_text("utf-8")
    known = built_in.replace("[networks]", f'[networks]\n{TESTNET} = "ethereum"')
    (directory / "alchemy.toml").write_text(known.replace("version = 2", "version = 3"), "utf-8")


async def _fill(place: Place, then: Then) -> None:
    async with Wire() as wire:
        async with asyncio.timeout(PATIENCE_S):
            while (await wire.get(f"{place.running.admin_url}/readyz")).status != 200:
                await asyncio.sleep(0.05)
        stage = Stage(
            place.running.edge_url, place.ground, secrets.token_bytes(32), wire, telemetry.now_ms
        )
        played = [await stage.play(one) for one in GALLERY if one.title not in LEFT_OUT]
        place.references = {one.scenario.title: one.payment.reference for one in played}
    await _more(place)
    await place.settled()
    await then(place)
    await place.settled()
    log = place.running.log
    assert log is not None
    environment = place.ground.environment
    place.records = {topic.word: await _read(log, topic.name(environment)) for topic in TOPICS}


async def _more(place: Place) -> None:
    """Bring what the gallery has none of: deposits, a late key, junk, another environment."""
    log = place.running.log
    assert log is not None
    publisher = log.publisher()
    await publisher.start()
    await publisher.publish(Message(VERIFIED.name(place.ground.environment), b"", b"junk", ()))
    await publisher.stop()
    for order in ("order-1", "order-2"):
        asked = ("--asset", "ETH", "--amount", "0.25", "--network", "ethereum")
        done = await place.typed(
            "payments", "expect", order, "--source", "chain", *asked, "--address", SHOP_ADDRESS
        )
        assert done.code == 0, done
    transfers = [_transfer(number) for number in range(1, DEPOSITS + 1)]
    for body in (*transfers, _transfer(DEPOSITS + 1, UNKNOWN_NETWORK)):
        await _deliver(place, "chain", replace(CHAIN, body=body, also=((b"traceparent", TRACE),)))
    stripe = next(signer for signer in EVERY if signer.name == "stripe")
    key = place.ground.secrets["stripe-demo", "2026-11"].encode()
    for body in (LIVE_BODY, LIVE_BODY.replace(b"evt_live", b"evt_live_too")):
        sent = stripe.send(key, body, telemetry.now_ms() // 1000)
        headers = [(name.decode(), value.decode()) for name, value in sent.headers]
        assert await place.post("stripe-demo", body, *headers) == 200
    assert await place.post("late-shop", LATE_BODY, btcpay(LATE_BODY, LATE_KEY)) == 503
    late = ("late-shop", "late", "--secret-file", str(place.ground.directory / "keys" / "late"))
    again = ("reverify", "--apply", "--source", "late-shop")
    for words in (("keys", "add", *late), ("quarantine", *again)):
        done = await place.typed(*words)
        assert done.code == 0, done


def _transfer(number: int, network: str = TESTNET) -> bytes:
    """Write a transfer on a test network, as Alchemy tells of one; each is a deposit."""
    told = {
        "hash": f"0x{number:064x}",
        "fromAddress": "0x" + "a" * 40,
        "toAddress": SHOP_ADDRESS,
        "asset": "ETH",
        "category": "external",
        "rawContract": {"rawValue": hex(25 * 10**16), "address": None, "decimals": 18},
        "blockNum": "0x10",
    }
    event = {"network": network, "activity": [told]}
    return json.dumps(
        {"id": f"whevt_{number}", "type": "ADDRESS_ACTIVITY", "event": event}
    ).encode()


async def _deliver(place: Place, slug: str, signer: Signer) -> None:
    sent = signer.sample(telemetry.now_ms() // 1000)
    headers = [(name.decode(), value.decode("latin-1")) for name, value in sent.headers]
    assert await place.post(slug, sent.body, *headers) == 200


async def _read(log: EventLog, topic: str) -> list[Record]:
    found: list[Record] = []
    for partition, begin in (await log.begins(topic)).items():
        found += await log.read(Position(partition, begin), RECORDS_MAX)
    return found
