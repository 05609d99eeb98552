"""What a change of a key is, and whether it should be: the settings that it writes. Pure.

A source's settings and what the operator asked for flow in; the lines to set flow out with what the
operator should know, or `Refused`, with what to do instead.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ingress.keyring import Status
from ingress.settings import KEY_ID, KeySettings, SourceSettings
from sealgate.keys import instants


class Refused(Exception):
    """The change would do harm, or nothing; the message says what to do instead."""


@dataclass(frozen=True, slots=True)
class New:
    """A key to add, as the command line says it. Raises `ValueError` for an id that is none."""

    id: str
    status: Status = Status.ACTIVE
    not_before: datetime | None = None
    not_after: datetime | None = None
    role: str = "verify"
    kid: str = ""

    def __post_init__(self) -> None:
        # It becomes the name of a file. It is not quoted: it may be the secret, in the wrong place.
        if not re.fullmatch(KEY_ID, self.id):
            raise ValueError(
                "the id of a key is 1-64 of A-Z, a-z, 0-9, '.', '_' and '-', and begins with a"
                " letter or a digit: choose another"
            )


@dataclass(frozen=True, slots=True)
class Expected:
    """What an edge shows of a key once a change is in force."""

    slug: str
    key_id: str
    role: str
    status: Status
    not_before_ms: int | None = None
    not_after_ms: int | None = None


def added(source: SourceSettings, new: New, file: Path) -> dict[str, str | datetime]:
    """Return the table of a new key. Raises `Refused`."""
    if any(key.id == new.id for key in source.key):
        raise Refused(
            f"source {source.slug!r} has a key {new.id!r} already; an id is never used twice, for"
            " events and metrics tell keys by it"
        )
    table: dict[str, str | datetime] = {"id": new.id, "file": str(file)}
    if new.kid:
        table["kid"] = new.kid
    if new.role != "verify":
        table["role"] = new.role
    if new.status is not Status.ACTIVE:
        table["status"] = new.status.value
    if new.not_before is not None:
        table["not_before"] = new.not_before
    if new.not_after is not None:
        table["not_after"] = new.not_after
    return table


def retired(
    source: SourceSettings, key_id: str, not_after: datetime, *, fetches: bool
) -> dict[str, str | datetime]:
    """Return what to set for a key to prove nothing from `not_after` on. Raises `Refused`.

    `fetches` says whether the source has keys beside those that are configured.
    """
    key = find(source, key_id)
    if key.role != "verify":
        raise Refused(
            f"key {key_id!r} has the role {key.role}, which knows no window: revoke it when its"
            " successor is there"
        )
    if key.status is Status.REVOKED:
        raise Refused(f"key {key_id!r} is revoked; that is final, for whoever has it may use it")
    if key.not_before is not None and key.not_before >= not_after:
        raise Refused(
            f"the window of key {key_id!r} opens at {instants.iso(key.not_before)}, when it would"
            " be closed: revoke it, or name a later --not-after"
        )
    others = (one for one in source.key if one.id != key_id)
    if not fetches and not any(_is_usable(one, not_after) for one in others):
        raise Refused(
            f"no other key of source {source.slug!r} would be usable at {instants.iso(not_after)},"
            " and every delivery would be refused from then on: add the new key first"
            f" (sealgate keys add {source.slug} NEW_ID --secret-file FILE)"
        )
    return {"status": Status.VERIFY_ONLY.value, "not_after": not_after}


def revoked(source: SourceSettings, key_id: str, at: datetime) -> dict[str, str | datetime]:
    """Return what to set for a key to prove nothing from `at` on. Raises `Refused`.

    The status is what counts at an edge. The instant is for later: `evidence` holds against it what
    names the key. It is left out where a window already ends before, or would never have begun.
    """
    key = find(source, key_id)
    if key.status is Status.REVOKED:
        raise Refused(f"key {key_id!r} of source {source.slug!r} is revoked already")
    table: dict[str, str | datetime] = {"status": Status.REVOKED.value}
    has_begun = key.not_before is None or key.not_before < at
    ends_later = key.not_after is None or key.not_after > at
    if key.role == "verify" and has_begun and ends_later:
        table["not_after"] = at
    return table


def leaves_none(source: SourceSettings, key_id: str, at: datetime) -> bool:
    """Say whether a source has no other configured key to verify with at a moment."""
    return not any(_is_usable(one, at) for one in source.key if one.id != key_id)


def find(source: SourceSettings, key_id: str) -> KeySettings:
    """Return a key of a source. Raises `Refused`."""
    for key in source.key:
        if key.id == key_id:
            return key
    known = ", ".join(key.id for key in source.key) or "none"
    raise Refused(f"source {source.slug!r} has no key of that id; it has: {known}")


def expected(source: SourceSettings, key_id: str, table: Mapping[str, object]) -> Expected:
    """Return what an edge shows once `table` is in force over what was said of the key before."""
    before = next((key for key in source.key if key.id == key_id), None)
    said = {} if before is None else before.model_dump()
    said |= table
    return Expected(
        source.slug,
        key_id,
        str(said.get("role", "verify")),
        Status(said.get("status", Status.ACTIVE)),
        _ms(said.get("not_before")),
        _ms(said.get("not_after")),
    )


def _ms(moment: object) -> int | None:
    return instants.ms(moment) if isinstance(moment, datetime) else None


def _is_usable(key: KeySettings, at: datetime) -> bool:
    if key.role != "verify" or key.status is Status.REVOKED:
        return False
    is_open = key.not_before is None or key.not_before <= at
    return is_open and (key.not_after is None or at < key.not_after)
