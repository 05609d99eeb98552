"""The journal in front of a real Kafka that is killed and comes back, under a real edge."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ingress.contract import topics
from ingress.eventlog.port import LogUnavailable, Position
from tests.support.processes import Running, Stack, event, get, post, start

PATIENCE_S = 60.0

pytestmark = [pytest.mark.slow, pytest.mark.kafka]


@pytest.fixture
def stack(tmp_path, private_broker) -> Stack:
    """Return a gateway's configuration on a broker of its own."""
    url = f"kafka://{private_broker.bootstrap}?replication_factor=1"
    return Stack(tmp_path, url, f"sqlite://{tmp_path}/store.db")


def serve(stack: Stack, **journal: object) -> Running:
    """Start an edge on it; one broker is enough here."""
    config = stack.write(
        log={"accepts_unsafe_topics": True},
        **{"log.journal": {"directory": str(stack.directory / "journal"), **journal}},
    )
    return start(config, "serve").wait_started()


def waiting(running: Running) -> float:
    """Return how many records wait in the journal."""
    lines = get(running.admin_url + "/metrics")[1].splitlines()
    return next(
        float(line.split()[1]) for line in lines if line.startswith("sealgate_journal_records ")
    )


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(PATIENCE_S):
        while not await asyncio.to_thread(holds):
            await asyncio.sleep(0.05)


async def payments(stack: Stack) -> set[str]:
    """Return the payments whose events are on the verified topic."""
    log = stack.log()
    topic = topics.verified(stack.environment)
    found: set[str] = set()
    try:
        for partition, end in (await log.ends(topic)).items():
            at = 0
            while at < end:
                records = await log.read(Position(partition, at), 1000)
                found |= {
                    record.value.decode().split('"invoiceId": "')[1].split('"')[0]
                    for record in records
                }
                at = records[-1].position.offset + 1
    finally:
        await log.close()
    return found


async def test_an_edge_that_starts_without_kafka_takes_events_at_once(stack, private_broker):
    """Fault 2: a restart during an outage must not turn providers away."""
    await private_broker.kill()
    running = serve(stack)
    begun_s = time.monotonic()
    await until(lambda: get(running.admin_url + "/readyz")[0] == 200)
    assert time.monotonic() - begun_s < PATIENCE_S / 2
    assert "[!] Kafka confirms" in get(running.admin_url + "/readyz?verbose")[1]
    names = {f"early-{number}" for number in range(20)}
    for name in names:
        assert post(running.edge_url, event(name, "InvoiceSettled")) == 200
    assert waiting(running) == 20
    await private_broker.restart()
    await until(lambda: waiting(running) == 0)
    assert await payments(stack) == names
    await until(lambda: "[+] Kafka confirms" in get(running.admin_url + "/readyz?verbose")[1])
    assert running.terminate() == 0


async def test_a_broker_killed_under_load_costs_no_event_and_no_refusal(stack, private_broker):
    """Fault 1: every delivery is answered 2xx, and every one of them is on the log afterwards."""
    running = serve(stack).wait_ready()
    answers: dict[str, int] = {}

    def load(worker: int) -> None:
        for number in range(60):
            name = f"load-{worker}-{number}"
            answers[name] = post(running.edge_url, event(name, "InvoiceSettled"))
            time.sleep(0.02)

    with ThreadPoolExecutor(8) as pool:
        tasks = [asyncio.get_running_loop().run_in_executor(pool, load, n) for n in range(8)]
        await asyncio.sleep(0.5)
        await private_broker.kill()
        await asyncio.sleep(1.0)
        await private_broker.restart()
        await asyncio.gather(*tasks)
    assert set(answers.values()) == {200}
    await until(lambda: waiting(running) == 0)
    assert set(answers) <= await payments(stack)
    running.kill()


async def test_what_a_killed_edge_left_is_sent_by_the_next_one(stack, private_broker):
    """The journal outlives the process: also one that is told to refuse from now on."""
    await private_broker.kill()
    running = serve(stack)
    await until(lambda: get(running.admin_url + "/readyz")[0] == 200)
    for number in range(10):
        assert post(running.edge_url, event(f"left-{number}", "InvoiceSettled")) == 200
    running.kill()
    await private_broker.restart()
    after = serve(stack, policy="refuse").wait_ready()
    await until(lambda: waiting(after) == 0)
    async with asyncio.timeout(PATIENCE_S):
        while await sent(stack) < {f"left-{number}" for number in range(10)}:
            await asyncio.sleep(0.1)
    assert after.terminate() == 0


async def sent(stack: Stack) -> set[str]:
    """Return what is on the topic; nothing while it cannot be read."""
    try:
        return await payments(stack)
    except LogUnavailable:
        return set()
