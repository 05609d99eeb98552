"""The exposure report as a document: stable, versioned, the same for every way of showing it. Pure.

`docs/exposure-report.md` describes every field. Amounts are texts of decimal digits, because a JSON
number of 12000000000000000000 comes out of most readers as another one. A field is added without a
new version of the format; none is changed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consumers.exposure import UNSUPPORTED, Exposed, Stake, Standing, Tally, Window, tally
from consumers.facts import Fact
from consumers.store.port import Transition
from sealgate.exposure import addresses
from sealgate.exposure.gather import Gathered, Outbox
from sealgate.exposure.instants import show

FORMAT = "sealgate.exposure/1"
Document = dict[str, Any]

TIMELESS = (
    "Signatures made with this key hold no time: a captured body stays valid until the key is"
    " revoked, however old it is. The window to look at is the key's whole life, not the time"
    " since the leak."
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What the report is about."""

    environment: str
    source: str
    window: Window
    made_ms: int
    ledger: str
    """How a ledger was used: `none`, `complete` or `partial`."""


def document(subject: Subject, found: Gathered, decimals: Mapping[str, int]) -> Document:
    """Write the report."""
    window = subject.window
    exposed = sorted(
        ((stake, one) for stake in found.stakes for one in stake.events),
        key=lambda pair: (pair[1].recorded.event.received_ms, pair[1].recorded.event.key),
    )
    events = [_event(stake, one, found.outbox, decimals) for stake, one in exposed]
    totals = _totals(found, events, decimals)
    return {
        "format": FORMAT,
        "environment": subject.environment,
        "source": subject.source,
        "source_uris": sorted(window.sources),
        "key": window.key_id,
        "from": show(window.from_ms),
        "to": show(window.to_ms),
        "made_at": show(subject.made_ms),
        "ledger": subject.ledger,
        "residual_risk": _residual(totals, found.stakes, decimals),
        "notes": _notes(exposed),
        "totals": totals,
        "payments": [_payment(stake, decimals) for stake in found.stakes if stake.is_payment],
        "deposits": [one for stake in found.stakes for one in _deposits(stake)],
        "events": events,
    }


def is_settled(report: Document) -> bool:
    """Say whether everything the key proved is borne out, excluded, or without effect."""
    by_standing = report["totals"]["by_standing"]
    return not any(by_standing[standing.value]["events"] for standing in UNSUPPORTED)


def _event(stake: Stake, one: Exposed, outbox: Outbox, decimals: Mapping[str, int]) -> Document:
    event = one.recorded.event
    return {
        "event": addresses.write(event.key),
        "type": event.event_type,
        "standing": one.standing.value,
        "reasons": list(one.reasons),
        "received_at": show(event.received_ms),
        "signed_at": show(event.signed_ms),
        "late_verified": event.late_ms is not None,
        "correlation_id": event.correlation_id,
        "scheme": event.scheme,
        "assurance": event.assurance,
        "body_digest": event.body_digest,
        "verdict": one.recorded.verdict,
        "payment": addresses.write(stake.key) if stake.is_payment else None,
        "deposits": [told["deposit"] for told in _deposits(stake)],
        "facts": [fact_document(fact, decimals) for fact in one.facts],
        "transitions": [transition_document(move, outbox) for move in one.transitions],
        "witnesses": [
            {"event": addresses.write(witness.key), "key": witness.key_id}
            for witness in one.witnesses
        ],
    }


def _deposits(stake: Stake) -> list[Document]:
    """Name the deposits that exposed events tell of, and the payment that each is matched with."""
    payment = addresses.write(stake.key) if stake.is_payment else None
    return [{"deposit": addresses.write(key), "matched": payment} for key in stake.deposits]


def fact_document(fact: Fact, decimals: Mapping[str, int]) -> Document:
    """Write one fact, its amount as digits."""
    return {
        "kind": fact.kind.value,
        "transfer": fact.key,
        "asset": fact.asset,
        "atomic": None if fact.amount is None else str(fact.amount),
        "decimals": decimals.get(fact.asset),
        "whole": fact.whole,
        "late": fact.late,
        "at": show(fact.at_ms) if fact.at_ms else None,
        "expires_at": show(fact.expires_ms),
    }


def transition_document(move: Transition, outbox: Outbox) -> Document:
    """Write one move of a payment, and what became of its notice."""
    return {
        "version": move.version,
        "cause": move.cause.value,
        "before": None if move.before is None else move.before.value,
        "after": move.after.value,
        "at": show(move.at_ms),
        "notice": outbox.fate(move.payment, move.version),
    }


def _payment(stake: Stake, decimals: Mapping[str, int]) -> Document:
    return {
        "payment": addresses.write(stake.key),
        "state": None if stake.state is None else stake.state.value,
        "state_without": None if stake.without is None else stake.without.value,
        "unsupported": amounts(stake.unsupported, decimals),
    }


def amounts(by_asset: Mapping[str, int], decimals: Mapping[str, int]) -> list[Document]:
    """Write amounts by asset: digits of the smallest unit, and how many of them are decimals."""
    return [
        {"asset": asset, "atomic": str(amount), "decimals": decimals.get(asset)}
        for asset, amount in sorted(by_asset.items())
    ]


def _totals(found: Gathered, events: Sequence[Document], decimals: Mapping[str, int]) -> Document:
    tallies = {standing.value: tally(found.stakes, standing) for standing in Standing}
    verdicts = [str(event["verdict"]) for event in events]
    moves = [(event, move) for event in events for move in event["transitions"]]
    return {
        "events": len({event["event"] for event in events}),
        "payments": sum(stake.is_payment for stake in found.stakes),
        "deposits": sum(len(stake.deposits) for stake in found.stakes),
        "by_standing": {name: _tally(one, decimals) for name, one in tallies.items()},
        "duplicates_rejected": sum(verdict.startswith("duplicate") for verdict in verdicts),
        "late_verified": sum(event["late_verified"] for event in events),
        "transitions": len(moves),
        "notices_of_unsupported": {
            fate: _fates(moves, fate) for fate in ("delivered", "waiting", "unknown")
        },
    }


def _tally(one: Tally, decimals: Mapping[str, int]) -> Document:
    return {
        "events": one.events,
        "payments": one.payments,
        "amounts": amounts(one.amounts, decimals),
        "payments_of_unknown_amount": one.unpriced,
    }


def _fates(moves: Iterable[tuple[Document, Document]], fate: str) -> int:
    unsupported = {standing.value for standing in UNSUPPORTED}
    return sum(move["notice"] == fate for event, move in moves if event["standing"] in unsupported)


def _notes(exposed: Sequence[tuple[Stake, Exposed]]) -> list[str]:
    timeless = any(one.recorded.event.signed_ms is None for _, one in exposed)
    repeats = (
        "Repeated deliveries of one event with one body are rejected without a row of their own;"
        " duplicates_rejected counts events that told only what was known."
    )
    return [*([TIMELESS] if timeless else []), repeats]


def _residual(totals: Document, stakes: Sequence[Stake], decimals: Mapping[str, int]) -> str:
    """Say in plain words what remains at risk."""
    if not totals["events"]:
        return "The key proved nothing in the window: there is nothing to doubt."
    by = totals["by_standing"]
    doubted = sum(by[standing.value]["events"] for standing in UNSUPPORTED)
    if not doubted:
        return (
            f"No residual risk is known: of {totals['events']} events, each is borne out by"
            " something other than this key, is excluded, or stated nothing."
        )
    concerned = [
        stake for stake in stakes if any(one.standing in UNSUPPORTED for one in stake.events)
    ]
    moved = sum(stake.state is not stake.without for stake in concerned)
    at_risk: dict[str, int] = {}
    for stake in concerned:
        for asset, amount in stake.unsupported.items():
            at_risk[asset] = at_risk.get(asset, 0) + amount
    worth = ", ".join(major(asset, at_risk[asset], decimals) for asset in sorted(at_risk))
    gone = totals["notices_of_unsupported"]["delivered"]
    return (
        f"{doubted} of {totals['events']} events, about {len(concerned)} payments, rest on this key"
        f" alone ({by['contradicted']['events']} contradicted, {by['uncorroborated']['events']}"
        f" uncorroborated). Without them {moved} payments would be in another state. Value that"
        f" nothing else tells: {worth or 'none with an amount'}. {gone} notices about them went out"
        " to downstream services."
    )


def major(asset: str, atomic: int, decimals: Mapping[str, int]) -> str:
    """Write an amount for a person: the decimals as registered, and exact."""
    places = decimals.get(asset)
    if not places:
        return f"{atomic} {asset}" if places == 0 else f"{atomic} {asset} (smallest units)"
    digits = str(atomic).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]} {asset}"
