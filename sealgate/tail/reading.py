"""Read a record of the two topics: an envelope, a notice, or something that is neither. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from consumers import notices
from ingress.contract import cloudevents, topics
from ingress.contract.envelope import Envelope, EnvelopeMalformed
from ingress.eventlog.port import Record, Unreadable


class Content(BaseModel):
    """What a notice says, by version 1. Later fields are nobody's mistake, and are not shown."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    environment: str
    payment: str
    provider: str
    account: str
    reference: str
    version: Annotated[int, Field(ge=0, lt=2**31)]
    before: str | None
    after: str
    effect_key: str | None
    flags: list[str]
    holds: list[str]
    cause: str
    event: str
    event_type: str
    correlation_id: str
    occurred_at: str
    recorded_at: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A notice: its id and type by its headers, and what it says."""

    id: str
    type: str
    content: Content


@dataclass(frozen=True, slots=True)
class Unread:
    """What is neither an envelope nor a notice, and why. It quotes nothing of the record."""

    why: str


Entry = Envelope | Heard | Unread


def read(record: Record, environment: str) -> Entry:
    """Read a record of the verified or the lifecycle topic. Raises nothing."""
    if isinstance(record, Unreadable):
        return Unread(record.reason)
    try:
        if record.position.partition.topic == topics.lifecycle(environment):
            return _notice(record, environment)
        return Envelope.decode(record.headers, record.value)
    except EnvelopeMalformed as malformed:
        return Unread(f"no envelope: {malformed}")


def _notice(record: Record, environment: str) -> Entry:
    try:
        headers = cloudevents.from_headers(record.headers)
        cloudevents.check_version(headers, "sealgatenotice", {notices.VERSION})
        heard = Heard(headers["id"], headers["type"], Content.model_validate_json(record.value))
    except KeyError as missing:
        return Unread(f"no notice: the header ce_{missing.args[0]} is missing")
    except ValidationError as wrong:
        # Its own words quote what it found.
        places = ".".join(str(part) for part in wrong.errors()[0]["loc"])
        return Unread(f"no notice: its value is wrong at {places or 'the beginning'}")
    except ValueError as wrong:
        return Unread(f"no notice: {wrong}")
    told = heard.content
    if told.environment != environment:
        return Unread(f"no notice: it is of the environment {told.environment!r}")
    return heard if _agree(headers, told) else Unread("no notice: its headers are of another one")


def _agree(headers: Mapping[str, str], told: Content) -> bool:
    """Say whether subscribers that read the headers hear what those hear that read the value."""
    names = ("environment", "paymentversion", "effectkey")
    return tuple(map(headers.get, names)) == (told.environment, str(told.version), told.effect_key)
