"""Fixtures every test may ask for; the real services live in `tests/support`."""

import asyncio
import gc
import os
import sys
from collections import defaultdict
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.faults.options",
    "tests.support.canary_session",
    "tests.support.drills",
    "tests.support.kafka",
    "tests.support.log_lines",
    "tests.support.postgres",
]


# Images for containers forbid compiled files. Hundreds of processes are started here, and without
# them each would compile the whole gateway anew, which takes longer than all else of its start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# How long an example takes is the machine's business: on a busy one any may be slow once.
settings.register_profile(
    "suite", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("suite")

USUAL_S, SLOW_S = 0.0, 120.0
"""What a test may take that names no time-out of its own: nothing to speak of, or a process's."""


def pytest_configure(config: pytest.Config) -> None:
    """Deal the files out in the order below: pytest-xdist would begin with those of most tests."""
    config.option.loadscopereorder = False


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no cycles while tests are collected: all of it stays, and to look finds nothing."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that may take longest, in the order that they have among themselves.

    Each file is one worker's: one of minutes that began last would be waited for by all others.
    """
    limits: defaultdict[Path, float] = defaultdict(float)
    for item in items:
        limits[item.path] = max(limits[item.path], _limit_s(item))
    items.sort(key=lambda item: -limits[item.path])


def _limit_s(item: pytest.Item) -> float:
    named = item.get_closest_marker("timeout")
    if named is not None:
        return float(named.args[0])
    return USUAL_S if item.get_closest_marker("slow") is None else SLOW_S


def pytest_sessionstart() -> None:
    """Say that there is no event loop yet, or the plugin makes one that nobody ever closes."""
    asyncio.set_event_loop(None)
    # Key files that everybody can read are refused, in tests too.
    os.umask(0o077)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take Sealgate's own variables out of the environment: a test says what it means."""
    for name in os.environ:
        if name.startswith("SEALGATE_"):
            monkeypatch.delenv(name)
