"""What payments and exceptions tell: who is stuck by state, what is owed, what is getting old."""

from collections.abc import Iterator

from dashboards.prometheus import thresholds as t
from dashboards.prometheus.alert import (
    PLACE,
    PROVIDER,
    SOURCE,
    Alert,
    Group,
    Severity,
    age,
    last_was,
    least,
    most,
    total,
)

CODE = "environment, code"
OWN_ALERTS = "ENV_MISMATCH|CHAIN_INTEGRITY"
"""Codes of severity 1 that have an alert of their own."""
_OLDEST = least(CODE, "sealgate_exceptions_oldest_timestamp_seconds")
_LEAK = 'sealgate_requests_total{outcome="environment_mismatch"}'
_APPLIED = 'sealgate_consumer_records_total{verdict="env_mismatch"}'
_ELSEWHERE = 'sealgate_exceptions_open{code="ENV_MISMATCH"}'
_BROKEN = 'sealgate_exceptions_open{code="CHAIN_INTEGRITY"}'
_OPEN_1 = f'sealgate_exceptions_open{{severity="1", code!~"{OWN_ALERTS}"}}'
_OTHERS = 'sealgate_payments_stuck{state=~"Underpaid|Late|Failed|Reversed"}'
_CHECKPOINT = "sealgate_audit_checkpoint_timestamp_seconds"
_DEPOSITS = "sealgate_deposits_unmatched"
_DEPOSITED = "sealgate_deposits_oldest_unmatched_timestamp_seconds"


def _ageing() -> Iterator[str]:
    limits = (t.SEVERITY_1_S, t.SEVERITY_2_S, t.SEVERITY_3_S, t.SEVERITY_4_S)
    for severity, limit in enumerate(limits, 1):
        is_open = most(CODE, f'sealgate_exceptions_open{{severity="{severity}"}}')
        yield f"(\n  (time() - {_OLDEST}) > {limit}\n  and {is_open} > 0\n)"


def _stuck(state: str, runbook: str, action: str) -> Alert:
    gauge = f'sealgate_payments_stuck{{state="{state}"}}'
    return Alert(
        f"SealgateStuck{state}",
        Severity.TICKET,
        runbook,
        f"payments are {state} for longer than their corridor's limit",
        action,
        "Payments of {{ $labels.provider }} that are "
        + state
        + " for too long: {{ $value | printf `%.0f` }}.",
        f"{most(f'{PROVIDER}, state', gauge)} > 0",
        held="5m",
    )


STUCK = Group(
    "sealgate-stuck",
    [
        _stuck(
            "Pending",
            "stuck-pending.md",
            "Ask {{ $labels.provider }} what became of them, and let them expire by a fact",
        ),
        _stuck(
            "Paid",
            "stuck-paid.md",
            "Ask {{ $labels.provider }} and look at the chain; never confirm by hand to clear this",
        ),
        Alert(
            "SealgateStuckPayments",
            Severity.TICKET,
            "stuck-payments.md",
            "payments are Underpaid, Late, Failed or Reversed, or refunds on their way, for longer"
            " than their limit",
            "Work the queue of {{ $labels.provider }}: somebody has to decide about each of them",
            "{{ if $labels.state }}Payments{{ else }}Refunds{{ end }} of {{ $labels.provider }}"
            " that wait for too long{{ with $labels.state }} in {{ . }}{{ end }}:"
            " {{ $value | printf `%.0f` }}.",
            f"{most(f'{PROVIDER}, state', _OTHERS)} > 0\nor\n"
            f"{most(PROVIDER, 'sealgate_refunds_stuck')} > 0",
            held="5m",
        ),
        Alert(
            "SealgateUnmatchedDeposits",
            Severity.TICKET,
            "unmatched-deposit.md",
            "a deposit that names no payment waits for a day, or more than twenty wait",
            "Match the deposits of {{ $labels.provider }} with payments, return them, or hold them",
            "Deposits that wait: {{ $value | printf `%.0f` }}.",
            f"{most(PROVIDER, _DEPOSITS)} > {t.DEPOSITS_MIN}\nor\n(\n"
            f"  {most(PROVIDER, _DEPOSITS)} > 0\n"
            f"  and ({age(PROVIDER, _DEPOSITED)}) > {t.DEPOSITS_S}\n)",
        ),
        Alert(
            "SealgateUnannouncedPayments",
            Severity.TICKET,
            "unannounced-payments.md",
            "events tell of a payment that nobody announced for two hours",
            "Find out why nobody announced them: the shop's call failed, or somebody else uses the"
            " account at {{ $labels.provider }}",
            "The oldest waits for {{ $value | humanizeDuration }}.",
            f"({age(PROVIDER, 'sealgate_payments_oldest_parked_timestamp_seconds')})"
            f" > {t.PARKED_S}",
        ),
        Alert(
            "SealgatePostingLag",
            Severity.TICKET,
            "posting-lag.md",
            "Confirmed payments are not in the books, beyond the limit of business days",
            "Run the export to the ledger again, or find out why it refuses",
            "Payments of {{ $labels.provider }} that are not in the books:"
            " {{ $value | printf `%.0f` }}.",
            f"{most(PROVIDER, 'sealgate_posting_overdue')} > 0",
            held="15m",
        ),
    ],
)

QUEUE = Group(
    "sealgate-queue",
    [
        Alert(
            "SealgateSevereException",
            Severity.PAGE,
            "exceptions.md",
            "an exception of severity 1 is open",
            "Work the exception {{ $labels.code }} now: `sealgate exceptions list`",
            "Open exceptions {{ $labels.code }} of severity 1: {{ $value | printf `%.0f` }}.",
            f"{most(CODE, _OPEN_1)} > 0",
        ),
        Alert(
            "SealgateExceptionsAgeing",
            Severity.TICKET,
            "exceptions.md",
            "the oldest exception of a code is open for longer than its severity allows",
            "Work the oldest {{ $labels.code }}, or hand it to somebody who can",
            "The oldest is open for {{ $value | humanizeDuration }}.",
            "\nor\n".join(_ageing()),
        ),
        Alert(
            "SealgateDivergence",
            Severity.TICKET,
            "divergence.md",
            "a provider's API shows less than we hold of one payment in fifty",
            "Look one payment up in {{ $labels.provider }}'s portal: who is right?",
            "{{ $value | humanizePercentage }} of the payments read in the last hour.",
            f"{most('environment, provider, account', 'sealgate_divergence_ratio')}"
            f" >= {t.DIVERGENCE_RATIO}",
        ),
        Alert(
            "SealgateEnvironmentMismatch",
            Severity.PAGE,
            "environment-leak.md",
            "something of another environment came to this one, or is open as an exception",
            "Find out which credential or endpoint is in the wrong environment, and correct it",
            "Deliveries and events of a quarter of an hour, or open items:"
            " {{ $value | printf `%.0f` }}.",
            f"{total(SOURCE, _LEAK, '15m')} > 0\nor\n{total(PLACE, _APPLIED, '15m')} > 0\nor\n"
            f"{most(CODE, _ELSEWHERE)} > 0",
        ),
    ],
)

AUDIT = Group(
    "sealgate-audit",
    [
        Alert(
            "SealgateAuditBroken",
            Severity.PAGE,
            "audit-chain.md",
            "the audit chain or the tables are not as they were written",
            "Freeze the close, and compare with the last checkpoint outside: `sealgate audit"
            " verify`",
            "Things that are wrong: {{ $value | printf `%.0f` }}.",
            f"{most(PLACE, 'sealgate_audit_problems')} > 0\nor\n{most(PLACE, _BROKEN)} > 0",
        ),
        Alert(
            "SealgateCheckpointOld",
            Severity.TICKET,
            "audit-chain.md",
            "no checkpoint of the audit chain was written for three hours",
            "Find out why the monitor cannot write checkpoints: the directory, or the key",
            last_was("checkpoint") + " What is changed since then is found by nobody.",
            f"(time() - {most(PLACE, _CHECKPOINT)}) > {t.CHECKPOINT_S}",
            held="5m",
        ),
    ],
)

GROUPS = (STUCK, QUEUE, AUDIT)
