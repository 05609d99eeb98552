"""What stands at a place in the log: which event, or which notice.

A redelivery has a place of its own, and the store keeps that of the first delivery alone; a notice
has one on the topic that downstream services read. The record itself says which event or which
notice it is, for as long as the log keeps it.
"""

from consumers.store.port import EventKey
from ingress.contract import topics
from ingress.contract.envelope import Envelope, EnvelopeMalformed
from ingress.eventlog.port import EventLog, Position, PositionLost, Record, Unreadable
from sealgate.config import Configuration
from sealgate.exposure import addresses
from sealgate.logs import open_log
from sealgate.story.search import read_place

_NAME = "ce_id"


async def name_at(configuration: Configuration, text: str) -> str | None:
    """Return the name of the event or notice at a place; None where `text` names no such place.

    Raises `LogUnavailable`.
    """
    position, environment = read_place(text), configuration.settings.environment
    if position is None:
        return None
    topic = position.partition.topic
    if topic not in {topics.verified(environment), topics.lifecycle(environment)}:
        return None
    log = open_log(configuration)
    try:
        record = await _read(log, position)
    finally:
        await log.close()
    if record is None:
        return None
    return _notice(record) if topic == topics.lifecycle(environment) else _event(record)


async def _read(log: EventLog, position: Position) -> Record | None:
    """Read one record; None where it was never written, is forgotten, or cannot be read."""
    if position.offset >= (await log.ends(position.partition.topic)).get(position.partition, 0):
        return None
    try:
        found = await log.read(position, 1)
    except PositionLost:
        return None
    read = (one for one in found if one.position == position and not isinstance(one, Unreadable))
    return next(read, None)


def _event(record: Record) -> str | None:
    """Name the event of an envelope."""
    try:
        envelope = Envelope.decode(record.headers, record.value)
    except EnvelopeMalformed:
        return None
    return addresses.write(EventKey(envelope.provider, envelope.account, envelope.event_key))


def _notice(record: Record) -> str | None:
    """Name a notice: it says so itself."""
    names = [value.decode("utf-8", "replace") for name, value in record.headers if name == _NAME]
    return names[0] if names else None
