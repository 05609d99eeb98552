"""`docs/exceptions.md`: everything people are called for, whose it is and how it ends."""

from collections.abc import Iterator

from consumers.exceptions import HANDLING, Code, Handling, Owner
from consumers.glossary import SEVERITIES
from consumers.lifecycle import State
from consumers.overdue import CALL_AFTER
from consumers.patience import CODES, OWED
from sealgate import runbooks
from sealgate.lifecycle_docs.tables import sentence, table

_INTRODUCTION = (
    "Generated from `consumers/exceptions.py` by `make docs`. An exception is work for a human."
    " The list is closed: there is no code called other, and free text is evidence and never a"
    " code."
)
_ITEMS = (
    "There is one open item for a code and a subject; more evidence for it is added to that item,"
    " and its evidence is kept as it was when it was raised. Where it says that an item ends by"
    " itself, it does so when the facts are no longer a reason for it; all others people close."
    " Closing an item changes no payment: what changes one is a fact."
)
_WORSE = (
    "The severities here are those at which an item is raised. What waits gets worse by age, and"
    " by nothing else: how much money is at risk is told with the item, and moves no severity."
    " {codes} are one worse from the critical age of their corridor on, and another one from"
    " {times} times that age on, 1 at the worst. `{refund}` is one worse from its critical age on,"
    " and no more; so is `{posting}`, from `consumer.posting.critical_days` business days on. The"
    " item stays the same one. The ages, and how to set your own: [timers](timers.md)."
)
_ELSEWHERE = (
    "[What the states mean](lifecycle.md) · [what providers' words become](events.md)"
    " · [which page, and what first](runbooks/exceptions.md)"
)


def page() -> str:
    """Write the page."""
    return "\n".join(
        [
            "# Exceptions",
            "",
            _INTRODUCTION,
            "",
            _ITEMS,
            "",
            _worse(),
            "",
            _ELSEWHERE,
            *table(("severity", "worked", "codes"), _severities()),
            *_sections(),
            "## By owner",
            *table(("owner", "answers for"), _owners()),
        ]
    )


def _worse() -> str:
    """Say how what waits too long gets worse."""
    return _WORSE.format(
        codes=", ".join(f"`{code}`" for code in CODES.values()),
        refund=OWED[State.REFUNDED],
        posting=OWED[State.CONFIRMED],
        times=CALL_AFTER,
    )


def _severities() -> Iterator[tuple[str, ...]]:
    for severity, when in SEVERITIES.items():
        codes = (code for code, told in HANDLING.items() if told.severity == severity)
        yield str(severity), when, ", ".join(map(_link, codes))


def _sections() -> Iterator[str]:
    for severity, when in SEVERITIES.items():
        found = [(code, told) for code, told in HANDLING.items() if told.severity == severity]
        yield f"## Severity {severity}: {when}"
        head = (
            "code",
            "raised when",
            "one item for each",
            "owner",
            "resolved by",
            "ends by itself",
            "runbook",
        )
        yield from table(head, (_row(code, told) for code, told in found))


def _row(code: Code, told: Handling) -> tuple[str, ...]:
    return (
        f'<a id="{code.lower()}"></a>`{code}`',
        sentence(told.raised_when),
        told.subject,
        told.owner,
        sentence(told.resolution),
        "yes" if told.heals else "no",
        runbooks.link(runbooks.CODES[code].page),
    )


def _owners() -> Iterator[tuple[str, ...]]:
    for owner in Owner:
        codes = [code for code, told in HANDLING.items() if told.owner is owner]
        if codes:
            yield owner, ", ".join(map(_link, codes))


def _link(code: Code) -> str:
    return f"[{code}](#{code.lower()})"
