"""The commands about single events: show one, say whether it is true, take its facts away."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sealgate.commands.context import DEFAULT_CONFIG, configured

if TYPE_CHECKING:
    from sealgate.flags import Config

SUMMARY = "See an event, say whether it is true, exclude a false one: show, mark, void."


def events_show(event: str, /, *, json: bool = False, config: "Config" = DEFAULT_CONFIG) -> int:
    """Show one event: what it stated and moved, its payment, and what people said of it.

    Parameters
    ----------
    event
        provider/account/key, a correlation id, or the key of an event of a configured source.
    json
        Print JSON, for machines.
    """
    from sealgate.exposure.showing import run

    return configured(config, ["worker"], lambda found: run(found, event, as_json=json))


def events_mark(
    *events: str,
    as_: Literal["corroborated", "contradicted"],
    reason: str,
    by: str,
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """Say of events that they are true or false; a void one marked corroborated counts again.

    Parameters
    ----------
    events
        As for `sealgate events show`; several may be named.
    as_
        corroborated: somebody saw it at the provider. contradicted: the provider knows nothing of
        it; its facts count until it is void.
    reason
        What was looked at, in one line: it is kept for ever.
    by
        Who looked.
    """
    from consumers.store.port import Judgement
    from sealgate.exposure.marking import Asked, run

    asked = Asked(Judgement(as_), events, reason, by, is_applied=True)
    return configured(config, ["worker"], lambda found: run(found, asked))


def events_void(
    *events: str,
    from_report: Path | None = None,
    only: Literal["contradicted", "uncorroborated"] = "contradicted",
    reason: str,
    by: str,
    apply: bool = False,
    config: "Config" = DEFAULT_CONFIG,
) -> int:
    """Exclude events: their facts do not count any more. A dry run unless --apply is there.

    Parameters
    ----------
    events
        As for `sealgate events show`; several may be named.
    from_report
        Take the events from a report of `sealgate keys exposure --json`.
    only
        Which of the report's events.
    reason
        Why, in one line: it is kept for ever.
    by
        Who decided.
    apply
        Do what the dry run shows, in one transaction; downstream services are told.
    """
    from consumers.store.port import Judgement
    from sealgate.exposure.marking import Asked, run

    asked = Asked(Judgement.VOID, events, reason, by, apply, from_report, only)
    return configured(config, ["worker"], lambda found: run(found, asked))


COMMANDS: dict[str, Callable[..., int]] = {
    "show": events_show,
    "mark": events_mark,
    "void": events_void,
}
