"""The schema of a PostgreSQL database, and whose it is: brought up to date, or only looked at."""

import asyncpg

from consumers.store import looking, schema

MIGRATE_S = 600.0
# Any number, the same in every version: whoever migrates holds this lock.
_MIGRATING = 0x5EA1_6A7E
HAS_MIGRATION = "SELECT to_regclass('migration') IS NOT NULL"
MIGRATION = """
CREATE TABLE IF NOT EXISTS migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
APPLIED = "SELECT number, checksum FROM migration"
APPLY = "INSERT INTO migration (number, name, checksum) VALUES ($1, $2, $3)"
OWN = "INSERT INTO meta (name, value) VALUES ('environment', $1) ON CONFLICT DO NOTHING"
OWNER = "SELECT value FROM meta WHERE name = 'environment'"
READ = "SELECT DISTINCT topic FROM position"


async def migrate(connection: asyncpg.Connection) -> None:
    """Bring the schema up to date, once, whoever else is starting.

    The lock is taken only if there is something to do, and a role without the right to create
    tables may open a database that is up to date.
    """
    known = schema.migrations("postgres")
    if not schema.outstanding(known, await applied(connection)):
        return
    async with connection.transaction():
        # A long migration is not a stuck one, and neither is waiting for another's.
        await connection.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _MIGRATING, timeout=MIGRATE_S)
        await connection.execute(MIGRATION)
        for step in schema.outstanding(known, await applied(connection)):
            await connection.execute(step.sql, timeout=MIGRATE_S)
            await connection.execute(APPLY, step.number, step.name, step.checksum)


async def check_owner(connection: asyncpg.Connection, environment: str) -> None:
    """Raise `WrongEnvironment` or `WrongDatabase` where the database is not this environment's."""
    owner = await connection.fetchval(OWNER)
    read = [topic for (topic,) in await connection.fetch(READ)]
    schema.check_environment(looking.check_owner(owner), environment, read)


async def applied(connection: asyncpg.Connection) -> dict[int, str]:
    """Read the checksums of the migrations that a database has had, by number."""
    is_ours = await connection.fetchval(HAS_MIGRATION)
    return dict(await connection.fetch(APPLIED)) if is_ours else {}
