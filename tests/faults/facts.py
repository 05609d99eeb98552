"""What is really there, read past Sealgate: the log's records, the database's rows, the notices.

Rows are read with SQL of our own. A trigger of ours writes down each verdict that a transaction
commits: the database itself counts how often an event took effect, whatever the gateway believes.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import apsw
import asyncpg
import orjson

from consumers.store import connect as store_connect
from ingress.contract import cloudevents, topics
from ingress.contract.envelope import Envelope, EnvelopeMalformed
from ingress.eventlog import connect as log_connect
from ingress.eventlog.port import EventLog, Position, Record
from tests.faults.history import EventName, PaymentName
from tests.faults.rules import Facts, Logged, Move, Notice

READ_MAX = 5000
_COUNT_SQLITE = """
CREATE TABLE IF NOT EXISTS fault_verdict (provider TEXT, event_key TEXT);
CREATE TRIGGER IF NOT EXISTS fault_updated AFTER UPDATE OF verdict ON event
BEGIN INSERT INTO fault_verdict VALUES (new.provider, new.event_key); END;
CREATE TRIGGER IF NOT EXISTS fault_inserted AFTER INSERT ON event WHEN new.verdict IS NOT NULL
BEGIN INSERT INTO fault_verdict VALUES (new.provider, new.event_key); END;
CREATE TABLE IF NOT EXISTS fault_backwards (topic TEXT, partition INTEGER);
CREATE TRIGGER IF NOT EXISTS fault_moved_back AFTER UPDATE OF next_offset ON position
WHEN new.next_offset < old.next_offset
BEGIN INSERT INTO fault_backwards VALUES (new.topic, new.partition); END;
"""
_COUNT_POSTGRES = """
CREATE TABLE fault_verdict (provider text, event_key text);
CREATE FUNCTION fault_count() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.verdict IS NOT NULL THEN
        INSERT INTO fault_verdict VALUES (new.provider, new.event_key);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fault_verdicts AFTER INSERT OR UPDATE OF verdict ON event
FOR EACH ROW EXECUTE FUNCTION fault_count();
"""


class Database:
    """The store's database, asked directly."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._file = Path(url.removeprefix("sqlite://")) if url.startswith("sqlite:") else None

    async def prepare(self, environment: str) -> None:
        """Make the schema as the gateway does, and the trigger that counts."""
        store = store_connect.connect(self.url)
        await store.open(environment)
        await store.close()
        if self._file is None:
            connection = await asyncpg.connect(self.url)
            await connection.execute(_COUNT_POSTGRES)
            await connection.close()
        else:
            with apsw.Connection(str(self._file)) as file:
                file.execute(_COUNT_SQLITE)
            file.close()

    async def rows(self, sql: str) -> Sequence[Sequence[object]]:
        """Read rows."""
        if self._file is None:
            connection = await asyncpg.connect(self.url)
            try:
                return [tuple(row) for row in await connection.fetch(sql)]
            finally:
                await connection.close()
        file = apsw.Connection(str(self._file), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            file.set_busy_timeout(5000)
            return list(file.execute(sql))
        finally:
            file.close()


async def collect(log: EventLog, environment: str, database: Database | None) -> Facts:
    """Read everything; without a database no consumers ran."""
    found = [_logged(one) for one in await records(log, topics.verified(environment))]
    logged = [one for one in found if one is not None]
    if database is None:
        return Facts(logged, applies=False)
    decided = Counter(
        EventName(*row)
        for row in await database.rows("SELECT provider, event_key FROM fault_verdict")
    )
    inbox = await database.rows("SELECT provider, event_key, reference FROM event")
    payments = await database.rows("SELECT provider, reference, state, version FROM payment")
    moves = await database.rows(
        "SELECT provider, reference, version, before, after, event_provider, event_key"
        " FROM transition"
    )
    return Facts(
        logged=logged,
        inbox={EventName(provider, key): reference for provider, key, reference in inbox},
        decided=decided,
        payments={PaymentName(*row[:2]): (row[2], row[3]) for row in payments},
        moves=[Move(PaymentName(*row[:2]), *row[2:5], EventName(*row[5:])) for row in moves],
        notices=[_notice(one) for one in await records(log, topics.lifecycle(environment))],
    )


async def settled(log: EventLog, environment: str, database: Database) -> str:
    """Say what is still on its way between the log, the database and downstream; "" if nothing."""
    topic = topics.verified(environment)
    ends = {part.number: end for part, end in (await log.ends(topic)).items()}
    rows = await database.rows(
        f"SELECT partition, next_offset FROM position WHERE topic = '{topic}'"
    )
    read = {number: offset or 0 for number, offset in rows}
    behind = sum(max(0, end - read.get(number, 0)) for number, end in ends.items())
    sql = "SELECT count(*) FROM notice WHERE NOT delivered"
    if database.url.startswith("sqlite:"):
        sql = "SELECT count(*) FROM notice WHERE delivered = 0"
    ((waiting,),) = await database.rows(sql)
    return f"{behind} records to apply, {waiting} notices to tell" if behind or waiting else ""


async def records(log: EventLog, topic: str) -> list[Record]:
    """Read a whole topic; a log that has lost its topic has lost all of its records."""
    if topic not in await log.topics():
        return []
    ends = await log.ends(topic)
    found: list[Record] = []
    for partition, begin in (await log.begins(topic)).items():
        at = begin
        while at < ends[partition]:
            some = await log.read(Position(partition, at), READ_MAX)
            found += some
            at = some[-1].position.offset + 1 if some else ends[partition]
    return found


def opened(url: str) -> EventLog:
    """Open the log from here, on a way of our own."""
    return log_connect.connect(url)


def _logged(record: Record) -> Logged | None:
    """Read an event of the log; somebody may have put there what is none."""
    try:
        envelope = Envelope.decode(record.headers, record.value)
    except EnvelopeMalformed:
        return None
    digest = hashlib.sha256(record.value).hexdigest()
    return Logged(EventName(envelope.provider, envelope.event_key), digest)


def _notice(record: Record) -> Notice:
    said = orjson.loads(record.value)
    payment = PaymentName(said["provider"], said["reference"])
    known = cloudevents.from_headers(record.headers)
    return Notice(known["id"], payment, said["version"], said["after"])
