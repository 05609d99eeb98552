"""What was closed so far, as the chain says, and what is kept of a close. Pure.

A close is an action of the audit log: which month, by whose clocks, as of which entries, and the
digest of the package's manifest. Its key is made of the month, so none is closed twice.
"""

import json
from typing import Any, NamedTuple

from sealgate.entering import Entry
from sealgate.exports.periods import Closed, Period
from sealgate.exports.recorded import Act, AsOf, Recorded, Seen

NAME = "close"
REASON = "period_closed"
# In the row of an action.
_KEY, _NAME, _BY, _ROLE, _APPROVED, _NOTE, _DETAIL = 0, 1, 6, 7, 8, 10, 11


class Approvals(NamedTuple):
    """Who closed a month, and who agreed."""

    by: str
    role: str
    second: str
    second_role: str
    note: str


def key_of(period: str) -> str:
    """Name the close of a month."""
    return f"{NAME}/{period}"


def entry_of(period: Period, as_of: AsOf, package: str, second_role: str) -> Entry:
    """Say what is kept of a close."""
    detail = {
        "period": period.name,
        "timezone": period.zone,
        "package": package,
        "second_role": second_role,
        "as_of": {name: list(seen) for name, seen in as_of.items()},
    }
    return Entry(NAME, REASON, json.dumps(detail, sort_keys=True))


def closed_of(recorded: Recorded) -> list[Closed]:
    """Return the months that were closed, as of these entries, by their names."""
    found = [_closed(row) for act in recorded.acts for row in _closes(act)]
    return sorted(found, key=lambda one: one.period)


def approvals_of(recorded: Recorded, key: str) -> Approvals:
    """Return who closed a month that is closed."""
    [row] = [row for act in recorded.acts for row in _closes(act) if row[_KEY] == key]
    told = json.loads(row[_DETAIL])
    return Approvals(row[_BY], row[_ROLE], row[_APPROVED], told["second_role"], row[_NOTE])


def _closes(act: Act) -> list[Any]:
    return [row for row in act.said.get("actions", ()) if row[_NAME] == NAME]


def _closed(row: Any) -> Closed:
    told = json.loads(row[_DETAIL])
    as_of = {name: Seen(*seen) for name, seen in told["as_of"].items()}
    return Closed(told["period"], told["timezone"], as_of, told["package"], row[_KEY])
