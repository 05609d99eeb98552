"""Draw what the boards show of a gateway at work: ``python -m tests.picture docs/img/boards.png``.

A whole gateway is started, simulated providers deliver to it for less than a minute, and in this
minute things happen: forgeries come, a provider goes over to its new key, the database stands still
for some seconds. Prometheus scrapes it all, and answers the panels' own expressions. The picture is
drawn of these answers and of nothing else.
"""

import asyncio
import re
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from itertools import count
from pathlib import Path

import pytest

from dashboards.grafana.board import GRID, read
from dashboards.grafana.drawing import Heading, Line, Shown, draw
from sealgate.demo.gallery import GALLERY
from sealgate.demo.scenario import Scenario, refused
from sealgate.simulator.twist import Twist
from tests.support.processes import ROOT
from tests.support.prometheus import Prometheus
from tests.support.watched import Watched, watched

RULES = sorted((ROOT / "dashboards" / "prometheus").glob("*.rules.yml"))
LONG_S = 44
WINDOW = "5s"
PLAYERS = 2
PAUSE_S = 0.2
# Seconds of the minute: who forges from when to when, when the key changes, when the store stands.
FORGED_S, NEW_KEY_S, STANDS_S = (12, 19), 22, (30, 35)

PAGE: Sequence[tuple[str, str, str, int, int]] = (
    ("", "edge", "Accepted", 4, 4),
    ("", "edge", "Our fault", 4, 4),
    ("", "edge", "Slowest in a hundred", 4, 4),
    ("", "consumers", "Behind", 4, 4),
    ("", "payments", "Stuck payments", 4, 4),
    ("", "payments", "To be looked at now", 4, 4),
    ("What is refused, and why? Which key is in use?", "edge", "Requests by outcome", 8, 8),
    ("", "edge", "Verification failures by reason", 8, 8),
    ("", "provider", "Verified by key", 8, 8),
    ("Who is behind? Does every event take effect?", "consumers", "Lag in time", 8, 8),
    ("", "consumers", "Records by verdict", 8, 8),
    ("", "payments", "Payments by state", 8, 8),
    ("What is stuck, and what waits for a decision?", "payments", "Open exceptions", 12, 6),
    ("", "payments", "Stuck, by provider and state", 6, 6),
    ("", "payments", "Money that is stuck", 6, 6),
)
"""What is drawn: a heading where one begins, the board, its panel, how wide and how high."""

_TITLES = {scenario.title: scenario for scenario in GALLERY}
_DAILY = [
    _TITLES[title]
    for title in (
        *("Paid in full", "Two live keys: a rotation", "Delivered three times at once"),
        *("Redelivered with other bytes", "Confirmed before seen", "Expired"),
    )
]
"""What most payments are like; every fourth is one of the gallery's others."""
# It waits for the end of a body that never comes: the slowest answer would be this one's.
_ODD = [one for one in GALLERY if one.title != "Cut on the way, twice"]
_ODD_EVERY = 4


_REFUSED = (refused(401),)


def _forged(title: str, twist: Twist) -> Scenario:
    """Make one delivery of what nobody signed out of a payment that goes well."""
    scenario = _TITLES[title]
    return replace(scenario, steps=(replace(scenario.steps[0], twists=(twist,), expect=_REFUSED),))


_FORGERIES = (
    _forged("Delivered three times at once", Twist.WRONG_KEY),
    _forged("Two live keys: a rotation", Twist.FORGED),
    _forged("Two live keys: a rotation", Twist.STALE),
    _forged("Expired", Twist.UNSIGNED),
)


class Incidents:
    """What happens in this minute, from its beginning on."""

    def __init__(self, gateway: Watched) -> None:
        self._gateway = gateway
        self._begun_s = time.monotonic()
        self._numbers = count()

    async def play(self) -> None:
        """Play payment after payment until the time is up."""
        while self._now_s() < LONG_S:
            number = next(self._numbers)
            all_of = _ODD if number % _ODD_EVERY == 0 else _DAILY
            scenario = all_of[number // _ODD_EVERY % len(all_of)]
            await self._gateway.play([self._keyed(scenario)])
            await asyncio.sleep(PAUSE_S)

    def _keyed(self, scenario: Scenario) -> Scenario:
        """Sign with the key that the provider uses by now, where it goes over to a new one."""
        if scenario.provider != "stripe":
            return scenario
        key = "2026-11" if self._now_s() > NEW_KEY_S else "2026-05"
        return replace(scenario, steps=tuple(replace(step, key=key) for step in scenario.steps))

    async def forge(self) -> None:
        """Deliver forgeries for some seconds."""
        await asyncio.sleep(FORGED_S[0])
        while self._now_s() < FORGED_S[1]:
            await self._gateway.play(_FORGERIES)

    async def stand_still(self) -> None:
        """Hold the lock of the database, as a careless statement would."""
        await asyncio.sleep(STANDS_S[0])
        store = sqlite3.connect(self._gateway.ground.directory / "store.db", isolation_level=None)
        try:
            store.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(STANDS_S[1] - STANDS_S[0])
            store.execute("ROLLBACK")
        finally:
            store.close()

    def _now_s(self) -> float:
        return time.monotonic() - self._begun_s


async def _run(place: Path) -> bytes:
    async with watched(place, RULES) as gateway:
        begun_s = await _scraped_s(gateway.prometheus)
        incidents = Incidents(gateway)
        async with asyncio.TaskGroup() as group:
            for _ in range(PLAYERS):
                group.create_task(incidents.play())
            group.create_task(incidents.forge())
            group.create_task(incidents.stand_still())
            with redirect_stdout(StringIO()):
                await gateway.play_more()
        return draw(*await asyncio.to_thread(_asked, gateway.prometheus, begun_s))


async def _scraped_s(prometheus: Prometheus) -> float:
    """Say when the last scrape was, by Prometheus' own clock."""
    (sample,) = await asyncio.to_thread(prometheus.query, "time()")
    return sample.value


def _asked(prometheus: Prometheus, begun_s: float) -> tuple[list[Shown], list[Heading]]:
    """Ask every panel's own questions, and lay the panels on the grid."""
    shown, headings = [], []
    across = down = below = 0
    for heading, name, title, width, height in PAGE:
        if across + width > GRID or heading:
            across, down = 0, below
        if heading:
            headings.append(Heading(heading, down))
            down += 1
        board = read(name)
        panel = next(one for one in board.panels() if one.title == title)
        answers = [_answer(prometheus, board.expression(query), begun_s) for query in panel.ask]
        shown.append(Shown(panel, answers, across, down, width, height))
        across, below = across + width, down + height
    return shown, headings


def _answer(prometheus: Prometheus, expression: str, begun_s: float) -> list[Line]:
    """Ask for every second since the beginning; the axis counts from there."""
    for variable, value in (("$__rate_interval", WINDOW), ("$__range", f"{LONG_S}s")):
        expression = expression.replace(variable, value)
    found = prometheus.api(
        "/api/v1/query_range",
        query=re.sub(r"\$[a-z]+", ".*", expression),
        start=str(begun_s),
        end=str(begun_s + LONG_S),
        step="1",
    )
    return [
        Line(one["metric"], [(at - begun_s, float(value)) for at, value in one["values"]])
        for one in found["data"]["result"]
    ]


def main(path: Path) -> None:
    """Play for a minute and write the picture."""
    place = Path(tempfile.mkdtemp(prefix="sealgate-picture-"))
    try:
        picture = asyncio.run(_run(place))
    except pytest.skip.Exception as absent:
        sys.exit(f"no picture without Prometheus: {absent}")
    finally:
        shutil.rmtree(place, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture)
    sys.stdout.write(f"{path}: {len(picture) // 1000} kB\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
