"""Every metric of what time does: who is stuck, and what is owed. See `metrics` for the others.

Apart from those, because a module has its limits. Here too labels are closed enums, configured
names and registered assets, and everything exists at zero.
"""

from collections.abc import Mapping
from decimal import Decimal

from prometheus_client import CollectorRegistry, Counter, Gauge

from consumers.keeping_up import Frozen
from consumers.lifecycle import State
from consumers.overdue import Tally
from consumers.patience import CODES, OWED


class TimerMetrics:
    """What time has done: who is stuck as measured last, and what the timers did about it.

    `decimals` of the assets turn atomic units into the units that people know.
    """

    def __init__(self, registry: CollectorRegistry, decimals: Mapping[str, int]) -> None:
        self._decimals = decimals
        self._amounts_shown: set[tuple[str, str, str]] = set()
        self.frozen = Gauge(
            "sealgate_timers_frozen",
            "1 at the reason for which time is not judged now; 0 everywhere while it is.",
            ("reason",),
            registry=registry,
        )
        self.expired = Counter(
            "sealgate_payments_expired",
            "Payments that expired because a timer found their window over, without money.",
            registry=registry,
        )
        raised = Counter(
            "sealgate_stuck_raised",
            "Exceptions about stuck payments, raised or made worse.",
            ("code",),
            registry=registry,
        )
        self.raised = {code: raised.labels(code.value) for code in CODES.values()}
        self.last_sweep = Gauge(
            "sealgate_timers_last_sweep_timestamp_seconds",
            "When a sweep over the waiting payments last succeeded; 0 until the first time.",
            registry=registry,
        )
        self.duration = Gauge(
            "sealgate_timers_sweep_duration_seconds",
            "How long the last sweep took.",
            registry=registry,
        )
        by_state = ("provider", "state")
        self.stuck = Gauge(
            "sealgate_payments_stuck",
            "Payments that have been in a state for longer than their corridor's limit.",
            by_state,
            registry=registry,
        )
        self.stuck_oldest = Gauge(
            "sealgate_payments_oldest_stuck_timestamp_seconds",
            "Since when the longest stuck payment has been in its state; absent where none is.",
            by_state,
            registry=registry,
        )
        self.stuck_amount = Gauge(
            "sealgate_payments_stuck_amount",
            "Money of stuck payments that was seen, in units of the asset (not its smallest).",
            (*by_state, "asset"),
            registry=registry,
        )
        self.say(Frozen.SETTLING)

    def say(self, frozen: Frozen | None) -> None:
        """Tell whether time is judged, and why not."""
        for reason in Frozen:
            self.frozen.labels(reason.value).set(reason is frozen)

    def show(self, tally: Tally) -> None:
        """Tell who is stuck; where nobody is, zero."""
        self.drop()
        for provider in tally.providers:
            for state in CODES:
                self.stuck.labels(provider, state.value).set(0)
        for place, payments in tally.payments.items():
            self.stuck.labels(*place).set(payments)
            self.stuck_oldest.labels(*place).set(tally.oldest_ms[place] / 1000)
        # The assets are the registry's, so the series are bounded; a sum that ends is zero.
        sums = dict.fromkeys(self._amounts_shown, 0.0)
        for (provider, state, asset), amount in tally.at_risk.items():
            if asset in self._decimals:
                major = Decimal(amount).scaleb(-self._decimals[asset])
                sums[provider, state.value, asset] = float(major)
        for series, told in sums.items():
            self.stuck_amount.labels(*series).set(told)
        self._amounts_shown.update(sums)

    def drop(self) -> None:
        """Tell nothing of who is stuck: an old number that looks fresh is worse than none."""
        for gauge in (self.stuck, self.stuck_oldest, self.stuck_amount):
            gauge.clear()


class DebtMetrics:
    """What is owed, as a whole walk over all payments measured it last."""

    def __init__(self, registry: CollectorRegistry) -> None:
        by_provider = ("provider",)
        self._overdue = {
            State.REFUNDED: Gauge(
                "sealgate_refunds_stuck",
                "Payments with a refund on its way for longer than their corridor's limit.",
                by_provider,
                registry=registry,
            ),
            State.CONFIRMED: Gauge(
                "sealgate_posting_overdue",
                "Confirmed payments that are not in the books, beyond the limit of business days.",
                by_provider,
                registry=registry,
            ),
        }
        self._oldest_refund = Gauge(
            "sealgate_refunds_oldest_stuck_timestamp_seconds",
            "Since when the longest stuck refund is on its way; absent where none is.",
            by_provider,
            registry=registry,
        )
        self._unposted = Gauge(
            "sealgate_payments_unposted",
            "Confirmed payments that are not in the books, overdue or not.",
            by_provider,
            registry=registry,
        )
        self._oldest_unposted = Gauge(
            "sealgate_payments_oldest_unposted_timestamp_seconds",
            "Since when the oldest payment that is not in the books is Confirmed; absent if none.",
            by_provider,
            registry=registry,
        )
        raised = Counter(
            "sealgate_owed_raised",
            "Exceptions about refunds and books, raised or made worse.",
            ("code",),
            registry=registry,
        )
        self.raised = {code: raised.labels(code.value) for code in OWED.values()}

    def show(self, state: State, tally: Tally) -> None:
        """Tell what one walk found; where there is nothing, zero."""
        self._drop(state)
        overdue = self._overdue[state]
        for provider in tally.providers:
            overdue.labels(provider).set(0)
        for (provider, _), payments in tally.payments.items():
            overdue.labels(provider).set(payments)
        if state is State.REFUNDED:
            for (provider, _), oldest_ms in tally.oldest_ms.items():
                self._oldest_refund.labels(provider).set(oldest_ms / 1000)
            return
        for provider in tally.providers:
            self._unposted.labels(provider).set(0)
        for provider, payments in tally.owed.items():
            self._unposted.labels(provider).set(payments)
            self._oldest_unposted.labels(provider).set(tally.owed_ms[provider] / 1000)

    def drop(self) -> None:
        """Tell nothing: an old number that looks fresh is worse than none."""
        for state in self._overdue:
            self._drop(state)

    def _drop(self, state: State) -> None:
        books = (self._unposted, self._oldest_unposted)
        for gauge in (self._oldest_refund,) if state is State.REFUNDED else books:
            gauge.clear()
        self._overdue[state].clear()
