"""The exposure report for a person: totals first, then each event that needs a look. Pure.

Everything printed passes through `plain`: an operator's text or a provider's must not move the
cursor of whoever reads it.
"""

import textwrap
from collections.abc import Iterator, Mapping

from consumers.exposure import Standing
from sealgate.exposure.report import Document, major
from sealgate.plain import plain

WIDTH = 100
_SETTLED_MAX = 200
_NEEDS_A_LOOK = (Standing.CONTRADICTED, Standing.UNCORROBORATED)


def render(report: Document) -> str:
    """Write the report. Events that need no look are cut at some length; JSON and CSV hold all."""
    return "\n".join(plain(line) for line in _lines(report)) + "\n"


def _lines(report: Document) -> Iterator[str]:
    yield f"Exposure of key {report['key']} of source {report['source']}, {report['environment']}"
    yield f"  received from {report['from']} until {report['to']}; ledger: {report['ledger']}"
    yield ""
    yield from textwrap.wrap(report["residual_risk"], WIDTH)
    yield ""
    yield from _totals(report["totals"])
    for standing in Standing:
        yield from _section(report, standing)
    for note in report["notes"]:
        yield ""
        yield from textwrap.wrap(note, WIDTH, initial_indent="Note: ", subsequent_indent="  ")


def _totals(totals: Document) -> Iterator[str]:
    yield f"  {'':15} {'events':>7} {'payments':>9}  value told, each transfer once"
    for name, tally in totals["by_standing"].items():
        worth = [amount_text(amount) for amount in tally["amounts"]]
        if tally["payments_of_unknown_amount"]:
            worth.append(f"and {tally['payments_of_unknown_amount']} without an amount")
        yield f"  {name:15} {tally['events']:7} {tally['payments']:9}  {', '.join(worth)}".rstrip()
    yield f"  {'together':15} {totals['events']:7} {totals['payments']:9}"
    yield (
        f"  {totals['duplicates_rejected']} told only what was known,"
        f" {totals['late_verified']} were verified late, {totals['transitions']} transitions"
    )


def _section(report: Document, standing: Standing) -> Iterator[str]:
    chosen = [event for event in report["events"] if event["standing"] == standing.value]
    if not chosen:
        return
    yield ""
    yield f"{standing.value.upper()}"
    shown = chosen if standing in _NEEDS_A_LOOK else chosen[:_SETTLED_MAX]
    for event in shown:
        yield from event_lines(event)
    if len(shown) < len(chosen):
        yield f"  … and {len(chosen) - len(shown)} more: --output json or csv holds them"


def event_lines(event: Document) -> Iterator[str]:
    """Write one event of a report."""
    late = " (verified late)" if event["late_verified"] else ""
    yield f"  {event['event']}  {event['type']}"
    signed = event["signed_at"] or "no time in the signature"
    yield f"    received {event['received_at']}{late}, signed {signed}, {event['correlation_id']}"
    if event["payment"]:
        yield f"    payment {event['payment']}"
    for deposit in event["deposits"]:
        yield f"    deposit {deposit}"
    for fact in event["facts"]:
        yield f"    states {fact_text(fact)}"
    for move in event["transitions"]:
        arrow = f"{move['before'] or '(none)'} -> {move['after']}, version {move['version']}"
        yield f"    moved it {arrow}; notice {move['notice']}"
    for reason in event["reasons"]:
        yield f"    because {reason}"


def verdict_text(event: Document) -> str:
    """Write what came of an event, and by which mapping; nothing where nobody has said."""
    by = f", by mapping {event['mapping']}" if event["mapping"] else ""
    return f"{event['verdict']}{by}" if event["verdict"] else ""


def fact_text(fact: Document) -> str:
    """Write one fact of a report."""
    words = [fact["kind"], fact["transfer"]]
    if fact["atomic"] is not None:
        words.append(amount_text(fact))
    words += [name for name in ("whole", "late") if fact[name]]
    words += [f"at {fact['at']}" if fact["at"] else ""]
    words += [f"until {fact['expires_at']}" if fact["expires_at"] else ""]
    return " ".join(word for word in words if word)


def amount_text(amount: Document) -> str:
    """Write an amount of a report."""
    asset = str(amount["asset"])
    known: Mapping[str, int] = (
        {} if amount["decimals"] is None else {asset: int(amount["decimals"])}
    )
    return major(asset, int(amount["atomic"]), known)
