"""The log lines of one test, as JSON, and nobody else's: the next test has its own again."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from ingress import telemetry


@pytest.fixture(name="lines")
def _lines() -> Iterator[io.StringIO]:
    out = io.StringIO()
    telemetry.configure("json", "info", out)
    yield out
    structlog.reset_defaults()
    logging.basicConfig(handlers=[], force=True)
