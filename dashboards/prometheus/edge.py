"""What the edge tells of itself: whether the log takes what it has, and whether it has room."""

from dashboards.prometheus import thresholds as t
from dashboards.prometheus.alert import (
    HOST,
    PLACE,
    PROCESS,
    Alert,
    Group,
    Severity,
    age,
    least,
    most,
    total,
)

_OVER = 'sealgate_quarantined_total{result="over_limit"}'
_SHED = 'sealgate_requests_total{outcome="overloaded"}'
# Requests for nothing that there is must not hide that deliveries are turned away.
_ASKED = 'sealgate_requests_total{outcome!="rejected_unknown_source"}'
_CLOSED = 'sealgate_connections_refused_total{limit="count"}'
_IN_TIME = f'sealgate_event_loop_lag_seconds_bucket{{le="{t.LOOP_LATE_S}"}}'
_READY = 'sealgate_workers{state="ready"}'


def _results(which: str) -> str:
    return f'sealgate_publish_results_total{{result=~"{which}"}}'


LOG = Group(
    "sealgate-log",
    [
        Alert(
            "SealgateLogUnavailable",
            Severity.PAGE,
            "log-unavailable.md",
            "an edge has given up waiting for the log, or half of what it hands over fails",
            "Bring the log back: until then verified deliveries are refused, or pile up in the"
            " journal",
            "{{ if ge $value 1.0 }}Nothing gets through to the log{{ else }}"
            "{{ $value | humanizePercentage }} of what is handed to the log fails{{ end }}.",
            f"{most(PLACE, 'sealgate_log_breaker_open')} > 0\nor\n(\n"
            f"  {total(PLACE, _results('rejected|unknown'), '5m')}\n"
            f"  / {total(PLACE, _results('.+'), '5m')}\n) > {t.PUBLISH_FAIL_RATIO}"
            f"\nand {total(PLACE, _results('rejected|unknown'), '5m')} > {t.PUBLISH_FAIL_MIN}",
            held="1m",
        ),
        Alert(
            "SealgateJournalNotDraining",
            Severity.PAGE,
            "journal.md",
            "the oldest record of a journal waits for more than five minutes",
            "Find out why {{ $labels.instance }} cannot hand its journal to the log; do not delete"
            " the file, it is the only copy",
            "It waits for {{ $value | humanizeDuration }}: providers were told that it is"
            " accepted.",
            f"({age(PROCESS, 'sealgate_journal_oldest_timestamp_seconds > 0')})"
            f" > {t.JOURNAL_AGE_S}",
            held="1m",
        ),
        Alert(
            "SealgateJournalFilling",
            Severity.PAGE,
            "journal.md",
            "a journal is half full, or full",
            "Bring the log back, or give the journal of {{ $labels.instance }} more room, before"
            " it refuses deliveries",
            "{{ $value | humanizePercentage }} of what it may take.",
            f"(\n  {most(PROCESS, 'sealgate_journal_bytes')}\n"
            f"  / ({most(PROCESS, 'sealgate_journal_bytes_limit')} > 0)\n) > {t.JOURNAL_PART}\n"
            f"or {most(PROCESS, 'sealgate_journal_full')} > 0",
            held="1m",
        ),
        Alert(
            "SealgateJournalDamaged",
            Severity.TICKET,
            "journal.md",
            "records of a journal could not be read as they were written",
            "Keep the damaged file of {{ $labels.instance }}, and ask the providers for what is"
            " missing: they were told that it is accepted",
            "{{ $value | printf `%.0f` }} records since the process started.",
            # Found at the start, before the first scrape: an increase would not see it.
            f"{most(PROCESS, 'sealgate_journal_damaged_total')} > 0",
        ),
    ],
)

EDGE = Group(
    "sealgate-edge",
    [
        Alert(
            "SealgateQuarantineFilling",
            Severity.TICKET,
            "quarantine-filling.md",
            "four fifths of what may be kept of refused deliveries are spent, or some was not kept",
            "Find out who sends what does not verify, and whether the key is wrong: what is not"
            " kept cannot be verified again",
            "{{ if ge $value 1.0 }}{{ $value | printf `%.0f` }} deliveries were not kept{{ else }}"
            "{{ $value | humanizePercentage }} of what may be kept is spent{{ end }}.",
            f"(\n  sum by ({PLACE}) (increase({_OVER}[15m]))\n) >= 1\nor\n(\n"
            f"  max by ({PLACE}) (\n    sealgate_quarantine_bytes\n"
            f"    / (sealgate_quarantine_bytes_limit > 0)\n  )\n) > {t.QUARANTINE_PART}",
            held="1m",
        ),
        Alert(
            "SealgateOverloaded",
            Severity.PAGE,
            "overload.md",
            "one delivery in twenty is turned away for want of room, or connections are",
            "Add edges, or find the flood: providers are told to come again",
            "{{ $value | humanizePercentage }} were turned away.",
            f"(\n  {total(PLACE, _SHED, '5m')}\n  / {total(PLACE, _ASKED, '5m')}"
            f"\n) > {t.OVERLOAD_RATIO}\nor\n(\n  {total(PLACE, _CLOSED, '5m')}\n  / (\n"
            f"    {total(PLACE, 'sealgate_requests_total', '5m')}\n"
            f"    + {total(PLACE, _CLOSED, '5m')}\n  )\n) > {t.OVERLOAD_RATIO}",
            held="2m",
        ),
        Alert(
            "SealgateEventLoopLate",
            Severity.TICKET,
            "overload.md",
            "one tick in a hundred of a process comes more than 250 ms late",
            "Find out what keeps {{ $labels.instance }} from its work: too little processor, or a"
            " slow disk",
            "{{ $value | humanizePercentage }} of the ticks came more than 250 ms late.",
            f"(\n  1 - {total(PROCESS, _IN_TIME, '5m')}\n"
            f"  / {total(PROCESS, 'sealgate_event_loop_lag_seconds_count', '5m')}\n"
            f") > {t.LOOP_LATE_RATIO}",
            held="10m",
        ),
        Alert(
            "SealgateWorkersMissing",
            Severity.TICKET,
            "workers-missing.md",
            "fewer workers are ready than are wanted",
            "Read why the workers of {{ $labels.instance }} die or do not get ready",
            "Workers that are missing: {{ $value | printf `%.0f` }}.",
            f"label_replace(\n  {most(PROCESS, 'sealgate_workers_wanted')}\n"
            f"  - {most(PROCESS, _READY)},\n  {HOST}\n) > 0",
            held="5m",
        ),
        Alert(
            "SealgateConfigReloadFailed",
            Severity.TICKET,
            "config-reload.md",
            "a process serves another configuration than the one on its disk",
            "Run `sealgate check` beside {{ $labels.instance }}, and correct what it names",
            "What was served before is served on; a key that was to come or to go has not.",
            f"{least(PROCESS, 'sealgate_config_last_reload_ok')} == 0",
            held="5m",
        ),
    ],
)

GROUPS = (LOG, EDGE)
