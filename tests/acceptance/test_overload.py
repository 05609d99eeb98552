"""A flood of what is refused beside honest deliveries: these are answered, the disk is spared."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.support import processes, workers
from tests.support.gateway import btcpay, request
from tests.support.processes import Running, Stack

FLOOD_S = 4.0
FLOODERS = 20
RSS_GROWTH_BYTES_MAX = 64 * 1024 * 1024
FORGED = processes.event("forged", "InvoiceCreated")
REFUSED = (
    request("/hooks/shop", FORGED, [btcpay(FORGED, b"a-key-that-nobody-has")]),
    request("/hooks/nobody", FORGED, [btcpay(FORGED)]),
    request("/hooks/shop", b"", [("Content-Type", "text/plain")]),
    b"POST /hooks/shop HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
)


@pytest.fixture(name="stack")
def _stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path, f"embedded://{tmp_path / 'log.db'}", f"sqlite://{tmp_path / 'store.db'}")


async def _flood(port: int, until_s: float) -> int:
    """Send what is refused, as fast as it is; return how many answers that gave."""
    answers = 0
    while time.monotonic() < until_s:
        for hostile in REFUSED:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(hostile)
                line = await reader.readline()
                writer.close()
            except OSError:
                continue
            assert not line.startswith(b"HTTP/1.1 2")
            answers += bool(line)
    return answers


def _rss_bytes(running: Running) -> int:
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


@pytest.mark.slow
async def test_a_flood_of_refusals_costs_no_honest_delivery_and_no_disk(stack: Stack) -> None:
    """Who floods the edge wants the payments beside it to fail, or its disk to fill."""
    running = processes.start(stack.write(), "serve").wait_started().wait_ready()
    before_bytes = _rss_bytes(running)
    port = int(running.edge_url.rpartition(":")[2])
    async with workers.load(running, each=2) as clients:
        until_s = time.monotonic() + FLOOD_S
        refused = sum(await asyncio.gather(*(_flood(port, until_s) for _ in range(FLOODERS))))
    assert refused > 5 * FLOODERS
    assert set(clients.outcomes) == {"200"}, clients.outcomes
    assert _rss_bytes(running) - before_bytes < RSS_GROWTH_BYTES_MAX
    assert running.terminate() == 0
    lines = [one for one in workers.said(running, "delivery_handled") if one["status"] != 200]
    sums = [int(str(one["count"])) for one in workers.said(running, "refusals_not_written")]
    known = len(REFUSED) - 1
    assert len(lines) <= known * 100 * (FLOOD_S + 10)
    assert len(lines) + sum(sums) >= refused * known / len(REFUSED) * 0.9
    found = await workers.logged(stack)
    assert [name for name in clients.accepted if name not in found] == []
