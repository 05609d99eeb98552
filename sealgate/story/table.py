"""A story for people: what happened, line by line, and how the payment stands now. Pure.

Everything printed passes through `plain`: a provider's text or an operator's must not move the
cursor of whoever reads it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from consumers.lifecycle import State
from consumers.store.kept import Kept
from sealgate.deposits.documents import why
from sealgate.exposure.report import Document
from sealgate.exposure.table import amount_text, fact_text, verdict_text
from sealgate.plain import plain
from sealgate.story import ours

_INDENT = " " * 6
_KEPT = {
    Kept.PARKED: (
        "its source expects first, and nobody announced this payment; its facts count as soon as"
        " `sealgate payments expect` does"
    ),
    Kept.DEPOSIT: (
        "money that names no payment; its facts count where `sealgate deposits match` says so"
    ),
}


def render(told: Document) -> str:
    """Write the document of a story."""
    return "\n".join(plain(line) for line in _lines(told)) + "\n"


def _lines(told: Document) -> Iterator[str]:
    payment = told["payment"]
    if payment is None:
        yield f"{told['asked']} in {told['environment']}: concerns no payment"
    else:
        yield f"payment {payment['payment']} in {told['environment']}"
    yield f"  found by {told['found_by']}: {told['asked']}"
    for other in told["also"]:
        yield f"  the same words stand for {other}"
    for entry in _once(told["entries"]):
        yield ""
        first, *rest = _ENTRIES[entry["kind"]](entry)
        yield f"{entry['at']}  {first}"
        yield from (_INDENT + line for line in rest)
    if payment is not None:
        yield ""
        yield from now_lines(payment)


def _once(entries: Sequence[Document]) -> list[Document]:
    """Leave out what a person did where the event that it was done as says so already."""
    said = {
        one["ours"]["key"]
        for one in entries
        if one["kind"] == "event" and one["ours"] is not None and one["ours"]["by"] is not None
    }
    return [one for one in entries if one["kind"] != "action" or one["key"] not in said]


def now_lines(payment: Document) -> Iterator[str]:
    """Say how a payment stands."""
    if payment["kept"] is not None:
        yield f"now: {_decided(payment) or kept_text(payment['kept'], payment['since'])}"
    elif payment["state"] is None:
        yield "now: no fact of this payment was ever stated"
        return
    else:
        yield (
            f"now: {payment['label']}, version {payment['version']}, since {payment['since']};"
            f" books: {payment['posting']}"
        )
    for name, amounts in payment["amounts"].items():
        if amounts:
            # Money may be final and too little: the state has a word for the whole, an amount none.
            is_part = name == "confirmed" and payment["state"] == State.UNDERPAID
            less = ", which is final, and less than was asked" if is_part else ""
            yield f"{_INDENT}{name:<9} {', '.join(map(amount_text, amounts))}{less}"


def _decided(payment: Document) -> str:
    """Say what was decided about a deposit; nothing where nobody has, or it is none."""
    told = payment.get("deposit")
    if told is None:
        return ""
    to = f" with {told['payment']}: its facts count there" if told["payment"] else ""
    return f"{payment['kept']}, {told['state']}{to}, version {told['version']}, since {told['at']}"


def kept_text(kept: str, since: str) -> str:
    """Say why there are facts and no state, and what gives them one."""
    return f"{kept} since {since}: {_KEPT[Kept(kept)]}"


def fact_line(fact: Document) -> str:
    """Write one fact, with its detail."""
    detail = f" ({fact['detail']})" if fact["detail"] else ""
    receipt = ", when it was received: no instant was told" if fact["is_at_receipt"] else ""
    return f"{fact_text(fact)}{receipt}{detail}"


def _event(entry: Document) -> Iterator[str]:
    asked = "  <- asked for" if entry["is_asked"] else ""
    yield f"event {entry['event']}  {entry['type']}{asked}"
    if entry["ours"] is not None:
        yield from ours.lines(entry["ours"])
    else:
        yield from _proof(entry)
    yield f"verdict {verdict_text(entry) or 'open: its batch has not ended'}"
    for fact in entry["facts"]:
        again = "" if fact["is_first"] else ", which was known"
        yield f"states {fact_line(fact)}{again}"
    for one in entry["not_final"]:
        yield f"seen and not final: {one['says']}"


def _proof(entry: Document) -> Iterator[str]:
    """Say what proves an event of a provider's, and where it is kept."""
    yield (
        f"proven with key {entry['key']} of {entry['source']}, scheme"
        f" {entry['scheme'] or 'unknown'}, assurance {entry['assurance']}, mode {entry['mode']}"
    )
    if entry["late_verified_at"]:
        yield f"verified late, out of the quarantine, at {entry['late_verified_at']}"
    yield f"correlation {entry['correlation_id']}"
    yield f"in the log at {entry['position']}, body {entry['body_digest']}"


def _buried(entry: Document) -> Iterator[str]:
    yield f"buried: the record at {entry['position']} was given up on"
    yield f"because {entry['reason']}"


def _transition(entry: Document) -> Iterator[str]:
    yield f"moved {entry['before'] or '(none)'} -> {entry['after']}, version {entry['version']}"
    yield f"cause {entry['cause']}, by {entry['event']}"
    yield f"mapping {entry['mapping'] or '(none)'}, policy {entry['policy'] or '(none)'}"
    yield f"notice {entry['notice']}: {entry['notice_is']}"


def hold_lines(entry: Document) -> Iterator[str]:
    """Say what downstream was told of a hold."""
    what = "placed" if entry["is_placed"] else "let go"
    on = ", ".join(entry["holds"]) or "none"
    yield f"hold {what} in {entry['state']}, version {entry['version']}; holds now: {on}"
    yield f"cause {entry['cause']}, by {entry['event']}"
    yield f"notice {entry['notice']}: {entry['notice_is']}"


def _opened(entry: Document) -> Iterator[str]:
    times = f", raised {entry['times']} times" if entry["times"] > 1 else ""
    yield f"exception {entry['code']} opened, severity {entry['severity']}{times}"
    yield f"evidence: {entry['evidence']}"
    if entry["owner"] is not None:
        yield f"owner: {entry['owner']}; ends by: {entry['ends_by']}"
    who = f", with {entry['assignee']}" if entry["assignee"] else ""
    yield f"{entry['exception']}, {entry['status']}{who}, about {entry['subject']}"


def _closed(entry: Document) -> Iterator[str]:
    by = f" by {entry['by']}" if entry["by"] else ""
    approved = f", approved by {entry['approved_by']}" if entry["approved_by"] else ""
    yield f"exception {entry['code']} closed{by}{approved}: {entry['resolution']}"
    yield f"{entry['exception']}{': ' + entry['reason'] if entry['reason'] else ''}"


def _action(entry: Document) -> Iterator[str]:
    approved = f", approved by {entry['approved_by']}" if entry["approved_by"] else ""
    yield f"operator {entry['by']} ({entry['role']}) did {entry['name']}{approved}"
    yield f"reason {entry['reason']}: {entry['note']}"


def _deposit(entry: Document) -> Iterator[str]:
    to = f" with {entry['payment']}" if entry["payment"] else ""
    yield f"deposit {entry['deposit']} is {entry['state']}{to}, version {entry['version']}"
    yield f"decided by {entry['event']}"
    yield from (f"because {line}" for line in why(entry["why"]))


def _mark(entry: Document) -> Iterator[str]:
    yield f"event {entry['event']} marked {entry['judgement']} by {entry['by']}"
    yield f"because {entry['reason']}"


_ENTRIES: Mapping[str, Callable[[Document], Iterator[str]]] = {
    "event": _event,
    "buried": _buried,
    "transition": _transition,
    "hold_notice": hold_lines,
    "exception_opened": _opened,
    "exception_closed": _closed,
    "action": _action,
    "mark": _mark,
    "deposit_move": _deposit,
}
