"""Three promises, and how fast what they allow to go wrong is used up.

For each promise flow out: the share that went wrong over seven windows, how much there was of it,
what is left of thirty days, and two alerts. An alert needs a long window, which says that it
matters, and a short one, which says that it is so still: so it ends minutes after the trouble. The
windows and factors are those of the SRE workbook.

The promise is the gateway's, so the shares are by environment: of all sources together. One source
that fails while all others are well is told of by its own alerts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from dashboards.prometheus.alert import PLACE, Alert, Group, Recording, Severity
from dashboards.prometheus.thresholds import REQUESTS_MIN

PERIOD = "30d"
OURS = "publish_failed|publish_refused|overloaded|addresses_awaited|internal_error"
"""Outcomes that are our fault; what does not verify is counted apart, for anybody can send it."""


class Burn(NamedTuple):
    """A speed at which somebody is called: `factor` times what thirty days would allow."""

    factor: int | float
    long: str
    short: str
    severity: Severity


BURNS = (
    Burn(14.4, "1h", "5m", Severity.PAGE),  # 2 % of thirty days' budget in an hour
    Burn(6, "6h", "30m", Severity.PAGE),  # 5 % in six hours
    Burn(3, "1d", "2h", Severity.TICKET),  # 10 % in a day
    Burn(1, "3d", "6h", Severity.TICKET),  # 10 % in three days
)
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
_LONG = tuple(burn.long for burn in BURNS)


@dataclass(frozen=True, slots=True)
class Promise:
    """What is promised, of how many; the expressions have a window where ``%`` stands."""

    name: str
    alert: str
    runbook: str
    allowed: float
    """The share that may go wrong."""
    said: str
    bad_said: str
    action: str
    bad: str
    valid: str

    def ratio(self, window: str) -> str:
        """Name the recorded share that went wrong in a window."""
        return f"environment:sealgate_{self.name}_errors:ratio_rate{window}"

    def amount(self, window: str) -> str:
        """Name the recorded number of all that counts in a window."""
        return f"environment:sealgate_{self.name}_valid:increase{window}"

    def enough(self, burn: Burn) -> int:
        """Say of how many on two that fail alone must call nobody."""
        return max(int(REQUESTS_MIN.said), ceil(round(2 / (burn.factor * self.allowed), 6)))


def _of(metric: str) -> str:
    return f"sum by ({PLACE}) (rate({metric}[%]))"


_OUTCOMES = 'sealgate_requests_total{{outcome=~"{}"}}'
_ANSWERED = _of('sealgate_request_duration_seconds_count{source!="unknown"}')
_QUICKLY = _of('sealgate_request_duration_seconds_bucket{source!="unknown", le="0.25"}')
_APPLIED = _of("sealgate_consumer_end_to_end_seconds_count")
_SOON = _of('sealgate_consumer_end_to_end_seconds_bucket{le="10.0"}')

PROMISES: Sequence[Promise] = (
    Promise(
        "acceptance",
        "SealgateAcceptanceBudgetBurn",
        "acceptance.md",
        0.001,
        "99.9 % of valid deliveries are accepted",
        "of valid deliveries were not accepted",
        "Find out what the edge answers instead of 200, and mend it: providers come again, but"
        " not for ever",
        _of(_OUTCOMES.format(OURS)),
        _of(_OUTCOMES.format(f"accepted|{OURS}")),
    ),
    Promise(
        "latency",
        "SealgateLatencyBudgetBurn",
        "latency.md",
        0.01,
        "99 % of deliveries are answered within 250 ms",
        "of deliveries took longer than 250 ms",
        "Find what makes the answers slow, the log or the edge: slow answers become repeated"
        " deliveries",
        f"({_ANSWERED} - {_QUICKLY})",
        _ANSWERED,
    ),
    Promise(
        "freshness",
        "SealgateFreshnessBudgetBurn",
        "consumer-lag.md",
        0.01,
        "99 % of accepted events are applied within 10 s",
        "of events were applied later than 10 s after they were accepted",
        "Find out what holds the consumers up, and let them catch up: payments move late",
        f"({_APPLIED} - {_SOON})",
        _APPLIED,
    ),
)


def _recordings(promise: Promise) -> Iterator[Recording]:
    for window in WINDOWS:
        bad, valid = (one.replace("%", window) for one in (promise.bad, promise.valid))
        yield Recording(promise.ratio(window), f"{bad}\n/\n{valid}")
    for window in _LONG:
        counted = promise.valid.replace("%", window).replace("rate(", "increase(")
        yield Recording(promise.amount(window), counted)
    bad, valid = (one.replace("%", PERIOD) for one in (promise.bad, promise.valid))
    left = f"environment:sealgate_{promise.name}_budget_left:ratio{PERIOD}"
    yield Recording(left, f"1 - (\n  {bad}\n  /\n  {valid}\n) / {promise.allowed}")


def _burning(promise: Promise, burn: Burn) -> str:
    limit = f"({burn.factor} * {promise.allowed})"
    return (
        f"(\n  {promise.ratio(burn.long)} > {limit}\n"
        f"  and {promise.ratio(burn.short)} > {limit}\n"
        f"  and {promise.amount(burn.long)} > {promise.enough(burn)}\n)"
    )


def _times(burn: Burn) -> str:
    return "once" if burn.factor == 1 else f"{burn.factor} times"


def _alert(promise: Promise, severity: Severity) -> Alert:
    burns = [burn for burn in BURNS if burn.severity is severity]
    windows = " or ".join(f"{_times(burn)} over {burn.long} and {burn.short}" for burn in burns)
    return Alert(
        promise.alert,
        severity,
        promise.runbook,
        f"the budget of “{promise.said}” is used up too fast: {windows}",
        promise.action,
        "{{ $value | humanizePercentage }} "
        + promise.bad_said
        + "; promised: "
        + promise.said
        + ".",
        "\nor\n".join(_burning(promise, burn) for burn in burns),
    )


GROUPS = tuple(
    Group(
        f"sealgate-slo-{promise.name}",
        [_alert(promise, severity) for severity in (Severity.PAGE, Severity.TICKET)],
        list(_recordings(promise)),
    )
    for promise in PROMISES
)
