"""Which command prints which shapes with `--json`: one row each, and no command is left out.

A test holds the table against the command line itself.
"""

from collections.abc import Mapping
from typing import NamedTuple

from consumers.actions import COMMANDS as ORDERED
from consumers.actions import Act
from sealgate.schemas import (
    cases,
    finance,
    histories,
    payments,
    proofs,
    reasons,
    rest,
    stories,
)
from sealgate.schemas.shapes import Schema

DEFS: Mapping[str, Schema] = {
    **payments.DEFS,
    **cases.DEFS,
    **histories.DEFS,
    **stories.DEFS,
    **reasons.DEFS,
    **proofs.DEFS,
    **rest.DEFS,
    **finance.DEFS,
}
REFUSED = "Refused"


class Output(NamedTuple):
    """What one command prints: one document of these shapes, or one on each line."""

    shapes: tuple[str, ...]
    is_lines: bool = False


def _or_refused(*shapes: str, is_lines: bool = False) -> Output:
    return Output((*shapes, REFUSED), is_lines)


def _orders() -> Mapping[str, Output]:
    """Tell the orders that people give: by the group of the command, they answer alike."""
    shapes = {
        "payments": "PaymentOrder",
        "deposits": "DepositOrder",
        "exceptions": "ExceptionOrder",
    }
    return {
        command: _or_refused("Withdrawal" if act is Act.WITHDRAW else shapes[command.split()[0]])
        for act, command in ORDERED.items()
    }


COMMANDS: Mapping[str, Output] = {
    **_orders(),
    "payments list": _or_refused("Payments"),
    "payments show": _or_refused("PaymentShown"),
    "payments expect": _or_refused("Expected", "RefusedLine"),
    "payments post-batch": _or_refused("Postings"),
    "exceptions list": _or_refused("Exceptions"),
    "exceptions show": _or_refused("ExceptionShown"),
    "exceptions report": _or_refused("Ageing"),
    "deposits list": _or_refused("Deposits"),
    "deposits show": _or_refused("DepositShown"),
    "freeze on": _or_refused("FreezeOrder"),
    "freeze off": _or_refused("FreezeOrder"),
    "freeze show": Output(("Freeze",)),
    "export": _or_refused("Exported"),
    "export verify": Output(("ExportVerified",)),
    "close": _or_refused("Close"),
    "replay": _or_refused("Replayed", "ReplaySum", is_lines=True),
    "events show": Output(("Event",)),
    "trace": Output(("Trace",)),
    "why": Output(("Why",)),
    "glossary": Output(("Glossary",)),
    "keys list": Output(("Keys",)),
    "keys status": Output(("Keys",)),
    "keys exposure": Output(("Exposure",)),
    "quarantine list": Output(("Quarantine",)),
    "verify": Output(("Explained",)),
    "providers test": Output(("Explained",)),
    "providers list": Output(("Profiles",)),
    "topics plan": Output(("TopicsPlan",)),
    "topics apply": Output(("TopicsPlan",)),
    "audit verify": Output(("Audited",)),
    "audit decisions": _or_refused("Decisions"),
    "doctor": Output(("Findings",)),
    "drill": Output(("Evidence",)),
}
