"""The schema of both stores: where the migrations lead, and whom they refuse.

`schema.sql` is what people read; these tests are why they may believe it.
"""

import asyncio
import re
import sys
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import apsw
import asyncpg
import pytest

from consumers.store import schema
from consumers.store.connect import connect
from consumers.store.port import Cause, Changes, Store, WrongDatabase, WrongEnvironment
from consumers.voiding import void
from tests.support.store_builders import (
    PAYMENT,
    action,
    apply,
    event_key,
    fact,
    make_first_version,
    mark,
    raised,
    run,
    saved,
    tables,
    transition,
)
from tests.support.store_told import RIM

ROOT = Path(__file__).parents[2]
# The numbers of the migrations there are: from one, without a gap.
KNOWN = list(range(1, 1 + len(list((ROOT / "consumers/store/sql/sqlite").glob("0*.sql")))))
# Everything PostgreSQL knows of a schema that a migration could get wrong.
CATALOGUE = """
SELECT 'column', table_name || '.' || column_name, concat_ws(' ', ordinal_position, data_type,
    numeric_precision, numeric_scale, is_nullable, column_default, collation_name, is_identity)
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'function', proname, pg_get_functiondef(oid) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'storage', relname, reloptions::text FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND reloptions IS NOT NULL
"""


async def test_the_sqlite_migrations_lead_to_the_schema_that_is_written_down(
    tmp_path: Path,
) -> None:
    """Whoever reads schema.sql reads what is in the file, to the letter but for the comments."""
    await _open(f"sqlite://{tmp_path}/migrated.db")
    with apsw.Connection(str(tmp_path / "written.db")) as written:
        written.execute(_schema("sqlite"))
    written.close()
    expected = _sqlite_catalogue(tmp_path / "written.db")
    found = _sqlite_catalogue(tmp_path / "migrated.db")
    assert found.pop("migration")
    assert len(expected) > 15
    assert found == expected


@pytest.mark.postgres
async def test_the_postgres_migrations_lead_to_the_schema_that_is_written_down(
    postgres_url: str, postgres_empty_url: str
) -> None:
    """Columns, types, collations, indexes, constraints, triggers: one by one the same."""
    await _on_postgres(postgres_empty_url, _schema("postgres"))
    expected = await _postgres_catalogue(postgres_empty_url)
    found = await _postgres_catalogue(postgres_url)
    assert len(expected) > 100
    assert {key: told for key, told in found.items() if "migration" not in key[1]} == expected


@pytest.mark.postgres
async def test_the_two_dialects_have_the_same_tables_and_columns(
    tmp_path: Path, postgres_url: str
) -> None:
    """The rows of one are the rows of the other, in the same order."""
    await _open(f"sqlite://{tmp_path}/store.db")
    with apsw.Connection(str(tmp_path / "store.db")) as connection:
        sqlite = connection.execute(
            "SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c"
            " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' ORDER BY t.name, c.cid"
        ).fetchall()
    connection.close()
    postgres = await _on_postgres(
        postgres_url,
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' ORDER BY table_name COLLATE \"C\", ordinal_position",
    )
    assert sqlite == postgres


async def test_opening_again_applies_nothing_twice(store: Store, store_url: str) -> None:
    """Every start opens the store; only the first one migrates."""
    before = await tables(store_url)
    await store.open("sandbox")
    await _open(store_url)
    assert await tables(store_url) == before
    assert [row[0] for row in before["migration"]] == KNOWN
    assert before["meta"] == [("environment", "sandbox")]


async def test_a_migration_changed_after_it_was_applied_is_refused(store_url: str) -> None:
    """The schema would not be the one this code was tested with."""
    await _open(store_url)
    await run(store_url, "UPDATE migration SET checksum = 'tampered'")
    with pytest.raises(WrongDatabase, match=r"0001_begin\.sql is not the file that built"):
        await _open(store_url)


async def test_a_schema_newer_than_this_version_is_refused(store_url: str) -> None:
    """A rollback of the program alone must say so instead of writing into tables it misreads."""
    await _open(store_url)
    await run(store_url, "INSERT INTO migration (number, name, checksum) VALUES (99, 'x', 'x')")
    with pytest.raises(WrongDatabase, match=r"schema is at 99 and this version knows \d+"):
        await _open(store_url)


@pytest.mark.parametrize(
    "table",
    ["fact", "transition", "restatement", "mark", "anomaly_evidence", "operator_action", "audit"],
)
async def test_history_cannot_be_rewritten_with_sql(
    store: Store, store_url: str, table: str
) -> None:
    """People append facts, they never fix a row; the database itself holds them to it."""
    told = saved()
    await apply(
        store,
        Changes(
            payments=[told],
            facts=[(PAYMENT, fact(), event_key("e"))],
            restated=[(PAYMENT, fact(), event_key("f"))],
            marks=[mark("e")],
            transitions=[transition(told, None, "e")],
            anomalies=[raised("first"), raised("later")],
            actions=[action("t-1", payment=PAYMENT)],
        ),
    )
    before = await tables(store_url)
    for statement in (f"UPDATE {table} SET at_ms = 1", f"DELETE FROM {table}"):
        with pytest.raises(Exception, match="never changed"):
            await run(store_url, statement)
    assert await tables(store_url) == before


async def test_a_database_of_the_first_version_is_brought_up_to_date_with_its_rows(
    fresh_url: str,
) -> None:
    """What was applied before keeps its place: its proof is unknown, its moves were by events."""
    await make_first_version(fresh_url)
    store = connect(fresh_url)
    await store.open("sandbox")
    [old] = await store.proven_with("stripe-main", "k1", 0, 9)
    assert (old.event.scheme, old.event.mode) == ("", "unknown")
    assert (old.event.signed_ms, old.event.late_ms, old.verdict) == (None, None, "applied")
    [move] = await store.transitions(PAYMENT)
    assert move.cause is Cause.EVENT
    done = await void(store, [mark("old")], RIM)
    assert len(done.marks) == 1
    assert [key.key for key in done.unrestated] == ["old"]
    assert len(done.corrections) == 1
    await store.close()


@pytest.mark.postgres
async def test_a_migration_that_is_broken_off_leaves_the_database_as_it_was(
    postgres_empty_url: str,
) -> None:
    """Whoever cannot wait cancels a long one: the old workers must be able to go on."""
    await make_first_version(postgres_empty_url)
    before = await tables(postgres_empty_url)
    reader = await asyncpg.connect(postgres_empty_url)
    held = reader.transaction()
    await held.start()
    # It has to wait in its middle: columns are there and the index is built, and all of it goes.
    await reader.fetch("SELECT * FROM transition")
    opening = asyncio.create_task(_open(postgres_empty_url))
    while not await reader.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
        await asyncio.sleep(0.02)
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    await held.rollback()
    await reader.close()
    assert await tables(postgres_empty_url) == before
    await _open(postgres_empty_url)
    assert [row[0] for row in (await tables(postgres_empty_url))["migration"]] == KNOWN


async def test_many_that_open_at_once_migrate_once(fresh_url: str) -> None:
    """A deployment starts all replicas at the same moment, on a database with nothing in it."""
    await asyncio.gather(*(_open(fresh_url) for _ in range(6)))
    assert [row[0] for row in (await tables(fresh_url))["migration"]] == KNOWN


async def test_of_two_environments_that_open_at_once_one_owns_it(fresh_url: str) -> None:
    """Ownership is decided in the database, not by who looked first."""
    outcomes = await asyncio.gather(
        _open(fresh_url, "sandbox"), _open(fresh_url, "production"), return_exceptions=True
    )
    assert [type(one) for one in outcomes if one is not None] == [WrongEnvironment]


async def test_openers_that_all_found_an_empty_file_migrate_it_once(tmp_path: Path) -> None:
    """What was found before the lock was held may be over by then: it is looked at again."""
    path = tmp_path / "store.db"
    first = apsw.Connection(str(path))
    first.pragma("journal_mode", "wal")
    first.execute("BEGIN IMMEDIATE")
    openers = [asyncio.create_task(_open(f"sqlite://{path}")) for _ in range(4)]
    await asyncio.sleep(0.3)
    first.execute("ROLLBACK")
    first.close()
    await asyncio.gather(*openers)
    assert [row[0] for row in (await tables(f"sqlite://{path}"))["migration"]] == KNOWN


async def test_processes_that_open_one_file_at_once_migrate_once(tmp_path: Path) -> None:
    """The command line and the service may both be the first on a new machine."""
    program = (
        "import asyncio, sys; from consumers.store.connect import connect;"
        "asyncio.run(connect(sys.argv[1]).open('sandbox'))"
    )
    url = f"sqlite://{tmp_path}/store.db"
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, url, cwd=ROOT)
        for _ in range(4)
    ]
    assert [await process.wait() for process in processes] == [0, 0, 0, 0]
    assert [row[0] for row in (await tables(url))["migration"]] == KNOWN


@pytest.mark.postgres
async def test_a_role_that_may_create_nothing_may_open_a_migrated_database(
    postgres_url: str,
) -> None:
    """Least privilege: one role migrates at deployment, another one runs."""
    await _open(postgres_url)
    role = f"runner_{urlsplit(postgres_url).path[-12:]}"
    grants = (
        f"CREATE ROLE {role};GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}"
    )
    await _on_postgres(postgres_url, grants)
    await _open(f"{postgres_url}{'&' if '?' in postgres_url else '?'}role={role}")
    await _on_postgres(postgres_url, f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.postgres
async def test_a_database_that_is_not_utf8_is_refused(
    postgres_url: str,
) -> None:
    """References are the providers' words in every script; half of them would not fit."""
    admin = postgres_url.replace(urlsplit(postgres_url).path, "/postgres", 1)
    name = urlsplit(postgres_url).path[1:] + "_latin"
    await _on_postgres(
        admin, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"
    )
    with pytest.raises(WrongDatabase, match="UTF8"):
        await _open(postgres_url.replace(urlsplit(postgres_url).path, f"/{name}", 1))
    await _on_postgres(admin, f"DROP DATABASE {name}")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name a database with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/store.db"
    url: str = request.getfixturevalue("postgres_empty_url")
    return url


async def _open(url: str, environment: str = "sandbox") -> None:
    store = connect(url)
    try:
        await store.open(environment)
    finally:
        await store.close()


async def _on_postgres(url: str, statement: str) -> list[tuple[str, ...]]:
    connection = await asyncpg.connect(url)
    try:
        if statement.startswith("SELECT"):
            return [tuple(row) for row in await connection.fetch(statement)]
        await connection.execute(statement)
        return []
    finally:
        await connection.close()


async def _postgres_catalogue(url: str) -> dict[tuple[str, str], str]:
    connection = await asyncpg.connect(url)
    try:
        return {(kind, name): told for kind, name, told in await connection.fetch(CATALOGUE)}
    finally:
        await connection.close()


def _schema(dialect: schema.Dialect) -> str:
    return files("consumers.store").joinpath("sql", dialect, "schema.sql").read_text("utf-8")


def _sqlite_catalogue(path: Path) -> dict[str, str]:
    """Read what SQLite keeps of every definition, without its comments and line breaks."""
    with apsw.Connection(str(path)) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql NOT NULL")
        definitions = {
            str(name): re.sub(r" (?=[,)])", "", " ".join(re.sub("--.*", "", str(sql)).split()))
            for name, sql in found
        }
    connection.close()
    return definitions
