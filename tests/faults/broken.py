"""The gateway with one protection switched off: ``python -m tests.faults.broken NAME serve ...``.

A process of its own, so that nothing of it is left in a test; of the gateway nothing is changed but
what a name below says. The history checker must go red for each of them, under the fault that the
protection is for: a check that passes without what it guards checks nothing.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sealgate.__main__ import main

_KEPT: list[object] = []  # as long as the process lives
FULL = 2  # what ``PRAGMA synchronous`` answers for FULL


def ack_before_publish() -> None:
    """Answer before the log has the event: a 2xx is then a hope."""
    from ingress.eventlog.kafka_publisher import KafkaPublisher
    from ingress.eventlog.port import UNPLACED, Message, Partition, Position

    plain = KafkaPublisher.publish

    def publish(self: KafkaPublisher, message: Message) -> asyncio.Future[Position]:
        plain(self, message).add_done_callback(_ignore)
        done: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        done.set_result(Position(Partition(message.topic, 0), UNPLACED))
        return done

    KafkaPublisher.publish = publish


def claim() -> None:
    """Take every delivery of an event for the first."""
    from consumers.store.port import Event, EventKey
    from consumers.store.postgres_transaction import PostgresTransaction
    from consumers.store.sqlite import SqliteTransaction

    for transaction in (PostgresTransaction, SqliteTransaction):
        plain = transaction.claim

        async def take(self: object, events: Sequence[Event], plain=plain) -> frozenset[EventKey]:
            await plain(self, events)
            return frozenset(event.key for event in events)

        transaction.claim = take


def fence() -> None:
    """Move positions without asking whose they are, or where they were."""
    from consumers.store import postgres_sql, sqlite_sql

    for statements, fenced, anybody in (
        (sqlite_sql, "AND epoch = ?4 AND next_offset IS ?5", "AND (?4, ?5) IS (?4, ?5)"),
        (
            postgres_sql,
            "AND p.epoch = a.epoch AND p.next_offset IS NOT DISTINCT FROM a.expected",
            "",
        ),
    ):
        assert statements.ADVANCE.count(fenced) == 1, "the statement is another: follow it here"
        statements.ADVANCE = statements.ADVANCE.replace(fenced, anybody)


def fsync() -> None:
    """Commit without waiting for the disk, and say that the disk was waited for."""
    import apsw

    class Lax(apsw.Connection):
        """Is told FULL, answers FULL, and is NORMAL."""

        def pragma(self, name: str, *value: object, **more: object) -> object:
            if name != "synchronous":
                return super().pragma(name, *value, **more)
            return super().pragma(name, "normal") if value else FULL

    apsw.Connection = Lax


def bury() -> None:
    """Drop what can never be applied, as if it had not been there."""
    from consumers.lifecycle import Verdict
    from consumers.plan import Outcome, _Batch
    from consumers.reading import Buried

    def drop(_: _Batch, reading: Buried) -> Outcome:
        return Outcome(reading.record.position, Verdict.BURIED, None, reason=reading.reason)

    _Batch._bury = drop


def freeze() -> None:
    """Take nothing away: stop with a batch in hand, once the file `FAULTS_FREEZE` is there.

    The kernel stops the process, and only SIGCONT lets it go on: a pause of any length.
    """
    from consumers.apply import Applier

    plain = Applier.apply
    flag = Path(os.environ["FAULTS_FREEZE"])

    async def apply(self: Applier, records: Sequence[object], claims: object) -> object:
        if records:
            _stop_if(flag)
        return await plain(self, records, claims)

    Applier.apply = apply


def _stop_if(flag: Path) -> None:
    if flag.exists():
        flag.unlink()
        os.kill(os.getpid(), signal.SIGSTOP)


def _ignore(future: "asyncio.Future[object]") -> None:
    if not future.cancelled():
        future.exception()


def skew() -> None:
    """Take nothing away: the clock is off by `FAULTS_SKEW_MS`, and so is every time we note."""
    from ingress import telemetry

    plain, off_ms = telemetry.now_ms, int(os.environ["FAULTS_SKEW_MS"])

    def now_ms() -> int:
        return plain() + off_ms

    telemetry.now_ms = now_ms


def platter() -> None:
    """Take nothing away: what SQLite has synced, and only that, is copied to `FAULTS_PLATTER`.

    After a kill the copy is what a power cut would have left.
    """
    from tests.support.disk import Disk

    directory = Path(os.environ["FAULTS_PLATTER"])
    directory.mkdir(exist_ok=True)
    _KEPT.append(Disk(directory))


PROTECTIONS: dict[str, Callable[[], None]] = {
    "ack-before-publish": ack_before_publish,
    "bury": bury,
    "claim": claim,
    "fence": fence,
    "freeze": freeze,
    "fsync": fsync,
    "platter": platter,
    "skew": skew,
}

if __name__ == "__main__":
    for name in sys.argv.pop(1).split(","):
        PROTECTIONS[name]()
    main()
