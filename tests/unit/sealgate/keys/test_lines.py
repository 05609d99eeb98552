"""A change touches its own lines: every other letter of the file stays as its author wrote it."""

import tomllib
from datetime import UTC, datetime

import pytest

from sealgate.keys.lines import NotEditable, add_key, set_key

MANUAL = """\
# Payments, live. Ask the payments team before you change this.
environment = "live"   # one process, one environment

[[source]]
slug = "one"  # the shop
provider = "btcpay"

# of May, from the dashboard
[[source.key]]
id = "old"   # the first
file = "secrets/one-old"
status = "active"  # for now

  # of April
  [[source.key]]
  id = "older"
  file = 'secrets/one-older'

# as the dashboard says
[source.parameters]
header = "x-sig"

# ---- where it goes
[log]
url = "embedded:./log.db"

# the second shop
[[source]]
slug = "two"
provider = "btcpay"
[[source.key]]
id = "z"
file = "z" # tail"""
END = datetime(2026, 12, 1, tzinfo=UTC)


def _inserted(before: str, after: str) -> list[str]:
    """Return the lines that `after` has more than `before`; all of that must be there, in order."""
    left = before.split("\n")
    new = []
    for line in after.split("\n"):
        if left and line == left[0]:
            left.pop(0)
        else:
            new.append(line)
    assert left == []
    return new


def test_a_new_key_stands_first_and_takes_no_ones_comment() -> None:
    """The first key is tried first, and "of May" still speaks of the key of May."""
    after = add_key(MANUAL, "one", {"id": "new", "file": "secrets/one-new"})
    assert _inserted(MANUAL, after) == [
        "[[source.key]]",
        'id = "new"',
        'file = "secrets/one-new"',
        "",
    ]
    assert '\n\n# of May, from the dashboard\n[[source.key]]\nid = "old"' in after
    keys = tomllib.loads(after)["source"][0]["key"]
    assert [key["id"] for key in keys] == ["new", "old", "older"]


def test_the_source_is_found_wherever_it_stands() -> None:
    """Other tables may stand between the sources of a file."""
    after = add_key(MANUAL, "two", {"id": "new", "file": "n", "not_before": END})
    said = tomllib.loads(after)
    assert said["source"][1]["key"][0] == {"id": "new", "file": "n", "not_before": END}
    assert said["log"] == {"url": "embedded:./log.db"}
    assert "not_before = 2026-12-01T00:00:00Z" in _inserted(MANUAL, after)


def test_a_source_without_a_key_gets_its_first() -> None:
    """Below its own values, and above the next table's comment."""
    text = '[[source]]\nslug = "one"\nprovider = "x"\n\n# the log\n[log]\nurl = "u"\n'
    assert add_key(text, "one", {"id": "k", "file": "f"}) == (
        '[[source]]\nslug = "one"\nprovider = "x"\n\n[[source.key]]\nid = "k"\nfile = "f"\n\n'
        '# the log\n[log]\nurl = "u"\n'
    )


def test_a_value_is_changed_where_it_stands_and_keeps_its_comment() -> None:
    """`status` was there: its line changes, `not_after` was not: it comes behind the last value."""
    after = set_key(MANUAL, "one", "old", {"status": "verify-only", "not_after": END})
    assert after == MANUAL.replace(
        'status = "active"  # for now\n',
        'status = "verify-only"  # for now\nnot_after = 2026-12-01T00:00:00Z\n',
    )


def test_a_value_that_is_new_is_indented_as_its_neighbours() -> None:
    """It belongs to its own table, not to the comment of the next."""
    after = set_key(MANUAL, "one", "older", {"status": "revoked"})
    assert _inserted(MANUAL, after) == ['  status = "revoked"']
    assert "  file = 'secrets/one-older'\n  status = \"revoked\"\n\n# as the dash" in after


def test_an_end_without_a_line_end_stays_one_and_so_does_dos() -> None:
    """A diff of a configuration shows the change and nothing else."""
    after = set_key(MANUAL, "two", "z", {"status": "revoked"})
    assert after == MANUAL + '\nstatus = "revoked"'
    dos = MANUAL.replace("\n", "\r\n")
    assert set_key(dos, "two", "z", {"status": "revoked"}) == after.replace("\n", "\r\n")
    assert add_key(dos, "one", {"id": "n", "file": "f"}) == add_key(
        MANUAL, "one", {"id": "n", "file": "f"}
    ).replace("\n", "\r\n")


def test_letters_that_are_lines_ends_elsewhere_are_none_here() -> None:
    """U+2028 and a vertical tab in a comment or a text are no ends of a line in TOML."""
    odd = MANUAL.replace("from the dashboard", "from\u2028the\u0085dashboard")
    assert odd != MANUAL
    assert _inserted(odd, add_key(odd, "one", {"id": "n", "file": "f"}))[0] == "[[source.key]]"


@pytest.mark.parametrize(
    "text",
    [
        'source = [{ slug = "one", provider = "x", key = [{ id = "old", file = "f" }] }]\n',
        '[[source]]\nslug = "one"\nkey = [{ id = "old", file = "f" }]\n',
        '[["source"]]\nslug = "one"\n[["source".key]]\nid = "old"\nfile = "f"\n',
        # a header within a text, before the real one
        'note = """\n[[source]]\n"""\n[[source]]\nslug = "one"\n[[source.key]]\nid = "old"\n',
    ],
)
def test_what_is_written_in_another_way_is_left_to_a_person(text: str) -> None:
    """TOML can say the same in more ways than are edited: told what to write, nothing is broken."""
    with pytest.raises(NotEditable, match='status = "revoked"'):
        set_key(text, "one", "old", {"status": "revoked"})


def test_what_cannot_be_added_is_told_in_full() -> None:
    """The lines are printed ready to paste."""
    text = 'source = [{ slug = "one", key = [] }]\n'
    with pytest.raises(NotEditable) as told:
        add_key(text, "one", {"id": "new", "file": "f"})
    assert '[[source.key]]\nid = "new"\nfile = "f"' in str(told.value)


def test_a_date_that_is_written_with_a_blank_is_left_to_a_person() -> None:
    """TOML allows it; half of it must not be replaced."""
    text = '[[source]]\nslug = "a"\n[[source.key]]\nid = "k"\nnot_after = 2026-01-01 00:00:00Z\n'
    with pytest.raises(NotEditable):
        set_key(text, "a", "k", {"not_after": END})


def test_a_source_or_key_that_is_not_there_is_left_to_a_person() -> None:
    """Whoever edits by number would change a neighbour."""
    with pytest.raises(NotEditable):
        add_key(MANUAL, "three", {"id": "k", "file": "f"})
    with pytest.raises(NotEditable):
        set_key(MANUAL, "one", "z", {"status": "revoked"})
