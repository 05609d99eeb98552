"""What an SRE may look for by another name, and where it is; and what is not there, and why."""

from typing import NamedTuple


class Sought(NamedTuple):
    """What is looked for, and what to look at instead."""

    what: str
    instead: str


SOUGHT = (
    Sought(
        "duplicates at the edge, lookups of a deduplication store",
        "There is none: the edge publishes every delivery that verifies. What is a duplicate is"
        " decided where effects are: `sealgate_consumer_records_total`, of the verdicts"
        " `duplicate_delivery` and `duplicate_fact`.",
    ),
    Sought(
        "publishing by topic",
        "`sealgate_publish_duration_seconds` is of the verified topic alone;"
        " `sealgate_publish_results_total` counts what is kept in quarantine and alarms, too.",
    ),
    Sought(
        "rebalances",
        "`sealgate_consumer_claims_total`: each assignment of each partition is one claim;"
        " `sealgate_consumer_fenced_total` are batches lost to a member that was thought dead.",
    ),
    Sought(
        "failed commits of offsets",
        "An offset that is committed to Kafka is advice for Kafka's tools. The place of a group"
        " stands in the database, in the same transaction as its effects; a commit that fails there"
        ' is `sealgate_consumer_retries_total{of="store"}`.',
    ),
    Sought(
        "events by type",
        "A type is the provider's word, and a label only for who reads it by the verdict:"
        " `sealgate_consumer_records_total` by verdict, and the log line of each envelope.",
    ),
    Sought(
        "transitions that were refused",
        '`sealgate_consumer_records_total{verdict="illegal"}` and `{verdict="conflict"}`, and the'
        " exceptions that they raise: `sealgate_exceptions_open`.",
    ),
    Sought(
        "depth of a dead letter topic",
        "Dead letters are rows of the database: `sealgate_dead_letters`, and"
        ' `sealgate_consumer_records_total{verdict="buried"}` as they come.',
    ),
    Sought(
        "parked payments, unmatched deposits",
        "`sealgate_payments_parked` and `sealgate_deposits_unmatched`, each with its oldest.",
    ),
    Sought(
        "age of the last verified event, age of a state, age of the oldest exception",
        "Metrics tell instants, and a query subtracts: `time() - …_timestamp_seconds`. An instant"
        " stays true when nobody measures any more, and an age does not.",
    ),
    Sought(
        "age of a key",
        "`time() - sealgate_key_loaded_timestamp_seconds`: from its `not_before`, where it is"
        " configured. Without, from the start of the process, for a file does not say how old its"
        " secret is.",
    ),
    Sought(
        "lag of posting, of polls, of the audit chain",
        "`sealgate_payments_oldest_unposted_timestamp_seconds`,"
        " `sealgate_fetching_last_pass_timestamp_seconds`,"
        " `sealgate_audit_checkpoint_timestamp_seconds` and"
        " `sealgate_audit_verified_timestamp_seconds`.",
    ),
    Sought(
        "runs and differences of a reconciliation export",
        "There are no exports yet. Differences between what we hold and what a provider shows:"
        " `sealgate_divergence_ratio` and `sealgate_provider_reads_total`.",
    ),
    Sought(
        "a limit of requests in flight",
        "The edge sheds by bytes (`sealgate_in_flight_bytes_limit`) and by how late its loop is"
        " (`sealgate_event_loop_lag_seconds`), never by a number of requests.",
    ),
    Sought(
        "the commit that runs",
        "`sealgate_build_info` has the version: a release is built from a tag, and a package knows"
        " of no commit.",
    ),
    Sought(
        "one page of metrics for several workers of `serve --workers`",
        "Each worker has an admin port of its own, and the supervisor has one: scrape all of them."
        " Behind one port the counters of two processes would take turns, and every turn is read as"
        " a restart.",
    ),
    Sought(
        "a payment's id, an address, a client's network as a label",
        "Never: they are in the log lines, which the correlation id leads to, and"
        " `sealgate trace` tells the rest.",
    ),
)
