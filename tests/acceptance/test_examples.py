"""The documented subscribers against a real broker, killed half way; and a tail beside them.

One gateway on Kafka makes real envelopes and notices. Then they are read by the examples as they
stand in the documentation.
"""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from consumers import notices as made
from consumers.lifecycle import State
from consumers.notices import Occasion
from consumers.store.port import EventKey, Notice, PaymentKey, Transition
from ingress.contract import topics
from ingress.contract.envelope import Envelope
from ingress.eventlog.port import EventLog, Message, Position, Record
from tests.support import examples, processes
from tests.support.builders import NOW_MS, TRACEPARENT
from tests.support.examples import EXAMPLES, NODE, Subscriber
from tests.support.processes import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PAYMENTS = [f"inv-{number}" for number in range(20)]
REVERSED, GAPPED, HELD, LATE = "inv-reversed", "inv-gapped", "inv-held", "inv-late"
OVERTAKEN, BAD = "inv-overtaken", "inv-bad"
MOVES = 3
KILLED_AFTER = 20


@dataclass
class Stage:
    """What is on the topics, and where they are."""

    stack: Stack
    config: Path
    bootstrap: str
    notices: Sequence[Record]

    @property
    def distinct(self) -> int:
        """How many different notices there are."""
        return len(set(processes.notice_ids(self.notices)))

    def tail(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run `sealgate tail` to its end."""
        command = [sys.executable, "-m", "sealgate", "tail", "--config", str(self.config), *words]
        return subprocess.run(
            command, cwd=processes.ROOT, capture_output=True, text=True, timeout=60, check=False
        )


def _move(stage: Stack, payment: str, version: int, before: State | None, after: State) -> Message:
    """Write a notice by the gateway's own code, as the relay would publish it."""
    move, occasion = _told(stage, payment, version, before, after)
    return _message(stage, made.build(move, occasion, (), 1))


def _hold(stage: Stack, payment: str, version: int, *, is_placed: bool) -> Message:
    """Write the notice of a hold of a payment that stays Confirmed."""
    place, occasion = _told(stage, payment, version, State.CONFIRMED, State.CONFIRMED)
    flags = ["hold: compliance"] if is_placed else []
    return _message(stage, made.build_held(place, occasion, flags, 1, is_placed=is_placed))


def _told(
    stage: Stack, payment: str, version: int, before: State | None, after: State
) -> tuple[Transition, Occasion]:
    key, cause = PaymentKey("btcpay", "shop", payment), EventKey("btcpay", "shop", f"e-{version}")
    move = Transition(key, version, before, after, cause, "c-1", NOW_MS + version)
    return move, Occasion(stage.environment, "InvoiceSettled", NOW_MS, TRACEPARENT)


def _strange(stage: Stack) -> Sequence[Message]:
    """Write what whoever can write to the topic could, each time as if goods might leave."""
    true = _move(stage, BAD, 1, None, State.CONFIRMED)
    move, occasion = _told(stage, BAD, 1, None, State.CONFIRMED)
    elsewhere = made.build(move, occasion._replace(environment="prod"), (), 1)
    headers = [
        [(name, b"\xff" if name == "ce_id" else text) for name, text in true.headers],
        [(name, text) for name, text in true.headers if name != "ce_id"],
        [(name, text) for name, text in true.headers if name != "ce_effectkey"],
    ]
    return [
        *(replace(true, headers=tuple(one)) for one in headers),
        replace(true, value=b""),
        replace(true, value=b"[" * 100_000),
        _move(stage, BAD, 2**31 - 1, None, State.CONFIRMED),
        _message(stage, elsewhere),
    ]


def _message(stage: Stack, notice: Notice) -> Message:
    return Message(topics.lifecycle(stage.environment), notice.key, notice.value, notice.headers)


async def _publish(log: EventLog, messages: Sequence[Message]) -> None:
    publisher = log.publisher(deadline_s=20)
    await publisher.start()
    await asyncio.gather(*(publisher.publish(message) for message in messages))
    await publisher.stop()


async def _fill(stack: Stack) -> Sequence[Record]:
    """Wait for the notices of all payments, and add what a gateway says on worse days."""
    log = stack.log()
    topic = topics.lifecycle(stack.environment)
    try:
        deadline = time.monotonic() + processes.WAIT_S
        while sum((await log.ends(topic)).values()) < MOVES * len(PAYMENTS):
            assert time.monotonic() < deadline, "the notices did not come"
            await asyncio.sleep(0.1)
        said = await processes.notices(log, stack.environment)
        # A relay that was killed between publishing and marking says it all again.
        again = [Message(topic, one.key, one.value, one.headers) for one in said]
        await _publish(log, again)
        for move in (
            _move(stack, REVERSED, 1, None, State.CONFIRMED),
            _move(stack, REVERSED, 2, State.CONFIRMED, State.REVERSED),
            _move(stack, GAPPED, 1, None, State.PENDING),
            _move(stack, GAPPED, 4, State.LATE, State.CONFIRMED),
            # A hold has no version of its own, so the move before it is what is missing.
            _hold(stack, GAPPED, 5, is_placed=True),
            # Goods of a held payment wait; let go, it has the key that it would have had.
            _move(stack, HELD, 1, None, State.PAID),
            _hold(stack, HELD, 1, is_placed=True),
            _hold(stack, HELD, 1, is_placed=False),
            # What was missed may come after all: it fills the gap, and is older news.
            _move(stack, LATE, 1, None, State.PENDING),
            _move(stack, LATE, 3, State.EXPIRED, State.LATE),
            _move(stack, LATE, 2, State.PENDING, State.CONFIRMED),
            _hold(stack, OVERTAKEN, 1, is_placed=True),
        ):
            await _publish(log, [move])
        said = await processes.notices(log, stack.environment)
        # Behind what is no notice there is one that is, in the same partition; and it is about
        # goods that a hold keeps, of which was heard before.
        last = _move(stack, OVERTAKEN, 1, None, State.CONFIRMED)
        for message in (*_strange(stack), last):
            await _publish(log, [replace(message, key=last.key)])
        heard = await processes.notices(log, stack.environment)
        return [*said, *(one for one in heard if one.value == last.value)]
    finally:
        await log.close()


@pytest.fixture(scope="module", name="stage")
def _stage(kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Take deliveries of twenty payments through a whole gateway, and stop it."""
    folder = tmp_path_factory.mktemp("examples")
    url = f"kafka://{kafka_bootstrap}?replication_factor=1"
    stack = Stack(folder, url, f"sqlite://{folder / 'store.db'}")
    config = stack.write()
    gateway = processes.start(config, "up").wait_started().wait_ready()
    for payment in PAYMENTS:
        for body in processes.story(payment):
            assert processes.post(gateway.edge_url, body) == 200
    said = asyncio.run(_fill(stack))
    assert gateway.terminate() == 0
    return Stage(stack, config, kafka_bootstrap, said)


def _python(stage: Stage, group: str, database: Path) -> list[str]:
    return [sys.executable, str(EXAMPLES / "subscriber.py"), *_flags(stage, group, database)]


def _node(stage: Stage, group: str, database: Path) -> list[str]:
    script = examples.node_packages() / "subscriber.mjs"
    return [str(NODE), str(script), *_flags(stage, group, database)]


def _flags(stage: Stage, group: str, database: Path) -> list[str]:
    known = {
        "bootstrap": stage.bootstrap,
        "environment": stage.stack.environment,
        "group": f"{stage.stack.environment}-{group}",
        "instance": f"{group}-1",
        "database": str(database),
    }
    return [word for name, value in known.items() for word in (f"--{name}", value)]


@pytest.mark.parametrize("language", [_python, _node], ids=["python", "node"])
def test_a_documented_subscriber_acts_once_though_it_is_killed(
    stage: Stage, tmp_path: Path, language: Callable[[Stage, str, Path], list[str]]
) -> None:
    """Teams copy it: what it loses or does twice, their shops lose and do twice."""
    name = language.__name__.strip("_")
    database = tmp_path / f"{name}.db"
    subscriber = Subscriber(language(stage, name, database), database)
    subscriber.slow_down(KILLED_AFTER)
    subscriber.start()
    subscriber.wait_heard(KILLED_AFTER)
    subscriber.kill()
    subscriber.speed_up()
    assert subscriber.count("heard") == KILLED_AFTER, "what it was in the middle of left a trace"
    subscriber.start()
    subscriber.wait_heard(stage.distinct)
    # Each was said twice by the relay; the end has been reached where all of that was passed over.
    subscriber.wait_said(": heard before", len(stage.notices) - stage.distinct)
    assert subscriber.end() == 0, subscriber.output.read_text()[-3000:]
    assert {key for key, _ in subscriber.rows("shipments")} == {
        f"btcpay/shop/{payment}/fulfil/1" for payment in (*PAYMENTS, REVERSED, GAPPED, HELD)
    }
    assert subscriber.rows("recalls") == [
        (f"btcpay/shop/{REVERSED}/2", f"btcpay/shop/{REVERSED}", "Reversed")
    ]
    assert subscriber.rows("missing") == [
        (f"btcpay/shop/{GAPPED}", 2),
        (f"btcpay/shop/{GAPPED}", 3),
        (f"btcpay/shop/{GAPPED}", 5),
    ]
    said = subscriber.output.read_text()
    assert f"btcpay/shop/{GAPPED}/4: GAP: 2 missing before it" in said
    states = {payment: tuple(told) for payment, *told in subscriber.rows("payments")}
    due = f"btcpay/shop/{PAYMENTS[0]}/fulfil/1"
    assert states[f"btcpay/shop/{PAYMENTS[0]}"] == (MOVES, "Confirmed", due)
    assert states[f"btcpay/shop/{LATE}"] == (3, "Late", None)
    assert f"btcpay/shop/{LATE}/2: older than what is known" in said
    assert states[f"btcpay/shop/{OVERTAKEN}"] == (1, "Confirmed", None)
    assert len(states) == len(PAYMENTS) + 5
    # Nothing that is no notice moves anything, ends anything, or is gone: each is said, and kept.
    kept = [place for place, *_ in subscriber.rows("strange")]
    assert len(kept) == len(_strange(stage.stack))
    assert all(f"STRANGE, and set aside: {place}: " in said for place in kept)


def test_envelopes_are_verified_offline_by_a_stranger_and_by_the_tail(
    stage: Stage, tmp_path: Path
) -> None:
    """Twenty lines of another language, and our own tool, must come to the same answer."""
    words = (*_verifying(stage), "--key-file", str(stage.stack.directory / "key"))
    theirs = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    count = MOVES * len(PAYMENTS)
    assert (theirs.returncode, theirs.stdout) == (0, f"{count} proven, 0 failed\n"), theirs.stderr
    ours = stage.tail("--verify", "--until-caught-up", "--json", "--topic", "verified")
    told = [json.loads(line) for line in ours.stdout.splitlines()]
    assert ours.returncode == 0, ours.stderr
    assert [one["proof"]["word"] for one in told] == ["proven"] * count
    place = asyncio.run(_forge(stage))
    theirs = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (theirs.returncode, theirs.stdout.splitlines()) == (
        3,
        [f"{place}: FAILED", f"{count} proven, 1 failed"],
    )
    ours = stage.tail("--verify", "--from", place, "--count", "1")
    assert ours.returncode == 3
    assert "FAILED: no_matching_signature" in ours.stdout


def _verifying(stage: Stage) -> list[str]:
    script = examples.node_packages() / "verify.mjs"
    flags = ["--bootstrap", stage.bootstrap, "--environment", stage.stack.environment]
    return [str(NODE), str(script), *flags, "--group", f"{stage.stack.environment}-audit"]


async def _forge(stage: Stage) -> str:
    """Change one envelope as whoever can write to the topic could; return its place."""
    log, topic = stage.stack.log(), topics.verified(stage.stack.environment)
    try:
        partition, begin = min((await log.begins(topic)).items())
        (record,) = await log.read(Position(partition, begin), 1)
        true = Envelope.decode(record.headers, record.value)
        forged = replace(true, body=true.body.replace(b"inv-", b"inv+"))
        _, headers, value = forged.encode()
        offset = (await log.ends(topic))[partition]
        await _publish(log, [Message(topic, record.key, value, headers)])
        return f"{topic}/{partition.number}/{offset}"
    finally:
        await log.close()


def test_a_tail_on_kafka_joins_no_group_and_ends_when_it_is_told_to(stage: Stage) -> None:
    """It is run in the middle of an incident: a rebalance by it would stop the workers."""
    before = asyncio.run(_groups(stage.bootstrap))
    output = stage.stack.directory / "tail.log"
    command = [sys.executable, "-m", "sealgate", "tail", "--config", str(stage.config)]
    with output.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--from", "beginning"], cwd=processes.ROOT, stdout=file, stderr=file
        )
    deadline = time.monotonic() + processes.WAIT_S
    wanted = len(stage.notices) + MOVES * len(PAYMENTS)
    while len(output.read_text().splitlines()) < wanted:
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < deadline, "it did not show everything"
        time.sleep(0.05)
    during = asyncio.run(_groups(stage.bootstrap))
    process.send_signal(signal.SIGINT)
    assert process.wait(processes.WAIT_S) == 130
    assert during == before
    assert "Traceback" not in output.read_text()


async def _groups(bootstrap: str) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return {name for name, *_ in await admin.list_consumer_groups()}
    finally:
        await admin.close()
