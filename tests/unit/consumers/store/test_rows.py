"""The translation between the port's values and rows, where no database looks at it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.facts import Fact, FactKind
from consumers.store import rows
from consumers.store.port import Anomaly, Unstorable
from tests.support.store_builders import NOW_MS, PAYMENT, event_key, fact

FACTS = st.builds(
    Fact,
    kind=st.sampled_from(FactKind),
    key=st.sampled_from(["", "a", 'a","b', "ab"]),
    asset=st.sampled_from(["", "b", "a"]),
    amount=st.sampled_from([None, 0, 1, 11]),
    whole=st.booleans(),
    late=st.booleans(),
    at_ms=st.sampled_from([0, 1, 11]),
    expires_ms=st.sampled_from([None, 0, 1]),
)
ITEM = Anomaly("E_A", "s", 2, "first", event_key(), 50)


def _statement(one: Fact) -> bytes:
    row = rows.fact_row(PAYMENT, one, event_key())
    return bytes(row[3])


@given(FACTS, FACTS)
def test_two_facts_have_one_statement_exactly_if_they_are_equal(one: Fact, other: Fact) -> None:
    """The unique key of a fact is its statement: a collision would drop evidence."""
    assert (_statement(one) == _statement(other)) == (one == other)


def test_a_statement_is_the_same_in_every_version() -> None:
    """It is stored: computed otherwise one day, every fact of the past could be stated again.

    The expected value is what `sha256sum` prints for
    ["final","tx-1","USDT:tron","1000",true,false,1760000000000,null].
    """
    assert _statement(fact()).hex() == (
        "cb1ce46918fe392fa7a2c89843d843a688d3f53cf201cbc9c4570b67a9bde559"
    )


@given(st.lists(st.tuples(st.text(), st.binary())))
def test_headers_come_back_as_they_were(headers: list[tuple[str, bytes]]) -> None:
    """Order, repeats, empty names and every byte."""
    told = tuple(headers)
    assert rows.headers_of(rows.headers_text(told)) == told


def test_headers_can_be_read_in_sql() -> None:
    """An operator looks at a dead letter with psql, and text is shown as text."""
    assert rows.headers_text((("ce_id", b"evt-1"),)) == '[["ce_id","evt-1"]]'


def test_a_header_that_is_no_text_is_unstorable() -> None:
    """A lone surrogate in a name has no UTF-8."""
    with pytest.raises(Unstorable):
        rows.headers_text((("\ud800", b""),))


def test_repeats_in_a_batch_are_one_row() -> None:
    """PostgreSQL refuses to touch a row twice in one statement; the first evidence stays."""
    later, earlier = replace(ITEM, at_ms=70, evidence="x"), replace(ITEM, at_ms=30, event=None)
    other = replace(ITEM, subject="r")
    assert rows.anomaly_rows([ITEM, later, other, earlier]) == [
        ("E_A", "r", 2, "first", *event_key(), 50, 50, 1, None, None),
        ("E_A", "s", 2, "first", *event_key(), 30, 70, 3, None, None),
    ]


@pytest.mark.parametrize("amount", [10**78, -(10**78)])
def test_an_amount_over_78_digits_is_unstorable(amount: int) -> None:
    """Both stores refuse it, so that one machine and many behave the same."""
    with pytest.raises(Unstorable, match="78 digits"):
        rows.fact_row(PAYMENT, fact(amount), event_key())
    assert rows.fact_row(PAYMENT, fact(amount - 1 if amount > 0 else amount + 1), event_key())


def test_a_fact_of_no_known_instant_is_kept_apart_from_one_at_zero() -> None:
    """Absent and zero are different statements."""
    one = fact(at_ms=NOW_MS)._replace(expires_ms=None)
    assert _statement(one) != _statement(one._replace(expires_ms=0))
