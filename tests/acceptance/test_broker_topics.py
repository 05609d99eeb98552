"""The topics of a real broker: judged before a promise is given, made and mended by `topics apply`.

One broker is what most people begin with, and what a power cut teaches them about.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ingress.contract.declaration import TOPICS
from ingress.eventlog.kafka import KafkaLog
from ingress.eventlog.kafka_admin import KafkaAdmin
from tests.support.processes import WAIT_S, Running, Stack, event, get, post, start
from tests.support.schemas import Judge, read

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture(name="stack")
def _stack(kafka_bootstrap: str, tmp_path: Path) -> Stack:
    url = f"kafka://{kafka_bootstrap}?replication_factor=1"
    return Stack(tmp_path, url, f"sqlite://{tmp_path / 'store.db'}")


def names(stack: Stack) -> list[str]:
    """Name the topics of the stack's environment."""
    return [topic.name(stack.environment) for topic in TOPICS]


def command(config: Path, *words: str) -> tuple[int, str]:
    """Type a command about topics; return its exit code and what it says."""
    running = start(config, "topics", *words)
    return running.wait(), running.output.read_text()


def admin(bootstrap: str) -> KafkaAdmin:
    """Look at the broker apart from the processes."""
    return KafkaLog(bootstrap, replication_factor=1).admin()


def guarded(stack: Stack, policy: str) -> Running:
    """Start an edge that takes no topic that can lose something."""
    tables = {"log": {"accepts_unsafe_topics": False}, "log.journal": {"policy": policy}}
    return start(stack.write(**tables), "serve").wait_started()


def told_unsafe(running: Running) -> Mapping[str, object]:
    """Wait for the edge's word on its topics."""
    told = running.wait_said("topics_unsafe")
    assert len(told) == 1
    return told[0]


@pytest.mark.parametrize("policy", ["refuse", "always"])
def test_an_edge_accepts_nothing_for_topics_that_one_broker_can_lose(
    policy, stack, kafka_bootstrap
):
    """A 2xx for what a power cut takes back is the one lie that a gateway must not tell (P1).

    With a journal it would be none at first; but what is in it could never leave it.
    """
    running = guarded(stack, policy)
    said = told_unsafe(running)
    assert "has 1 of 3 replicas" in str(said["reasons"])
    assert "kafka-reassign-partitions" in str(said["hint"])
    assert post(running.edge_url, event("unsafe-1", "InvoiceSettled")) == 503
    status, reasons = get(running.admin_url + "/readyz?verbose")
    assert status == 503
    assert "[-] the topics can lose what is acknowledged: mend them, with" in reasons
    # A broker that writes each record through to its disk keeps it, alone as it is.
    asyncio.run(write_through(admin(kafka_bootstrap), names(stack)))
    running.wait_ready()
    assert post(running.edge_url, event("safe-1", "InvoiceSettled")) == 200
    assert "can lose" not in get(running.admin_url + "/readyz?verbose")[1]
    assert running.terminate() == 0


async def test_what_was_journaled_while_kafka_was_away_waits_for_safe_topics(
    tmp_path, private_broker
):
    """A restart in an outage takes deliveries; what it took must not end on one broker's page."""
    url = f"kafka://{private_broker.bootstrap}?replication_factor=1"
    stack = Stack(tmp_path, url, f"sqlite://{tmp_path / 'store.db'}")
    await private_broker.kill()
    running = guarded(stack, "journal").wait_ready()
    assert post(running.edge_url, event("early-1", "InvoiceSettled")) == 200
    await private_broker.restart()
    told_unsafe(running)
    assert post(running.edge_url, event("early-2", "InvoiceSettled")) == 503
    assert get(running.admin_url + "/readyz")[0] == 503
    log = stack.log()
    assert sum((await log.ends(names(stack)[0])).values()) == 0
    await write_through(admin(private_broker.bootstrap), names(stack))
    running.wait_ready()
    until = time.monotonic() + WAIT_S
    while not sum((await log.ends(names(stack)[0])).values()):
        assert time.monotonic() < until, running.output.read_text()
        await asyncio.sleep(0.1)
    await log.close()
    assert running.terminate() == 0


async def write_through(broker: KafkaAdmin, topics: Sequence[str]) -> None:
    """Set ``flush.messages`` on topics, and see that no other setting is lost by it."""
    before = await broker.found(topics)
    await set_now(broker, {name: {"flush.messages": "1"} for name in topics})
    after = await broker.found(topics)
    for name in topics:
        assert after[name].own == {**before[name].own, "flush.messages": "1"}


async def set_now(broker: KafkaAdmin, wanted: Mapping[str, Mapping[str, str]]) -> None:
    """Set what is wanted of topics, and wait until the broker that is asked has heard of it."""
    await broker.set(wanted)
    async with asyncio.timeout(40):
        while True:
            found = await broker.found(list(wanted))
            if all(found[name].own.items() >= told.items() for name, told in wanted.items()):
                return
            await asyncio.sleep(0.1)


def test_apply_makes_mends_and_leaves_what_is_the_owner_s(stack, kafka_bootstrap):
    """The old way of setting one setting takes back all others."""
    config = stack.write()
    code, said = command(config, "plan")
    assert code == 3
    assert [line.split()[:2] for line in said.splitlines()[:4]] == [
        ["make", name] for name in names(stack)
    ]
    assert command(config, "apply")[0] == 0
    assert command(config, "plan") == (0, "everything is as it should be\n")
    alarms = names(stack)[2]
    weak = {"retention.ms": "1000", "segment.bytes": "1048576"}
    asyncio.run(set_now(admin(kafka_bootstrap), {alarms: weak}))
    assert command(config, "plan") == (
        3,
        f"set      {alarms}  retention.ms=3888000000\n\n1 to do: sealgate topics apply\n",
    )
    code, said = command(config, "apply", "--json")
    [done] = Judge({"topics apply": read("topics-apply")}).judge("topics apply", said)
    assert (code, done["set"]) == (0, {alarms: {"retention.ms": "3888000000"}})
    found = asyncio.run(admin(kafka_bootstrap).found([alarms]))[alarms]
    assert found.own["retention.ms"] == "3888000000"
    assert found.own["segment.bytes"] == "1048576"


def test_apply_never_adds_partitions(stack):
    """More of them would spread one payment over two, out of order."""
    assert command(stack.write(), "apply")[0] == 0
    code, said = command(stack.write(log={"partitions": 4}), "apply")
    assert code == 3
    assert f"{names(stack)[0]} has 3 partitions, and log.partitions says 4" in said


def test_rules_that_nobody_would_enforce_are_not_promised(stack):
    """Without an authorizer everybody may everything, whatever was granted."""
    code, said = command(stack.write(), "apply", "--edge-user", "edge")
    assert code == 3
    assert "the brokers have no authorizer" in said
