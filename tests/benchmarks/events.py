"""Payments that never were: their events, each with an id of its own, and what must come of them.

A `Story` is the path of one payment as its provider tells it, and the states that this makes it go
through, worked out by hand from the lifecycle's table. Payments take the stories in turn. Events
are told in blocks, the first of every payment before the second of any: in the world, too, the
events of one payment lie minutes apart, and no batch holds all of them.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice

# A whole number of times all stories, so that every block is like every other.
BLOCK = 400
# A provider that got its answer too late delivers again: one event in so many, so much later.
AGAIN_EVERY = 20
AGAIN_AFTER = 800

_STRIPE = (
    b'{"id":"evt_%s","object":"event","api_version":"2025-09-30.clover","created":%d,'
    b'"livemode":false,"pending_webhooks":1,"request":{"id":null,"idempotency_key":null},'
    b'"type":"%s","data":{"object":{"id":"pi_%s","object":"payment_intent","amount":4900,'
    b'"amount_received":%s,"capture_method":"automatic","currency":"usd",'
    b'"payment_method_types":["crypto"],"metadata":{"note":"'
)
_STRIPE_END = b'"}}}}'
_BTCPAY = (
    b'{"deliveryId":"%s","webhookId":"bench","originalDeliveryId":"%s","isRedelivery":false,'
    b'"timestamp":%d,"type":"%s","storeId":"bench","invoiceId":"%s",%s"metadata":{"note":"'
)
_BTCPAY_END = b'"}}'
_TRANSFER = (
    b'"paymentMethodId":"BTC-CHAIN","payment":{"id":"%s-0","receivedDate":1767225600,'
    b'"value":"0.00123","fee":"0.0","status":"Processing","destination":"bc1qbench"},'
)


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a story: the provider's word, what else its body says, the state it leads to."""

    word: bytes
    state: str
    more: bytes = b""


@dataclass(frozen=True, slots=True)
class Story:
    """The events of one payment, in order. Every step here leads to another state.

    `exception` is what a human must be told of how it ends.
    """

    provider: str
    steps: Sequence[Step]
    exception: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One event as its provider would send it."""

    provider: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Expected:
    """What the consumers must have made of so many payments."""

    states: Mapping[tuple[str, str], int]
    transitions: int
    exceptions: Mapping[str, int]


_STRIPE_PAID = Story(
    "stripe",
    (
        Step(b"payment_intent.created", "Pending", b"0"),
        Step(b"payment_intent.processing", "Paid", b"0"),
        Step(b"payment_intent.succeeded", "Confirmed", b"4900"),
    ),
)
_STRIPE_SHORT = Story(
    "stripe",
    (
        Step(b"payment_intent.created", "Pending", b"0"),
        Step(b"payment_intent.partially_funded", "Underpaid", b"2000"),
    ),
    "AMOUNT_UNDER",
)
_STRIPE_OPEN = Story("stripe", (Step(b"payment_intent.created", "Pending", b"0"),))
_BTCPAY_PAID = Story(
    "btcpay",
    (
        Step(b"InvoiceCreated", "Pending"),
        # BTCPay names no price: until it calls the invoice paid, value is not known to be enough.
        Step(b"InvoiceReceivedPayment", "Underpaid", _TRANSFER),
        Step(b"InvoiceProcessing", "Paid"),
        Step(b"InvoiceSettled", "Confirmed"),
    ),
)
_BTCPAY_EXPIRED = Story(
    "btcpay",
    (
        Step(b"InvoiceCreated", "Pending"),
        Step(b"InvoiceExpired", "Expired", b'"partiallyPaid":false,'),
    ),
)
_BTCPAY_LATE = Story(
    "btcpay",
    (*_BTCPAY_EXPIRED.steps, Step(b"InvoicePaidAfterExpiration", "Late")),
    "LATE_FUNDS",
)
STORIES = (
    _STRIPE_PAID,
    _BTCPAY_PAID,
    _STRIPE_PAID,
    _BTCPAY_EXPIRED,
    _STRIPE_SHORT,
    _BTCPAY_PAID,
    _STRIPE_OPEN,
    _BTCPAY_LATE,
)
PROVIDERS = ("stripe", "btcpay")


def told(
    token: bytes, providers: Collection[str], body_bytes: int, clock_s: Callable[[], int]
) -> Iterator[Event]:
    """Tell events without end. `token` sets this run's ids apart from every other run's."""
    stories = [story for story in STORIES if story.provider in providers]
    payments = count()
    while True:
        block = [(number, stories[number % len(stories)]) for number in islice(payments, BLOCK)]
        for place in range(max(len(story.steps) for _, story in block)):
            for number, story in block:
                if place < len(story.steps):
                    reference = b"%s%d" % (token, number)
                    yield _write(story, place, reference, clock_s(), body_bytes)


def history(token: bytes, blocks: int, body_bytes: int, at_s: int) -> list[Event]:
    """Tell the events of so many whole blocks, with some delivered again."""
    events = list(
        islice(told(token, PROVIDERS, body_bytes, lambda: at_s), expected(blocks).transitions)
    )
    delivered = []
    for place, event in enumerate(events):
        delivered.append(event)
        if place >= AGAIN_AFTER and place % AGAIN_EVERY == 0:
            delivered.append(events[place - AGAIN_AFTER])
    return delivered


def expected(blocks: int) -> Expected:
    """Say what the whole history of so many blocks must lead to."""
    stories = [STORIES[number % len(STORIES)] for number in range(BLOCK * blocks)]
    ends = Counter((story.provider, story.steps[-1].state) for story in stories)
    exceptions = Counter(story.exception for story in stories if story.exception)
    return Expected(ends, sum(len(story.steps) for story in stories), exceptions)


def _write(story: Story, place: int, reference: bytes, at_s: int, body_bytes: int) -> Event:
    step = story.steps[place]
    event_id = b"%sx%d" % (reference, place)
    if story.provider == "stripe":
        head = _STRIPE % (event_id, at_s, step.word, reference, step.more)
        end = _STRIPE_END
    else:
        more = step.more % reference if b"%s" in step.more else step.more
        head = _BTCPAY % (event_id, event_id, at_s, step.word, reference, more)
        end = _BTCPAY_END
    return Event(story.provider, head + b"n" * (body_bytes - len(head) - len(end)) + end)
