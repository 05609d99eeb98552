"""The shop that is asked for evidence."""

from pathlib import Path

import pytest

from tests.support.exposed import Shop
from tests.support.records_of_shop import open_shop


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Shop:
    """Open a shop whose log holds one event twice, and one refusal; everything is applied."""
    return open_shop(tmp_path)
