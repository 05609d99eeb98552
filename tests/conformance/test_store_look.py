"""Looking at a store: what commands that only read may rely on, and what they leave as it was.

A new version is installed on an operator's machine before it is on the workers'. What it shows it
must show without making a database, owning it or migrating it under the workers that run.
"""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from consumers.store.connect import connect
from consumers.store.looking import NotMade, OlderSchema
from consumers.store.port import Changes, KeyUse, Store, WrongDatabase, WrongEnvironment
from tests.support.store_builders import NOW_MS, apply, event, make_first_version, run, tables


@pytest.fixture(
    name="empty_url", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
)
def _empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name a database with nothing in it."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/there/store.db"
    url: str = request.getfixturevalue("postgres_empty_url")
    return url


async def look(url: str, environment: str = "sandbox") -> list[KeyUse]:
    """Look, and read something."""
    store = connect(url)
    try:
        await store.look(environment)
        return list(await store.key_uses())
    finally:
        await store.close()


async def test_what_is_looked_at_is_read_and_stays_as_it_was(store: Store, store_url: str) -> None:
    """Beside a worker that runs: its rows are seen, and none is touched."""
    await apply(store, Changes(), [event("a", offset=1)])
    before = await tables(store_url)
    assert await look(store_url) == [KeyUse("stripe-main", "k1", NOW_MS + 1, NOW_MS + 1)]
    assert await tables(store_url) == before


async def test_a_database_that_is_not_there_is_not_made(empty_url: str) -> None:
    """An all-clear from a database that was made for the question would be a lie."""
    with pytest.raises(NotMade, match="the first worker that starts makes"):
        await look(empty_url)
    if empty_url.startswith("sqlite"):
        assert not Path(empty_url.removeprefix("sqlite://")).parent.exists()
    else:
        assert await tables(empty_url) == {}


async def test_an_empty_file_stays_empty(tmp_path: Path) -> None:
    """A worker that was killed at its first start leaves one."""
    file = tmp_path / "store.db"
    file.touch()
    file.chmod(0o644)
    with pytest.raises(NotMade, match="empty"):
        await look(f"sqlite://{file}")
    assert (file.stat().st_size, file.stat().st_mode & 0o777) == (0, 0o644)


async def test_a_database_nobody_owns_is_not_made_ours(store_url: str) -> None:
    """The environment of whoever looks first may be a slip of the configuration."""
    store = connect(store_url)
    await store.open("sandbox")
    await store.close()
    await run(store_url, "DELETE FROM meta")
    with pytest.raises(NotMade, match="owns"):
        await look(store_url, "production")
    assert (await tables(store_url))["meta"] == []


async def test_an_older_schema_is_said_and_not_migrated(empty_url: str) -> None:
    """The workers of the old version go on; whoever looks is told what to do first."""
    if empty_url.startswith("sqlite"):
        await asyncio.to_thread(Path(empty_url.removeprefix("sqlite://")).parent.mkdir)
    await make_first_version(empty_url)
    before = await tables(empty_url)
    with pytest.raises(OlderSchema, match=r"is at 1 and this version reads \d+: start the workers"):
        await look(empty_url)
    assert await tables(empty_url) == before
    store = connect(empty_url)
    await store.open("sandbox")
    await store.close()
    assert [use.key_id for use in await look(empty_url)] == ["k1", "k2"]


async def test_whoever_looked_may_open_to_write(store: Store, store_url: str) -> None:
    """A command that writes looks first, so that it is not the one that migrates."""
    other = connect(store_url)
    await other.look("sandbox")
    await other.open("sandbox")
    await apply(other, Changes(), [event("a")])
    await other.close()
    assert await store.event(event("a").key) is not None


async def test_looking_refuses_what_opening_refuses(store: Store, store_url: str) -> None:
    """Another environment's database, and one of a newer version."""
    del store
    with pytest.raises(WrongEnvironment, match="'sandbox'"):
        await look(store_url, "production")
    await run(store_url, "INSERT INTO migration (number, name, checksum) VALUES (99, 'x', 'x')")
    with pytest.raises(WrongDatabase, match="schema is at 99"):
        await look(store_url)


@pytest.mark.postgres
async def test_a_role_that_may_only_read_may_look(postgres_url: str) -> None:
    """Whoever reports on the database at night needs no right to change it."""
    store = connect(postgres_url)
    await store.open("sandbox")
    await store.close()
    role = f"reader_{urlsplit(postgres_url).path[-12:]}"
    await run(
        postgres_url,
        f"CREATE ROLE {role}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
    )
    assert await look(f"{postgres_url}{'&' if '?' in postgres_url else '?'}role={role}") == []
    await run(postgres_url, f"DROP OWNED BY {role}; DROP ROLE {role}")
