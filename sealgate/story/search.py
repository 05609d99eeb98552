"""Find what a person's words stand for, whichever of its ids they hold.

An answer's correlation id, an event by its whole name or the provider's own id alone, a payment
likewise, a notice, an exception, a command's key, a refund, a place in the log, a transaction's
hash: all are looked for, and whatever is found leads to payments, or to an event that concerns
none. Where that is more than one, nothing is guessed: only a payment's or an event's whole name is
taken at its word, and what else has that name is told beside it.

What is too long or too odd to be kept as a provider wrote it is kept as its digest: a person holds
what the provider wrote, so that is digested in the same way before it is looked for.
"""

import re
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from consumers.facts import FactKind
from consumers.stating import OURSELVES
from consumers.store.deposit_reads import DepositReads
from consumers.store.port import DeadLetter, EventKey, PaymentKey, Recorded, Store
from ingress.contract import cloudevents
from ingress.eventlog.port import Partition, Position
from sealgate.exposure import addresses

# Nothing of a provider is longer; a reader who pastes a page has the wrong window.
WORDS_CHARS_MAX = 65_536
SHOWN_CHARS_MAX = 200
LISTED_MAX = 20
_ITEM = re.compile(r"ex-(?P<number>[0-9]{1,18})")
_NUMBERED = {FactKind.REFUND: "a refund's id", FactKind.POSTED: "a posting's id"}
_PAYMENT, _EVENT = "a payment", "an event"
_POSITION = re.compile(r"(?P<topic>[^\s/]+)/(?P<number>[0-9]{1,9})/(?P<offset>[0-9]{1,18})")


class Unclear(ValueError):
    """A person's words stand for nothing, or for several things; the message says how to go on."""


class Unknown(Unclear):
    """A person's words stand for nothing that the store knows."""


class Found(NamedTuple):
    """What some words stand for: a payment, or an event that concerns none, or a dead letter.

    `by` says what the words are of it. `events` are those the words stand for, to be marked where
    their payment's story is told. `also` tells what else goes by the same words.
    """

    by: str
    payment: PaymentKey | None = None
    events: tuple[Recorded, ...] = ()
    buried: tuple[DeadLetter, ...] = ()
    also: tuple[str, ...] = ()

    @property
    def subject(self) -> tuple[object, ...]:
        """Return what a story would be about: two of one subject are one story."""
        if self.payment is not None:
            return ("payment", self.payment)
        return ("event", *(one.event.key for one in self.events), *_places(self.buried))


async def search(store: Store, text: str) -> Found:
    """Find the one story that `text` stands for. Raises `Unknown`, and else `Unclear`."""
    if not text or len(text) > WORDS_CHARS_MAX:
        raise Unclear("say an id: of an event, a payment, a transfer, an answer, a notice, a place")
    found: dict[tuple[object, ...], Found] = {}
    async for one in _candidates(store, text):
        known = found.get(one.subject)
        found[one.subject] = one if known is None else _joined(known, one)
    if not found:
        raise Unknown(_NOWHERE.format(text=shown(text)))
    return _chosen(text, list(found.values()))


def _chosen(text: str, found: Sequence[Found]) -> Found:
    """Return the only one, or the one whose whole name it is. Raises `Unclear` where none is."""
    if len(found) == 1:
        return found[0]
    for whole in (_PAYMENT, _EVENT):
        named = [one for one in found if one.by == whole]
        if len(named) == 1:
            others = (f"{one.by}: {_name(one)}" for one in found if one is not named[0])
            return named[0]._replace(also=(*named[0].also, *others))
    raise Unclear(_several(text, found))


def shown(text: str) -> str:
    """Cut what a person typed to what a message can hold."""
    return text if len(text) <= SHOWN_CHARS_MAX else f"{text[:SHOWN_CHARS_MAX]}..."


_NOWHERE = """\
{text}: nothing in the store is known by this. It may be
  a correlation id of a delivery that was refused: `sealgate quarantine show` with it says why,
    where it was kept; so does the edge's log line
  an event that no worker has read yet: `sealgate doctor` and the consumers' lag say so
  of another environment, whose configuration --config names
known ids: correlation id, provider/account/key of an event or a payment, either one's key alone,
transaction hash, refund, posting, exception (ex-17), the key of a command, notice id, and
topic/partition/offset"""


def _several(text: str, found: Sequence[Found]) -> str:
    """List what the words stand for, each in words that stand for it alone."""
    lines = [f"  {_name(one):<60} {one.by}" for one in found[:LISTED_MAX]]
    more = len(found) - len(lines)
    tail = [f"  and {more} more"] if more else []
    return "\n".join([f"{shown(text)}: stands for {len(found)} things; say which:", *lines, *tail])


def _name(found: Found) -> str:
    if found.payment is not None:
        return addresses.write(found.payment)
    if found.events:
        return addresses.write(found.events[0].event.key)
    return place(found.buried[0].position)


def place(position: Position) -> str:
    """Write a place in the log, as it may be typed."""
    (topic, number), offset = position
    return f"{topic}/{number}/{offset}"


def _places(letters: Sequence[DeadLetter]) -> list[str]:
    return [place(one.position) for one in letters]


def _joined(known: Found, other: Found) -> Found:
    """Put two findings of one story together, said of as the first was."""
    events = {one.event.key: one for one in (*known.events, *other.events)}
    also = tuple(dict.fromkeys((*known.also, *other.also)))
    return known._replace(events=tuple(events.values()), also=also)


async def _candidates(store: Store, text: str) -> AsyncIterator[Found]:
    """Try the words as each kind of id. What reads a whole table comes last, and only alone."""
    is_found = False
    for by, events in await _events(store, text):
        is_found = True
        yield await _about(store, by, events)
    for by, payment in await _payments(store, text):
        is_found = True
        for led in await _led(store, by, payment):
            yield led
    item = _ITEM.fullmatch(text.strip().lower())
    if item is not None and (one := await _of_item(store, int(item["number"]))) is not None:
        is_found = True
        yield one
    if (letters := await _buried(store, text)) and not is_found:
        yield Found("a place in the log", buried=letters)
    elif not is_found:
        reads = DepositReads.of(store)
        for key in await store.finder.transferred(text):
            to, also = _of_deposit(key, await reads.owner(key))
            yield Found("a transfer's key", to, also=also)


async def _events(store: Store, text: str) -> list[tuple[str, Recorded]]:
    """Find events by each of their ids."""
    found: list[tuple[str, Recorded]] = []
    position, whole, stored = read_place(text), addresses.read(text), cloudevents.attribute(text)
    if position is not None and (at := await store.finder.at(position)) is not None:
        found.append(("a place in the log", at))
    if whole is not None and (exact := await store.event(whole)) is not None:
        found.append((_EVENT, exact))
    for one in await store.finder.keyed(stored):
        is_ours = one.event.key.provider == OURSELVES
        found.append(("a command's key" if is_ours else "an event's key", one))
    found += [("a correlation id", one) for one in await store.correlated(stored)]
    return found


async def _payments(store: Store, text: str) -> list[tuple[str, PaymentKey]]:
    """Find payments by each of their ids."""
    found: list[tuple[str, PaymentKey]] = []
    whole, stored = addresses.read(text), cloudevents.attribute(text)
    if whole is not None:
        key = PaymentKey(*whole)
        if await store.payment(key) is not None or await store.events(key):
            found.append((_PAYMENT, key))
    if (sent := await store.finder.notice(stored)) is not None:
        found.append((f"the notice of version {sent.version}", sent.payment))
    found += [("a payment's reference", one) for one in await store.finder.referenced(stored)]
    for kind, one in await store.finder.numbered(stored):
        found.append((_NUMBERED[FactKind(kind)], one))
    return [(by, key) for by, key in found if key.provider != OURSELVES]


async def _led(store: Store, by: str, key: PaymentKey) -> Sequence[Found]:
    """Follow a name that only events about transfers have: the transfers are deposits."""
    if await store.payment(key) is not None:
        return [Found(by, key)]
    reads = DepositReads.of(store)
    owned = {pair for one in await store.events(key) for pair in await reads.told_by(one.event.key)}
    led = [_of_deposit(*pair) for pair in sorted(owned)]
    return [Found("a transfer's key", to, also=also) for to, also in led] or [Found(by, key)]


async def _of_item(store: Store, number: int) -> Found | None:
    """Find the payment, or the event, that an exception is about. Raises `Unclear` for neither."""
    item = await store.cases.item(number)
    if item is None:
        return None
    by, told = "an exception", item.anomaly
    recorded = None if told.event is None else await store.event(told.event)
    if recorded is not None:
        return await _about(store, by, recorded)
    named = addresses.read(told.subject)
    if named is not None and await store.payment(PaymentKey(*named)) is not None:
        return Found(by, PaymentKey(*named))
    raise Unclear(
        f"ex-{number} is {told.code} about {told.subject}, and about no payment or event alone:"
        f" `sealgate exceptions show ex-{number}` shows it"
    )


async def _buried(store: Store, text: str) -> tuple[DeadLetter, ...]:
    position = read_place(text)
    return () if position is None else tuple(await store.finder.buried_at(position))


async def _about(store: Store, by: str, one: Recorded) -> Found:
    """Say which payment an event is about; of a command, that of the exception it was about."""
    payment = await addresses.payment_of(store, one.event)
    if payment is not None and await store.payment(payment) is None:
        owned = await DepositReads.of(store).told_by(one.event.key)
        # The story of several deposits at once is the event's own.
        if len(owned) == 1:
            payment, also = _of_deposit(*owned[0])
            return Found(by, payment, (one,), also=also)
    if payment is None and one.event.key.provider == OURSELVES:
        payment = await _ordered(store, one.event.key)
    return Found(by, payment, (one,))


def _of_deposit(deposit: PaymentKey, owner: PaymentKey) -> tuple[PaymentKey, tuple[str, ...]]:
    """Return whose story a deposit's is: the matched payment's, with the deposit told beside it."""
    if owner == deposit:
        return deposit, ()
    return owner, (f"the deposit that is matched with it: {addresses.write(deposit)}",)


async def _ordered(store: Store, key: EventKey) -> PaymentKey | None:
    """Return the payment that an operator's order was about, itself or by an exception."""
    order = await store.finder.ordered(key.key)
    if order is None or order.item is None:
        return None if order is None else order.payment
    try:
        found = await _of_item(store, order.item)
    except Unclear:
        return None
    return None if found is None else found.payment


def read_place(text: str) -> Position | None:
    """Read a place in the log; None for anything else."""
    found = _POSITION.fullmatch(text)
    if found is None:
        return None
    return Position(Partition(found["topic"], int(found["number"])), int(found["offset"]))
