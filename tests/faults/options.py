"""How often each fault is made, and from which seed: ``--faults=full`` and ``--seed=N``."""

import random

import pytest

THOROUGH = "thorough"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("faults")
    group.addoption(
        "--faults",
        choices=["reduced", "full"],
        default="reduced",
        help="full: every fault test, in full counts",
    )
    group.addoption("--seed", type=int, default=None, help="of the fault tests' traffic")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what belongs to the full set, unless it is asked for."""
    if config.getoption("--faults") == "full":
        return
    kept, left = [], []
    for item in items:
        (left if item.get_closest_marker(THOROUGH) else kept).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


@pytest.fixture(scope="session", name="is_full")
def _is_full(pytestconfig: pytest.Config) -> bool:
    """Say whether the faults are made in full counts."""
    return bool(pytestconfig.getoption("--faults") == "full")


@pytest.fixture(scope="session", name="slack")
def _slack(*, is_full: bool) -> float:
    """Say how many times what is promised a recovery may take: others share this machine."""
    return 2.0 if is_full else 4.0


@pytest.fixture(name="fault_seed")
def _fault_seed(pytestconfig: pytest.Config) -> int:
    """Give the seed of this test's traffic: the one asked for, or a new one that is printed."""
    given = pytestconfig.getoption("--seed")
    return random.SystemRandom().randrange(10_000) if given is None else int(given)
