"""Numbered SQL files bring a database up to date; this module decides which are still to run. Pure.

`sql/<dialect>/NNNN_<name>.sql` are the migrations, applied in order and recorded with the SHA-256
of their text. A file that was applied is never edited: a database built from another text than ours
is refused, and so is one that a newer version has been at, because neither is the schema that this
code was tested with. `sql/<dialect>/schema.sql` says where the migrations lead, with comments, for
people; a test holds the two together.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Literal

from consumers.store.port import WrongDatabase, WrongEnvironment
from ingress.contract import topics

Dialect = Literal["sqlite", "postgres"]

_FILE = re.compile(r"(\d{4})_[a-z_]+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema."""

    number: int
    name: str
    checksum: str
    sql: str


def migration(name: str, sql: str) -> Migration:
    """Make a migration of a file's name and text."""
    return Migration(int(name[:4]), name, sha256(sql.encode()).hexdigest(), sql)


@cache
def migrations(dialect: Dialect) -> tuple[Migration, ...]:
    """Return this version's migrations, in order."""
    folder = files("consumers.store").joinpath("sql", dialect)
    found = (file for file in folder.iterdir() if _FILE.fullmatch(file.name))
    return tuple(
        sorted(
            (migration(file.name, file.read_text(encoding="utf-8")) for file in found),
            key=lambda step: step.number,
        )
    )


def outstanding(known: tuple[Migration, ...], applied: Mapping[int, str]) -> tuple[Migration, ...]:
    """Return what is still to be applied, given the numbers and checksums that were.

    Raises `WrongDatabase` if the database was built by other files than these.
    """
    newer = applied.keys() - {step.number for step in known}
    if newer:
        raise WrongDatabase(
            f"the schema is at {max(newer)} and this version knows {known[-1].number}:"
            " install the newer version, or restore the backup made before it"
        )
    for step in known:
        if applied.get(step.number, step.checksum) != step.checksum:
            raise WrongDatabase(
                f"{step.name} is not the file that built this database: put the file back,"
                " and write the change as a new migration"
            )
    return tuple(step for step in known if step.number not in applied)


def check_environment(owner: str, environment: str, read: Iterable[str]) -> None:
    """Raise `WrongEnvironment` unless the database is `environment`'s own.

    `read` are the topics it was filled from: they tell a copy of another environment's database,
    whatever somebody wrote over its owner.
    """
    if owner != environment:
        raise WrongEnvironment(
            f"the database belongs to environment {owner!r} and this process serves"
            f" {environment!r}: give it a database of its own"
        )
    begin = topics.verified(environment).removesuffix("verified")
    foreign = sorted(topic for topic in read if not topic.startswith(begin))
    if foreign:
        raise WrongEnvironment(
            f"the database says it belongs to {environment!r} and was filled from {foreign[0]}:"
            " it is a copy of another environment's; give this one a database of its own"
        )
