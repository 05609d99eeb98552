"""What every acceptance test gets: nothing of it keeps running."""

from collections.abc import Iterator

import pytest

from tests.support import processes


@pytest.fixture(autouse=True, scope="module")
def _nothing_is_left_running() -> Iterator[None]:
    yield
    processes.end_all()
