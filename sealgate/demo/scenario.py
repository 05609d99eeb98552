"""A scenario of the gallery: what is done, and what must come of it, side by side. Pure data.

The expectations are written by hand from the lifecycle documents. Nothing here computes one: a
gallery that asked the gateway what to expect could not find it wrong.
"""

from dataclasses import dataclass
from typing import NamedTuple

from consumers.exceptions import Code
from consumers.lifecycle import State, Verdict
from ingress.delivery import Reason
from sealgate.simulator.twist import Twist

ACCOUNT = "demo"


class Move(NamedTuple):
    """One transition: the state after it, and the provider's word that caused it."""

    after: State
    word: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come of one attempt: its status, and either a verdict or the failed check."""

    status: int
    verdict: Verdict | None = None
    reason: Reason | None = None


def taken(verdict: Verdict = Verdict.APPLIED) -> Expected:
    """Expect a 200, and `verdict` from the consumer."""
    return Expected(200, verdict=verdict)


def refused(status: int, reason: Reason | None = None) -> Expected:
    """Expect a refusal; without a reason it comes before any verification."""
    return Expected(status, reason=reason)


@dataclass(frozen=True, slots=True)
class Step:
    """One event of a scenario, delivered until it is taken; one expectation for each attempt.

    `minute` is when the event happened, counted from the payment's opening: it says nothing about
    the order of delivery, which is the order of the steps. `twists` are what the attempts suffer,
    the first one first. `together`: all attempts are sent at the same time. `number`: begin with
    this delivery number, for an event that is delivered again after it was taken.
    """

    event: str
    why: str
    expect: tuple[Expected, ...] = (Expected(200, verdict=Verdict.APPLIED),)
    minute: int = 0
    twists: tuple[Twist, ...] = ()
    together: bool = False
    number: int = 1
    key: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One payment's story. `moves` are all its transitions; none means that no payment exists.

    `stuck`: the payment stays in its last state for longer than the limit there.
    """

    title: str
    source: str
    provider: str
    steps: tuple[Step, ...]
    moves: tuple[Move, ...] = ()
    exceptions: tuple[Code, ...] = ()
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class DemoSource:
    """A source of the demo: its keys by id, all of them live."""

    slug: str
    provider: str
    key_ids: tuple[str, ...] = ("2026-11",)
    parameters: tuple[tuple[str, str], ...] = ()


SOURCES = (
    DemoSource("btcpay-demo", "btcpay"),
    DemoSource("coinbase-demo", "coinbase_commerce"),
    DemoSource("stripe-demo", "stripe", key_ids=("2026-05", "2026-11")),
    DemoSource(
        "standard-demo", "standard_webhooks", parameters=(("payment_ref", "/data/payment_id"),)
    ),
    DemoSource("kobbopay-demo", "kobbopay"),
)
