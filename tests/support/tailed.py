"""A shop whose records somebody tails: envelopes that the edge's code sealed, and real notices."""

import asyncio
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from consumers import notices
from consumers.lifecycle import State
from consumers.notices import Occasion
from consumers.store.port import EventKey, PaymentKey, Transition
from ingress.admit import Sealed, decide
from ingress.contract import topics
from ingress.contract.envelope import Envelope
from ingress.eventlog.port import EventLog, Message, Position
from sealgate.building import build_sources
from sealgate.tail.asked import Asked
from sealgate.tail.command import Means, run
from tests.support.builders import NOW_MS, TRACEPARENT
from tests.support.gateway import OLD_SECRET
from tests.support.processes import event
from tests.support.quarantined import ENVIRONMENT, Ground, number, refused

VERIFIED, LIFECYCLE = topics.verified(ENVIRONMENT), topics.lifecycle(ENVIRONMENT)
NO_FLAGS = ()


@dataclass(slots=True)
class Shop:
    """A configuration with one source of BTCPay Server, and an embedded log."""

    ground: Ground
    count: int = 0

    @staticmethod
    def configured(directory: Path) -> Path:
        """Write the configuration alone; return its file."""
        directory.mkdir(exist_ok=True)
        return _ground(directory).write()

    @classmethod
    def at(cls, directory: Path) -> "Shop":
        """Write the configuration, and make the topics with one partition each."""
        ground = _ground(directory)
        ground.write()

        async def make(log: EventLog) -> None:
            await log.ensure_topics({VERIFIED: 1, LIFECYCLE: 1})

        ground.ask(make)
        return cls(ground)

    def envelope(self, payment: str, word: str) -> Envelope:
        """Seal a delivery as the edge does."""
        self.count += 1
        source = build_sources(self.ground.read())["shop"]
        delivery = refused(event(payment, word), received_ms=NOW_MS + self.count, url="")
        decided = decide(delivery, source, number(self.count))
        assert isinstance(decided, Sealed)
        return decided.envelope

    def put(self, *messages: Message) -> None:
        """Write records, one after the other: no two of them in one millisecond."""

        async def publish(log: EventLog) -> None:
            publisher = log.publisher(deadline_s=20)
            await publisher.start()
            for message in messages:
                await publisher.publish(message)
                await asyncio.sleep(0.002)
            await publisher.stop()

        self.ground.ask(publish)

    def tail(self, environ: Mapping[str, str] | None = None, **asked: Any) -> tuple[int, str]:
        """Tail what is there now; return the exit code and what was printed."""
        out = io.StringIO()
        said = Asked(**{"until_caught_up": True, **asked})
        return run(Means(self.ground.config, environ or {}, out), said), out.getvalue()

    def told(self, **asked: Any) -> tuple[int, list[dict[str, Any]]]:
        """Tail as JSON; return the exit code and the objects."""
        code, text = self.tail(json=True, **asked)
        return code, [json.loads(line) for line in text.splitlines()]

    def forget(self, topic: str, before: int) -> None:
        """Let the log forget what stands before an offset, as retention does."""

        async def trim(log: Any) -> None:
            partition = next(iter(await log.begins(topic)))
            await log.trim(Position(partition, before))

        self.ground.ask(trim)


class Terminal(io.StringIO):
    """Says that a person is looking."""

    def isatty(self) -> bool:
        return True


def _ground(directory: Path) -> Ground:
    ground = Ground(directory)
    ground.source("shop", "btcpay", {"k1": OLD_SECRET}, 'account = "shop"')
    return ground


def verified(envelope: Envelope, **changes: Any) -> Message:
    """Write an envelope, changed by whoever can write to the topic."""
    key, headers, value = replace(envelope, **changes).encode()
    return Message(VERIFIED, key, value, headers)


def notice(payment: str, version: int, before: State | None, after: State) -> Message:
    """Write the notice of one move, as the relay publishes it."""
    key = PaymentKey("btcpay", "shop", payment)
    cause = EventKey("btcpay", "shop", f"{payment}-{version}")
    move = Transition(key, version, before, after, cause, number(version), NOW_MS + version)
    occasion = Occasion(ENVIRONMENT, "InvoiceSettled", NOW_MS, TRACEPARENT)
    built = notices.build(move, occasion, NO_FLAGS, 1)
    return Message(LIFECYCLE, built.key, built.value, built.headers)


def held(payment: str, version: int) -> Message:
    """Write the notice of a hold that was placed on a payment that stays Confirmed."""
    key = PaymentKey("btcpay", "shop", payment)
    cause = EventKey("sealgate", "operator", "t-1")
    place = Transition(
        key, version, State.CONFIRMED, State.CONFIRMED, cause, number(version), NOW_MS + version
    )
    occasion = Occasion(ENVIRONMENT, "hold", NOW_MS, TRACEPARENT)
    built = notices.build_held(place, occasion, ["hold: compliance"], 1, is_placed=True)
    return Message(LIFECYCLE, built.key, built.value, built.headers)
