"""Many small cases in one test: each is tried, and all that fail are named.

A matrix of thousands of cells costs more to collect, to send to a worker and to report than to
compute. What a cell must do flows in as a plain test, the values of one of its arguments beside it;
one test flows out that asks for the others alone.
"""

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import wraps

import pytest

Test = Callable[..., None]


def in_turn(
    name: str, values: Iterable[object], *, ids: Iterable[str] = ()
) -> Callable[[Test], Test]:
    """Try a test with each value of one argument; fail with the names of all that failed."""
    cases: Sequence[object] = list(values)
    labels = list(ids) or [repr(case)[:60] for case in cases]
    pairs = list(zip(labels, cases, strict=True))
    assert pairs, "a test of nothing cannot fail"

    def around(test: Test) -> Test:
        @wraps(test)
        def each(**given: object) -> None:
            failed = [f"{label}: {why}" for label, case in pairs if (why := attempt(given, case))]
            if failed:
                pytest.fail(f"{len(failed)} of {len(pairs)}:\n" + "\n".join(failed))

        def attempt(given: dict[str, object], case: object) -> str:
            try:
                test(**given, **{name: case})
            except (AssertionError, pytest.fail.Exception) as error:
                return str(error) or "failed"
            return ""

        asked = inspect.signature(test)
        others = [one for one in asked.parameters.values() if one.name != name]
        assert len(others) == len(asked.parameters) - 1, f"the test does not ask for {name}"
        # What pytest reads; with the wrapped test at hand it would look for fixtures there.
        vars(each)["__signature__"] = asked.replace(parameters=others)
        vars(each).pop("__wrapped__")
        return each

    return around
