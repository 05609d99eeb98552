"""Cases in turn: none is left out, each that fails is named, and what is no case is passed on."""

import inspect

import pytest

from tests.support.turns import in_turn


def _tried() -> tuple[list[tuple[str, int]], object]:
    """Return what is tried, and a test of four numbers of which two are wrong."""
    seen: list[tuple[str, int]] = []

    @in_turn("number", [1, 2, 3, 4], ids=["one", "two", "three", "four"])
    def test(who: str, number: int) -> None:
        seen.append((who, number))
        assert number % 2, f"{number} is even"

    return seen, test


def test_every_case_is_tried_and_those_that_fail_are_named() -> None:
    """Whoever sees it red must not mend one case to be told of the next."""
    seen, test = _tried()
    assert callable(test)
    with pytest.raises(pytest.fail.Exception) as failed:
        test(who="us")
    assert seen == [("us", 1), ("us", 2), ("us", 3), ("us", 4)]
    said = str(failed.value)
    assert said.startswith("2 of 4:\n")
    assert "two: 2 is even" in said
    assert "four: 4 is even" in said
    assert "one" not in said
    assert "three" not in said


def test_the_runner_is_asked_for_the_other_arguments_alone() -> None:
    """What pytest does not know it takes for a fixture."""
    _, test = _tried()
    assert callable(test)
    assert list(inspect.signature(test).parameters) == ["who"]


@pytest.mark.parametrize(("argument", "values"), [("other", [1]), ("number", [])])
def test_a_test_of_nothing_is_refused(argument: str, values: list[int]) -> None:
    """A name that is mistyped, or a list that has become empty, would pass for ever."""

    def test(number: int) -> None:
        assert number

    with pytest.raises(AssertionError):
        in_turn(argument, values)(test)


def test_an_error_that_is_no_verdict_is_passed_on() -> None:
    """What raises something else is broken itself: it is told as it is."""

    @in_turn("number", [1])
    def test(number: int) -> None:
        raise KeyError(number)

    with pytest.raises(KeyError):
        test()
