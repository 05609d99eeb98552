"""Every column of every table: a change by hand is found, or docs/audit.md says why it is not.

The tables and their columns are read from the database, so that nobody can add one and forget the
audit of it. What an entry does not vouch for must be told to whoever relies on the audit: as a line
of the page, with the reason.
"""

import asyncio
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import apsw
import pytest

from consumers.store import schema
from consumers.store.sqlite import SqliteStore
from consumers.store.sqlite_sql import MIGRATION
from tests.support.audited import fill, tamper, texts

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"
# A line of the page: | `table.column` | why |, where * is every column of the table.
LISTED = re.compile(r"^\| `([a-z_]+)\.([a-z_]+|\*)` \| (\S.*\S) \|$", re.MULTILINE)
YES_OR_NO = frozenset({"whole", "late", "untold", "delivered"})
Value = str | int | bytes | None


class Column(NamedTuple):
    """A column, and whether it is part of what identifies a row."""

    name: str
    type: str
    is_key: bool


def _made() -> apsw.Connection:
    """Make the tables of this version, with nothing in them."""
    file = apsw.Connection(":memory:")
    file.execute(MIGRATION)
    for step in schema.migrations("sqlite"):
        file.execute(step.sql)
    return file


def _tables() -> list[str]:
    with closing(_made()) as file:
        found = file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        return sorted(str(name) for (name,) in found if not str(name).startswith("sqlite_"))


def _listed() -> set[tuple[str, str]]:
    """Read what the page says that nobody finds."""
    told = PAGE.read_text(encoding="utf-8")
    return {(table, column) for table, column, _ in LISTED.findall(told)}


TABLES = [table for table in _tables() if (table, "*") not in _listed()]


@pytest.fixture(name="filled", scope="module")
def _filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a store with something in every table, and close it, so that it is one file."""
    path = tmp_path_factory.mktemp("columns") / "filled.db"
    asyncio.run(_fill(path))
    return path


@pytest.mark.parametrize("table", TABLES)
def test_a_change_of_any_column_is_found_or_the_page_says_why_not(filled: Path, table: str) -> None:
    """Whoever may write the database changes what the auditor forgot to compare."""
    columns, rows = _read(filled, table)
    assert rows, (
        f"there is no row of {table}: let tests/support/audited.fill write one, through the program"
    )
    missed = set()
    for change, column in _changes(table, columns, rows):
        if asyncio.run(_is_missed(filled, change)):
            missed.add(column)
    listed = {column for name, column in _listed() if name == table}
    assert missed - listed == set(), (
        f"a change of these columns of {table} is not found: let consumers/store/told.py compare"
        " them with what an entry says, or say in docs/audit.md why nobody need"
    )
    assert listed - missed == set(), "docs/audit.md calls these not found, and they are found"


@pytest.mark.parametrize("table", TABLES)
def test_a_row_taken_away_is_found(filled: Path, table: str) -> None:
    """The first of them and the last, each alone: a gap is as telling as a change."""
    columns, rows = _read(filled, table)
    for row in dict.fromkeys([*rows[:1], *rows[-1:]]):
        gone = f"DELETE FROM {table} WHERE {_which(columns, row)}"
        assert not asyncio.run(_is_missed(filled, gone)), f"nobody misses {row}"


def test_what_the_page_calls_not_found_exists() -> None:
    """A page that speaks of columns of another version is not believed about the others."""
    with closing(_made()) as file:
        for table, column in _listed():
            known = {str(row[1]) for row in file.execute(f"PRAGMA table_info({table})")}
            assert known, f"docs/audit.md speaks of a table {table}, which there is not"
            assert column in {*known, "*"}, f"docs/audit.md speaks of {table}.{column}"


async def _fill(path: Path) -> None:
    store = SqliteStore(path)
    await store.open("sandbox")
    await fill(store)
    assert await texts(store) == []
    await store.close()


async def _is_missed(filled: Path, change: str) -> bool:
    """Change a copy, and say whether an audit of it finds nothing."""
    path = filled.with_name("changed.db")
    shutil.copyfile(filled, path)
    await tamper(f"sqlite://{path}", change)
    return await texts(SqliteStore(path)) == []


def _read(path: Path, table: str) -> tuple[list[Column], list[tuple[Value, ...]]]:
    with closing(apsw.Connection(str(path))) as file:
        columns = [
            Column(str(name), str(kind), bool(key))
            for _, name, kind, _, _, key in file.execute(f"PRAGMA table_info({table})")
        ]
        keys = ", ".join(one.name for one in columns if one.is_key)
        rows = [tuple(row) for row in file.execute(f"SELECT * FROM {table} ORDER BY {keys}")]
    return columns, rows


def _changes(
    table: str, columns: list[Column], rows: list[tuple[Value, ...]]
) -> Iterator[tuple[str, str]]:
    """Write a change of each column; of exceptions in one that ended and in one that is open."""
    for row in dict.fromkeys((rows[0], rows[-1] if table == "anomaly" else rows[0])):
        for column, value in zip(columns, row, strict=True):
            for other in _others(column, value):
                which = _which(columns, row)
                yield (
                    f"UPDATE OR IGNORE {table} SET {column.name} = {_literal(other)} WHERE {which}",
                    column.name,
                )


def _others(column: Column, value: Value) -> list[Value]:
    """Say what a value is changed to: something that the table takes and that is not it."""
    if isinstance(value, int):
        yes_or_no = column.name.startswith("is_") or column.name in YES_OR_NO
        return [1 - value if yes_or_no else value + 1000]
    if isinstance(value, bytes):
        return [value + b"\x00"]
    if value is None:
        return [{"INTEGER": 7, "TEXT": "7", "BLOB": b"x"}[column.type]]
    # A number with a zero before it is the same number, and not what was written.
    return [value + "x", "0" + value] if value.isdigit() else [value + "x"]


def _which(columns: list[Column], row: tuple[Value, ...]) -> str:
    keys = [(one.name, value) for one, value in zip(columns, row, strict=True) if one.is_key]
    return " AND ".join(f"{name} = {_literal(value)}" for name, value in keys)


def _literal(value: Value) -> str:
    """Write a value as SQL."""
    return apsw.format_sql_value(value)
