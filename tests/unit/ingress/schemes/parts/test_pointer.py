"""JSON pointers, by the examples of RFC 6901 and the ways to miss."""

import pytest

from ingress.schemes.parts import pointer

# RFC 6901, section 5; the pointer to the whole document is not one of ours.
DOCUMENT = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
    "~1": 9,
}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
        ("/~01", 9),
    ],
)
def test_the_examples_of_the_standard_hold(written: str, expected: object) -> None:
    """A profile's author knows the standard, and nothing else."""
    assert pointer.find(DOCUMENT, pointer.parse(written)) == expected


@pytest.mark.parametrize(
    "written",
    ["/foo/2", "/foo/01", "/foo/-", "/foo/-1", "/foo/bar", "/nope", "/foo/0/x", "/foo/9999999999"],
)
def test_a_pointer_that_misses_finds_nothing(written: str) -> None:
    """A body of another shape is not an error."""
    assert pointer.find(DOCUMENT, pointer.parse(written)) is None


@pytest.mark.parametrize("written", ["", "id", "#/id", "/a~2b", "/a~", "id/", "$.id"])
def test_what_is_no_pointer_is_refused_when_it_is_loaded(written: str) -> None:
    """A misspelt pointer would silently find nothing for ever."""
    with pytest.raises(ValueError, match="one looks like /data/object/id"):
        pointer.parse(written)
