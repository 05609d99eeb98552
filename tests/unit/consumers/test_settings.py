"""What an operator may write about waiting, and what the mistakes are told as."""

import pytest
from pydantic import ValidationError

from consumers.app import _books, _limits, _pressing
from consumers.lifecycle import State
from consumers.patience import DEFAULTS, Limit
from consumers.settings import ConsumerSettings

ROW = {"state": "Paid", "network": "tron", "warn_s": 60, "critical_s": 120}


def test_without_a_word_the_built_in_limits_hold() -> None:
    """Nobody has to know the networks to be told that a payment is stuck."""
    assert _limits(ConsumerSettings()) == DEFAULTS


def test_own_rows_stand_behind_the_built_in_ones() -> None:
    """Of two that name as much the later counts, so the operator's."""
    settings = ConsumerSettings.model_validate({"stuck": [ROW], "stuck_s": {"Late": 5}})
    found = _limits(settings)
    assert found[-1] == Limit(State.PAID, 60, 120, network="tron")
    assert [one for one in found if one.state is State.LATE] == [Limit(State.LATE, 5, 15)]
    assert len(found) == len(DEFAULTS) + 1


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"stuck": [{**ROW, "critical_s": 59}]}, "write a number that is not smaller"),
        ({"stuck": [{**ROW, "state": "Confirmed"}]}, "nobody waits in Confirmed: write one of"),
        ({"stuck_s": {"Expired": 5}}, "nobody waits in Expired: write one of Pending"),
        ({"stuck": [{**ROW, "network": "TRON"}]}, "network"),
        ({"settle_s": -1}, "settle_s"),
        ({"posting": {"since": "2026-11-01", "zone": "Mars"}}, "no time zone of this name"),
        ({"posting": {"zone": "UTC"}}, "since"),
        ({"large_deposit": {"USDZ": "1"}}, "the registry has no asset USDZ"),
        ({"large_deposit": {"USDC": "0.0000001"}}, "USDC"),
        ({"large_deposit": {"USDC": 1000}}, "large_deposit"),
    ],
)
def test_a_mistake_says_what_to_write(wrong: dict[str, object], told: str) -> None:
    """A row that is silently ignored is an exception that is never raised."""
    with pytest.raises(ValidationError, match=told):
        ConsumerSettings.model_validate(wrong)


def test_a_refund_on_its_way_has_limits_of_its_own() -> None:
    """A card takes days, a stablecoin minutes: nobody has to live with one figure for both."""
    row = {"state": "Refunded", "provider": "stripe", "warn_s": 60, "critical_s": 120}
    found = _limits(ConsumerSettings.model_validate({"stuck": [row]}))
    assert found[-1] == Limit(State.REFUNDED, 60, 120, provider="stripe")


def test_the_books_begin_on_a_day_of_their_own_zone() -> None:
    """Midnight in Paris is an hour before that of Greenwich, and so is the first payment."""
    told = {"since": "2026-11-01", "zone": "Europe/Paris", "warn_days": 2}
    books = _books(ConsumerSettings.model_validate({"posting": told}))
    assert books is not None
    assert books.since_ms == 1_793_487_600_000  # 2026-10-31T23:00:00Z
    assert (books.warn_days, books.critical_days) == (2, 3)


def test_nothing_is_owed_to_books_of_which_nobody_spoke() -> None:
    """An upgrade must not make an exception of every payment there is."""
    assert _books(ConsumerSettings()) is None


def test_a_large_deposit_is_large_on_every_network() -> None:
    """USDT has six decimals on Tron and eighteen on BSC: one sum of money, and not two rules."""
    told = {
        "large_deposit": {"USDT": "10000"},
        "posting": {"since": "2026-11-01", "zone": "Asia/Tokyo"},
    }
    found = _pressing(ConsumerSettings.model_validate(told))
    assert found.large["USDT@tron"] == 10_000 * 10**6
    assert found.large["USDT@bsc"] == 10_000 * 10**18
    assert "USDC" not in found.large
    assert str(found.zone) == "Asia/Tokyo"
    assert str(_pressing(ConsumerSettings()).zone) == "UTC"
