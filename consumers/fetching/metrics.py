"""What asking providers tells of itself: every metric with its meaning, all values from zero."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

from consumers.fetching.comparing import Comparison
from consumers.fetching.port import Account, Trouble


class FetchMetrics:
    """Counts answers and troubles by provider; `accounts` are those that are asked."""

    def __init__(self, registry: CollectorRegistry, accounts: Iterable[Account]) -> None:
        self.reads = Counter(
            "sealgate_provider_reads",
            "Answers about payments, by how they stand to what we hold.",
            ("provider", "comparison"),
            registry=registry,
        )
        self.troubles = Counter(
            "sealgate_provider_read_troubles",
            "Questions to providers that got no answer, by why.",
            ("provider", "trouble"),
            registry=registry,
        )
        self.ratio = Gauge(
            "sealgate_divergence_ratio",
            "Of the payments read in the last hour, the share that the provider shows less of.",
            ("provider", "account"),
            registry=registry,
        )
        self.freeze = Gauge(
            "sealgate_freeze",
            "1 while the environment is frozen: nothing expires here and nothing is posted.",
            registry=registry,
        )
        self.last_pass = Gauge(
            "sealgate_fetching_last_pass_timestamp_seconds",
            "When a pass over whom to ask about last succeeded; 0 until the first time.",
            registry=registry,
        )
        self.budget_used = Gauge(
            "sealgate_fetching_budget_used_ratio",
            "Of the questions that may be asked at once, the share that was spent in the last pass"
            " and is not there again; 1 while the provider is left alone.",
            ("provider", "account"),
            registry=registry,
        )
        for account in accounts:
            self.ratio.labels(*account).set(0)
            self.budget_used.labels(*account).set(0)
            for comparison in Comparison:
                self.reads.labels(account.provider, comparison.value)
            for trouble in Trouble:
                self.troubles.labels(account.provider, trouble.value)
