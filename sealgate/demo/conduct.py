"""Run the whole gateway in this process and play the gallery to it.

`run` prepares the ground, starts `sealgate.process.Process` with every role, and leaves the rest to
`Conductor`, which the process calls once everything listens: it waits for readiness, plays, looks
until what there is to see is what was expected or the patience is over, and shows it all. With
``--stay`` it then prints every move that a subscriber hears, until a signal.
"""

import asyncio
import logging
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path

import orjson

from consumers.exceptions import subject_of
from consumers.store.port import PaymentKey
from ingress import telemetry
from ingress.settings import ConfigurationInvalid
from sealgate import config
from sealgate.demo.compare import mismatches
from sealgate.demo.gallery import GALLERY
from sealgate.demo.ground import Choices, Ground, GroundTaken, directory, prepare
from sealgate.demo.observe import Listener, Observed, observe
from sealgate.demo.play import Played, Stage
from sealgate.demo.scenario import SOURCES, Scenario
from sealgate.demo.show import Screen
from sealgate.process import Process, Started
from sealgate.role import ALL_ROLES
from sealgate.simulator.wire import Wire

EXIT_OK = 0
EXIT_MISMATCH = 1
EXIT_UNAVAILABLE = 69
EXIT_CONFIGURATION = 78
EXIT_INTERRUPTED = 130

_NOTHING_TO_SEE = frozenset({EXIT_OK, EXIT_INTERRUPTED})

READY_S = 30.0
# The slowest thing to wait for is the stuck limit and the monitor's next look, 1.5 s together.
SETTLE_S = 20.0
LOOK_S = 0.1
# After the first complete agreement: long enough for a second effect of something to show itself.
QUIET_S = 0.5
RUN_BYTES = 32
HOST = "127.0.0.1"


class NotReady(Exception):
    """The gateway did not become ready: something it needs does not answer."""


@dataclass(slots=True)
class Conductor:
    """Plays `gallery` once everything is started. `code` is None until the gallery is over."""

    choices: Choices
    ground: Ground
    gallery: Sequence[Scenario]
    screen: Screen
    code: int | None = None

    async def __call__(self, running: Started) -> None:
        """Play, show, and stay if that was chosen; then let the process stop."""
        try:
            async with Wire() as wire:
                await self._conduct(running, wire)
        except NotReady as why:
            self.screen.trouble(f"{why}\n{last_words(self.ground.log)}")
            self.code = EXIT_UNAVAILABLE
        finally:
            running.stop.set()

    async def _conduct(self, running: Started, wire: Wire) -> None:
        if running.log is None or running.store is None:
            raise NotReady("the gateway runs without its log or its store")
        with self.screen.progress("waiting until the gateway is ready"):
            await _ready(wire, running.admin_url)
        listener = Listener(running.log, self.ground.environment)
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(listener.run())
            played = await self._play(running.edge_url, wire)
            with self.screen.progress("looking what came of it"):
                look = partial(observe, running.store, listener, wire, running.admin_url)
                observed, found = await _settled(played, look)
            self._show(running, played, observed, found)
            self.code = EXIT_MISMATCH if found else EXIT_OK
            if self.choices.stay:
                await self._stay(running, listener, _asked_about(played, observed))
            listening.cancel()

    async def _play(self, edge_url: str, wire: Wire) -> list[Played]:
        run = secrets.token_bytes(RUN_BYTES)
        stage = Stage(edge_url, self.ground, run, wire, telemetry.now_ms)
        played = []
        for number, scenario in enumerate(self.gallery, start=1):
            with self.screen.progress(f"{number}/{len(self.gallery)} {scenario.title}"):
                played.append(await stage.play(scenario))
        return played

    def _show(
        self, running: Started, played: list[Played], observed: Observed, found: list[str]
    ) -> None:
        screen = self.screen
        screen.deliveries(played)
        screen.payments(played, observed)
        screen.notices(observed, self.ground.environment)
        screen.metrics(observed, running.admin_url)
        screen.verdict(played, found)
        if found:
            screen.line(f"\nEverything the gateway said is in {self.ground.log}")

    async def _stay(self, running: Started, listener: Listener, payment: PaymentKey) -> None:
        """Print each move as it is heard, until the process is told to stop."""
        while not listener.news.empty():
            listener.news.get_nowait()
        self.screen.questions(payment, self.ground, command())
        self.screen.invitation(running.edge_url, running.admin_url, self.ground, command())
        while True:
            self.screen.move(await listener.news.get())


def _asked_about(played: Sequence[Played], observed: Observed) -> PaymentKey:
    """Choose a payment that somebody would ask about: one with an open exception."""
    subjects = {item.anomaly.subject for item in observed.exceptions}
    payments = [one.payment for one in played]
    return next((key for key in payments if subject_of(key) in subjects), payments[0])


def run(choices: Choices, gallery: Sequence[Scenario] = GALLERY) -> int:
    """Play the gallery through the whole gateway; return the exit code."""
    screen = Screen()
    try:
        _check_ports(choices)
        with directory(stay=choices.stay) as place:
            return _run(choices, gallery, screen, place)
    except (NotReady, GroundTaken) as why:
        screen.trouble(str(why))
        return EXIT_UNAVAILABLE
    except ConfigurationInvalid as invalid:
        for mistake in invalid.mistakes:
            screen.trouble(str(mistake))
        return EXIT_CONFIGURATION
    except ValueError as wrong:
        screen.trouble(str(wrong))
        return EXIT_CONFIGURATION


def _run(choices: Choices, gallery: Sequence[Scenario], screen: Screen, place: Path) -> int:
    """Play in `place`, and clear it away unless it is to stay or shows what went wrong."""
    code = EXIT_OK
    try:
        code = _play(choices, gallery, screen, place)
    finally:
        if not choices.stay and code in _NOTHING_TO_SEE:
            shutil.rmtree(place, ignore_errors=True)
    return code


def _play(choices: Choices, gallery: Sequence[Scenario], screen: Screen, place: Path) -> int:
    ground = prepare(place, choices, SOURCES)
    with ground.log.open("a", encoding="utf-8", buffering=1) as lines:
        # The gateway's own words would drown the tables: they go to a file.
        telemetry.configure("json", "info", lines)
        logging.basicConfig(stream=lines, level=logging.WARNING, force=True)
        conductor = Conductor(choices, ground, gallery, screen)
        configuration = config.read(ground.configuration, {})
        # Followed, as by every gateway: a key that somebody adds here is in force at once.
        reread = partial(config.examine, ground.configuration, {})
        ended = Process(configuration, ALL_ROLES, started=conductor, reread=reread).main()
    if ended != EXIT_OK:
        screen.trouble(f"the gateway ended by itself\n{last_words(ground.log)}")
        return ended
    return EXIT_INTERRUPTED if conductor.code is None else conductor.code


def command() -> str:
    """Return how this program was called, so that what we print can be pasted."""
    called = Path(sys.argv[0])
    if called.name == "sealgate":
        return "sealgate" if shutil.which("sealgate") == str(called) else str(called)
    return f"{sys.executable} -m sealgate"


def last_words(log: Path) -> str:
    """Return the gateway's latest trouble, and where everything else that it said is."""
    said = [orjson.loads(line) for line in log.read_text("utf-8").splitlines() if line[:1] == "{"]
    reasons = [str(line["reason"]) for line in said if line["level"] != "info" and "reason" in line]
    where = f"all its log lines are in {log}"
    return f"it said: {reasons[-1]}\n{where}" if reasons else where


async def _ready(wire: Wire, admin_url: str) -> None:
    """Wait until every part is ready. Raises `NotReady`, naming what is not."""
    until_s = time.monotonic() + READY_S
    while True:
        answer = await wire.get(f"{admin_url}/readyz?verbose")
        if answer.status == HTTPStatus.OK:
            return
        if time.monotonic() > until_s:
            waiting = [line[4:] for line in answer.body.decode().splitlines() if line[:3] == "[-]"]
            raise NotReady(f"not ready after {READY_S:.0f} s: not so: {'; '.join(waiting)}")
        await asyncio.sleep(LOOK_S)


async def _settled(
    played: Sequence[Played], look: Callable[[], Awaitable[Observed]]
) -> tuple[Observed, list[str]]:
    """Look until everything is as expected, and once more a little later; or until time is up."""
    until_s = time.monotonic() + SETTLE_S
    while True:
        observed = await look()
        found = mismatches(played, observed)
        if not found:
            await asyncio.sleep(QUIET_S)
            observed = await look()
            return observed, mismatches(played, observed)
        if time.monotonic() > until_s:
            return observed, found
        await asyncio.sleep(LOOK_S)


def _check_ports(choices: Choices) -> None:
    """Say which address is in use before anything is started. Raises `NotReady`."""
    for what, port in (("--port", choices.port), ("--admin-port", choices.admin_port)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as wrong:
                raise NotReady(
                    f"{HOST}:{port} cannot be used ({wrong.strerror}): choose another with"
                    f" {what}, or {what} 0 for any free one"
                ) from None
