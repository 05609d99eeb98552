"""What the providers of a storm of duplicates send, and what must come of it. Pure.

Payments of five providers, each a tale of events in their order, with what the provider itself says
that it took: the truth of the drill. Each event is a letter with the bytes of every time that it is
sent, because some providers write a redelivery anew and sign it again. What is hard is in the
tales: one fact told by two events, an event id that comes with another body, a transaction that a
chain takes back and mines again in another block, and money that turns out to be late, and then to
have been there in time.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from consumers.lifecycle import State
from ingress.contract import cloudevents
from sealgate.simulator import events
from sealgate.simulator.events import Occasion

ACCOUNT = "shop"
PROVIDERS: Mapping[str, str] = {
    "shop": "btcpay",
    "card": "stripe",
    "coin": "coinbase_commerce",
    "till": "kobbopay",
    "chain": "alchemy",
}
"""The sources, and the provider of each."""

TIMES = 3
"""How often a letter is sent at most; the last time in the provider's own resending."""

MINED_AGAIN = {"USDC": 25_000_000}
"""What stands of a transfer that was mined again: 25 USDC."""

_MINUTE_MS = 60_000
_SECOND_WORD = "again"
# Minutes after the payment was opened; the window closes after 15.
_MINUTES = {
    "created": 0,
    "received": 2,
    "seen": 2,
    "payment_settled": 12,
    "confirmed": 13,
    "expired": 16,
    "late": 20,
}


@dataclass(frozen=True, slots=True)
class Letter:
    """One event: where it is sent, and its bytes by how often it was sent before."""

    source: str
    event_id: str
    bodies: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tale:
    """One payment: its letters in order, and what its provider says of it.

    `ends` is None where that is nobody's word; `took` is the final money, in smallest units of each
    symbol. `twins` are two events that tell one fact. What `turns` is Confirmed, Late, and
    Confirmed again, where its letters come in their order.
    """

    source: str
    reference: str
    letters: Sequence[Letter]
    ends: State | None = None
    took: Mapping[str, int] = field(default_factory=dict)
    twins: Sequence[Letter] = ()
    turns: bool = False

    @property
    def path(self) -> str:
        """Return the payment's name, as notices and operators write it."""
        return f"{PROVIDERS[self.source]}/{ACCOUNT}/{self.reference}"


@dataclass(frozen=True, slots=True)
class Plot:
    """A kind of tale. A word that ends in ``again`` is another event that tells the same fact."""

    source: str
    words: Sequence[str]
    ends: State
    took: Mapping[str, int] = field(default_factory=dict)
    turns: bool = False
    """The money is told of first, and without the window."""

    shares_id: bool = False
    """The last event comes under the id of the one before it."""


_WHOLE = ("created", "seen", "confirmed")
# What each provider says it took: 0.00123 BTC, 49.00 dollars, 49 USDC.
PLOTS: Sequence[Plot] = (
    Plot(
        "shop",
        ("created", "received", "seen", "payment_settled", "confirmed"),
        State.CONFIRMED,
        {"BTC": 123_000},
    ),
    Plot("card", (*_WHOLE, "confirmed again"), State.CONFIRMED, {"USD": 4_900}),
    Plot("coin", _WHOLE, State.CONFIRMED, {"USDC": 49_000_000}),
    Plot("till", (*_WHOLE, "confirmed again"), State.CONFIRMED, {"USDC": 49_000_000}),
    Plot(
        "till",
        ("confirmed", "created", "seen"),
        State.CONFIRMED,
        {"USDC": 49_000_000},
        turns=True,
    ),
    Plot("till", ("created", "expired"), State.EXPIRED),
    Plot("till", ("created", "expired", "late"), State.LATE),
    Plot(
        "shop",
        ("created", "received", "payment_settled", "confirmed"),
        State.CONFIRMED,
        {"BTC": 123_000},
        shares_id=True,
    ),
)


def tell(seed: bytes, opened_ms: int, each: int) -> list[Tale]:
    """Return `each` payments of every plot, and as many transactions that are mined twice."""
    plotted = [
        _tale(plot, seed + b"%d/%d" % (place, number), opened_ms)
        for place, plot in enumerate(PLOTS)
        for number in range(each)
    ]
    return [*plotted, *(_mined_twice(seed + b"chain/%d" % one, opened_ms) for one in range(each))]


def letters_of(tales: Sequence[Tale]) -> list[Letter]:
    """Return every letter, each payment's in order."""
    return [letter for tale in tales for letter in tale.letters]


def storm(letters: Sequence[Letter], seed: bytes) -> list[tuple[Letter, int]]:
    """Return every letter one to `TIMES` minus one times, in no order but that of the lot.

    With each goes how often it was sent before: of the copies, the first to be drawn is the first.
    """
    drawn = [
        (hashlib.sha256(seed + b"%d/%d" % (place, copy)).digest(), letter)
        for place, letter in enumerate(letters)
        for copy in range(1 + (place % 3 != 0))
    ]
    sent: dict[Letter, int] = {}
    found = []
    for _, letter in sorted(drawn, key=lambda one: one[0]):
        before = sent.get(letter, 0)
        sent[letter] = before + 1
        found.append((letter, before))
    return found


def _tale(plot: Plot, seed: bytes, opened_ms: int) -> Tale:
    samples = events.load(PROVIDERS[plot.source])
    reference = samples.reference.make(seed)
    ids = [samples.event_id.make(seed + word.encode()) for word in plot.words]
    if plot.shares_id:
        ids[-1] = ids[-2]
    letters: list[Letter] = []
    for word, event_id in zip(plot.words, ids, strict=True):
        name = word.removesuffix(_SECOND_WORD).strip()
        occasion = Occasion(
            reference=reference,
            event_id=event_id,
            opened_ms=opened_ms,
            seen_ms=opened_ms + 2 * _MINUTE_MS,
            at_ms=opened_ms + _minute(plot, name) * _MINUTE_MS,
            closes_ms=opened_ms + 15 * _MINUTE_MS,
        )
        bodies = [samples.body(name, occasion.again(time)) for time in range(1, TIMES + 1)]
        if plot.turns and not letters:
            bodies = list(map(_without_window, bodies))
        letters.append(Letter(plot.source, event_id, tuple(map(_live, bodies))))
    twins = letters[-2:] if plot.words[-1].endswith(_SECOND_WORD) else ()
    return Tale(plot.source, reference, letters, plot.ends, plot.took, twins, turns=plot.turns)


def _minute(plot: Plot, name: str) -> int:
    """Return when a word is said; what turns is final only after the window."""
    return _MINUTES["late" if plot.turns and name == "confirmed" else name]


def _without_window(body: bytes) -> bytes:
    """Leave out until when the money was asked for."""
    told = json.loads(body)
    del told["expires_at"]
    return json.dumps(told).encode()


def _live(body: bytes) -> bytes:
    """Say that it is of real money, where the provider says so at all."""
    return body.replace(b'"livemode": false', b'"livemode": true')


def _mined_twice(seed: bytes, opened_ms: int) -> Tale:
    """Tell of a transfer that a block brings, loses, and another block brings again."""
    tx = "0x" + hashlib.sha256(seed).hexdigest()
    letters = [
        Letter("chain", event_id, (_activity(tx, event_id, block, at_ms, removed=removed),) * TIMES)
        for event_id, block, at_ms, removed in _inclusions(seed, opened_ms)
    ]
    return Tale("chain", tx, letters)


def _inclusions(seed: bytes, opened_ms: int) -> Iterator[tuple[str, str, int, bool]]:
    for minute, (block, removed) in enumerate((("a", False), ("a", True), ("b", False))):
        told = seed + f"{block}/{removed}".encode()
        event_id = "whevt_" + hashlib.sha256(told).hexdigest()[:16]
        block_hash = "0x" + hashlib.sha256(seed + block.encode()).hexdigest()
        yield event_id, block_hash, opened_ms + minute * _MINUTE_MS, removed


def _activity(tx: str, event_id: str, block: str, at_ms: int, *, removed: bool) -> bytes:
    """Write what Alchemy says of one transfer of 25 USDC (address-activity-webhook.mdx)."""
    contract = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
    item = {
        "hash": tx,
        "fromAddress": "0x503828976d22510aad0201ac7ec88293211d23da",
        "toAddress": "0xbe3f4b43db5eb49d1f48f53443b9abce45da3b79",
        "blockNum": "0xdf34a3",
        "asset": "USDC",
        "category": "token",
        "rawContract": {"rawValue": hex(25_000_000), "address": contract, "decimals": 6},
        "log": {"blockHash": block, "logIndex": "0x6e", "removed": removed},
    }
    told = {
        "webhookId": "wh_drill",
        "id": event_id,
        "createdAt": cloudevents.timestamp(at_ms),
        "type": "ADDRESS_ACTIVITY",
        "event": {"network": "ETH_MAINNET", "activity": [item]},
    }
    return json.dumps(told).encode()
