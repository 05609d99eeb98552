"""One suite for both stores: whatever is changed behind the program's back, an audit finds.

The tests are the attacker: they have the rights of the database's owner, switch the triggers off,
and change one thing. What nothing inside a database can tell is here too, so that nobody believes
more than holds: for that there are checkpoints outside.
"""

import asyncio
from hashlib import sha256

import apsw
import asyncpg
import orjson
import pytest

from consumers.audit import Audit
from consumers.store import chain
from consumers.store.port import Advance, Changes, Event, Store
from tests.support.audited import CHAIN, anchor, audit, fill, tamper, texts
from tests.support.store_builders import (
    GROUP,
    PARTITION,
    apply,
    claimed,
    event,
    mark,
    run,
    tables,
    whole_batch,
)

# What is done to a table, and the beginning of what is said of it.
CHANGED = {
    "an event's key": ("UPDATE event SET key_id = 'k9' WHERE event_key = 'evt-2'", "event: no"),
    "an event's verdict": ("UPDATE event SET verdict = 'x' WHERE event_key = 'evt-2'", "event: no"),
    "an event's mapping": (
        "UPDATE event SET mapping = 'shop/9' WHERE event_key = 'evt-2'",
        "event: no entry",
    ),
    "a mapping taken": ("UPDATE event SET mapping = ''", "event: no entry"),
    "a verdict taken": ("UPDATE event SET verdict = NULL", "event: no"),
    "an event gone": ("DELETE FROM event WHERE event_key = 'evt-2'", "events: not there"),
    "an amount": ("UPDATE fact SET amount = '7' WHERE reference = 'pay-2'", "fact: no entry"),
    "a fact's event": ("UPDATE fact SET event_key = 'evt-1'", "fact: no entry"),
    "a fact gone": ("DELETE FROM fact WHERE reference = 'pay-2'", "facts: not there"),
    "a restatement": ("UPDATE restatement SET at_ms = 1", "restatement: no entry"),
    "a restatement gone": ("DELETE FROM restatement", "restated: not there"),
    "a state in history": ("UPDATE transition SET after = 'Late'", "transition: no entry"),
    "history gone": ("DELETE FROM transition", "transitions: not there"),
    "a mark": ("UPDATE mark SET judgement = 'corroborated'", "mark: no entry"),
    "a mark gone": ("DELETE FROM mark WHERE reason = 'forged'", "marks: not there"),
    "a notice": ("UPDATE notice SET version = 7 WHERE id = 'n-2'", "notice: no entry"),
    "a notice gone": ("DELETE FROM notice WHERE id = 'n-2'", "notices: not there"),
    "a dead letter": ("UPDATE dead_letter SET reason = 'x'", "dead_letter: no entry"),
    "a dead letter gone": ("DELETE FROM dead_letter", "buried: not there"),
    "a payment's state": ("UPDATE payment SET state = 'Confirmed'", "payment: no entry"),
    "a payment's version": ("UPDATE payment SET version = 9", "payment: no entry"),
    "a payment gone": (
        "DELETE FROM payment WHERE reference = 'pay-2'",
        "payment: not there, and its history is",
    ),
    "a position": ("UPDATE position SET next_offset = 10", "position: entries moved it"),
    "a position gone": ("DELETE FROM position", "position: not there"),
    "when a payment began": ("UPDATE payment SET created_ms = 1", "payment: no entry"),
    "when a payment moved": ("UPDATE payment SET changed_ms = 1", "payment: no entry"),
    "a fact of no kind": ("UPDATE fact SET kind = 'x'", "fact: no entry"),
    "a fact's sum said otherwise": ("UPDATE fact SET key = key || 'x'", "fact: no entry"),
    "an exception's evidence": ("UPDATE anomaly SET evidence = 'fine'", "anomaly: no entry"),
    "an exception's end": ("UPDATE anomaly SET resolution = 'fine'", "anomaly: no entry"),
    "an exception's repeats": ("UPDATE anomaly SET times = 1", "1 exceptions were raised more"),
    "an exception gone": ("DELETE FROM anomaly WHERE closed_ms IS NOT NULL", "1 exceptions were"),
    "an exception's money": (
        "UPDATE anomaly SET risk_asset = 'BTC', risk_amount = '1'",
        'no entry left it so: ["anomaly",',
    ),
    "whose an exception is": (
        "UPDATE anomaly SET assignee = 'bob', resolved_by = 'bob' WHERE closed_ms IS NOT NULL",
        'no entry left it so: ["anomaly",',
    ),
    "later evidence": ("UPDATE anomaly_evidence SET evidence = 'fine'", "anomaly_evidence: no"),
    "later evidence gone": ("DELETE FROM anomaly_evidence", "anomaly_evidence: not there"),
    "an action": ("UPDATE operator_action SET done_by = 'bob'", "operator_action: no entry"),
    "an action gone": ("DELETE FROM operator_action", "actions: not there"),
    "a reading": ("UPDATE reading SET verdict = 'hint'", "reading: no entry"),
    "a reading gone": ("DELETE FROM reading", "readings: not there"),
    "a retraction": ("UPDATE retraction SET is_retracted = NOT is_retracted", "retraction: no"),
    "a retraction gone": ("DELETE FROM retraction", "retractions: not there"),
    "a deposit": ("UPDATE deposit SET address_to = '0xmine'", "deposit: no entry"),
    "a deposit gone": ("DELETE FROM deposit", "deposits: not there"),
    "a match": ("UPDATE deposit_move SET payment_reference = 'mine'", "deposit_move: no entry"),
    "a match gone": ("DELETE FROM deposit_move", "deposit_moves: not there"),
    "an expectation": ("UPDATE expectation SET address = '0xmine'", "expectation: no entry"),
    "an expectation gone": ("DELETE FROM expectation", "expectations: not there"),
}
ADDED = {
    "event": ("event_key", "'evt-9'"),
    "fact": ("reference", "'pay-9'"),
    "restatement": ("reference", "'pay-9'"),
    "transition": ("version", "2"),
    "mark": ("reason", "'forged'"),
    "notice": ("id", "'n-9'"),
    "dead_letter": ("record_offset", "9"),
    "payment": ("reference", "'pay-9'"),
    "operator_action": ("key", "'k-9'"),
    "reading": ("number", "9"),
    "retraction": ("reading", "9"),
}
# The numbers that a table gives its rows by itself.
GENERATED = {"sequence"}


async def test_nothing_is_wrong_with_what_the_program_wrote(store: Store) -> None:
    """An audit that cries wolf is not read; and each table is in it with all its rows."""
    await fill(store)
    report = await audit(store, await anchor(store), await anchor(store, chain.OPERATOR))
    assert report.problems == []
    assert report.heads == {chain.OPERATOR: 4, CHAIN: 3}
    assert report.entries == 9
    assert report.rows["event"] == 3
    assert report.rows["mark"] == 2
    assert min(report.rows.values()) > 0


@pytest.mark.parametrize("what", CHANGED)
async def test_a_row_changed_or_gone_is_found(store: Store, store_url: str, what: str) -> None:
    """The triggers stop a slip; the owner of the database takes them off first."""
    statement, said = CHANGED[what]
    await fill(store)
    await tamper(store_url, statement)
    found = await texts(store)
    assert any(f": {said}" in one for one in found), found
    # Whatever rests on the table's rows is to know, however many problems are told one by one.
    report = await audit(store)
    table = statement.removeprefix("DELETE FROM ").removeprefix("UPDATE ").split()[0]
    assert report.contradicted[table] > 0
    assert all(one.table for one in report.problems)


@pytest.mark.parametrize("table", ADDED)
async def test_a_row_that_no_batch_wrote_is_found(store: Store, store_url: str, table: str) -> None:
    """A fact that nobody stated would pay for goods; a notice that nobody wrote would ship them."""
    await fill(store)
    changed, value = ADDED[table]
    columns = [name for name in await _columns(store_url, table) if name not in GENERATED]
    chosen = ", ".join(value if name == changed else name for name in columns)
    await tamper(
        store_url,
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {chosen} FROM {table} LIMIT 1",
    )
    found = await texts(store)
    assert any(one.startswith(f" None: {table}: no entry names this row") for one in found), found


async def test_an_old_mark_written_once_more_is_found(store: Store, store_url: str) -> None:
    """The last word on an event counts: a copy of an older word, put last, would overrule it."""
    await fill(store)
    columns = "event_provider, event_account, event_key, judgement, reason, marked_by, at_ms"
    await tamper(store_url, f"INSERT INTO mark ({columns}) SELECT {columns} FROM mark LIMIT 1")
    assert [one for one in await texts(store) if ": mark: no entry names" in one]


async def test_two_marks_in_another_order_are_found(store: Store, store_url: str) -> None:
    """Every row is as it was, and another word is the last."""
    await fill(store)
    await apply(store, Changes(marks=[mark(reason="true after all")]))
    assert await texts(store) == []
    await tamper(
        store_url,
        "UPDATE mark SET reason = CASE reason WHEN 'forged' THEN 'true after all'"
        " WHEN 'true after all' THEN 'forged' ELSE reason END",
    )
    assert [one for one in await texts(store) if ": mark: no entry names" in one]


async def test_an_entry_changed_in_its_place_is_found_by_its_number(
    store: Store, store_url: str
) -> None:
    """The first bad number is where the investigation begins."""
    await fill(store)
    await _rewrite(store_url, 2)
    report = await audit(store)
    assert report.first is not None
    assert (report.first.chain, report.first.seq) == (CHAIN, 2)
    assert "its hash is not that" in report.first.text


@pytest.mark.parametrize("seq", [0, 1, 2])
async def test_an_entry_taken_out_is_a_gap(store: Store, store_url: str, seq: int) -> None:
    """From the first to the one before the last."""
    await fill(store)
    await tamper(store_url, f"DELETE FROM audit WHERE chain = '{CHAIN}' AND seq = {seq}")
    assert f"{CHAIN} {seq}: entry {seq} is not there" in await texts(store)


async def test_two_entries_that_changed_places_are_found(store: Store, store_url: str) -> None:
    """Both are genuine; what was decided first decided what came next."""
    await fill(store)
    await tamper(
        store_url,
        f"UPDATE audit SET seq = seq + 100 WHERE chain = '{CHAIN}' AND seq IN (1, 2)",
        f"UPDATE audit SET seq = 203 - (seq + 100) WHERE chain = '{CHAIN}' AND seq = 101",
        f"UPDATE audit SET seq = 1 WHERE chain = '{CHAIN}' AND seq = 102",
        f"UPDATE audit SET seq = 2 WHERE chain = '{CHAIN}' AND seq < 0",
    )
    found = await texts(store)
    assert any(one.startswith(f"{CHAIN} 1: its bytes are those of another") for one in found), found


async def test_an_end_cut_off_is_found_by_whoever_saw_it(store: Store, store_url: str) -> None:
    """Rows and entries can go together, and so can a day with a backup: only a checkpoint knows."""
    await fill(store, worked=False)
    seen = await anchor(store)
    await _cut(store_url)
    assert await texts(store) == []
    [found] = await texts(store, seen)
    assert found.startswith(f"{CHAIN} 3: the chain ends before it, and the notary saw 3")


async def test_a_chain_written_anew_is_found_by_whoever_saw_it(
    store: Store, store_url: str
) -> None:
    """The fork: hashes all fit, rows and entries agree, and it is another history."""
    await fill(store, worked=False)
    seen = await anchor(store)
    await _cut(store_url)
    epoch = await claimed(store)
    came, changes = whole_batch(7)
    async with store.transaction() as tx:
        await tx.advance(GROUP, [Advance(PARTITION, epoch, 20, 30)])
        await tx.claim([came])
        await tx.save(changes)
    assert await texts(store) == []
    assert await texts(store, seen) == [
        f"{CHAIN} 3: the notary saw another entry here: it was written anew"
    ]


async def test_without_a_chain_nothing_is_vouched_for(store: Store, store_url: str) -> None:
    """Whoever empties the table hopes that nothing to check is nothing wrong."""
    await fill(store)
    await tamper(store_url, "DELETE FROM audit")
    found = await texts(store)
    assert "operator 0: there is no chain: nothing vouches for what is in the tables" in found


async def test_a_chain_of_another_environment_is_refused(store: Store, store_url: str) -> None:
    """A sandbox's history, copied under production's name, proves nothing about production."""
    await fill(store)
    async with store.auditing() as moment:
        report = await Audit(moment, "production", bytes(16)).run()
    assert [one.text for one in report.problems if one.seq == 0] == [
        "it was begun for environment 'sandbox'",
        "it was begun for environment 'sandbox'",
    ]


async def test_from_what_somebody_saw_the_rest_is_enough(store: Store, store_url: str) -> None:
    """Years need not be hashed again every night: what was seen is the beginning."""
    await fill(store, batches=2)
    seen = await anchor(store)
    await _rewrite(store_url, 1)
    report = await audit(store, since=seen)
    assert [one for one in report.problems if one.chain == CHAIN] == []
    assert report.heads[CHAIN] == 2


async def test_rows_of_before_the_chain_are_counted(store: Store, store_url: str) -> None:
    """An old database goes on: nobody vouches for what was there, but for how much it was."""
    await fill(store)
    await tamper(store_url, "DELETE FROM audit")
    await store.open("sandbox")
    report = await audit(store)
    assert report.problems == []
    assert report.before["fact"] == 3
    await apply(store, Changes(), [event("new")])
    assert await texts(store) == []
    await tamper(store_url, "DELETE FROM fact WHERE reference = 'pay-2'")
    assert await texts(store) == [
        "operator 0: fact: 3 rows were there before the chain, and 2 are left"
    ]


async def test_the_chain_and_the_rows_are_one_transaction(store: Store, store_url: str) -> None:
    """A batch that fails after everything was written leaves no entry; the next one fits."""
    await fill(store, batches=1)
    before = await tables(store_url)
    came, changes = whole_batch(5)
    with pytest.raises(LookupError):
        await _broken_off(store, came, changes)
    assert await tables(store_url) == before
    await apply(store, changes, [came])
    assert await texts(store) == []


async def test_a_transaction_that_did_nothing_says_nothing(store: Store) -> None:
    """Repeated commands are not history."""
    await fill(store)
    before = await anchor(store, chain.OPERATOR)
    await apply(store, Changes())
    assert await anchor(store, chain.OPERATOR) == before


async def test_commands_at_once_make_one_chain(store: Store) -> None:
    """Two operators and a timer press the button together: nobody is lost and nobody refused."""
    await asyncio.gather(*(apply(store, Changes(), [event(f"e{n}", offset=n)]) for n in range(12)))
    report = await audit(store)
    assert report.problems == []
    assert report.heads[chain.OPERATOR] == 12


async def test_what_a_later_entry_says_of_an_exception_tells_of_the_batch_before(
    store: Store, store_url: str
) -> None:
    """Who cuts off a batch must undo all that people did to its exceptions: that is elsewhere."""
    await fill(store)
    await _cut(store_url)
    found = await texts(store)
    assert ' None: no entry left it so: ["anomaly",1]' in found


async def test_a_number_of_a_chain_is_given_once(store: Store, store_url: str) -> None:
    """Should a lock ever fail, the number does not: of two that saw one head, one is refused."""
    await fill(store, batches=1)
    with pytest.raises(Exception, match=r"(?i)unique"):
        await run(store_url, "INSERT INTO audit SELECT * FROM audit")


async def test_the_entries_can_be_read_without_this_program(store: Store, store_url: str) -> None:
    """An auditor recomputes the hashes with any tool: SHA-256 of the hash before and the bytes."""
    await fill(store)
    found = sorted((await tables(store_url))["audit"])
    operator = [row for row in found if row[0] == "operator"]
    before = bytes(32)
    for row in operator:
        content, said = row[3], row[4]
        assert isinstance(content, bytes)
        assert sha256(before + content).digest() == said
        before = sha256(before + content).digest()
    first = orjson.loads(next(row[3] for row in found if row[:2] == (CHAIN, 0)))
    assert first["begun"]["environment"] == "sandbox"


async def _broken_off(store: Store, came: Event, changes: Changes) -> None:
    """Fail after everything is written, and before the commit."""
    async with store.transaction() as tx:
        await tx.claim([came])
        await tx.save(changes)
        raise LookupError


async def _columns(url: str, table: str) -> list[str]:
    """Name the columns of a table, without those that number its rows by themselves."""
    numbered = "" if table == "notice" else "id"
    if url.startswith("sqlite"):
        with apsw.Connection(url.removeprefix("sqlite://")) as file:
            found = file.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
        file.close()
    else:
        connection = await asyncpg.connect(url)
        found = await connection.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_name = $1", table
        )
        await connection.close()
    return [str(name) for (name,) in found if name != numbered]


async def _rewrite(url: str, seq: int) -> None:
    """Write other bytes into an entry of the partition's chain."""
    other = "x'7b7d'" if url.startswith("sqlite") else "'{}'"
    await tamper(url, f"UPDATE audit SET bytes = {other} WHERE chain = '{CHAIN}' AND seq = {seq}")


async def _cut(url: str) -> None:
    """Undo the last batch: its entry, every row that it wrote, and what it changed."""
    await tamper(
        url,
        f"DELETE FROM audit WHERE chain = '{CHAIN}' AND seq = 3",
        "UPDATE position SET next_offset = 20",
        "DELETE FROM event WHERE event_key = 'evt-3'",
        "DELETE FROM fact WHERE reference = 'pay-3'",
        "DELETE FROM restatement WHERE reference = 'pay-3'",
        "DELETE FROM payment WHERE reference = 'pay-3'",
        "DELETE FROM transition WHERE reference = 'pay-3'",
        "DELETE FROM notice WHERE id = 'n-3'",
        "DELETE FROM dead_letter WHERE record_offset = 3",
        "DELETE FROM anomaly_evidence WHERE evidence = 'x3'",
        "UPDATE anomaly SET times = 2 WHERE subject = 'pay-1'",
    )
