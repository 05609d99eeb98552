"""A rotation in the middle of traffic, by the commands a person types, on real processes."""

import os

import pytest

from tests.benchmarks.processes import Cores
from tests.benchmarks.rotation import BOTH, NEW, OLD, REVOKED, Turn, check, rotate

RATE_PER_S = 300.0


@pytest.fixture(name="turn", scope="module")
def _turn(tmp_path_factory: pytest.TempPathFactory) -> Turn:
    """Rotate once; the log was compared with the answers, key by key."""
    cores = Cores.of(sorted(os.sched_getaffinity(0)))
    rotated = rotate(tmp_path_factory.mktemp("rotation"), cores, RATE_PER_S, rounds=1)
    check(rotated)
    (turn,) = rotated.turns
    return turn


@pytest.mark.slow
def test_a_rotation_loses_nothing_legitimate(turn: Turn) -> None:
    """A refused delivery is a payment nobody hears of: some providers never come back.

    How fast answers are meanwhile is the benchmark's to say: a ratio of two seconds each would be
    the neighbours' on a machine that runs other tests.
    """
    assert turn.legitimate > 5 * RATE_PER_S
    assert turn.lost == 0


@pytest.mark.slow
def test_every_key_is_accepted_while_it_should_be_and_no_longer(turn: Turn) -> None:
    """Both keys prove deliveries until the old one is revoked, and then the new one alone."""
    assert turn.accepted[OLD]["old"] > 0
    assert turn.accepted[OLD]["new"] == 0, "nobody signs with it yet"
    assert turn.accepted[BOTH]["old"] > 0
    assert turn.accepted[NEW]["old"] > 0, "retired, and the provider still tries again with it"
    assert turn.accepted[NEW]["new"] > 0
    assert turn.accepted[REVOKED]["new"] > 0
    assert turn.accepted[REVOKED]["old"] == 0


@pytest.mark.slow
def test_a_revoked_key_proves_nothing_a_second_later(turn: Turn) -> None:
    """Whoever stole it is shut out while the provider is being served."""
    assert turn.forged_late > 10
    assert turn.accepted_late == 0
    assert turn.last_accept_ms < 1000
