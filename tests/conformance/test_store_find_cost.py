"""What a search costs: asked of a database of years, it must not read the years.

Work is counted by the database itself, over two amounts of data; no time is measured.
"""

import json
from collections.abc import Mapping
from typing import Any

import apsw
import pytest

from consumers.facts import FactKind, simple
from consumers.store import finding
from consumers.store.cases import Action
from consumers.store.connect import postgres_address
from consumers.store.port import Changes, Store
from consumers.store.postgres_connection import Patience, make_pool
from tests.support.store_builders import (
    NOW_MS,
    PAYMENT,
    apply,
    event,
    event_key,
    fact,
    notice,
    saved,
)

QUESTIONS: dict[str, tuple[str, tuple[object, ...]]] = {
    "an event's key": (finding.KEYED, ("e7",)),
    "a reference": (finding.REFERENCED, ("p7",)),
    "a reference in events": (finding.NAMED, ("p7",)),
    "a hash": (finding.TRANSFER_BEGINS, ("tx:0x7:", "tx:0x7;", 100)),
    "a refund": (finding.NUMBERED, ("RF-7", 100)),
    "an order": (finding.ORDERED, ("T-7",)),
    "a notice": (finding.NOTICE, ("n-7",)),
}


@pytest.mark.parametrize("question", QUESTIONS)
async def test_a_search_costs_as_much_in_many_payments_as_in_few(
    store: Store, store_url: str, question: str
) -> None:
    """Somebody waits at the telephone, and a worker waits behind a query that reads a table."""
    await _fill(store, 0, 30)
    few = await _work(store_url, *QUESTIONS[question])
    await _fill(store, 30, 3_000)
    assert few > 0
    assert await _work(store_url, *QUESTIONS[question]) <= few + 20


async def _fill(store: Store, begin: int, end: int) -> None:
    """Write payments, each with an event, a transfer and a notice, at three accounts in turn."""
    changes, events = Changes(), []
    for n in range(begin, end):
        account = f"a{n % 3}"
        key = PAYMENT._replace(account=account, reference=f"p{n}")
        told = event_key(f"e{n}")._replace(account=account)
        events.append(event(f"e{n}", offset=n, reference=f"p{n}")._replace(key=told))
        changes.payments.append(saved(key))
        changes.facts.append((key, fact(key=f"tx:0x{n}:0"), told))
        back = simple(FactKind.REFUND, NOW_MS, key=f"RF-{n}", asset="USDT", amount=1)
        changes.facts.append((key, back, told))
        who = ("kim", "finance", "", "goodwill", "so", "{}", NOW_MS)
        changes.actions.append(Action(f"T-{n}", "wait", key, None, *who))
        changes.notices.append(notice(n, key))
    await apply(store, changes, events)


async def _work(url: str, statement: str, values: tuple[object, ...]) -> int:
    """Count the steps (SQLite) or the rows touched (PostgreSQL) by a question."""
    if url.startswith("sqlite"):
        return _steps(url.removeprefix("sqlite://"), statement, values)
    pool = await make_pool(postgres_address(url, None), Patience(), 1)
    try:
        explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}"
        told = await pool.fetchval(explain, *values)
    finally:
        await pool.close()
    return _rows(json.loads(told)[0]["Plan"])


def _steps(path: str, statement: str, values: tuple[object, ...]) -> int:
    steps = 0

    def count() -> bool:
        nonlocal steps
        steps += 1
        return False

    words = statement.replace("$", "?").replace('COLLATE "C"', "COLLATE BINARY")
    with apsw.Connection(path) as connection:
        connection.set_progress_handler(count, 1)
        assert connection.execute(words, values).fetchall()
    connection.close()
    return steps


def _rows(plan: Mapping[str, Any]) -> int:
    touched = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    return round(touched * plan["Actual Loops"]) + sum(map(_rows, plan.get("Plans", ())))
