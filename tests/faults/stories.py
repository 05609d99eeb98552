"""The payments of a fault test: the benchmark's stories, and what the checker must know of them.

Payments take the stories in turn, and a block of them is told step by step, so that the events of
one payment lie a fraction of a second apart: near enough that a retry comes after its successor.
"""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from tests.benchmarks import events
from tests.faults.history import Asked, EventName, PaymentName

BLOCK = 48
FORGED_EVERY = 29
AGAIN_EVERY = 20
BODY_BYTES = 700


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is delivered, and what the history says of it."""

    asked: Asked
    body: bytes


def told(token: str, at_s: int, body_bytes: int = BODY_BYTES) -> Iterator[Delivery]:
    """Tell events without end; `token` sets this run's ids apart from every other run's."""
    payments = count()
    while True:
        numbers = [next(payments) for _ in range(BLOCK)]
        longest = max(len(_story(number).steps) for number in numbers)
        for place in range(longest):
            for number in numbers:
                if place < len(_story(number).steps):
                    yield delivery(token, number, place, at_s, body_bytes)


def with_noise(deliveries: Iterator[Delivery], dice: random.Random) -> Iterator[Delivery]:
    """Deliver some events twice, as a provider does, and put in some that nobody signed."""
    for one in deliveries:
        yield one
        if dice.randrange(AGAIN_EVERY) == 0:
            yield one
        if one.asked.event.provider == "stripe" and dice.randrange(FORGED_EVERY) == 0:
            yield forged(one)


def delivery(token: str, number: int, place: int, at_s: int, body_bytes: int) -> Delivery:
    """Write one event of one payment."""
    story = _story(number)
    reference = f"{token}{number}"
    event = events._write(story, place, reference.encode(), at_s, body_bytes)
    key, payment = f"{reference}x{place}", reference
    if story.provider == "stripe":
        key, payment = f"evt_{key}", f"pi_{payment}"
    asked = Asked(
        event=EventName(story.provider, key),
        payment=PaymentName(story.provider, payment),
        digest=hashlib.sha256(event.body).hexdigest(),
        place=place,
        state=story.steps[place].state,
    )
    return Delivery(asked, event.body)


def forged(one: Delivery) -> Delivery:
    """Make an event of its own that is signed with nobody's key."""
    body = one.body.replace(b'"evt_', b'"evt_forged', 1)
    event = EventName("stripe", one.asked.event.key.replace("evt_", "evt_forged", 1))
    digest = hashlib.sha256(body).hexdigest()
    asked = one.asked
    return Delivery(
        Asked(event, asked.payment, digest, asked.place, asked.state, forged=True), body
    )


def _story(number: int) -> events.Story:
    return events.STORIES[number % len(events.STORIES)]
