"""The rations of the quarantine: a flood costs nothing but the bucket of whoever floods."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.quarantine import (
    NETWORKS_MAX,
    RECORD_BYTES,
    SHARES_MAX,
    Allowances,
)
from ingress.settings import QuarantineSettings

DAY_S = 86_400.0
KIB = 1024
MIB = 1024 * KIB
# 64 MiB a day: 16 at once for the source, 4 at once for one network; the process has 8 sources'.
SETTINGS = QuarantineSettings(bytes_per_day=64 * MIB, total_bytes_per_day=512 * MIB)
# So that a delivery and what is counted beside it are 64 KiB.
SIZE = 64 * KIB - RECORD_BYTES
NETWORKS = [f"203.0.{n}.0/24" for n in range(8)]


def _taken(
    allowances: Allowances, slug: str, network: str, now_s: float, most: int = 10_000
) -> int:
    """Take until nothing is left, and say how often that was."""
    count = 0
    while count < most and allowances.take(slug, network, SIZE, now_s):
        count += 1
    return count


def test_one_network_gets_a_quarter_of_its_source_and_a_source_a_quarter_of_its_day() -> None:
    """Worked by hand: 64 MiB a day, 16 at once, 4 for one network: 64 deliveries of 64 KiB."""
    allowances = Allowances(SETTINGS)
    assert [_taken(allowances, "shop", network, 0.0) for network in NETWORKS[:5]] == [
        64,
        64,
        64,
        64,
        0,
    ]


@pytest.mark.parametrize(("hours", "expected"), [(0, 0), (3, 32), (6, 64), (24, 64), (240, 64)])
def test_what_was_spent_comes_back_with_the_hours(hours: int, expected: int) -> None:
    """16 MiB a day for one network are 4 in six hours; and nothing is saved up beyond that."""
    allowances = Allowances(SETTINGS)
    assert _taken(allowances, "shop", NETWORKS[0], 0.0) == 64
    assert _taken(allowances, "shop", NETWORKS[0], hours * 3600.0) == expected


def test_an_empty_delivery_is_not_free() -> None:
    """A record costs a kilobyte of headers and rows, and an attacker pays by the delivery."""
    allowances = Allowances(SETTINGS)
    count = 0
    while allowances.take("shop", NETWORKS[0], 0, 0.0):
        count += 1
    assert count == 4 * MIB // RECORD_BYTES


def test_what_could_not_be_kept_is_given_back() -> None:
    """While the log is away everything is tried in vain, and must not use the ration up."""
    allowances = Allowances(SETTINGS)
    for _ in range(1000):
        assert allowances.take("shop", NETWORKS[0], SIZE, 0.0)
        allowances.give("shop", NETWORKS[0], SIZE, 0.0)
    assert _taken(allowances, "shop", NETWORKS[0], 0.0) == 64


def test_a_refused_taking_takes_nothing_anywhere() -> None:
    """A network without a ration must not drain what its source and the process have."""
    allowances = Allowances(SETTINGS)
    _taken(allowances, "shop", NETWORKS[0], 0.0)
    for _ in range(10_000):
        assert not allowances.take("shop", NETWORKS[0], SIZE, 0.0)
    assert [_taken(allowances, "shop", network, 0.0) for network in NETWORKS[1:4]] == [64, 64, 64]


Sizes = st.integers(0, 256 * KIB)


@given(
    flood=st.lists(st.tuples(Sizes, st.floats(0, 60)), max_size=300),
    honest=st.lists(Sizes, min_size=1, max_size=20),
)
def test_whatever_one_network_sends_another_s_deliveries_are_kept(
    flood: list[tuple[int, float]], honest: list[int]
) -> None:
    """The provider's own refused deliveries survive the flood that hides among them."""
    # Everything honest, 20 times 257 KiB, is within the 16 MiB of a network.
    settings = QuarantineSettings(bytes_per_day=256 * MIB)
    allowances = Allowances(settings)
    now_s = 0.0
    waiting = list(honest)
    for number, (size, later_s) in enumerate(flood):
        now_s += later_s
        allowances.take("shop", NETWORKS[0], size, now_s)
        if waiting and number % 7 == 0:
            assert allowances.take("shop", NETWORKS[1], waiting.pop(), now_s)
    _taken(allowances, "shop", NETWORKS[0], now_s, most=100_000)
    for size in waiting:
        assert allowances.take("shop", NETWORKS[1], size, now_s)


@given(
    attackers=st.lists(st.integers(0, 2**16), min_size=1, max_size=300),
    total=st.sampled_from([64 * MIB, 512 * MIB, 4096 * MIB]),
)
def test_whatever_one_source_gets_another_s_deliveries_are_kept(
    attackers: list[int], total: int
) -> None:
    """One merchant's enemy, from however many networks, must not cost another merchant anything."""
    settings = QuarantineSettings(bytes_per_day=64 * MIB, total_bytes_per_day=total)
    allowances = Allowances(settings)
    for attacker in attackers:
        _taken(allowances, "attacked", f"198.51.{attacker}.0/24", 0.0, most=500)
    least = min(64 * MIB, total // 2) // 16 // (64 * KIB)
    assert _taken(allowances, "other", NETWORKS[0], 0.0) == least


def test_sources_together_stay_within_what_the_process_may_keep() -> None:
    """The disk is one: 512 MiB a day are 128 at once, 2048 deliveries of 64 KiB."""
    allowances = Allowances(SETTINGS)
    count = sum(
        _taken(allowances, f"shop-{n}", network, 0.0) for n in range(20) for network in NETWORKS
    )
    assert count == 2048


def test_a_network_that_is_forgotten_is_the_fullest() -> None:
    """Who spent its ration must not get another by sending a few bytes from many places."""
    allowances = Allowances(SETTINGS)
    assert _taken(allowances, "shop", "attacker", 0.0) == 64
    for n in range(3 * NETWORKS_MAX):
        assert allowances.take("shop", f"place-{n}", 0, 0.0)
    assert not allowances.has("shop", "attacker", SIZE, 0.0)


def test_a_hundred_thousand_addresses_cost_no_memory() -> None:
    """The edge holds 150 MB whatever comes, and a table of senders is what an attacker would grow.

    Bounded by arithmetic: 64 networks of each of 256 sources.
    """
    settings = QuarantineSettings(bytes_per_day=2**40, total_bytes_per_day=2**50)
    allowances = Allowances(settings)
    tracemalloc.start()
    try:
        for n in range(100_000):
            assert allowances.take(f"shop-{n % 10}", f"network-{n}", 0, 0.0)
        few, _ = tracemalloc.get_traced_memory()
        for n in range(SHARES_MAX + 100):
            allowances.take(f"other-{n}", "network", 0, 0.0)
        more, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert few < MIB
    assert more < 2 * MIB
