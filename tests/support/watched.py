"""A whole gateway that has much to tell, and a Prometheus that scrapes it every second.

The gallery of the demo is played to it, and beside it what the gallery has not: money without an
owner, a payment nobody announced, a refund that does not arrive, a provider who is asked, a source
of which everything fails. A second one serves with TLS and workers. All of it is real:
processes, signatures, HTTP. What boards and rules ask, `Prometheus` answers.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from consumers.lifecycle import State
from ingress import telemetry
from sealgate.audit import folder
from sealgate.demo.gallery import GALLERY
from sealgate.demo.ground import Choices, Ground, prepare
from sealgate.demo.play import Stage
from sealgate.demo.scenario import SOURCES, Scenario
from sealgate.simulator.api import ProviderApi
from sealgate.simulator.send import EXIT_TAKEN, Shipment, send
from sealgate.simulator.wire import Wire
from tests.support import event_samples, ports, processes
from tests.support.processes import Running, Stack
from tests.support.prometheus import Prometheus, Target
from tests.support.tls import settings, write_pair

JOB = "sealgate"
RUN_BYTES = 32
API_KEY = "api-51d3b8f0a2c94e67"
UNANNOUNCED, DEPOSITS, ASKED, FETCHED = "unannounced", "deposits", "asked", "fetched"
# A refund that is told of, and money of which no payment is told.
_REFUND = ("btcpay", "InvoiceRefund", State.PENDING)
_DEPOSIT = ("cryptopay", "ChannelPayment:created", State.UNDERPAID)

MORE = f"""
[consumer.posting]
since = {{since}}

[policy]
expect_first = ["{UNANNOUNCED}"]

[fetching]
every_s = 0.5

[audit]
directory = "audit"
key_file = "audit-key.pem"
verify_every_s = 1.0
checkpoint_s = 1.0

[[source]]
slug = "{UNANNOUNCED}"
provider = "kobbopay"
[[source.key]]
id = "2026-11"
file = "{UNANNOUNCED}"

[[source]]
slug = "{DEPOSITS}"
provider = "cryptopay"
rate_per_s = 1
[[source.key]]
id = "2026-11"
file = "{DEPOSITS}"

[[source]]
slug = "{ASKED}"
provider = "opennode"
[[source.key]]
id = "2026-11"
file = "{ASKED}"
[source.fetch]
base_url = "{{api}}"
key_file = "{ASKED}-api"
private = true

[[source]]
slug = "{FETCHED}"
provider = "circle_v2"
[[source.key]]
id = "2026-11"
role = "api"
file = "{FETCHED}"
"""
"""What the demo's configuration has not. A key of the last source is fetched when one is named."""


@dataclass(slots=True)
class Watched:
    """What runs, and who watches it."""

    ground: Ground
    up: Running
    prometheus: Prometheus
    wire: Wire

    async def play(self, scenarios: Sequence[Scenario] = GALLERY) -> None:
        """Play scenarios, each of a payment that nobody has seen."""
        run = secrets.token_bytes(RUN_BYTES)
        stage = Stage(self.up.edge_url, self.ground, run, self.wire, telemetry.now_ms)
        for scenario in scenarios:
            await stage.play(scenario)

    async def play_more(self) -> None:
        """Deliver what the gallery has not."""
        place = self.ground.directory
        await self._send(UNANNOUNCED, "kobbopay", place / UNANNOUNCED, event="seen")
        deposit, refund = (_body(place, *what) for what in (_DEPOSIT, _REFUND))
        await self._send(DEPOSITS, "cryptopay", place / DEPOSITS, body=deposit)
        key_file = self.ground.key_file("btcpay-demo", "2026-11")
        await self._send("btcpay-demo", "btcpay", key_file, body=refund)
        # More than it may: what comes then is refused for a reason of ours.
        for _ in range(4):
            await self._try(DEPOSITS, "cryptopay", place / DEPOSITS, body=deposit)

    async def _send(self, source: str, provider: str, key_file: Path, **what: Any) -> None:
        assert await self._try(source, provider, key_file, **what) == EXIT_TAKEN

    async def _try(self, source: str, provider: str, key_file: Path, **what: Any) -> int:
        url = f"{self.up.edge_url}/hooks/{source}"
        return await asyncio.to_thread(send, Shipment(url, provider, key_file, **what))


def _body(directory: Path, provider: str, word: str, state: State) -> Path:
    """Write a provider's own sample into a file."""
    samples = event_samples.load()[provider].sample
    sample = next(one for one in samples if (one.word, one.state) == (word, state))
    path = directory / f"{provider}.body"
    path.write_text(sample.body)
    return path


@asynccontextmanager
async def watched(directory: Path, rules: Sequence[Path] = ()) -> AsyncIterator[Watched]:
    """Start everything, wait until it is scraped, and end it."""
    place = directory / "gateway"
    place.mkdir()
    async with ProviderApi("opennode", API_KEY) as api, Wire() as wire:
        ground = prepare(place, Choices(port=0, admin_port=0), SOURCES)
        _configure(ground, api.url)
        try:
            up, addresses = await asyncio.to_thread(_start, ground, directory)
            labels = {"environment": ground.environment}
            jobs = {JOB: [Target(url.removeprefix("http://"), labels) for url in addresses]}
            with Prometheus(directory, jobs, rules=rules) as prometheus:
                await asyncio.to_thread(prometheus.wait_scraped)
                yield Watched(ground, up, prometheus, wire)
        finally:
            processes.end_all()


def _configure(ground: Ground, api_url: str) -> None:
    """Write the rest of the configuration, and what it names."""
    for name in (UNANNOUNCED, DEPOSITS, ASKED, f"{ASKED}-api", FETCHED):
        path = ground.directory / name
        path.write_text(API_KEY if name.endswith("-api") else secrets.token_hex(24))
        path.chmod(0o600)
    folder.make_key(ground.directory / "audit-key.pem")
    (ground.directory / "audit").mkdir(mode=0o700)
    now = datetime.now(UTC)
    text = ground.configuration.read_text("utf-8")
    # A refund is stuck at once, and the old key of a rotation is on its way out.
    text = text.replace("[consumer.stuck_s]\n", "[consumer.stuck_s]\nRefunded = 1.0\n")
    ends = f"{now + timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}"
    text = text.replace(
        'id = "2026-05"\n', f'id = "2026-05"\nstatus = "verify-only"\nnot_after = {ends}\n'
    )
    since = (now - timedelta(days=1)).date().isoformat()
    text += MORE.replace("{since}", since).replace("{api}", api_url)
    ground.configuration.write_text(text, "utf-8")


def _start(ground: Ground, directory: Path) -> tuple[Running, list[str]]:
    """Start the whole gateway, and an edge with TLS and workers; return whom to scrape."""
    up = processes.start(ground.configuration, "up")
    stack = Stack(
        _folder(directory / "serving"), f"embedded://{directory / 'edge-log.db'}", "sqlite://unused"
    )
    write_pair(stack.directory)
    for name in ("key", "tls.key"):
        (stack.directory / name).chmod(0o600)
    admin_port = ports.free()
    config = stack.write(admin={"port": admin_port})
    files = "\n".join(f'{name} = "{file}"' for name, file in settings().items())
    config.write_text(config.read_text() + f"\n[edge.tls]\n{files}\n")
    serving = processes.start(config, "serve", "--workers", "2")
    for running in (up, serving):
        running.wait_started().wait_ready()
    # The supervisor's own port, and behind it those of its workers.
    edges = [f"http://127.0.0.1:{admin_port + offset}" for offset in range(3)]
    return up, [up.admin_url, *edges]


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
