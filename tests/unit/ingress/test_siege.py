"""Whose failures are whose: a forger cannot verify, and cannot come from where a provider does."""

import pytest

from ingress.delivery import Reason
from ingress.siege import LASTS_MS, NETWORKS_MAX, Siege
from ingress.trust import FAILURES_MIN, RECENT_MS, Trust
from tests.support.builders import NOW_MS

WRONG = Reason.SIGNATURE_MISMATCH
HOME, AWAY = "192.0.2.0/24", "203.0.113.0/24"
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


class Source:
    """One source at an edge: what verifies and what fails, and whether people are called."""

    def __init__(self) -> None:
        self.trust = Trust(lambda *_: None)
        self.now_ms = NOW_MS

    def verified(self, network: str = HOME) -> None:
        """Let a delivery verify."""
        self.trust.verified("shop", self.now_ms, network)

    def fails(self, count: int, network: str = AWAY, every_ms: int = 0) -> list[bool]:
        """Let deliveries fail, and return of each whether people are called for it."""
        called = []
        for _ in range(count):
            self.now_ms += every_ms
            self.trust.failed("shop", WRONG, self.now_ms)
            called.append(self.trust.calls("shop", WRONG, self.now_ms, network))
        return called

    def is_suspect(self) -> bool:
        """Say whether its provider is asked to come again."""
        return self.trust.is_suspect("shop", self.now_ms)

    def is_besieged(self) -> bool:
        """Say whether its failures are taken for a stranger's."""
        return self.trust.is_besieged("shop", self.now_ms)

    def is_doubted(self) -> bool:
        """Say whether people are called."""
        return self.trust.is_doubted("shop", self.now_ms)


@pytest.fixture(name="source")
def _source() -> Source:
    source = Source()
    source.verified()
    return source


def _besiege(source: Source) -> None:
    source.fails(FAILURES_MIN)
    source.verified()
    assert source.is_besieged()


def test_a_stranger_who_goes_on_for_ever_calls_people_on_the_first_day_alone(
    source: Source,
) -> None:
    """His source verifies once a day: that it is so slow, the first day shows."""
    assert source.fails(60, every_ms=MINUTE_MS) == [False] * 4 + [True] * 56
    assert (source.is_suspect(), source.is_besieged(), source.is_doubted()) == (True, False, True)
    source.verified()
    half = 12 * 60
    assert source.fails(23 * 60, every_ms=MINUTE_MS) == [False] * half + [True] * (11 * 60)
    for _ in range(20):
        source.verified()
        assert source.is_besieged()
        assert not any(source.fails(24 * 60 - 1, every_ms=MINUTE_MS))
        assert (source.is_suspect(), source.is_besieged(), source.is_doubted()) == (
            True,
            True,
            False,
        )


def test_a_besieged_source_is_suspect_all_the_same(source: Source) -> None:
    """Its provider, should the key be wrong after all, hears 503, and what it sent is kept."""
    _besiege(source)
    assert [source.trust.failed("shop", WRONG, NOW_MS) for _ in range(6)] == [False] * 4 + [
        True
    ] * 2


def test_it_takes_a_row_as_long_as_a_suspicion_s(source: Source) -> None:
    """Four forgeries and a delivery prove nothing that anybody was called for."""
    source.fails(FAILURES_MIN - 1)
    source.verified()
    assert not source.is_besieged()
    assert source.fails(FAILURES_MIN)[-1]


def test_after_a_week_without_proof_people_are_called_again(source: Source) -> None:
    """Much can be changed at a provider in a week, and nobody tells us."""
    _besiege(source)
    begin_ms = source.now_ms
    for hour in range(12, 7 * 24, 12):
        source.now_ms = begin_ms + hour * HOUR_MS
        source.verified()
    source.now_ms = begin_ms + LASTS_MS - 1
    assert source.is_besieged()
    source.now_ms += 1
    assert not source.is_besieged()
    assert source.fails(FAILURES_MIN)[-1]


def test_a_wrong_key_is_not_hidden_behind_a_stranger(source: Source) -> None:
    """One failure from where the provider delivers, and it is our fault again."""
    _besiege(source)
    assert not any(source.fails(100, AWAY))
    assert source.fails(1, HOME) == [True]
    assert (source.is_besieged(), source.is_doubted()) == (False, True)
    assert source.fails(1, AWAY) == [True]


def test_a_key_that_its_provider_changed_is_told_when_its_pace_is_missed(source: Source) -> None:
    """From networks never seen, behind a stranger: half a day, and twice the longest pause."""
    _besiege(source)
    for pause_ms, patience_ms in ((5 * HOUR_MS, 12 * HOUR_MS), (8 * HOUR_MS, 16 * HOUR_MS)):
        source.now_ms += pause_ms
        source.verified()
        source.fails(FAILURES_MIN)
        source.now_ms += patience_ms
        assert source.fails(1) == [False]
        source.now_ms += 1
        assert source.fails(1) == [True]
        source.now_ms -= patience_ms + 1
        source.verified()


def test_a_wrong_key_that_is_mended_proves_nothing_of_strangers(source: Source) -> None:
    """The provider's own failures came from its own network: the next wrong key calls at once."""
    source.fails(FAILURES_MIN, HOME)
    source.verified()
    assert not source.is_besieged()
    assert source.fails(FAILURES_MIN, HOME)[-1]


def test_what_fails_from_home_is_our_fault_for_longer_than_a_suspicion(source: Source) -> None:
    """A wrong key that nobody mends for three days still loses what its provider tries."""
    assert source.fails(FAILURES_MIN, HOME)[-1]
    source.now_ms += RECENT_MS
    assert source.fails(1, HOME) == [True]
    assert (source.is_suspect(), source.is_doubted()) == (False, True)
    source.verified()
    assert not source.is_doubted()


def test_the_doubt_of_a_stranger_s_failures_ends_with_the_suspicion(source: Source) -> None:
    """After a day nobody believes in a wrong key, and nobody is called for what comes then."""
    assert source.fails(FAILURES_MIN)[-1]
    source.now_ms += RECENT_MS
    assert not source.is_doubted()
    assert not any(source.fails(100))


@pytest.mark.parametrize("network", ["", HOME])
def test_who_cannot_be_told_apart_from_the_provider_is_taken_for_it(
    source: Source, network: str
) -> None:
    """Behind a proxy that says nothing all have one address: then people are called as before."""
    source.fails(FAILURES_MIN, network)
    source.verified()
    assert not source.is_besieged()


def test_a_process_that_knows_no_network_takes_failures_for_ours() -> None:
    """Keys go wrong at restarts: the new process must not take its provider for a stranger."""
    source = Source()
    source.verified("")
    assert source.fails(FAILURES_MIN)[-1]
    source.verified("")
    assert not source.is_besieged()


def test_another_configuration_of_the_source_ends_a_siege(source: Source) -> None:
    """What was proven was proven of the key before: this one can be wrong."""
    _besiege(source)
    source.trust.renew("shop")
    assert not source.is_besieged()
    assert source.fails(FAILURES_MIN)[-1]


def test_a_source_without_a_key_that_could_prove_is_our_fault(source: Source) -> None:
    """A window that closed is no stranger's doing."""
    _besiege(source)
    source.trust.failed("shop", Reason.KEY_MISSING, source.now_ms)
    source.trust.calls("shop", Reason.KEY_MISSING, source.now_ms, AWAY)
    assert not source.is_besieged()


def test_what_no_wrong_key_explains_calls_nobody(source: Source) -> None:
    """A scanner that signs nothing is neither a wrong key nor a siege."""
    for _ in range(100):
        assert not source.trust.calls("shop", Reason.HEADER_MISSING, source.now_ms, AWAY)
    source.verified()
    assert not source.is_besieged()


def test_nobody_is_called_for_a_source_that_never_verified() -> None:
    """Nothing says that its keys were ever right."""
    source = Source()
    assert not any(source.fails(100))
    assert not source.is_doubted()


def test_a_provider_with_many_networks_is_known_by_its_last_ones() -> None:
    """The memory has an end, and what is used stays in it."""
    siege = Siege()
    for number in range(NETWORKS_MAX):
        siege.verified(f"network {number}", NOW_MS, FAILURES_MIN)
    siege.verified("network 0", NOW_MS, FAILURES_MIN)
    siege.verified("one more", NOW_MS, FAILURES_MIN)

    def is_home(network: str) -> bool:
        for _ in range(FAILURES_MIN):
            siege.failed(network, WRONG, NOW_MS, is_suspect=True)
        is_home = siege.is_ours
        siege.verified("one more", NOW_MS, FAILURES_MIN)
        return is_home

    assert [is_home(name) for name in ("network 0", "network 1", "network 2", "one more")] == [
        True,
        False,
        True,
        True,
    ]
