"""What to do when a real service is absent: skip with the reason, or fail where CI demands it."""

import os
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Skip the test, saying why; under ``REQUIRE_SERVICES=1`` fail it instead."""
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(f"REQUIRE_SERVICES=1, and {reason}", pytrace=False)
    pytest.skip(reason)
