"""The commands about the exception queue: look at it, and work an item of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from sealgate.commands.context import DEFAULT_CONFIG, configured

if TYPE_CHECKING:
    from consumers.casework import Change
    from sealgate.flags import Config, Count, Deciding, Picking

SUMMARY = "The queue of exceptions: list, report, show, assign, wait, note, resolve, write-off."


def exceptions_list(
    *,
    picked: "Picking" = None,
    closed: bool = False,
    after: str = "",
    limit: "Count" = 50,
    json: bool = False,
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """List exceptions: the open ones by severity and age.

    Parameters
    ----------
    closed
        List those that are closed, the latest first.
    after
        Go on where a list ended: what it told as `next`.
    limit
        How many.
    json
        Print JSON, for machines.
    """
    from sealgate.operations.listing import ItemsAsked, items
    from sealgate.operations.picked import Picked

    which = picked or Picked()
    asked = ItemsAsked(which, is_closed=closed, after=after, limit=limit)
    return configured(config, ["worker"], lambda found: items(found, asked, as_json=json))


def exceptions_report(
    *,
    as_of: str = "",
    by: str = "code,bucket,asset",
    closed_within: str = "30d",
    json: bool = False,
    csv: bool = False,
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """Count the queue and its money by code, age and asset, as of now or of an instant.

    Parameters
    ----------
    as_of
        What was open then, such as 2026-12-01T00:00:00Z.
    by
        What is told apart: code, bucket (the age) and asset, with commas between.
    closed_within
        How long before that instant an item was closed, to be told as closed: 12h or 30d.
    json
        Print JSON, for machines.
    csv
        Print a sheet, one line for each row.
    """
    from sealgate.operations.ageing import ReportAsked, report

    asked = ReportAsked(as_of, by, closed_within)
    output = "json" if json else "csv" if csv else "table"
    return configured(config, ["worker"], lambda found: report(found, asked, output=output))


def exceptions_show(
    exception: str, /, *, json: bool = False, config: "Config" = DEFAULT_CONFIG
) -> int:
    """Show one exception: its evidence, whose it is, how it is worked, what was done.

    Parameters
    ----------
    exception
        As the list names it: ex-17.
    json
        Print JSON, for machines.
    """
    from sealgate.operations import showing

    return configured(
        config, ["worker"], lambda found: showing.item(found, exception, as_json=json)
    )


def exceptions_assign(
    exception: str, /, *, to: str, said: "Deciding", config: "Config" = DEFAULT_CONFIG
) -> int:
    """Say whose item it is.

    Parameters
    ----------
    exception
        As the list names it: ex-17.
    to
        Who has it from now on.
    """
    from consumers.casework import Change

    return _work("assign", exception, said, config, lambda _: Change(assignee=to))


def exceptions_wait(
    exception: str,
    /,
    *,
    for_: Literal["provider", "customer", "finance", "nobody"],
    check_in: str = "",
    said: "Deciding",
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """Say for whom the item waits, and when to look at it again.

    Parameters
    ----------
    exception
        As the list names it: ex-17.
    for_
        Whose answer is waited for; nobody: it is open again.
    check_in
        After how long to look again: 90m, 4h or 2d.
    """
    from sealgate.operations.deciding import waiting

    return _work("wait", exception, said, config, waiting(for_, check_in))


def exceptions_note(
    exception: str, /, *, said: "Deciding", config: "Config" = DEFAULT_CONFIG
) -> int:
    """Write something down with the item, and change nothing.

    Parameters
    ----------
    exception
        As the list names it: ex-17.
    """
    return _work("note", exception, said, config)


def exceptions_resolve(
    exception: str, /, *, said: "Deciding", config: "Config" = DEFAULT_CONFIG
) -> int:
    """Close an item that no fact closes; those that facts close are refused.

    Parameters
    ----------
    exception
        As the list names it: ex-17.
    """
    return _work("resolve", exception, said, config)


def exceptions_write_off(
    exception: str, /, *, said: "Deciding", config: "Config" = DEFAULT_CONFIG
) -> int:
    """Close an item about money that will not come right: finance, and a second person.

    Parameters
    ----------
    exception
        As the list names it: ex-17.
    """
    return _work("write_off", exception, said, config)


def _work(
    act: str,
    exception: str,
    said: "Deciding",
    config: "Config",
    change: "Callable[[int], Change] | None" = None,
) -> int:
    from consumers.actions import Act
    from consumers.casework import Change
    from sealgate.operations.deciding import work

    return configured(
        config,
        ["worker"],
        lambda found: work(found, Act(act), exception, said, change or (lambda _: Change())),
    )


COMMANDS: dict[str, Callable[..., int]] = {
    "list": exceptions_list,
    "report": exceptions_report,
    "show": exceptions_show,
    "assign": exceptions_assign,
    "wait": exceptions_wait,
    "note": exceptions_note,
    "resolve": exceptions_resolve,
    "write-off": exceptions_write_off,
}
