"""The broker killed under load, again and again: what that costs whoever delivers.

It is the fault tests' own ground and world: providers that deliver at a fixed rate and come again
until a 2xx, a history of every answer, and a checker that holds the log, the database and the
notices against it. Here it is done so many times, and the figures are kept. One acknowledged event
that is missing, or one effect doubled, fails the run.
"""

import asyncio
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.processes import Unsound
from tests.benchmarks.services import Absent, kafka_installed
from tests.faults.ground import Ground, ground, is_whole, journaled
from tests.support.processes import Running

RATE_PER_S = 200.0
DELIVER_S = 900.0
RECOVER_S = 60.0
BEFORE_S = (0.5, 2.5)
AWAY_S = (0.0, 2.0)
AFTER_S = 1.0
LOOK_S = 0.02
POLICY = "journal"


@dataclass(frozen=True, slots=True)
class Kills:
    """What was seen. `recovered_s`: of each kill, from a broker that answers to an empty journal.

    `missing` and `doubled` are of acknowledged events, in the log, the database and downstream.
    """

    seed: int
    policy: str
    rate_per_s: float
    events: int
    acked: int
    refused: int
    missing: int
    doubled: int
    p50_ms: float
    p99_ms: float
    longest_s: float
    recovered_s: Sequence[float]


def kill(directory: Path, times: int) -> Kills | Absent:
    """Kill the broker so many times under load. Raises `Unsound` and `Demanded`."""
    absent = kafka_installed()
    if absent is not None:
        return absent
    seed = secrets.randbelow(10_000)
    # The ground says what it does on standard output, which is for the tables here.
    with redirect_stdout(sys.stderr):
        return asyncio.run(_kill(directory, times, seed))


async def _kill(directory: Path, times: int, seed: int) -> Kills:
    dice = random.Random(seed)
    store_url = f"sqlite://{directory / 'store.db'}"
    more = {"store_url": store_url, "policy": POLICY}
    async with ground("benchmark", directory, seed, **more) as place:
        await place.start_kafka()
        edge = await place.serve()
        await place.consume()
        world = await place.deliver(DELIVER_S, rate_per_s=RATE_PER_S)
        recovered_s = [await _one(place, edge, dice) for _ in range(times)]
        await asyncio.sleep(AFTER_S)
        report = await world.stop()
        found = await place.judge(report)
        if edge.process.poll() is not None:
            raise Unsound(f"kills, seed {seed}: the edge ended with {edge.process.returncode}")
    count: Counter[str] = Counter()
    for one in found:
        count[one.rule] += len(one.examples)
    if found or report.unsettled:
        said = "; ".join(map(str, found))
        raise Unsound(f"kills, seed {seed}: {report.unsettled} never accepted; {said}")
    return Kills(
        seed=seed,
        policy=POLICY,
        rate_per_s=RATE_PER_S,
        events=report.events,
        acked=report.acked,
        refused=report.refused,
        missing=count["L"],
        doubled=count["D"] + count["U"],
        p50_ms=report.p50_ms,
        p99_ms=report.p99_ms,
        longest_s=report.longest_s,
        recovered_s=recovered_s,
    )


async def _one(place: Ground, edge: Running, dice: random.Random) -> float:
    """Kill the broker once, bring it back, and return how long the edge took to be whole again."""
    await asyncio.sleep(dice.uniform(*BEFORE_S))
    await place.kill_kafka()
    await asyncio.sleep(dice.uniform(*AWAY_S))
    await place.restart_kafka()
    began_s = time.monotonic()
    while not await asyncio.to_thread(_is_whole, edge):
        if time.monotonic() - began_s > RECOVER_S:
            raise Unsound(f"kills: the edge did not recover by itself in {RECOVER_S} s")
        await asyncio.sleep(LOOK_S)
    return time.monotonic() - began_s


def _is_whole(edge: Running) -> bool:
    return is_whole(edge) and not journaled(edge)
