"""What an operator may write about waiting, and what the mistakes are told as."""

import pytest
from pydantic import ValidationError

from consumers.app import _limits
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
    ],
)
def test_a_mistake_says_what_to_write(wrong: dict[str, object], told: str) -> None:
    """A row that is silently ignored is an exception that is never raised."""
    with pytest.raises(ValidationError, match=told):
        ConsumerSettings.model_validate(wrong)
