# /// script
# requires-python = ">=3.11"
# dependencies = ["aiokafka>=0.14"]
# ///
"""A service downstream of Sealgate: hears what became of payments, and lets goods go once.

    pip install aiokafka
    python subscriber.py --bootstrap broker:9092 --environment prod --group shop --database shop.db

Notices flow in from `payments.<environment>.lifecycle`; rows flow into this service's own database.
The log delivers at least once, so what happens once is decided here: each notice is taken in one
transaction, with its id, and only then is its offset committed. A crash between the two brings the
notice again, and its id is known. Kafka is never asked what was done; the database is.
"""

import argparse
import asyncio
import json
import logging
import signal
import sqlite3
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

log = logging.getLogger("subscriber")
# SQLite stands for the database you have. Where several instances share the work, it is shared too.
SCHEMA = """
CREATE TABLE IF NOT EXISTS heard (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS payments (payment TEXT PRIMARY KEY, version INTEGER, state TEXT);
CREATE TABLE IF NOT EXISTS missing (payment TEXT, version INTEGER, PRIMARY KEY (payment, version));
CREATE TABLE IF NOT EXISTS shipments (effect_key TEXT PRIMARY KEY, payment TEXT);
CREATE TABLE IF NOT EXISTS recalls (notice TEXT PRIMARY KEY, payment TEXT, state TEXT);
"""
ALONE = ("com.sealgate.payment.held", "com.sealgate.payment.released")


def take(db: sqlite3.Connection, headers: dict[str, str], value: bytes) -> str:
    """Take one notice, all of it or nothing of it; return what came of it."""
    if headers.get("ce_sealgatenotice") != "1":
        raise SystemExit(f"{headers.get('ce_id')}: a version of notices that this does not know")
    notice = json.loads(value)
    payment, version = notice["payment"], notice["version"]
    with db:
        if not db.execute("INSERT OR IGNORE INTO heard VALUES (?)", (headers["ce_id"],)).rowcount:
            return "heard before"
        row = db.execute("SELECT version FROM payments WHERE payment = ?", (payment,)).fetchone()
        known = row[0] if row else 0
        # A hold that is placed or let go has the version of the move before it, and is no move.
        is_move = headers["ce_type"] not in ALONE
        gap = [(payment, number) for number in range(known + 1, version + (not is_move))]
        db.executemany("INSERT INTO missing VALUES (?, ?)", gap)
        if is_move:
            found = (payment, version)
            db.execute("DELETE FROM missing WHERE payment = ? AND version = ?", found)
        if version < known:
            return "older than what is known"
        db.execute("REPLACE INTO payments VALUES (?, ?, ?)", (payment, version, notice["after"]))
        if notice["effect_key"]:
            # Whoever sends the goods takes rows from here, with the key as theirs for "once".
            effect = (notice["effect_key"], payment)
            db.execute("INSERT OR IGNORE INTO shipments VALUES (?, ?)", effect)
        if notice["after"] in {"Reversed", "Refunded"}:
            recall = (headers["ce_id"], payment, notice["after"])
            db.execute("INSERT INTO recalls VALUES (?, ?, ?)", recall)
    return f"GAP: {len(gap)} missing before it" if gap else f"{notice['after']}, {version}"


async def run(asked: argparse.Namespace) -> None:
    """Read until somebody says stop."""
    db = sqlite3.connect(asked.database)
    db.executescript(SCHEMA)
    consumer = AIOKafkaConsumer(
        f"payments.{asked.environment}.lifecycle",
        bootstrap_servers=asked.bootstrap,
        group_id=asked.group,
        # An instance with a name has its partitions back at once when it is started again.
        group_instance_id=asked.instance,
        enable_auto_commit=False,
        # A group that is new, or was away for longer than the log keeps anything.
        auto_offset_reset="earliest",
    )
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await consumer.start()
    try:
        while not stopping.is_set():
            batches = await consumer.getmany(timeout_ms=500, max_records=100)
            for partition, records in batches.items():
                for record in records:
                    headers = {name: text.decode() for name, text in record.headers}
                    said = take(db, headers, record.value)
                    log.info("%s: %s", headers["ce_id"], said)
                await commit(consumer, partition, records[-1].offset + 1)
    finally:
        await consumer.stop()
        db.close()


async def commit(consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int) -> None:
    """Tell Kafka where to begin next time; where it does not hear that, ids are heard before."""
    try:
        await consumer.commit({partition: offset})
    except KafkaError as error:
        log.warning("not committed, and will be read again: %s", error)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Hear of payments, and let goods go once.")
    parser.add_argument("--bootstrap", default="127.0.0.1:9092")
    parser.add_argument("--environment", required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--instance")
    parser.add_argument("--database", type=Path, required=True)
    logging.basicConfig(format="%(message)s")
    log.setLevel(logging.INFO)
    asyncio.run(run(parser.parse_args()))
