"""The roles of deploy/postgres/roles.sql: enough for all that the program does, and no more.

A trigger can be switched off by the owner of a table. The role that runs from day to day is not the
owner, so whoever takes over a worker can append to history and cannot rewrite it.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from consumers.store.connect import connect
from consumers.store.port import Store
from tests.support.audited import audit, fill
from tests.support.store_builders import GROUP, run

ROLES = Path(__file__).parents[2] / "deploy" / "postgres" / "roles.sql"
APPENDED = (
    *("event", "fact", "restatement", "transition", "mark", "notice", "dead_letter", "audit"),
    *("anomaly_evidence", "operator_action", "payment", "position", "anomaly"),
    *("reading", "retraction"),
)
# Columns that say what happened, of tables in which others may move on.
SETTLED = (
    *("UPDATE event SET key_id = 'k9'", "UPDATE event SET body_digest = 'x'"),
    *("UPDATE notice SET value = ''", "UPDATE payment SET reference = 'x'"),
    *("UPDATE fact SET amount = 1", "UPDATE transition SET after = 'Late'"),
    *("UPDATE mark SET reason = 'x'", "UPDATE audit SET at_ms = 1"),
    *("UPDATE dead_letter SET reason = 'x'", "UPDATE restatement SET at_ms = 1"),
    *("UPDATE operator_action SET note = 'x'", "UPDATE anomaly_evidence SET at_ms = 1"),
    *("UPDATE reading SET verdict = 'x'", "UPDATE retraction SET reading = 9"),
    "UPDATE meta SET value = 'production'",
)

pytestmark = pytest.mark.postgres


@pytest.fixture(name="url_as")
async def _url_as(postgres_url: str) -> AsyncIterator[dict[str, str]]:
    """Make the roles, with names of this database's own, and say how each connects."""
    first = connect(postgres_url)
    await first.open("sandbox")
    await first.close()
    suffix = urlsplit(postgres_url).path[-12:]
    text = ROLES.read_text("utf-8")
    names = {name: f"{name}_{suffix}" for name in ("sealgate_app", "sealgate_audit")}
    for name, own in names.items():
        text = text.replace(f"TO {name};", f"TO {own};").replace(f"'{name}'", f"'{own}'")
    await run(postgres_url, text)
    await run(postgres_url, text)
    join = "&" if "?" in postgres_url else "?"
    yield {name: f"{postgres_url}{join}role={own}" for name, own in names.items()}
    for own in names.values():
        await run(postgres_url, f"DROP OWNED BY {own}; DROP ROLE {own}")


async def _opened(url: str) -> Store:
    store = connect(url)
    await store.open("sandbox")
    return store


async def test_the_role_that_runs_can_do_all_that_the_program_does(url_as: dict[str, str]) -> None:
    """Claim, append, move, deliver, judge, close: and the audit of it is sound."""
    store = await _opened(url_as["sealgate_app"])
    await fill(store)
    waiting = await store.pending(9)
    await store.delivered([one.sequence for one in waiting])
    assert await store.notices_pending() == 0
    assert await store.positions(GROUP)
    assert (await audit(store)).problems == []
    await store.close()


@pytest.mark.parametrize("table", APPENDED)
async def test_the_role_that_runs_can_take_nothing_away(url_as: dict[str, str], table: str) -> None:
    """Neither a row nor all of them."""
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run(url_as["sealgate_app"], statement)


@pytest.mark.parametrize("statement", SETTLED)
async def test_the_role_that_runs_can_change_nothing_that_happened(
    url_as: dict[str, str], statement: str
) -> None:
    """Not even where the trigger is off: the right is not there."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run(url_as["sealgate_app"], statement)


async def test_the_role_that_runs_cannot_switch_a_trigger_off(url_as: dict[str, str]) -> None:
    """That is for the owner of the tables, whom nobody is from day to day."""
    for statement in (
        "ALTER TABLE fact DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "DROP TRIGGER audit_kept ON audit",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run(url_as["sealgate_app"], statement)


async def test_the_role_that_reads_can_audit_and_write_nothing(
    postgres_url: str, url_as: dict[str, str]
) -> None:
    """The auditor's machine need not be trusted with the database."""
    writer = await _opened(postgres_url)
    await fill(writer)
    await writer.close()
    reader = connect(url_as["sealgate_audit"])
    await reader.look("sandbox")
    assert (await audit(reader)).problems == []
    await reader.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await run(url_as["sealgate_audit"], "INSERT INTO meta (name, value) VALUES ('a', 'b')")
