"""A downstream service in a drill: it hears notices, and ships goods once it hears Confirmed. Pure.

Records of the lifecycle topic flow in, as a subscriber gets them, repetitions included. It does
what the documentation tells subscribers: it drops a notice whose id it has seen, and looks whether
a payment's versions are without a gap.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

from consumers.lifecycle import State
from consumers.notices import TYPE_PREFIX
from ingress.contract import cloudevents
from ingress.eventlog.port import Record

_SHIPS = TYPE_PREFIX + State.CONFIRMED.lower()


@dataclass(slots=True)
class Subscriber:
    """What a subscriber has heard and done, by the payment's name."""

    seen: set[str] = field(default_factory=set)
    shipped: Counter[str] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    versions: dict[str, list[int]] = field(default_factory=dict)

    def hear(self, records: Iterable[Record]) -> None:
        """Take notices in their order."""
        for record in records:
            attributes = cloudevents.from_headers(record.headers)
            payment = str(orjson.loads(record.value)["payment"])
            if attributes["id"] in self.seen:
                self.repeated[payment] += 1
                continue
            self.seen.add(attributes["id"])
            self.versions.setdefault(payment, []).append(int(attributes["paymentversion"]))
            if attributes["type"] == _SHIPS:
                self.shipped[payment] += 1

    def gaps(self) -> list[str]:
        """Name the payments whose versions do not count up from one without a gap."""
        return sorted(
            payment
            for payment, versions in self.versions.items()
            # A notice that no state goes with repeats the version that it is told of.
            if versions != sorted(versions) or set(versions) != set(range(1, max(versions) + 1))
        )
