"""Places in an event: RFC 6901, and one extension."""

import pytest

from consumers.interpret import pointer

# The document and the values of RFC 6901, section 5.
RFC = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "i\\j": 5, " ": 7, "m~n": 8}
VALUES = {
    "/foo": ["bar", "baz"],
    "/foo/0": "bar",
    "/": 0,
    "/a~1b": 1,
    "/c%d": 2,
    "/e^f": 3,
    "/i\\j": 5,
    "/ ": 7,
    "/m~0n": 8,
}


@pytest.mark.parametrize(("place", "value"), VALUES.items())
def test_the_examples_of_the_specification_hold(place: str, value: object) -> None:
    """A mapping is written by people who know the standard, not our reading of it."""
    assert pointer.find(RFC, pointer.parse(place)) == value


@pytest.mark.parametrize("text", ["", "foo", "foo/0", "/a~", "/a~2b"])
def test_what_is_no_pointer_is_refused_when_the_mapping_is_read(text: str) -> None:
    """A typing error must stop the start, not lose every amount in silence."""
    with pytest.raises(ValueError, match="no JSON pointer"):
        pointer.parse(text)


@pytest.mark.parametrize(
    "place", ["/foo/2", "/foo/01", "/foo/-0", "/foo/-3", "/foo/x", "/no/where"]
)
def test_what_is_not_there_is_not_told(place: str) -> None:
    """A place that the event does not have is silence, never an error."""
    assert pointer.find(RFC, pointer.parse(place)) is None


def test_a_negative_index_counts_from_the_end() -> None:
    """What a timeline says now is its last entry."""
    assert pointer.find(RFC, pointer.parse("/foo/-1")) == "baz"


def test_a_tilde_and_a_one_are_not_a_slash() -> None:
    """Unescaping in the wrong order finds another place."""
    assert pointer.find({"~1": 1, "/": 2}, pointer.parse("/~01")) == 1
