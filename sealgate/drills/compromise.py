"""Drill: a webhook secret is stolen, used, revoked in the middle of traffic, and cleaned up after.

The provider sends 200 events about 80 payments; 40 of these are never paid. Whoever stole the key
confirms these 40 with forged events. Then the runbook is worked: revoke, let the quarantine catch
what the provider already signs with its new secret, add the key, verify again, ask for the exposure
report with the provider's ledger beside it, void what it contradicts. At the end every payment must
be where it is in a run that was never attacked.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from consumers.lifecycle import State
from ingress import providers, telemetry
from ingress.contract import topics
from sealgate.commands.context import EXIT_FOUND
from sealgate.drills.sheet import Sheet
from sealgate.drills.stage import (
    DrillFailed,
    Running,
    Services,
    Stage,
    new_environment,
    records,
    run,
    until,
)
from sealgate.drills.traffic import Sent, Traffic, event_ids, ledger_lines, refused
from sealgate.simulator.keys import SECRET_BYTES, new_secret
from sealgate.simulator.provider import Parcel

SOURCE, PROVIDER, ACCOUNT = "shop", "btcpay", "shop"
LEAKED, FRESH = "2026-05", "2026-11"
PAID = range(40)
UNPAID = range(40, 80)
WHOLE = ("created", "seen", "payment_settled", "confirmed")
IN_FORCE_MS = 1000
TOPICS = (topics.verified, topics.lifecycle, topics.alarms, topics.quarantine)
AFTERWARDS = 20
"""Forged deliveries that follow the revocation."""

CRITERIA = {
    "revoked at once": f"the last delivery accepted with {LEAKED} ended less than 1 s after it was"
    " revoked",
    "nothing after": f"no delivery that began 1 s or more after the revocation was accepted with"
    f" {LEAKED}",
    "nothing lost": "the events applied are exactly those of the provider's ledger and the forged"
    " ones accepted before the revocation",
    "reported": "the exposure report contradicts exactly the forged events, and corroborates the"
    " others",
    "as if never attacked": "every payment has the state that it has in a run without the attack",
    "no secret anywhere": "no file of the gateway, no record, no output of a command and no metric"
    " holds a secret",
}


@dataclass(slots=True)
class Compromise:
    """The drill's steps, and what they saw."""

    stage: Stage
    sheet: Sheet
    made: dict[str, str] = field(default_factory=dict, repr=False)
    is_attacked: bool = True
    outputs: list[str] = field(default_factory=list, repr=False)
    states: dict[str, State] = field(default_factory=dict)
    revoked_ms: int = 0
    seed: bytes = b""

    async def play(self, running: Running) -> None:
        """Play the whole story."""
        profile = providers.load(PROVIDER)
        url = f"{running.edge_url}/hooks/{SOURCE}"
        traffic = Traffic(profile, url, running.wire, self.seed)
        for key_id, secret in self.made.items():
            traffic.add_key(key_id, secret)
        first, second, third = _legitimate(traffic)
        forged = [traffic.parcel(number, "confirmed", "attacker") for number in UNPAID]
        self.sheet.note(telemetry.now_ms(), "traffic begins")
        if not self.is_attacked:
            await traffic.send([*first, *second, *third], LEAKED)
            await self._applied(running, event_ids([*first, *second, *third]))
            return
        await traffic.send([*first, *forged], LEAKED)
        self.sheet.note(telemetry.now_ms(), f"{len(forged)} forged events were sent with {LEAKED}")
        await self._rotate(traffic, forged, second, third)
        genuine = [*first, *second, *third]
        await self._applied(running, event_ids([*genuine, *forged]))
        await self._clean_up(running, genuine, forged)
        self._judge_revocation(traffic.sent)
        await self._judge_secrets(running)

    async def _rotate(
        self,
        traffic: Traffic,
        forged: Sequence[Parcel],
        second: Sequence[Parcel],
        third: Sequence[Parcel],
    ) -> None:
        """Work the runbook of a forced rotation while the provider and the attacker go on."""
        revoking = asyncio.create_task(self._command("keys", "revoke", SOURCE, LEAKED, "--now"))
        under_way: list[Sent] = []
        for parcel in second:
            under_way += await traffic.send([parcel], LEAKED)
            await asyncio.sleep(0.02)
        await revoking
        self.revoked_ms = self._revoked_at()
        late = [
            traffic.parcel(number, "confirmed", "attacker again")
            for number in list(UNPAID)[:AFTERWARDS]
        ]
        await asyncio.sleep(max(0, self.revoked_ms + IN_FORCE_MS - telemetry.now_ms()) / 1000)
        await traffic.send(late, LEAKED)
        # The provider has its new secret before we do, and sends again what was not taken.
        self.sheet.note(telemetry.now_ms(), f"the provider signs with {FRESH}")
        await traffic.send([*third, *refused(under_way)], FRESH)
        secret = self.stage.directory / "secrets" / "new"
        await self._command("keys", "add", SOURCE, FRESH, "--secret-file", str(secret))
        await self._command("quarantine", "list", "--source", SOURCE)
        await self._command("quarantine", "reverify", "--source", SOURCE, may_find=True)
        await self._command("quarantine", "reverify", "--source", SOURCE, "--apply", may_find=True)

    async def _clean_up(
        self, running: Running, genuine: Sequence[Parcel], forged: Sequence[Parcel]
    ) -> None:
        """Ask what the key proved, and void what the provider's ledger contradicts."""
        ledger = self.stage.directory / "ledger.jsonl"
        ledger.write_text(ledger_lines(genuine, ACCOUNT), "utf-8")
        report = self.stage.directory / "exposure.json"
        told = await self._command(
            *("keys", "exposure", SOURCE, LEAKED, "--ledger", str(ledger), "--output", "json"),
            may_find=True,
        )
        report.write_text(told, "utf-8")
        if not self._judge_report(told, forged):
            self.states = await _states(running)
            return
        await self._command(
            *("events", "void", "--from-report", str(report), "--only", "contradicted"),
            *("--reason", "forged with a stolen key", "--by", "drill", "--apply"),
        )
        self.states = await _states(running)

    async def _applied(self, running: Running, wanted: set[str]) -> None:
        """Wait until the events are in the store, and judge whether they are all and no others."""

        async def complete() -> bool:
            return await _events(running) >= wanted

        await until(complete)
        held = await _events(running)
        if self.is_attacked:
            missing, strange = len(wanted - held), len(held - wanted)
            self.sheet.check(
                "nothing lost",
                f"{len(held)} events applied, {missing} missing, {strange} that nobody sent",
                holds=held == wanted,
            )
        self.states = await _states(running)

    def _judge_revocation(self, sent: Sequence[Sent]) -> None:
        accepted = [one for one in sent if one.key_id == LEAKED and one.attempt.taken]
        last_ms = max(one.ended_ms for one in accepted)
        after = [one for one in accepted if one.begun_ms >= self.revoked_ms + IN_FORCE_MS]
        took_ms = last_ms - self.revoked_ms
        self.sheet.figures["last accept after the revocation"] = f"{took_ms} ms"
        self.sheet.check("revoked at once", f"{took_ms} ms", holds=took_ms < IN_FORCE_MS)
        self.sheet.check("nothing after", f"{len(after)} accepted", holds=not after)

    def _judge_report(self, told: str, forged: Sequence[Parcel]) -> bool:
        """Judge the report; say whether it names anything to void."""
        rows = orjson.loads(told)["events"]
        by_standing: dict[str, set[str]] = {}
        for row in rows:
            event_id = row["event"].rpartition("/")[2]
            by_standing.setdefault(row["standing"], set()).add(event_id)
        contradicted = by_standing.pop("contradicted", set())
        rest = {name: len(found) for name, found in by_standing.items()}
        self.sheet.affected = sorted(contradicted)
        self.sheet.check(
            "reported",
            f"{len(contradicted)} contradicted, others: {rest}",
            holds=contradicted == event_ids(forged) and set(rest) <= {"corroborated", "no effect"},
        )
        return bool(contradicted)

    async def _judge_secrets(self, running: Running) -> None:
        """Look for the secrets wherever something is written."""
        metrics = (await running.wire.get(f"{running.admin_url}/metrics")).body
        texts = [metrics, *(text.encode() for text in self.outputs)]
        written = [
            part
            for topic in TOPICS
            for record in await records(running.log, topic(self.stage.environment))
            for part in (record.key, record.value, *(value for _, value in record.headers))
        ]
        files = [
            path
            for path in self.stage.directory.rglob("*")
            if path.is_file() and "secrets" not in path.parts
        ]
        hits = [
            path.name
            for path in files
            if any(secret.encode() in path.read_bytes() for secret in self.made.values())
        ]
        for secret in self.made.values():
            hits += ["output" for text in texts if secret.encode() in text]
            hits += ["record" for part in written if secret.encode() in part]
        self.sheet.check(
            "no secret anywhere",
            f"{len(files)} files, {len(texts)} outputs and {len(written)} parts of records"
            f" searched, {len(hits)} hits",
            holds=bool(files) and bool(written) and not hits,
        )

    def _revoked_at(self) -> int:
        """Return when the configuration with the revocation was in its place."""
        return self.stage.configuration.stat().st_ctime_ns // 1_000_000

    async def _command(self, *words: str, may_find: bool = False) -> str:
        done = await self.stage.command(self.sheet, *words)
        self.outputs += [done.out, done.err]
        if done.code and not (may_find and done.code == EXIT_FOUND):
            raise DrillFailed(f"`sealgate {' '.join(words)}` ended with {done.code}: {done.err}")
        return done.out


def drill(place: Path, services: Services) -> Sheet:
    """Play the drill in `place`; return its sheet. Raises `DrillFailed`."""
    profile = providers.load(PROVIDER)
    seed = secrets.token_bytes(32)
    made = {key: new_secret(profile, secrets.token_bytes(SECRET_BYTES)) for key in (LEAKED, FRESH)}
    sheet = Sheet("key-compromise", new_environment(), CRITERIA)
    attacked = _compromise(place / "drill", services, made, seed, sheet)
    run(attacked.stage, attacked.play)
    quiet = Sheet("control", new_environment(), {})
    control = _compromise(place / "control", Services(), made, seed, quiet)
    control.is_attacked = False
    run(control.stage, control.play)
    differing = {
        reference: (control.states.get(reference), attacked.states.get(reference))
        for reference in control.states.keys() | attacked.states.keys()
        if control.states.get(reference) is not attacked.states.get(reference)
    }
    sheet.check(
        "as if never attacked",
        f"{len(control.states)} payments compared, {len(differing)} differ",
        holds=not differing and len(control.states) == len(PAID) + len(UNPAID),
    )
    sheet.residual = (
        "Whoever held the stolen secret can have read deliveries that passed them; downstream was"
        " told of the forged payments before they were voided, and of the correction afterwards."
    )
    return sheet


def _compromise(
    place: Path, services: Services, made: dict[str, str], seed: bytes, sheet: Sheet
) -> Compromise:
    place.mkdir(mode=0o700)
    stage = Stage(place, sheet.environment, services)
    leaked = stage.secret("leaked", made[LEAKED])
    stage.secret("new", made[FRESH])
    stage.texts.append(f"""
[[source]]
slug = "{SOURCE}"
provider = "{PROVIDER}"
account = "{ACCOUNT}"

[[source.key]]
id = "{LEAKED}"
file = "{leaked}"
""")
    stage.write()
    return Compromise(stage, sheet, made, seed=seed)


def _legitimate(traffic: Traffic) -> tuple[list[Parcel], list[Parcel], list[Parcel]]:
    """Return the provider's 200 events: before the theft is known, during, and after."""
    opened = [traffic.parcel(number, "created") for number in (*PAID, *UNPAID)]
    rest = [traffic.parcel(number, event) for number in PAID for event in WHOLE[1:]]
    return [*opened, *rest[:40]], rest[40:90], rest[90:]


async def _states(running: Running) -> dict[str, State]:
    payments = await running.store.list_payments(1000)
    return {payment.key.reference: payment.state for payment in payments}


async def _events(running: Running) -> set[str]:
    """Return the keys of all events that were applied."""
    found = set()
    for payment in await running.store.list_payments(1000):
        found |= {one.event.key.key for one in await running.store.events(payment.key)}
    return found
