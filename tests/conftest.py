"""Fixtures every test may ask for; the real services live in `tests/support`."""

import asyncio
import os

import pytest

pytest_plugins = [
    "tests.faults.options",
    "tests.support.canary_session",
    "tests.support.drills",
    "tests.support.kafka",
    "tests.support.postgres",
]


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
