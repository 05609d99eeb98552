"""Every fuzz target, for a moment: Hypothesis makes up the bytes, starting from the seeds."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import SEEDS, TARGETS

EXAMPLES = 60


def _inputs(name: str) -> st.SearchStrategy[bytes]:
    """Make bytes: seeds, seeds with something put into them, and anything at all."""
    seeds = st.sampled_from(SEEDS[name])
    edited = st.builds(
        lambda seed, at, more: seed[: at % (len(seed) + 1)] + more + seed[at % (len(seed) + 1) :],
        seeds,
        st.integers(0, 10_000),
        st.binary(max_size=24),
    )
    return st.one_of(seeds, edited, st.binary(max_size=300))


def test_every_target_has_seeds() -> None:
    """A fuzzer without a seed spends its minute on finding the first brace."""
    assert set(SEEDS) == set(TARGETS)


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks_a_target(name: str) -> None:
    """The same targets as `make fuzz`, for as long as a test may take."""

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_inputs(name))
    def run(data: bytes) -> None:
        TARGETS[name](data)

    run()
