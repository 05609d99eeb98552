"""Show a payment that reads otherwise, and the sum of a replay: as lines, and as JSON."""

from collections.abc import Iterator, Mapping, Sequence

from consumers.notices import TYPE_PREFIX
from consumers.policy import Policy
from consumers.rereading import Change
from consumers.store.port import Handled, Payment
from sealgate.exposure import addresses, report
from sealgate.exposure.report import Document
from sealgate.exposure.table import fact_text
from sealgate.operations import documents
from sealgate.plain import in_json
from sealgate.replay import deposits
from sealgate.replay.conduct import Shown, Tally
from sealgate.replay.spans import Span

FORMAT = "sealgate.replay/1"
Decimals = Mapping[str, int]


def document(shown: Shown, policy: Policy, decimals: Decimals) -> Document:
    """Write a payment before and after, and the events that read otherwise."""
    done = shown.replanned
    move = next(iter(done.changes.transitions), None)
    return {
        "format": FORMAT,
        "payment": addresses.write(done.before.key),
        "before": _payment(done.before, policy, decimals),
        "after": _payment(done.after, policy, decimals),
        "notice": None if move is None else TYPE_PREFIX + move.after.lower(),
        "cause": None if move is None else move.cause.value,
        "deposits": [deposits.document(one, decimals) for one in done.deposits],
        "exceptions": {"before": list(shown.open_before), "after": list(shown.open_after)},
        "events": [
            _event(one, done.changes.verdicts.get(one.event), decimals) for one in done.readings
        ],
    }


def _payment(one: Payment, policy: Policy, decimals: Decimals) -> Document | None:
    """Write how a payment stands; nothing where there is none."""
    return documents.payment(one, policy, decimals) if one.version else None


def _event(one: Change, came: Handled | None, decimals: Decimals) -> Document:
    return {
        "event": addresses.write(one.event),
        "event_type": one.read.event.event_type,
        "mapping": one.read.interpretation.mapping,
        "mapping_before": one.known.mapping,
        "verdict_before": one.known.verdict,
        "verdict": "" if came is None else str(came.verdict),
        "gone": [report.fact_document(told.fact, decimals) for told in one.gone],
        "new": [
            report.fact_document(fact, decimals)
            for fact in sorted(one.new, key=lambda fact: (fact.at_ms, fact.kind, fact.key))
        ],
        "evidence": [found.evidence for found in one.read.interpretation.findings],
    }


def lines(told: Document) -> Iterator[str]:
    """Write a payment for a person."""
    before, after = told["before"], told["after"]
    if before is after is None and told["deposits"]:
        yield f"no payment; {told['payment']} tells of deposits"
    else:
        yield f"payment {told['payment']}"
        was, now = _label(before), _label(after)
        yield f"  state       {was}" + ("" if was == now else f" -> {now}")
    for one in told["deposits"]:
        yield from deposits.lines(one)
    names = (after or before or {}).get("amounts", {})
    for name in names:
        pair = [_amount(one, name) for one in (before, after)]
        if pair[0] != pair[1]:
            yield f"  {name:<11} {pair[0]} -> {pair[1]}"
    yield from _exceptions(told["exceptions"])
    for event in told["events"]:
        was, now = _came(event, "_before"), _came(event, "")
        yield f"  event       {event['event']} {event['event_type']}: {was} -> {now}"
        yield from (f"    - {fact_text(one)}" for one in event["gone"])
        yield from (f"    + {fact_text(one)}" for one in event["new"])
        yield from (f"    ! {one}" for one in event["evidence"])
    if told["notice"]:
        yield f"  notice      {told['notice']}, cause {told['cause']}"


def _came(event: Document, when: str) -> str:
    """Say what came of an event, and by which mapping where that is known."""
    verdict, mapping = event[f"verdict{when}"], event[f"mapping{when}"]
    return f"{verdict} by {mapping}" if mapping else str(verdict)


def _label(told: Document | None) -> str:
    return "none" if told is None else str(told["label"])


def _amount(told: Document | None, name: str) -> str:
    return documents.amounts_text(told["amounts"][name]) or "none" if told else "none"


def _exceptions(told: Document) -> Iterator[str]:
    before, after = set(told["before"]), set(told["after"])
    for word, codes in (("raises", after - before), ("ends", before - after)):
        if codes:
            yield f"  {word:<11} {', '.join(sorted(codes))}"


def total(tally: Tally, spans: Sequence[Span], *, is_written: bool) -> Document:
    """Write the sum."""
    return {
        "format": FORMAT,
        "is_written": is_written,
        "log": [
            {
                "partition": f"{one.partition.topic}/{one.partition.number}",
                "from": one.begin,
                "to": one.end,
                "oldest_left": one.oldest,
            }
            for one in spans
        ],
        "records": tally.records,
        "events_looked_at": tally.looked,
        "not_as_claimed": tally.elsewhere,
        "no_events": tally.unreadable,
        "of_deposits": tally.deposits,
        "no_longer_in_the_log": tally.gone,
        "events_differing": tally.differing,
        "payments_differing": tally.payments,
        "payments_moved": tally.moved,
        "words": [
            {"provider": provider, "event_type": word, "change": change, "events": count}
            for (provider, word, change), count in sorted(tally.words.items())
        ],
        "exceptions_ended": list(tally.ended),
        "trouble": list(tally.trouble),
    }


def total_lines(told: Document) -> Iterator[str]:
    """Write the sum for a person."""
    for one in told["words"]:
        yield f"{one['events']} x {one['provider']} {one['event_type']}: {one['change']}"
    for one in told["log"]:
        gone = f"; the log has nothing before {one['oldest_left']}" if one["oldest_left"] else ""
        yield f"read {one['partition']} from {one['from']} to {one['to']}{gone}"
    yield from (f"ended: {one}" for one in told["exceptions_ended"])
    if told["of_deposits"]:
        yield f"{told['of_deposits']} events tell of deposits and are not compared"
    if told["no_longer_in_the_log"]:
        yield f"{told['no_longer_in_the_log']} events of these payments are no longer in the log"
    yield from (f"NOT READ: {one}" for one in told["trouble"])
    sums = (
        f"{told['events_looked_at']} events looked at, {told['events_differing']} read otherwise;"
        f" payments changed {told['payments_differing']}, moved {told['payments_moved']}"
    )
    if told["is_written"]:
        yield f"written: {sums}"
    elif told["events_differing"]:
        yield f"dry run, nothing was written: {sums}; add --apply to write it"
    else:
        yield f"no difference: {sums}"


def as_line(told: Document) -> str:
    """Write one document on one line."""
    return in_json(told)
