"""What a question costs: asked of a database of years, it must not read the years.

Work is counted by the database itself, over two amounts of data; no time is measured.
"""

import json
from collections.abc import Mapping
from typing import Any

import apsw

from consumers.store import postgres_reads_sql, sqlite_sql
from consumers.store.connect import postgres_address
from consumers.store.port import Changes, Store
from consumers.store.postgres_connection import Patience, make_pool
from tests.support.store_builders import apply, event


async def test_the_uses_of_keys_cost_as_much_with_many_events_as_with_few(
    store: Store, store_url: str
) -> None:
    """It is asked first when a key leaked, and a time-out is no answer."""
    await _fill(store, 0, 30)
    few = await _work(store_url)
    await _fill(store, 30, 3_000)
    assert len(await store.key_uses()) == 6
    assert await _work(store_url) <= few + 20


async def _fill(store: Store, begin: int, end: int) -> None:
    """Claim events of three keys of two sources in turn."""
    events = [event(f"e{n}", offset=n, key_id=f"k{n % 3}") for n in range(begin, end)]
    told = [one._replace(source=f"s{n % 2}") for n, one in enumerate(events)]
    await apply(store, Changes(), told)


async def _work(url: str) -> int:
    """Count the steps (SQLite) or the rows touched (PostgreSQL) by the question."""
    if url.startswith("sqlite"):
        return _steps(url.removeprefix("sqlite://"))
    pool = await make_pool(postgres_address(url, None), Patience(), 1)
    try:
        told = await pool.fetchval(
            f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {postgres_reads_sql.KEY_USES}"
        )
    finally:
        await pool.close()
    return _rows(json.loads(told)[0]["Plan"])


def _steps(path: str) -> int:
    steps = 0

    def count() -> bool:
        nonlocal steps
        steps += 1
        return False

    with apsw.Connection(path) as connection:
        connection.set_progress_handler(count, 1)
        connection.execute(sqlite_sql.KEY_USES).fetchall()
    connection.close()
    return steps


def _rows(plan: Mapping[str, Any]) -> int:
    touched = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    return round(touched * plan["Actual Loops"]) + sum(map(_rows, plan.get("Plans", ())))
