"""What the edge says of itself while it waits for its log."""

from ingress.app import SAY_AGAIN_S, Said


def test_the_same_words_are_said_once_a_minute_and_new_ones_at_once() -> None:
    """A line a second for an outage of an hour buries the one that says why."""
    said = Said()
    seconds = range(int(2 * SAY_AGAIN_S))
    assert [at for at in seconds if said.is_due("nothing listens", at)] == [0, SAY_AGAIN_S]
    assert said.is_due("refuses the user edge", SAY_AGAIN_S + 1)
    assert not said.is_due("refuses the user edge", SAY_AGAIN_S + 2)
