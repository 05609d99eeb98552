"""The checker itself: a sound history passes, and each rule alone is caught when it is broken."""

import random
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from tests.faults.history import Asked, EventName, History, PaymentName, Told, read
from tests.faults.rules import Bound, Facts, Logged, Move, Notice, check
from tests.faults.stories import told, with_noise

PAYMENT = PaymentName("stripe", "pi_1")
CREATED, PAID = EventName("stripe", "evt_1"), EventName("stripe", "evt_2")
FORGED = EventName("stripe", "evt_forged")
OTHER = EventName("stripe", "evt_unheard_of")


def _told(event: EventName, place: int, state: str, *, ok: int = 1, forged: bool = False) -> Told:
    return Told(Asked(event, PAYMENT, f"sha-{event.key}", place, state, forged), 1, ok, 1 - ok)


TOLD = {
    CREATED: _told(CREATED, 0, "Pending"),
    PAID: _told(PAID, 1, "Paid"),
    FORGED: _told(FORGED, 0, "Pending", ok=0, forged=True),
}
MOVES = (
    Move(PAYMENT, 1, None, "Pending", CREATED),
    Move(PAYMENT, 2, "Pending", "Paid", PAID),
)
SOUND = Facts(
    logged=[Logged(CREATED, "sha-evt_1"), Logged(PAID, "sha-evt_2"), Logged(PAID, "sha-evt_2")],
    inbox={CREATED: "pi_1", PAID: "pi_1"},
    decided={CREATED: 1, PAID: 1},
    payments={PAYMENT: ("Paid", 2)},
    moves=MOVES,
    notices=[
        Notice("pi_1/1", PAYMENT, 1, "Pending"),
        Notice("pi_1/2", PAYMENT, 2, "Paid"),
        Notice("pi_1/2", PAYMENT, 2, "Paid"),
    ],
)


def test_a_sound_history_breaks_no_rule() -> None:
    """Duplicates on the log and downstream are allowed: readers are built for them."""
    assert check(TOLD, SOUND, [Bound("longest request", 1.0, 3.0)]) == []


@pytest.mark.parametrize(
    ("rule", "facts"),
    [
        pytest.param("L", replace(SOUND, logged=SOUND.logged[:1]), id="not on the log"),
        pytest.param(
            "L",
            replace(SOUND, decided={CREATED: 1}),
            id="never decided",
        ),
        pytest.param("L", replace(SOUND, notices=SOUND.notices[:1]), id="not told downstream"),
        pytest.param("D", replace(SOUND, decided={CREATED: 1, PAID: 2}), id="decided twice"),
        pytest.param("D", replace(SOUND, payments={PAYMENT: ("Paid", 3)}), id="a version too many"),
        pytest.param(
            "D",
            replace(SOUND, notices=[*SOUND.notices, Notice("new", PAYMENT, 2, "Paid")]),
            id="told under two ids",
        ),
        pytest.param("O", replace(SOUND, payments={PAYMENT: ("Pending", 2)}), id="state astray"),
        pytest.param(
            "P", replace(SOUND, logged=[*SOUND.logged, Logged(OTHER, "sha")]), id="nobody signed"
        ),
        pytest.param(
            "P",
            replace(SOUND, logged=[*SOUND.logged, Logged(FORGED, "sha-evt_forged")]),
            id="forged on the log",
        ),
        pytest.param(
            "P", replace(SOUND, inbox={**SOUND.inbox, OTHER: "pi_1"}), id="nobody delivered"
        ),
    ],
)
def test_what_breaks_one_rule_is_found_under_that_rule_alone(rule: str, facts: Facts) -> None:
    """A checker is only worth what it catches, and by the right name."""
    assert {violation.rule for violation in check(TOLD, facts)} == {rule}


def test_a_record_with_other_bytes_is_lost_and_unsigned() -> None:
    """The same id over another body is not the event that was acknowledged."""
    facts = replace(SOUND, logged=[SOUND.logged[0], Logged(PAID, "sha-other")])
    assert {violation.rule for violation in check(TOLD, facts)} == {"L", "P"}


def test_an_illegal_move_is_found() -> None:
    """What is Confirmed stays so: a move out of it is written by a bug alone."""
    moves = (
        Move(PAYMENT, 1, None, "Confirmed", CREATED),
        Move(PAYMENT, 2, "Confirmed", "Paid", PAID),
    )
    told = [Notice(f"pi_1/{one.version}", PAYMENT, one.version, one.after) for one in moves]
    facts = replace(SOUND, moves=moves, notices=told)
    assert {violation.rule for violation in check(TOLD, facts)} == {"O"}


def test_an_unknown_outcome_may_be_there_once_or_not_at_all_but_not_twice() -> None:
    """A broken connection leaves the question open; only the double effect is an answer too far."""
    told = {**TOLD, PAID: _told(PAID, 1, "Paid", ok=0)}
    assert check(told, SOUND) == []
    absent = Facts(
        SOUND.logged[:1],
        {CREATED: "pi_1"},
        {CREATED: 1},
        {PAYMENT: ("Pending", 1)},
        SOUND.moves[:1],
        SOUND.notices[:1],
    )
    assert check(told, absent) == []
    twice = replace(SOUND, decided={CREATED: 1, PAID: 2})
    assert {violation.rule for violation in check(told, twice)} == {"U"}


def test_a_bound_is_a_rule_too() -> None:
    """Slow beyond the promise is broken, though nothing is lost."""
    (violation,) = check(TOLD, SOUND, [Bound("longest request", 3.5, 3.0)])
    assert violation.rule == "B"
    assert "longest request" in str(violation)


def test_an_acknowledged_forgery_breaks_what_is_promised_of_proof() -> None:
    """A 2xx to a forger is wrong even where nothing was kept."""
    told = {**TOLD, FORGED: _told(FORGED, 0, "Pending", forged=True)}
    assert "P" in {violation.rule for violation in check(told, SOUND)}


def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Every attempt counts once, and one without an answer counts as unknown."""
    file = tmp_path / "history"
    asked = TOLD[PAID].asked
    with History(file) as history:
        history.ok(history.invoke(asked, 1), 200, 2)
        history.fail(history.invoke(asked, 3), 503, 4)
        history.info(history.invoke(asked, 5), "reset", 6)
        history.invoke(asked, 7)
    told = read(file.read_bytes().splitlines())
    assert told == {PAID: Told(asked, attempts=4, ok=1, unknown=2, refused=[503])}


def test_a_seed_tells_the_same_stories_again() -> None:
    """A failure that cannot be played again is a rumour."""
    first, second = (
        list(islice(with_noise(told("s1", 1_700_000_000), random.Random(7)), 500)) for _ in range(2)
    )
    assert first == second
    assert any(one.asked.forged for one in first)
    assert len({one.asked.event for one in first}) < len(first), "some are delivered twice"
