"""A service downstream of Sealgate: hears what became of payments, and lets goods go once.

    python subscriber.py --bootstrap broker:9092 --environment prod --group shop --database shop.db

Notices flow in from `payments.<environment>.lifecycle`; rows flow into this service's own database.
The log delivers at least once, so what happens once is decided here: each notice is taken in one
transaction, with its id, and only then is its offset committed. A crash between the two brings the
notice again, and its id is known. What is no notice is set aside, whole, for people to look at.
"""

import argparse
import asyncio
import json
import signal
import sqlite3
from contextlib import closing

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError

# SQLite stands for the database you have. Where several instances share the work, it is shared too.
SCHEMA = """
CREATE TABLE IF NOT EXISTS heard (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS payments (payment TEXT PRIMARY KEY, version INT, state TEXT, due TEXT);
CREATE TABLE IF NOT EXISTS missing (payment TEXT, version INT, PRIMARY KEY (payment, version));
CREATE TABLE IF NOT EXISTS shipments (effect_key TEXT PRIMARY KEY, payment TEXT);
CREATE TABLE IF NOT EXISTS recalls (notice TEXT PRIMARY KEY, payment TEXT, state TEXT);
CREATE TABLE IF NOT EXISTS strange (place TEXT PRIMARY KEY, why TEXT, headers TEXT, value BLOB);
"""
ALONE = ("com.sealgate.payment.held", "com.sealgate.payment.released")
KNOWN = "SELECT coalesce(max(version), 0) FROM payments WHERE payment = ?"
GAP_MAX = 1000  # no payment moves so often
NO_NOTICE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


def take(db: sqlite3.Connection, headers: dict[str, str], value: bytes) -> str:
    """Take one notice, all of it or nothing of it; return what came of it."""
    name, is_move = headers["ce_id"], headers["ce_type"] not in ALONE
    if headers["ce_sealgatenotice"] != "1":
        raise SystemExit(f"{name!a}: a version of notices that this does not know")
    notice = json.loads(value)
    payment, version, after = notice["payment"], notice["version"], notice["after"]
    told = (notice["environment"], str(version), due := notice["effect_key"])
    said = [headers.get(f"ce_{word}") for word in ("environment", "paymentversion", "effectkey")]
    if not name or [*told] != said or type(payment) is not str or type(after) is not str:
        raise ValueError("it has no id, or its headers and its value are of two notices")
    with db:
        if not db.execute("INSERT OR IGNORE INTO heard VALUES (?)", (name,)).rowcount:
            return "heard before"
        (known,) = db.execute(KNOWN, (payment,)).fetchone()
        if not is_move <= version <= known + GAP_MAX:
            raise ValueError(f"no version that can be, behind {known}")
        # A hold that is placed or let go has the version of the move before it, and is no move.
        gap = [(payment, number) for number in range(known + 1, version + (not is_move))]
        db.executemany("INSERT INTO missing VALUES (?, ?)", gap)
        if is_move:
            db.execute("DELETE FROM missing WHERE payment = ? AND version = ?", (payment, version))
        # A move with the very version that is known was missed, and a hold behind it was not.
        if version < known + is_move:
            return "older than what is known"
        db.execute("REPLACE INTO payments VALUES (?, ?, ?, ?)", (payment, version, after, due))
        if due:
            # While it is what its payment has as due, somebody sends it, by this key, and so once.
            db.execute("INSERT OR IGNORE INTO shipments VALUES (?, ?)", (due, payment))
        if after in {"Reversed", "Refunded"}:
            db.execute("INSERT INTO recalls VALUES (?, ?, ?)", (name, payment, after))
    return f"GAP: {len(gap)} missing before it" if gap else f"{after}, {version}"


def handle(db: sqlite3.Connection, environment: str, record: ConsumerRecord) -> str:
    """Take a record. What is no notice of this environment does nothing, and is kept."""
    try:
        headers = {name: text.decode() for name, text in record.headers}
        if headers["ce_environment"] != environment:
            raise ValueError("it is of another environment")
        return f"{headers['ce_id']}: {take(db, headers, record.value)}"
    except NO_NOTICE as why:
        place = f"{record.topic}/{record.partition}/{record.offset}"
        with db:
            kept = (place, repr(why), repr(record.headers), record.value)
            db.execute("REPLACE INTO strange VALUES (?, ?, ?, ?)", kept)
        return f"STRANGE, and set aside: {place}: {why!r}"


async def run(asked: argparse.Namespace, db: sqlite3.Connection) -> None:
    """Read until somebody says stop."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    names = {"group_id": asked.group, "group_instance_id": asked.instance}
    # "earliest" is for a group that is new, or was away for longer than the log keeps anything.
    how = {"enable_auto_commit": False, "auto_offset_reset": "earliest", **names}
    topic = f"payments.{asked.environment}.lifecycle"
    async with AIOKafkaConsumer(topic, bootstrap_servers=asked.bootstrap, **how) as consumer:
        while not stopping.is_set():
            try:
                # One by one: so what stands before a record that no client can read is taken.
                batches = await consumer.getmany(timeout_ms=500, max_records=1)
            except (KafkaError, ValueError) as error:
                at = {one: await consumer.position(one) for one in consumer.assignment()}
                raise SystemExit(f"cannot be read by this client, at {at}: {error!r}") from error
            for partition, (record,) in batches.items():
                # Escaped: no terminal must act upon what comes from outside.
                print(ascii(handle(db, asked.environment, record))[1:-1], flush=True)
                try:
                    await consumer.commit({partition: record.offset + 1})
                except KafkaError as error:
                    print(f"not committed, and will be read again: {error}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Hear of payments, and let goods go once.")
    for flag in ("--bootstrap", "--environment", "--group", "--database"):
        parser.add_argument(flag, required=True)
    parser.add_argument("--instance", help="with a name it has its partitions back at once")
    said = parser.parse_args()
    with closing(sqlite3.connect(said.database)) as ours:
        ours.executescript(SCHEMA)
        asyncio.run(run(said, ours))
