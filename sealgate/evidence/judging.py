"""What a gateway's own figures prove: counts in, findings out. Pure.

What contradicts a claim makes it FAILED; where nothing contradicts it and there is too little to
show it, it is not proven yet, and the finding says what would show it. An empty table proves
nothing: a gateway that never refused a delivery has not shown that it can.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from consumers.lifecycle import CORRECTIONS, TRANSITIONS, reduce
from consumers.lifecycle import Verdict as Became
from consumers.stating import OURSELVES
from consumers.store.cases import Status
from consumers.store.port import Cause, Payment
from consumers.store.proving import At, EventCount, ItemCount, MoveCount, Noted, PostingCount
from consumers.weighing import Terms
from ingress.contract import cloudevents
from sealgate.evidence.claims import Finding, Verdict
from sealgate.exposure import addresses
from sealgate.tail.proving import Word

LISTED_MAX = 40
"""Rows that a finding lists; of the rest it says how many there are."""
NAMED_MAX = 3
SEVERE = 1
CLOCKS_MS = 60_000
"""How far the clocks of an edge, of the log and of who wrote the end of a key may differ."""
NO_ENDS: Mapping[tuple[str, str], int] = MappingProxyType({})
# What no sender proved: our own words, and a provider's answers to our own questions.
_UNSENT = frozenset({"poll"})
_HINTS = frozenset({"D", "E", ""})
_NO_KEY = frozenset({"", "none"})
_CORRECTING = frozenset({Cause.VOID, Cause.RESTORE, Cause.UNMATCH, Cause.REPLAY})
_CHANGED_NOTHING = (Became.DUPLICATE_FACT, Became.SUPERSEDED, Became.APPLIED_NO_CHANGE)
DRILLS = ("key-compromise", "environment-leak", "duplicate-delivery", "divergence")

Rows = tuple[tuple[str, str], ...]


def finding(name: str, wrong: str, missing: str, looked_at: Iterable[tuple[str, str]]) -> Finding:
    """Make a finding: failed where something is wrong, not proven yet where something misses."""
    verdict = Verdict.FAILED if wrong else Verdict.NOT_YET if missing else Verdict.PROVEN
    return Finding(name, verdict, _listed(tuple(looked_at)), wrong or missing)


def verified(
    counts: Sequence[EventCount],
    sources: Mapping[str, Collection[str]],
    ends: Mapping[tuple[str, str], int] = NO_ENDS,
) -> Finding:
    """Judge what proved the events. `sources` are those that sign, with what they are stored as.

    `ends` says of keys that are over since when: by what their source is stored as, and their id.
    """
    sent = [one for one in counts if one.provider != OURSELVES and one.source not in _UNSENT]
    unproven = sum(
        one.events for one in sent if one.key_id in _NO_KEY and one.assurance not in _HINTS
    )
    heard = {one.source for one in sent if one.key_id not in _NO_KEY}
    silent = sorted(slug for slug, names in sources.items() if not heard & set(names))
    wrong = (
        f"{unproven} events of a source that signs name no key: look at them" if unproven else ""
    )
    after = sorted({f"{one.source} {one.key_id}" for one in sent if _is_after(one, ends)})
    if after:
        wrong = wrong or (
            f"{_named(after)}: events were received after the key was over. Somebody wrote past the"
            " edge, or an edge did not know of the end: `sealgate keys exposure SOURCE KEY`"
        )
    missing = _missing(silent) if silent else "" if sources else "no configured source signs"
    return finding("verified-deliveries", wrong, missing, _by_key(sent))


def _is_after(one: EventCount, ends: Mapping[tuple[str, str], int]) -> bool:
    end_ms = ends.get((one.source, one.key_id))
    return end_ms is not None and one.last_ms >= end_ms + CLOCKS_MS


def _missing(silent: Sequence[str]) -> str:
    return (
        f"nothing verified yet of {', '.join(silent)}: have the provider deliver to it, or send"
        " something yourself with `sealgate send`"
    )


def _by_key(sent: Sequence[EventCount]) -> Rows:
    rows: dict[tuple[str, str, str], list[EventCount]] = {}
    for one in sent:
        rows.setdefault((one.source, one.key_id, one.assurance), []).append(one)
    found = []
    for (source, key, assurance), same in sorted(rows.items()):
        span = _span(min(one.first_ms for one in same), max(one.last_ms for one in same))
        count = sum(one.events for one in same)
        what = f"{source}, key {key}, assurance {assurance or 'none'}"
        found.append((what, f"{count} events, {span}"))
    return tuple(found)


class OldKeys(NamedTuple):
    """What became of records that name a key which is over: revoked, or past its window.

    `after` are the events received when it was; `untold` is of how many, by key, nobody can tell.
    """

    proven: int = 0
    untold: Mapping[str, int] = MappingProxyType({})
    after: Sequence[str] = ()


NO_OLD = OldKeys()


def verified_again(
    words: Mapping[Word, int],
    wrong: Sequence[str],
    keys: str,
    unknown: int = 0,
    old: OldKeys = NO_OLD,
) -> Finding:
    """Judge what became of verifying again; `keys` says why there are none here to verify with.

    `unknown` is how many records name a key or a source that is not configured at all. Whoever can
    write to the topic can name one, so these are nothing that is proven.
    """
    looked = [(_WORDS[word], str(words[word])) for word in Word if words.get(word)]
    if old.proven:
        looked.append((_OLD_PROVEN, str(old.proven)))
    looked += [(f"{_UNTOLD} {key}", str(count)) for key, count in sorted(old.untold.items())]
    told = f"{_named(wrong)}: somebody wrote to the topic past the edge; report it" if wrong else ""
    if old.after:
        told = told or (
            f"{_named(old.after)}: received after the key that is named was over. Somebody wrote to"
            " the topic past the edge, or an edge did not know of the end: `sealgate keys exposure"
            " SOURCE KEY`"
        )
        looked.append(("received after the key that is named was over", str(len(old.after))))
    is_any = words.get(Word.PROVEN) or old.proven
    missing = "" if is_any else "no record of the log could be verified again"
    missing = missing or _unsure(unknown, old)
    advice = f"{keys}: run it where the edge's keys are" if keys else missing
    return finding("verified-again", told, advice, looked)


def _unsure(unknown: int, old: OldKeys) -> str:
    """Say of which records nobody can tell whether the gateway wrote them."""
    if unknown:
        return (
            f"{unknown} records name a key or a source that is not configured: configure it again,"
            " the key as verify-only, or wait until they are past their retention"
        )
    if old.untold:
        count, names = sum(old.untold.values()), sorted(old.untold)
        return (
            f"{count} records name a key that is over, {_named(names)}: write the instant of its"
            " end beside its status, as not_after, and keep its file where this runs; or wait until"
            " they are past their retention"
        )
    return ""


_OLD_PROVEN = "of a key that is over, received and written before, and verified by its file"
_UNTOLD = "of a key that is over, and nobody can tell:"
_WORDS = {
    Word.PROVEN: "verified again",
    Word.HINT: "of a provider that leaves no proof",
    Word.KEYLESS: "of a key that is revoked, fetched, or not configured any more",
    Word.DIFFERS: "whose record says other things than what was signed",
    Word.FAILED: "that do not verify",
}


def refused(kept: Mapping[tuple[str, str], int], released: int) -> Finding:
    """Judge what was refused, by source and reason."""
    looked = [(f"{source}, {reason}", f"{count} kept") for (source, reason), count in kept.items()]
    looked.append(("verified again and released", str(released)))
    advice = "nothing is in the quarantine: send a delivery with a wrong key, and look again"
    return finding("refusals-kept", "", "" if kept else advice, sorted(looked))


def moved_once(counts: Sequence[EventCount], twice: Sequence[At]) -> Finding:
    """Judge whether an event moved anything twice."""
    became = Counter[str]()
    for one in counts:
        became[one.verdict] += one.events
    looked = [("events", str(sum(became.values())))]
    looked += [(f"events that were {word}", str(became[word])) for word in _CHANGED_NOTHING]
    looked.append(("payments that one event moved twice", str(len(twice))))
    missing = "" if any(became.values()) else "no event was applied yet"
    return finding("moved-once", _contradicted(twice), missing, looked)


def declared(counts: Sequence[MoveCount]) -> Finding:
    """Judge whether every transition is one of the table."""
    outside = [one for one in counts if not _is_declared(one)]
    looked = [
        (
            f"{_move(one)}, read by {one.mapping or 'no mapping'}, {one.policy or 'no policy'}",
            f"{one.moves}, {_span(one.first_ms, one.last_ms)}",
        )
        for one in counts
    ]
    wrong = ", ".join(map(_move, outside))
    told = f"not in the declared table: {wrong}; this must never be: report it" if wrong else ""
    return finding("declared-transitions", told, "" if counts else _NO_MOVES, looked)


def _move(one: MoveCount) -> str:
    return f"{one.before or '(new)'} to {one.after} by {one.cause}"


def _is_declared(one: MoveCount) -> bool:
    if one.before is None:
        return True
    table = CORRECTIONS if one.cause in _CORRECTING else TRANSITIONS
    return one.after in table[one.before]


_NO_MOVES = "no payment moved yet: deliver an event of a payment"


def connected(moves: int, unconnected: Sequence[At], unfounded: Sequence[At]) -> Finding:
    """Judge whether every history hangs together."""
    looked = [
        ("transitions", str(moves)),
        ("that do not begin where the one before ended", str(len(unconnected))),
        ("payments whose state is not what the last one left", str(len(unfounded))),
    ]
    wrong = _contradicted([*unconnected, *unfounded])
    return finding("connected-histories", wrong, "" if moves else _NO_MOVES, looked)


def agrees(payment: Payment, terms: Terms) -> bool:
    """Say whether a payment's facts prove the state that is written."""
    return reduce(payment.facts, terms) is payment.state


def reduced(payments: Sequence[Payment], terms: Terms, illegal: Collection[str]) -> Finding:
    """Compute states anew. `illegal` are the payments for which a move was refused, by subject."""
    other = [one for one in payments if not agrees(one, terms)]
    left_aside = [one for one in other if addresses.write(one.key) in illegal]
    wrong = sorted(addresses.write(one.key) for one in other if one not in left_aside)
    looked = [
        ("payments computed anew", str(len(payments))),
        ("with an open ILLEGAL_TRANSITION, left aside", str(len(left_aside))),
        ("that their facts put elsewhere", str(len(wrong))),
    ]
    told = ""
    if wrong:
        told = (
            f"their facts prove another state: {_named(wrong)}; `sealgate why` tells each; after a"
            " change of policy, replay"
        )
    # A policy that was changed since explains it, and then nothing is wrong: people look.
    return finding("states-from-facts", "", told or ("" if payments else _NO_MOVES), looked)


def closed(counts: Sequence[ItemCount]) -> Finding:
    """Judge how exceptions ended."""
    nameless = sum(one.nameless for one in counts)
    looked = [_item(one) for one in counts]
    wrong = f"{nameless} were ended by people, without a name or a reason" if nameless else ""
    missing = ""
    if not counts:
        missing = "no exception was ever raised: underpay a payment in the sandbox"
    elif not any(one.status == Status.RESOLVED for one in counts):
        missing = "no person has ended one yet: work one, as `sealgate exceptions list` says"
    return finding("exceptions-closed-by-name", wrong, missing, looked)


def _item(one: ItemCount) -> tuple[str, str]:
    by = f", by {one.by}" if one.by else ""
    span = _span(one.first_ms, max(one.last_closed_ms, one.first_ms))
    what = f"{one.code}, severity {one.severity}, {one.status}{by}"
    return what, f"{one.items}, {one.approved} of them approved by a second person, {span}"


def severe(open_by_code: Mapping[tuple[str, int], int]) -> Finding:
    """Judge what is open now."""
    looked = [
        (f"{code}, severity {severity}", f"{count} open")
        for (code, severity), count in sorted(open_by_code.items())
    ] or [("open exceptions", "0")]
    codes = sorted({code for code, severity in open_by_code if severity == SEVERE})
    missing = f"{', '.join(codes)}: end these first; docs/exceptions.md says how" if codes else ""
    return finding("nothing-severe-open", "", missing, looked)


def connected_events(moves: int, uncorrelated: Sequence[At]) -> Finding:
    """Judge whether moves name their events."""
    looked = [
        ("transitions that an event caused", str(moves)),
        ("of which the event, or its correlation id, is another", str(len(uncorrelated))),
    ]
    missing = "" if moves else _NO_MOVES
    return finding("moves-name-events", _contradicted(uncorrelated), missing, looked)


def told(moves: int, notices: tuple[int, int], untold: Sequence[At]) -> Finding:
    """Judge whether every transition was told."""
    waiting, delivered = notices
    looked = [
        ("transitions", str(moves)),
        ("notices delivered", str(delivered)),
        ("notices that wait", str(waiting)),
        ("transitions without a notice", str(len(untold))),
    ]
    missing = "" if delivered else "no notice was delivered yet: run `sealgate relay`"
    return finding("notices-told", _contradicted(untold), missing, looked)


def posted(counts: Sequence[PostingCount], stray: Sequence[At]) -> Finding:
    """Judge what finance acknowledged."""
    looked = [
        (
            f"{one.provider}, {one.asset}",
            f"{one.postings} postings, {_span(one.first_ms, one.last_ms)}",
        )
        for one in counts
    ]
    looked.append(("postings of payments that there are not", str(len(stray))))
    missing = "" if counts else "no posting was acknowledged: `sealgate payments post-batch FILE`"
    return finding("postings-joined", _contradicted(stray), missing, looked)


def drilled(noted: Sequence[tuple[Noted, Mapping[str, object]]], version: str) -> Finding:
    """Judge the drills that were written down, the latest first; each with what its sheet said."""
    last: dict[str, tuple[Noted, Mapping[str, object]]] = {}
    for one, said in noted:
        last.setdefault(str(said.get("drill", "")), (one, said))
    looked = [(name, _sheet(*one)) for name, one in sorted(last.items())]
    failed = [name for name in DRILLS if name in last and not last[name][1].get("passed")]
    missing = [
        name for name in DRILLS if name not in last or last[name][1].get("version") != version
    ]
    wrong = f"the last one failed: {', '.join(failed)}" if failed else ""
    absent = f"not played with version {version}: {', '.join(missing)}" if missing else ""
    return finding("drills-passed", wrong, absent, looked)


def _sheet(one: Noted, said: Mapping[str, object]) -> str:
    how = "passed" if said.get("passed") else "FAILED"
    told = f"{how}, version {said.get('version')}, {said.get('sheet')}"
    return f"{told}; by {one.by} at {cloudevents.timestamp(one.at_ms)}, as {one.key}"


def _contradicted(places: Sequence[At]) -> str:
    """Name what contradicts a claim."""
    if not places:
        return ""
    names = sorted({addresses.write(one.payment) for one in places})
    return f"contradicted by {_named(names)}: `sealgate audit verify`, and report it"


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(names[:NAMED_MAX]) + more


def _span(first_ms: int, last_ms: int) -> str:
    return f"{cloudevents.timestamp(first_ms)} to {cloudevents.timestamp(last_ms)}"


def _listed(rows: Rows) -> Rows:
    if len(rows) <= LISTED_MAX:
        return rows
    return (*rows[:LISTED_MAX], ("and more", f"{len(rows) - LISTED_MAX} rows"))
