"""Verify the log's latest records again, those of keys that prove nothing any more, too.

A record that names a key which is over is no proof by itself: whoever may write to the topic can
name any key, and after a theft somebody holds it. So such a record is asked three things. When was
it received? After its key was over the gateway itself would have refused it: that contradicts, and
neither a journal nor a queue explains it, for the envelope says the receipt. Does the key's file,
where it is still there, bear out the signature? And where the key was revoked, was the record also
written before, by the log's own clock? Only then it is proven. Everything else nobody can tell.

When a key was over is its `not_after`; of one that is revoked without it, nobody knows. A file that
bears out no record at all was overwritten, which proves nothing against any of them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from consumers.store.keys import EventKey
from ingress.contract import topics
from ingress.contract.envelope import Envelope, EnvelopeMalformed
from ingress.eventlog.port import EventLog, Record
from ingress.keyring import Ring, Status
from ingress.settings import KeySettings
from ingress.sources import Source, moment_ms
from sealgate.evidence.judging import CLOCKS_MS, OldKeys
from sealgate.evidence.lately import VERIFIED_MAX, latest
from sealgate.exposure import addresses
from sealgate.tail.proving import Prover, Word

_AMISS = frozenset({Word.DIFFERS, Word.FAILED})


class Old(StrEnum):
    """What a record is worth that names a key which is over."""

    PROVEN = "proven"
    AFTER = "after"
    """It was received after the key was over: the gateway would not have taken it."""

    UNSIGNED = "unsigned"
    """The key's file does not bear its signature out."""

    DIFFERS = "differs"
    OPEN = "open"
    """Nobody can tell: the file is gone, or the end of the key is not known, or not clear of it."""


class Named(NamedTuple):
    """A key as records name it: of which source, and its id."""

    slug: str
    key_id: str


@dataclass(slots=True)
class Again:
    """What became of the records: by the word of their proof, and of old keys by what they are."""

    words: Counter[Word] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    unknown: int = 0
    """Records that name a key or a source that is not configured."""

    proven: Counter[Named] = field(default_factory=Counter)
    untold: Counter[Named] = field(default_factory=Counter)
    unsigned: defaultdict[Named, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def old(self) -> OldKeys:
        """Sum up what became of keys that are over."""
        untold = {f"{slug}/{key_id}": count for (slug, key_id), count in self.untold.items()}
        return OldKeys(self.proven.total(), untold, tuple(self.after))

    def end(self) -> None:
        """Judge what a file did not bear out: it is the key only if it bore out some record."""
        for named, events in self.unsigned.items():
            if self.proven[named]:
                self.wrong += events
            else:
                self.untold[named] += len(events)
        self.unsigned.clear()


async def verify_again(log: EventLog, prover: Prover) -> Again:
    """Verify the latest records. Raises `LogUnavailable`."""
    found = Again()
    async for record in latest(log, topics.verified(prover.environment), VERIFIED_MAX):
        try:
            sealed = Envelope.decode(record.headers, record.value)
        except EnvelopeMalformed:
            continue
        take(found, prover, record, sealed)
    found.end()
    return found


def take(found: Again, prover: Prover, record: Record, sealed: Envelope) -> None:
    """Judge one record."""
    proof = prover.prove(record.key, sealed)
    found.words[proof.word] += 1
    name = addresses.write(EventKey(sealed.provider, sealed.account, sealed.event_key))
    if proof.word in _AMISS:
        found.wrong.append(name)
    elif proof.word is Word.KEYLESS:
        _take_old(found, prover, record, sealed, name)


def _take_old(found: Again, prover: Prover, record: Record, sealed: Envelope, name: str) -> None:
    """Judge a record that no usable key proves. Of keys that were fetched nothing is known here."""
    source, key = next(_named(prover, sealed), (None, None))
    if source is None or key is None:
        fetches = any(one.plan is not None for one in prover.candidates(sealed))
        found.unknown += not fetches
        return
    named = Named(source.slug, key.id)
    old = judge(prover, record, sealed, source, key)
    if old is Old.PROVEN:
        found.proven[named] += 1
    elif old is Old.AFTER:
        found.after.append(name)
    elif old is Old.UNSIGNED:
        found.unsigned[named].append(name)
    elif old is Old.DIFFERS:
        found.wrong.append(name)
    else:
        found.untold[named] += 1


def _named(prover: Prover, sealed: Envelope) -> Iterator[tuple[Source, KeySettings]]:
    """Find the configured key that an envelope names."""
    for source in prover.candidates(sealed):
        for key in source.setting.key:
            if key.id == sealed.key_id and key.role == "verify":
                yield source, key


def judge(
    prover: Prover, record: Record, sealed: Envelope, source: Source, key: KeySettings
) -> Old:
    """Say what a record is worth that names a key which is not usable as of its receipt."""
    end_ms = moment_ms(key.not_after)
    received_ms = sealed.received_ms if sealed.late_ms is None else sealed.late_ms
    if end_ms is not None and received_ms >= end_ms:
        return Old.AFTER if received_ms >= end_ms + CLOCKS_MS else Old.OPEN
    live = next((one for one in source.ring.keys if one.id == key.id), None)
    if live is None:
        return Old.OPEN
    # As the key was while it was in use.
    used = replace(source, ring=Ring([replace(live, status=Status.VERIFY_ONLY)]))
    word = Prover({source.slug: used}, prover.environment).prove(record.key, sealed).word
    if word is Word.DIFFERS:
        return Old.DIFFERS
    if word is Word.FAILED:
        return Old.UNSIGNED
    is_clear = end_ms is not None and record.timestamp_ms < end_ms + CLOCKS_MS
    return Old.PROVEN if word is Word.PROVEN and is_clear else Old.OPEN
