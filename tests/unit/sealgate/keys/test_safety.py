"""Whether an old key can go: tables worked by hand, in hours since the epoch."""

import pytest

from ingress.keyring import Status
from sealgate.keys.safety import Held, Judged, Verdict, horizon_s, judge

HOUR_MS = 3_600_000
NOW = 1_000
# The provider of these tables retries for a day.
DAY_S = 86_400


def _key(
    last: float | None = None,
    window: tuple[float | None, float | None] = (None, None),
    status: Status = Status.ACTIVE,
    *,
    known: bool = True,
) -> Held:
    opens, closes = (None if at is None else round(at * HOUR_MS) for at in window)
    last_ms = None if last is None else round(last * HOUR_MS)
    return Held("k", status, opens, closes, last_ms, known)


def _judged(key: Held, *others: Held, told: float = NOW) -> Judged:
    return judge(key, others, DAY_S, NOW * HOUR_MS, round(told * HOUR_MS))


@pytest.mark.parametrize(
    ("key", "others", "verdict"),
    [
        # key last used at hour 900, the other an hour ago: silent for 100 hours, a day is enough
        (_key(900), [_key(999)], Verdict.SAFE),
        (_key(900, status=Status.VERIFY_ONLY), [_key(999)], Verdict.SILENT),
        # silent since hour 976: exactly a day; a second less is too little
        (_key(976), [_key(999)], Verdict.SAFE),
        (_key(976.001), [_key(999)], Verdict.WAIT),
        # used last of all: the provider signs with it
        (_key(999), [_key(998)], Verdict.IN_USE),
        (_key(999), [_key(999)], Verdict.IN_USE),
        (_key(900), [_key(899)], Verdict.IN_USE),
        # a third key makes no difference: the latest of the others counts
        (_key(900), [_key(800), _key(999)], Verdict.SAFE),
        # no other to rely on
        (_key(900), [], Verdict.ONLY),
        (_key(900), [_key(999, status=Status.REVOKED)], Verdict.ONLY),
        (_key(900), [_key(999, status=Status.VERIFY_ONLY)], Verdict.ONLY),
        (_key(900), [_key(999, (None, NOW))], Verdict.ONLY),
        (_key(900), [_key(None, (NOW + 1, None))], Verdict.ONLY),
        # the other one is there, and the provider may not have it
        (_key(900), [_key(None)], Verdict.UNPROVEN),
        (_key(None), [_key(999)], Verdict.NEVER),
        (_key(None), [_key(None)], Verdict.NEVER),
        # nobody could be asked
        (_key(None, known=False), [_key(None, known=False)], Verdict.UNKNOWN),
        (_key(900, known=False), [_key(999, known=False)], Verdict.UNKNOWN),
        (_key(900), [_key(None, known=False)], Verdict.UNKNOWN),
        # out of service, whatever it has proven
        (_key(999, status=Status.REVOKED), [], Verdict.REVOKED),
        (_key(999, (None, NOW)), [_key(999)], Verdict.CLOSED),
        (_key(999, (None, NOW + 1)), [_key(998)], Verdict.IN_USE),
        (_key(None, (NOW + 1, None)), [_key(999)], Verdict.PENDING),
        (_key(None, (NOW, None)), [_key(999)], Verdict.NEVER),
    ],
)
def test_a_key_is_judged_by_its_silence_and_by_its_successor(
    key: Held, others: list[Held], verdict: Verdict
) -> None:
    """Retired too early, a key takes the retries of a whole day with it."""
    assert _judged(key, *others).verdict is verdict


def test_who_waits_is_told_until_when() -> None:
    """Last used at hour 990, and the provider retries for 24 hours: hour 1014."""
    assert _judged(_key(990), _key(999)) == Judged(Verdict.WAIT, 1_014 * HOUR_MS)


def test_silence_that_nobody_could_hear_does_not_count() -> None:
    """With the workers stopped at hour 910, a key last seen at 900 may be in use since."""
    assert _judged(_key(900), _key(909), told=910) == Judged(Verdict.WAIT, 924 * HOUR_MS)
    assert _judged(_key(900), _key(925), told=925).verdict is Verdict.SAFE


def test_the_horizon_is_the_providers_or_a_week_and_never_under_an_hour() -> None:
    """A provider that gives up after seven seconds still needs minutes to switch a key over."""
    assert horizon_s(259_200) == 259_200
    assert horizon_s(None) == 604_800
    assert horizon_s(7) == 3_600
