"""The columns of the files of an export: a column is only ever added, and at the end. Pure."""

from sealgate.exports.sheets import Column, money, numbers, texts

PAYMENTS: tuple[Column, ...] = (
    *texts("payment_id", "environment", "provider", "provider_account", "provider_payment_id"),
    *texts("state", "flags", "label", "posting_status", "asset", "network"),
    *numbers("decimals"),
    *money("expected_amount", "detected_amount", "confirmed_amount"),
    *money("settled_gross", "settled_fee", "settled_net"),
    *money("refunded_amount", "posted_amount", "unposted_amount", "over_under_amount"),
    *texts("created_at", "expires_at", "detected_at", "confirmed_at", "settled_at", "posted_at"),
    *texts("expired_at", "reversed_at", "refunded_at"),
    *texts("confirmation_policy", "mapping", "transfer_keys", "deposit_address", "memo"),
    *texts("posting_ref", "open_exceptions", "correlation_id", "last_event_id"),
    *numbers("last_event_seq"),
)
TRANSFERS: tuple[Column, ...] = (
    *texts("transfer_key", "payment_id", "deposit_id", "deposit_state", "environment", "provider"),
    *texts("provider_account", "asset", "network"),
    *numbers("decimals"),
    *money("amount", "final_amount", "liability"),
    *texts("status", "block", "is_running_total", "seen_at", "final_at"),
    *texts("tx_hash", "address_to", "address_from", "memo", "named"),
)
MOVEMENTS: tuple[Column, ...] = (
    *texts("movement_id", "chain"),
    *numbers("seq"),
    *texts("payment_id", "deposit_id", "environment", "provider", "provider_account"),
    *texts("transfer_key", "kind", "asset", "network"),
    *numbers("decimals", "amount_atomic", "amount", "sign"),
    *texts("occurred_at", "recorded_at", "accounting_date", "period", "period_adjusted_from"),
    *texts("cause_event_id", "correlation_id", "actor", "reason_code", "reverses_movement_id"),
)
EXCEPTIONS: tuple[Column, ...] = (
    *texts("exception_id", "code"),
    *numbers("severity"),
    *texts("status", "subject", "payment_id", "deposit_id", "environment", "asset", "network"),
    *numbers("decimals"),
    *money("amount_at_risk"),
    *texts("opened_at", "closed_at", "is_open_at_end"),
    *numbers("age_s"),
    *texts("age", "crosses_period_end", "owner_role", "assignee", "first_event_id"),
    *numbers("reopened"),
    *texts("resolution_code", "resolution", "resolved_by", "approved_by", "evidence"),
)

FILES: dict[str, tuple[Column, ...]] = {
    "payments": PAYMENTS,
    "transfers": TRANSFERS,
    "movements": MOVEMENTS,
    "exceptions": EXCEPTIONS,
}
