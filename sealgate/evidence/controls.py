"""The control matrix: each control, the tests that hold it, and the evidence that shows it. Pure.

A test id is a file and a function below ``tests/``; a test of the tests looks that each is there.
A claim is one of `claims`: what a merchant sees of the control on their own gateway. Where none is
named the control is of the program alone, and only its tests show it.
"""

from typing import NamedTuple


class Control(NamedTuple):
    """One control: a sentence, the README's promises it keeps, its tests, and its claims."""

    name: str
    says: str
    promises: tuple[str, ...]
    tests: tuple[str, ...]
    claims: tuple[str, ...] = ()


CONTROLS: tuple[Control, ...] = (
    Control(
        "C1",
        "a delivery is acknowledged only once it is durable",
        ("P1",),
        (
            "unit/ingress/test_edge.py::test_a_signed_delivery_is_answered_only_when_it_is_on_the_log",
            "acceptance/test_process.py::test_a_full_disk_is_answered_503_and_never_with_a_false_2xx",
            "acceptance/test_process.py::test_sigkill_under_load_loses_nothing_that_was_accepted",
        ),
        ("genuine-accepted",),
    ),
    Control(
        "C2",
        "signatures are verified as each provider publishes them, on the raw bytes",
        ("P2",),
        (
            "unit/ingress/providers/test_vectors.py::test_a_published_vector_gets_its_published_verdict",
            "unit/ingress/providers/test_vectors.py::test_every_profile_has_a_vector",
            "unit/ingress/providers/test_signers_libraries.py::test_the_library_accepts_what_the_sender_sends",
        ),
        ("verified-deliveries", "verified-again", "genuine-accepted"),
    ),
    Control(
        "C3",
        "what is forged, altered, unsigned or stale reaches no verified topic",
        ("P2",),
        (
            "unit/sealgate/simulator/test_twist.py::test_a_forgery_does_not_verify",
            "unit/ingress/test_edge.py::test_a_stripe_forgery_is_told_401",
            "unit/ingress/providers/test_boundaries.py::test_a_body_that_was_cut_or_glued_is_refused_behind_its_signature",
        ),
        ("forgeries-refused",),
    ),
    Control(
        "C4",
        "an event takes effect once, whatever is repeated, raced or killed",
        ("P3",),
        (
            "conformance/test_store.py::test_two_stores_on_one_database_claim_an_event_once",
            "acceptance/test_crash.py::test_crashes_of_consumers_lose_and_double_nothing",
            "unit/consumers/test_apply.py::test_a_stop_at_any_point_loses_and_doubles_nothing",
        ),
        ("one-row-each", "moved-once", "repetitions-change-nothing"),
    ),
    Control(
        "C5",
        "goods leave once",
        ("P3",),
        (
            "unit/consumers/test_fulfilment.py::test_what_is_late_and_accepted_ships_once",
            "acceptance/test_drills.py::test_a_drill_passes",
        ),
        ("drills-passed",),
    ),
    Control(
        "C6",
        "a payment's state is a function of its facts, in every order of arrival",
        ("P4",),
        (
            "unit/consumers/test_lifecycle.py::test_every_order_of_up_to_four_facts_ends_alike_along_declared_moves",
            "unit/consumers/test_lifecycle.py::test_a_set_of_facts_proves_the_state_worked_out_by_hand",
        ),
        ("any-order", "states-from-facts"),
    ),
    Control(
        "C7",
        "no transition outside the declared table is written",
        ("P5",),
        (
            "unit/consumers/test_lifecycle.py::test_the_table_is_the_grid_over_every_pair_of_states",
            "unit/consumers/test_apply.py::test_a_blank_move_is_not_written_and_a_human_is_told",
        ),
        ("declared-transitions", "connected-histories"),
    ),
    Control(
        "C8",
        "history is not rewritten, and a change past the program is found",
        ("P5",),
        (
            "conformance/test_audit.py::test_a_row_changed_or_gone_is_found",
            "conformance/test_audit.py::test_a_chain_written_anew_is_found_by_whoever_saw_it",
        ),
        ("audit-chain",),
    ),
    Control(
        "C9",
        "no secret leaves the process, in any coding",
        ("P6",),
        (
            "acceptance/test_canary.py::test_a_session_that_leaks_fails",
            "acceptance/test_canary.py::test_a_secret_is_found_in_each_coding",
            "acceptance/test_process.py::test_no_secret_and_no_body_is_ever_written_to_the_log_lines",
            "unit/ingress/test_keyring.py::test_no_way_of_printing_shows_a_secret",
        ),
    ),
    Control(
        "C10",
        "live and test do not mix: sources, keys, topics and databases belong to one environment",
        ("P7",),
        (
            "acceptance/test_environments.py::test_a_testnet_asset_and_a_sandbox_event_move_nothing_in_production",
            "acceptance/test_environments.py::test_a_cloned_database_is_not_written_to",
            "unit/ingress/test_edge_environment.py::test_a_live_event_at_a_test_source_is_published_to_nobody",
        ),
        ("drills-passed",),
    ),
    Control(
        "C11",
        "what was refused is kept with its reason, and can be taken back",
        ("P8",),
        (
            "unit/ingress/test_edge_quarantine.py::test_what_is_kept_is_the_delivery_to_the_byte",
            "acceptance/test_quarantine.py::test_what_a_missing_key_kept_out_is_taken_back_and_applied_once",
        ),
        ("refusals-kept",),
    ),
    Control(
        "C12",
        "a key is rotated without a loss, and a revoked one proves nothing a second later",
        ("P8",),
        (
            "acceptance/test_rotation.py::test_a_rotation_loses_nothing_legitimate",
            "acceptance/test_rotation.py::test_a_revoked_key_proves_nothing_a_second_later",
        ),
        ("verified-deliveries", "drills-passed"),
    ),
    Control(
        "C13",
        "one correlation id leads from the answer to the notice",
        ("P9",),
        (
            "acceptance/test_story.py::test_a_payment_is_traced_by_every_id_that_anybody_holds",
            "unit/ingress/test_edge.py::test_a_verified_correlation_id_is_kept_and_a_strangers_is_not",
        ),
        ("one-correlation-id", "moves-name-events"),
    ),
    Control(
        "C14",
        "a broker or a database that goes away costs nothing, and nothing is restarted",
        ("P10",),
        (
            "acceptance/test_journal.py::test_a_broker_killed_under_load_costs_no_event_and_no_refusal",
            "acceptance/test_process.py::test_an_unreachable_postgres_is_waited_for_and_said",
            "faults/test_database.py::test_a_database_that_dies_comes_back_to_the_same_story",
        ),
    ),
    Control(
        "C15",
        "what machines cannot decide becomes work with an owner, and ends by facts or by name",
        ("P5",),
        (
            "unit/consumers/test_exceptions.py::test_every_exception_says_who_ends_it_and_how",
            "unit/consumers/test_standing.py::test_facts_are_reason_for_the_exceptions_worked_out_by_hand",
            "conformance/test_operating.py::test_only_what_no_fact_ends_is_closed_by_hand",
        ),
        (
            "exceptions-closed-by-name",
            "nothing-severe-open",
            "unreadable-becomes-work",
            "shortfall-opens-and-closes",
        ),
    ),
    Control(
        "C16",
        "what one person may not decide alone needs a second one",
        ("P5",),
        (
            "conformance/test_operating.py::test_more_than_one_person_may_decide_needs_a_second_one",
            "conformance/test_operating.py::test_writing_off_takes_finance_and_a_second_person",
        ),
        ("exceptions-closed-by-name",),
    ),
    Control(
        "C17",
        "each move is told downstream, and each posting belongs to its payment",
        ("P9",),
        (
            "unit/consumers/test_notices.py::test_a_notice_says_everything_a_subscriber_needs",
            "unit/consumers/test_relay.py::test_all_payments_are_told_at_once_and_each_in_its_order",
            "conformance/test_money_orders.py::test_a_posting_is_told_once_under_its_id",
        ),
        ("notices-told", "postings-joined"),
    ),
)
