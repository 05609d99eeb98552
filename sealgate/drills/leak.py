"""Drill: eight ways in which a sandbox gets into production, each tried.

Two environments stand side by side: one where money is real, one where it is rehearsed. Each leak
is arranged as it happens to people. What must come of it is either a start that is refused, with a
message that names the cause, or a severity 1 exception, with nothing published and no payment
moved. One real payment goes through production all the while: a wall that stops everything would
pass as well.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from consumers.exceptions import Code
from consumers.lifecycle import State
from consumers.store.port import PaymentKey
from ingress import providers, telemetry
from ingress.contract import topics
from ingress.contract.envelope import Envelope
from ingress.eventlog.port import Message, Record
from sealgate.commands.context import EXIT_CONFIGURATION, EXIT_FOUND
from sealgate.drills.sheet import Sheet
from sealgate.drills.stage import DrillFailed, RanOn, Running, Services, Stage, records, run, until
from sealgate.simulator import events, keys
from sealgate.simulator.draft import CONTENT_TYPE, JSON, Draft
from sealgate.simulator.events import Occasion
from sealgate.simulator.keys import SECRET_BYTES, new_secret
from sealgate.simulator.twist import Signer, Twist
from sealgate.simulator.wire import Wire

SOURCE, PROVIDER, ACCOUNT = "card", "stripe", "shop"
CHAIN, CHAIN_PROVIDER = "chain", "alchemy"
QUIET_S = 1.0

CRITERIA = {
    "test secret in production": "the start is refused, and the message names whose secret it is",
    "production secret in the sandbox": "the start is refused, and the message names whose it is",
    "swapped endpoint URL": "a test event at the production endpoint is answered, published to"
    " nobody, and an exception; under the sandbox's own path it finds nothing",
    "testnet asset": "an event of a test network is published to nobody, and an exception",
    "cloned database": "a process of the sandbox refuses production's database",
    "cloned topic": "records of the other environment are set aside, and an exception",
    "blank key": "the start is refused, and the message says that the secret is empty",
    "sandbox address": "the start is refused, and the message names the host",
    "nothing moved": "no leaked event is on the verified topic, has a transition or a notice",
    "the real one passes": "a real payment went through production and is Confirmed",
    "listed": "`sealgate doctor` lists the sources with mismatches",
}

_ALCHEMY = """{"webhookId":"wh_drill","id":"whevt_drill","createdAt":"2026-11-22T10:00:00.000Z",
"type":"ADDRESS_ACTIVITY","event":{"network":"ETH_SEPOLIA","activity":[{"hash":"0x1f",
"fromAddress":"0xaa","toAddress":"0xbb","blockNum":"0x1","value":1,"asset":"ETH"}]}}"""


@dataclass(slots=True)
class _Side:
    """One of the two environments, with its secrets in clear for whoever plays its provider."""

    stage: Stage
    made: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class Leaks:
    """The drill's steps."""

    real: _Side
    rehearsed: _Side
    sheet: Sheet
    seed: bytes
    mirrored: list[Record] = field(default_factory=list)
    leaked: list[str] = field(default_factory=list)

    async def rehearse(self, running: Running) -> None:
        """Let the sandbox live for a moment: a database, records, a list of its secrets."""
        word, reference = self._reference("rehearsed")
        await self._deliver(running, self.rehearsed, _stripe(reference, word, live=False))
        self.leaked.append(reference)

        async def applied() -> bool:
            return bool(await running.store.list_payments(10))

        if not await until(applied):
            raise DrillFailed("the sandbox did not take its own event")
        environment = self.rehearsed.stage.environment
        self.mirrored = await records(running.log, topics.verified(environment))
        sandbox, real = self.rehearsed.stage, self.real.stage
        await self._list(sandbox, real.directory / "theirs")
        await self._list(real, sandbox.directory / "theirs")

    async def leak(self, running: Running) -> None:
        """Try everything else against production while it runs."""
        await self._static()
        word, reference = self._reference("real")
        await self._deliver(running, self.real, _stripe(reference, word, live=True))
        await self._swapped(running)
        await self._testnet(running)
        await self._cloned_topic(running)
        await self._judge(running, reference)

    async def _static(self) -> None:
        """Try what must not even start."""
        theirs = self.rehearsed.made[SOURCE]
        ours = self.real.made[SOURCE]
        await self._refused(
            "test secret in production", _with_secret(self.real, theirs), ("check",), "same secret"
        )
        await self._refused(
            "production secret in the sandbox",
            _with_secret(self.rehearsed, ours),
            ("check",),
            "same secret",
        )
        await self._refused(
            "cloned database", self._with_our_database(), ("consume",), "belongs to environment"
        )
        await self._refused("blank key", _with_secret(self.real, ""), ("check",), "is empty")
        host = 'parameters = { host = "sandbox-keys.fireblocks.io" }'
        custody = f'[[source]]\nslug = "custody"\nprovider = "fireblocks_v2"\n{host}\n'
        await self._refused(
            "sandbox address",
            _variant(self.real, lambda text: text + "\n" + custody),
            ("check",),
            "sandbox",
        )

    async def _swapped(self, running: Running) -> None:
        """Deliver the sandbox's event to production, by each way there is."""
        word, reference = self._reference("swapped")
        self.leaked.append(reference)
        body = _stripe(reference, word, live=False)
        there = f"{running.edge_url}/hooks/{self.rehearsed.stage.environment}/{SOURCE}"
        strange = await self._post(running.wire, there, self.rehearsed, body)
        other_key = await self._deliver(running, self.rehearsed, body)
        same_key = await self._deliver(running, self.real, body)
        raised = await self._raised(running, SOURCE)
        self.sheet.check(
            "swapped endpoint URL",
            f"the sandbox's path: {strange}; with the sandbox's key: {other_key}; with"
            f" production's: {same_key}, exception: {raised}",
            holds=strange == HTTPStatus.NOT_FOUND
            and other_key >= HTTPStatus.BAD_REQUEST
            and same_key == HTTPStatus.OK
            and raised,
        )

    async def _testnet(self, running: Running) -> None:
        self.leaked.append("0x1f")
        url = f"{running.edge_url}/hooks/{CHAIN}"
        status = await self._post(running.wire, url, self.real, _ALCHEMY.encode(), CHAIN)
        raised = await self._raised(running, CHAIN)
        self.sheet.check(
            "testnet asset",
            f"{status}, exception: {raised}",
            holds=status == HTTPStatus.OK and raised,
        )

    async def _cloned_topic(self, running: Running) -> None:
        """Mirror the sandbox's records into production's topic, as a wrong replicator does."""
        publisher = running.log.publisher()
        await publisher.start()
        topic = topics.verified(self.real.stage.environment)
        for record in self.mirrored:
            await publisher.publish(Message(topic, record.key, record.value, record.headers))
        await publisher.stop()
        raised = await self._raised(running, self.rehearsed.stage.environment)
        self.sheet.check(
            "cloned topic",
            f"{len(self.mirrored)} records mirrored, exception: {raised}",
            holds=bool(self.mirrored) and raised,
        )

    async def _judge(self, running: Running, real: str) -> None:
        """Look at what production made of it all."""
        key = PaymentKey(PROVIDER, ACCOUNT, real)

        async def confirmed() -> bool:
            payment = await running.store.payment(key)
            return payment is not None and payment.state is State.CONFIRMED

        passed = await until(confirmed)
        await asyncio.sleep(QUIET_S)
        environment = self.real.stage.environment
        self.sheet.check("the real one passes", f"Confirmed: {passed}", holds=passed)
        payments = [found.key.reference for found in await running.store.list_payments(1000)]
        published = [
            Envelope.decode(record.headers, record.value)
            for record in await records(running.log, topics.verified(environment))
        ]
        ours = [one.payment_ref for one in published if one.environment == environment]
        told = len(await records(running.log, topics.lifecycle(environment)))
        self.sheet.affected = sorted(self.leaked)
        self.sheet.check(
            "nothing moved",
            f"payments: {len(payments)}, published: {len(ours)}, notices: {told}",
            holds=payments == ours == [real] and told == 1,
        )
        done = await self.real.stage.command(self.sheet, "doctor")
        failing = [line for line in done.out.splitlines() if line.startswith("fail")]
        named = [slug for slug in (SOURCE, CHAIN) if any(f":{slug} " in line for line in failing)]
        listed = len(named) == len((SOURCE, CHAIN)) and done.code == EXIT_FOUND
        self.sheet.check("listed", f"sources named: {named}", holds=listed)

    async def _raised(self, running: Running, about: str) -> bool:
        """Wait for an open severity 1 exception about a source or an environment."""

        async def found() -> bool:
            return any(
                item.anomaly.code == Code.ENV_MISMATCH.value
                and item.anomaly.severity == 1
                and about in item.anomaly.subject + item.anomaly.evidence
                for item in await running.store.list_anomalies(100)
            )

        return await until(found, within_s=10)

    async def _refused(
        self, name: str, variant: tuple[Stage, Path], words: Sequence[str], says: str
    ) -> None:
        """Try to start with a configuration that must be refused."""
        stage, config = variant
        try:
            done = await stage.command(self.sheet, *words, config=config)
        except RanOn as started:
            # What was to be refused has started: that is the leak itself.
            self.sheet.check(name, str(started), holds=False)
            return
        lines = [line for line in (done.out + done.err).splitlines() if says in line]
        refused = done.code not in {0, None} and bool(lines)
        if words == ("check",):
            refused = refused and done.code == EXIT_CONFIGURATION
        self.sheet.check(name, f"exit code {done.code}, says so: {bool(lines)}", holds=refused)

    def _with_our_database(self) -> tuple[Stage, Path]:
        """Return the sandbox's configuration with production's database in it."""
        real = self.real.stage.directory
        text = self.real.stage.configuration.read_text("utf-8")
        store = text.partition("[store]")[2].partition("[edge]")[0]
        store = store.replace("sqlite:./", f"sqlite://{real}/")
        store = store.replace('"secrets/', f'"{real}/secrets/')

        def change(text: str) -> str:
            head, _, rest = text.partition("[store]")
            return f"{head}[store]{store}[edge]{rest.partition('[edge]')[2]}"

        return _variant(self.rehearsed, change)

    async def _list(self, stage: Stage, to: Path) -> None:
        """Write the list of a side's secrets for the other one."""
        done = await stage.command(self.sheet, "fingerprints")
        if done.code:
            raise DrillFailed(f"no list of fingerprints: {done.err}")
        await asyncio.to_thread(to.write_text, done.out, "utf-8")

    async def _deliver(self, running: Running, side: _Side, body: bytes) -> int:
        return await self._post(running.wire, f"{running.edge_url}/hooks/{SOURCE}", side, body)

    async def _post(
        self, wire: Wire, url: str, side: _Side, body: bytes, slug: str = SOURCE
    ) -> int:
        """Sign a body as a side's provider does, and post it."""
        profile = providers.load(PROVIDER if slug == SOURCE else CHAIN_PROVIDER)
        key = keys.read(profile, side.made[slug].encode())
        draft = Draft(url=url, headers={CONTENT_TYPE: JSON}, body=body)
        request = Signer(profile, key, key).request(Twist.GENUINE, draft, telemetry.now_ms(), "msg")
        return (await wire.send(url, request)).status

    def _reference(self, what: str) -> tuple[str, str]:
        """Make an event id and a payment reference of this run."""
        samples = events.load(PROVIDER)
        seed = self.seed + what.encode()
        return samples.event_id.make(seed), samples.reference.make(seed)


def drill(place: Path, services: Services) -> Sheet:
    """Play the drill in `place`; return its sheet. Raises `DrillFailed`."""
    mark = secrets.token_hex(4)
    sheet = Sheet("environment-leak", f"eu-{mark}", CRITERIA)
    rehearsed = _side(place / "rehearsed", f"rehearsed-{mark}", Services(services.kafka), "test")
    real = _side(place / "real", f"eu-{mark}", services, "live")
    steps = Leaks(real, rehearsed, sheet, secrets.token_bytes(32))
    run(rehearsed.stage, steps.rehearse)
    run(real.stage, steps.leak)
    sheet.residual = (
        "An event that says of itself neither live nor test is taken for what its key and its path"
        " say: what no provider tells, nobody can know."
    )
    return sheet


def _side(place: Path, environment: str, services: Services, mode: str) -> _Side:
    place.mkdir(mode=0o700)
    stage = Stage(place, environment, services, mode)
    side = _Side(stage)
    tables = []
    for slug, provider in ((SOURCE, PROVIDER), (CHAIN, CHAIN_PROVIDER)):
        side.made[slug] = new_secret(providers.load(provider), secrets.token_bytes(SECRET_BYTES))
        file = stage.secret(slug, side.made[slug])
        tables.append(f"""
[[source]]
slug = "{slug}"
provider = "{provider}"
account = "{ACCOUNT}"
environment = "{environment}"

[[source.key]]
id = "2026-11"
file = "{file}"
""")
    shared = place.parent / "fingerprint-key"
    if not shared.exists():
        shared.touch(mode=0o600)
        shared.write_text(secrets.token_hex(32), "ascii")
    stage.texts += ['\n[fingerprints]\nkey_file = "../fingerprint-key"\n', *tables]
    stage.write()
    return side


def _variant(side: _Side, change: Callable[[str], str]) -> tuple[Stage, Path]:
    """Write a changed copy of a configuration beside it, with the other side's list in force."""
    text = side.stage.configuration.read_text("utf-8")
    listed = 'key_file = "../fingerprint-key"\nforeign_files = ["theirs"]'
    text = text.replace('key_file = "../fingerprint-key"', listed)
    path = side.stage.directory / f"variant-{secrets.token_hex(4)}.toml"
    path.write_text(change(text), "utf-8")
    return side.stage, path


def _with_secret(side: _Side, secret: str) -> tuple[Stage, Path]:
    """Return a side's configuration with another secret for its card source."""
    name = f"card-{secrets.token_hex(4)}"
    file = side.stage.secret(name, secret)
    return _variant(
        side, lambda text: text.replace(f'file = "secrets/{SOURCE}"', f'file = "{file}"')
    )


def _stripe(reference: str, event_id: str, *, live: bool) -> bytes:
    """Write a succeeded payment as Stripe does, of real money or of none."""
    now_ms = telemetry.now_ms()
    occasion = Occasion(reference, event_id, now_ms, now_ms, now_ms, now_ms)
    body = events.load(PROVIDER).body("confirmed", occasion).decode()
    return body.replace('"livemode": false', f'"livemode": {str(live).lower()}').encode()
