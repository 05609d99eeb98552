"""What the tests of the edge have in common: an edge that is ready."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.gateway import Gateway, gateway, until_ready


@pytest.fixture(name="edge")
async def _edge(tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway(tmp_path) as running:
        await until_ready(running)
        yield running
