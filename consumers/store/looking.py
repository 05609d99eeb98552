"""What keeps somebody from looking at a database that a worker would make, or bring up to date.

Looking changes nothing: a report on a database that was made for it would say that nothing ever
happened, and a new version that migrates in order to show something stops the old workers.
"""

from collections.abc import Mapping

from consumers.store.port import StoreUnavailable, WrongDatabase
from consumers.store.schema import Dialect, migrations, outstanding


class NotMade(StoreUnavailable):
    """There is nothing yet: the first worker that starts makes the database and owns it."""


class OlderSchema(WrongDatabase):
    """This version cannot read it yet: its first worker that starts brings it up to date."""


def check_schema(dialect: Dialect, applied: Mapping[int, str]) -> None:
    """Raise `NotMade`, `OlderSchema` or `WrongDatabase` unless the schema is this version's."""
    known = migrations(dialect)
    if not applied:
        raise NotMade("the database is empty: the first worker that starts makes its tables")
    if outstanding(known, applied):
        raise OlderSchema(
            f"the schema is at {max(applied)} and this version reads {known[-1].number}: start the"
            " workers of this version first, they bring it up to date"
        )


def check_owner(owner: str | None) -> str:
    """Return who owns the database. Raises `NotMade` where nobody does."""
    if owner is None:
        raise NotMade("no environment owns the database yet: the first worker that starts does")
    return owner
