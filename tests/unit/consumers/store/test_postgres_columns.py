"""Columns written as texts: worked by hand, and held against what the server makes of them."""

import asyncpg
import pytest

from consumers.store.postgres_columns import columns, packed

ROWS = {
    "one row of one empty text": [("", 1)],
    "empty texts at both ends": [("", 1), ("a", 2), ("", 3)],
    "nothing is not the empty text": [(None, 1), ("", 2), (None, None)],
    "the separator within a text": [("a\x1fb", 1), ("\x1f", 2), ("\x1f\x1f", 3)],
    "the word for NULL as a text": [("\x1e", 1), (None, 2), ("a\x1e", 3)],
    "the second separator too": [("\x1f0\x1d\x1f", 1), ("\x1e0\x1d", None), ("\x1f1", 3)],
    "what an array's own text would quote": [('{"a,\\b"}', -(2**63)), ("NULL", 2**63 - 1)],
    "every script": [("Ω≈ç√ 支付 🪙", 0), ("e\u0301", 1)],
}
STATEMENT = "SELECT a, n FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS u (a, n, i)"


def test_a_column_is_its_elements_behind_a_separator_each() -> None:
    """This is what travels: the separator, the word for NULL, then the columns."""
    assert columns([("a", 1, True, b"x"), ("b", None, False, b"y")]) == [
        "\x1f",
        "\x1e",
        "\x1fa\x1fb",
        "\x1f1\x1f\x1e",
        "\x1fTrue\x1fFalse",
        (b"x", b"y"),
    ]


def test_a_statement_takes_its_columns_apart_and_keeps_its_other_parameters() -> None:
    """Statements stay written as anybody would write them."""
    assert packed("SELECT $1, unnest($12::text[]), $2::bytea[]") == (
        "SELECT $3, unnest((string_to_array($14::text, $1::text, $2::text))[2:]), $4::bytea[]"
    )


@pytest.mark.postgres
@pytest.mark.parametrize("told", ROWS.values(), ids=ROWS)
async def test_the_server_reads_back_what_was_written(
    postgres_url: str, told: list[tuple[str | None, int | None]]
) -> None:
    """A value that moved into its neighbour's place would be another payment's money."""
    connection = await asyncpg.connect(postgres_url)
    try:
        found = await connection.fetch(packed(f"{STATEMENT} ORDER BY i"), *columns(told))
    finally:
        await connection.close()
    assert [tuple(row) for row in found] == told
