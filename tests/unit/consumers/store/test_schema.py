"""Which migrations are still to run, and which databases are refused."""

import pytest

from consumers.store.port import WrongDatabase, WrongEnvironment
from consumers.store.schema import check_environment, migration, migrations, outstanding

FIRST = migration("0001_begin.sql", "CREATE TABLE a (b)")
SECOND = migration("0002_more.sql", "CREATE TABLE c (d)")


def test_what_was_not_applied_is_outstanding_in_order() -> None:
    """A database of any age is brought up to date."""
    assert outstanding((FIRST, SECOND), {}) == (FIRST, SECOND)
    assert outstanding((FIRST, SECOND), {1: FIRST.checksum}) == (SECOND,)
    assert outstanding((FIRST, SECOND), {1: FIRST.checksum, 2: SECOND.checksum}) == ()


def test_another_text_under_an_applied_number_is_refused() -> None:
    """The message names the file and says what to do instead of editing it."""
    with pytest.raises(WrongDatabase, match=r"0001_begin\.sql.*new migration"):
        outstanding((FIRST, SECOND), {1: SECOND.checksum})


def test_a_number_we_do_not_know_is_refused() -> None:
    """The message says which version is behind."""
    with pytest.raises(WrongDatabase, match="at 2 and this version knows 1"):
        outstanding((FIRST,), {1: FIRST.checksum, 2: SECOND.checksum})


def test_the_checksum_is_the_sha256_of_the_text() -> None:
    """`sha256sum` on the file gives an operator the same word."""
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert migration("0001_begin.sql", "").checksum == empty


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_the_numbers_have_no_gap_and_no_repeat(dialect) -> None:
    """Two branches that both add a 0002 must not both be merged."""
    numbers = [step.number for step in migrations(dialect)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers


def test_both_dialects_have_the_same_steps() -> None:
    """A change that reaches one database only is a change half made."""
    assert [step.name for step in migrations("sqlite")] == [
        step.name for step in migrations("postgres")
    ]


def test_an_environment_opens_its_own_database_only() -> None:
    """The message names both, because one of them is the mistake."""
    check_environment("sandbox", "sandbox", ())
    with pytest.raises(WrongEnvironment, match=r"'production'.*'sandbox'"):
        check_environment("production", "sandbox", ())


def test_a_copy_is_known_by_the_topics_it_was_filled_from() -> None:
    """One row says whose a database is; what it has read cannot be relabelled with it."""
    own = ["payments.sandbox.verified", "payments.sandbox.alarms"]
    check_environment("sandbox", "sandbox", own)
    for other in ("payments.production.verified", "payments.sandbox-2.verified"):
        with pytest.raises(WrongEnvironment, match=other):
            check_environment("sandbox", "sandbox", [*own, other])
