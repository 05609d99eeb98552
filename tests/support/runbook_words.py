"""What is written in the tests for the words in capitals of each runbook.

A word may mean another thing on another page: PAYMENT is one that is short on the page of what is
underpaid. EX is the exception of a code. What stands nowhere here is a word that a reader could not
fill in either, and the tests say so.
"""

from collections.abc import Mapping

from consumers.exceptions import Code
from tests.conformance.test_deposits import TX_1

FILLED: Mapping[str, str] = {
    "SOURCE": "btcpay-shop",
    "OLD": "2026-05",
    "NEW": "2026-12",
    "PROVIDER": "kobbopay",
    "PAYMENT": "confirmed-1",
    "EVENT": "confirmed-1-confirmed",
    "DEPOSIT": TX_1,
    "ID": "019b0000-0000-7000-8000-000000000001",
    "ADDRESS": "0x00000000000000000000000000000000000000aa",
    "REFERENCE": "again-1",
    "REFUND": "re-1",
    "FOLDER": "candidate",
    "FILE": "kobbopay-key",
    "OTHER": "other",
    "BROKER": "broker-1:9092",
    "ENVIRONMENT": "test",
}
PAGES: Mapping[str, Mapping[str, str]] = {
    "compliance-hold": {"PAYMENT": "paid-1", "EX": Code.COMPLIANCE_HOLD},
    "environment-leak": {"ID": "019b0000-0000-7000-8000-000000000002"},
    "exceptions": {"EX": Code.FUNDS_REVERSED},
    "illegal-transition": {
        "PAYMENT": "conflict-1",
        "EVENT": "conflict-1-failed",
        "EX": Code.ILLEGAL_TRANSITION,
    },
    "key-compromise": {"EVENT": "btcpay/shop/d-1"},
    "late-funds": {"PAYMENT": "late-1"},
    "month-end": {"EX": Code.AMOUNT_OVER},
    "provider-silent": {"SOURCE": "kobbopay-shop"},
    "overpaid": {"PAYMENT": "over-1", "EX": Code.AMOUNT_OVER},
    "posting-lag": {"EX": Code.POSTING_LAG, "POSTED": "posted-1"},
    "provider-outage": {"PAYMENT": "pending-1", "EX": Code.NEEDS_FETCH},
    "reversal": {"PAYMENT": "reversed-1", "EX": Code.FUNDS_REVERSED},
    "stuck-paid": {"PAYMENT": "paid-1", "EVENT": "paid-1-paid", "EX": Code.STUCK_PAID},
    "stuck-payments": {"PAYMENT": "failed-1", "EX": Code.STUCK_FAILED},
    "stuck-pending": {"PAYMENT": "pending-1"},
    "unannounced-payments": {
        "PAYMENT": "parked-1",
        "REFERENCE": "parked-1",
        "SOURCE": "cart",
    },
    "underpaid": {"PAYMENT": "under-1"},
    "unknown-type": {"EVENT": "odd-1-swept", "EX": Code.UNKNOWN_TYPE},
    "unmatched-deposit": {"PAYMENT": "under-1"},
    "wrong-asset": {
        "PAYMENT": "under-1",
        "EX": Code.ASSET_MISMATCH,
        "ASSET_EX": Code.UNKNOWN_ASSET,
    },
    "audit-chain": {"EX": Code.CHAIN_INTEGRITY},
}
