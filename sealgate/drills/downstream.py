"""A downstream service in a drill: it hears notices, and ships the goods that they let go. Pure.

Records of the lifecycle topic flow in, as a subscriber gets them, repetitions included. It does
what the documentation tells subscribers: it drops a notice whose id it has seen, ships under every
effect key once, and looks whether a payment's versions are without a gap. It looks at no type and
no state.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

from ingress.contract import cloudevents
from ingress.eventlog.port import Record


@dataclass(slots=True)
class Subscriber:
    """What a subscriber has heard and done, by the payment's name."""

    seen: set[str] = field(default_factory=set)
    fulfilled: set[str] = field(default_factory=set)
    shipped: Counter[str] = field(default_factory=Counter)
    let_go: Counter[str] = field(default_factory=Counter)
    """Notices with an effect key."""

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
            effect = attributes.get("effectkey")
            self.let_go[payment] += effect is not None
            if effect is not None and effect not in self.fulfilled:
                self.fulfilled.add(effect)
                self.shipped[payment] += 1

    def gaps(self) -> list[str]:
        """Name the payments whose versions do not count up from one without a gap."""
        return sorted(
            payment
            for payment, versions in self.versions.items()
            # A notice that no state goes with repeats the version that it is told of.
            if versions != sorted(versions) or set(versions) != set(range(1, max(versions) + 1))
        )
