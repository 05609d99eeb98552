"""What the consumers tell, and the monitor about them: who is behind, who stands, what waits."""

from dashboards.prometheus import thresholds as t
from dashboards.prometheus.alert import (
    GROUP,
    PLACE,
    PROVIDER,
    Alert,
    Group,
    Severity,
    age,
    last_was,
    least,
    most,
    total,
)

_BEHIND = f"{GROUP}, topic, partition"
_WAITING = "min_over_time(sealgate_consumer_lag_records[5m])"
_RECORDS = "sealgate_consumer_records_total"
_REPEATED = 'sealgate_consumer_records_total{verdict=~"duplicate_delivery|duplicate_fact"}'
_AWAY = 'sealgate_consumer_retries_total{of="store"}'
_POLLED = most(GROUP, "sealgate_consumer_last_poll_timestamp_seconds > 0")
_STORES = 'sealgate_collector_success{collector=~"payments|exceptions"}'
_SWEPT = most(PLACE, "sealgate_timers_last_sweep_timestamp_seconds")
_PASSED = most(PLACE, "sealgate_fetching_last_pass_timestamp_seconds")

READING = Group(
    "sealgate-reading",
    [
        Alert(
            "SealgateConsumerLag",
            Severity.PAGE,
            "consumer-lag.md",
            "the oldest event that is not applied is older than five minutes",
            "Find out what holds {{ $labels.group }} up: the database, one event, or too few"
            " workers",
            "The oldest event of {{ $labels.topic }} that is not applied is"
            " {{ $value | humanizeDuration }} old.",
            f"{most(f'{GROUP}, topic', 'sealgate_consumer_lag_seconds')} > {t.LAG_S}",
            held="1m",
        ),
        Alert(
            "SealgateConsumerStalled",
            Severity.PAGE,
            "consumer-lag.md",
            "records wait and none is handled, or a worker does not even ask",
            "Start the workers of {{ $labels.group }} again, or find out why they stand",
            "{{ $value | humanize }} (records that wait; or the seconds since the log was asked).",
            # A dead worker has no series of its own: what waits is told by the monitor.
            f"(\n  sum by ({GROUP}) ({most(_BEHIND, _WAITING)}) > 0\n"
            f"  unless {total(GROUP, _RECORDS, '5m')} > 0\n)\nor\n"
            f"(time() - {_POLLED}) > {t.POLL_S}",
            held="1m",
        ),
        Alert(
            "SealgateConsumerHalted",
            Severity.PAGE,
            "position-lost.md",
            "a group's place is gone from the log",
            "Say where {{ $labels.group }} is to read on: it waits for a person",
            "Records were deleted before they were applied, or the topic was made anew.",
            f"{most(GROUP, 'sealgate_consumer_halted')} > 0",
        ),
        Alert(
            "SealgateDeadLetters",
            Severity.TICKET,
            "dead-letters.md",
            "there are more events that were given up on and not replayed than once in a week",
            "Look at the dead letters of {{ $labels.group }}, mend the cause, and replay them",
            "{{ $value | printf `%.0f` }} events are buried; their payments stand still.",
            # What is no envelope at all cannot be replayed and is counted for ever.
            # Compared with the least of a week: those that were replayed must not hide new ones.
            f"{most(GROUP, 'sealgate_dead_letters')} > 0\n"
            f"unless {most(GROUP, 'sealgate_dead_letters')}\n"
            f"  <= {least(GROUP, 'min_over_time(sealgate_dead_letters[1w])')}",
        ),
        Alert(
            "SealgateDuplicateStorm",
            Severity.TICKET,
            "duplicate-storm.md",
            "more than one record in five says what was known, or a second effect was stopped",
            "Find out who repeats: a provider, somebody's resend button, or two workers",
            "{{ if ge $value 1.0 }}{{ $value | printf `%.0f` }} second effects were stopped"
            "{{ else }}"
            "{{ $value | humanizePercentage }} of the records say what was known{{ end }}.",
            f"(\n  {total(PLACE, 'sealgate_effects_suppressed_total', '15m')}\n) >= 1\nor\n(\n"
            f"  {total(PLACE, _REPEATED, '15m')}\n  / {total(PLACE, _RECORDS, '15m')}\n"
            f") > {t.DUPLICATE_RATIO}\n"
            f"and {total(PLACE, _RECORDS, '15m')} > {t.REQUESTS_MIN}",
            held="5m",
        ),
    ],
)

KEEPING = Group(
    "sealgate-keeping",
    [
        Alert(
            "SealgateDatabaseUnavailable",
            Severity.PAGE,
            "database-unavailable.md",
            "workers wait for the database, or the monitor cannot read it",
            "Bring the database back: events are kept in the log meanwhile, and nothing is applied",
            "{{ if gt $value 0.0 }}Workers waited {{ $value | printf `%.0f` }} times in 5 minutes"
            "{{ else }}The monitor cannot read it{{ end }}.",
            # A database that was restarted and is back is nothing to be woken for.
            f"(\n  {total(PLACE, _AWAY, '5m')} > 0\n  and {total(PLACE, _AWAY, '2m')} > 0\n)\n"
            f"or\n{most(PLACE, _STORES)} == 0",
            held="2m",
        ),
        Alert(
            "SealgateNoticesWaiting",
            Severity.PAGE,
            "notices-waiting.md",
            "the oldest notice waits for more than five minutes",
            "Start the relay again, or bring the log back: nobody downstream hears what moved",
            "The oldest notice waits for {{ $value | humanizeDuration }}.",
            f"({age(PLACE, 'sealgate_notices_oldest_timestamp_seconds')}) > {t.NOTICES_S}",
            held="1m",
        ),
        Alert(
            "SealgateTimersStopped",
            Severity.TICKET,
            "timers-stopped.md",
            "no sweep over the waiting payments for a quarter of an hour",
            "Start the timers again: nothing expires and nobody is told to be stuck",
            last_was("sweep"),
            f"(time() - {_SWEPT}) > {t.SWEEP_S}",
            held="5m",
        ),
        Alert(
            "SealgateFetchingStopped",
            Severity.TICKET,
            "provider-outage.md",
            "no pass over whom to ask about for a quarter of an hour",
            "Start `sealgate fetch` again: hints wait, and nothing is compared with the providers",
            last_was("pass"),
            f"(time() - {_PASSED}) > {t.PASS_S}",
            held="5m",
        ),
        Alert(
            "SealgateProviderUnreadable",
            Severity.TICKET,
            "provider-outage.md",
            "a provider answers none of our questions",
            "Look at {{ $labels.provider }}'s status page, and at our key for its API",
            "{{ $value | printf `%.0f` }} questions in half an hour, and no answer.",
            f"{total(PROVIDER, 'sealgate_provider_read_troubles_total', '30m')}"
            f" > {t.TROUBLES_MIN}\n"
            f"unless {total(PROVIDER, 'sealgate_provider_reads_total', '30m')} > 0",
        ),
        Alert(
            "SealgateFrozenTooLong",
            Severity.TICKET,
            "provider-outage.md",
            "the environment is frozen for four hours",
            "Decide with finance whether the freeze can be cleared: nothing expires or is posted",
            "Frozen for {{ $value | humanizeDuration }}; `sealgate freeze show` says by whom.",
            f"({age(PLACE, 'sealgate_freeze_since_timestamp_seconds')}) > {t.FROZEN_S}",
        ),
    ],
)

GROUPS = (READING, KEEPING)
