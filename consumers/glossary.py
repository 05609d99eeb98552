"""What every word means, in sentences a finance reader can sign. Pure.

The words live in code (`State`, `Verdict`, the flags, the axis of the books); what they mean stands
here, once, and nowhere else: the documents are written from it, and the command line shows it. A
test holds each table to its words, so that a word without a meaning fails the build.
"""

from collections.abc import Mapping
from typing import NamedTuple

from consumers.actions import Role
from consumers.facts import FactKind, Failure, HoldKind
from consumers.fetching.comparing import Comparison
from consumers.lifecycle import State, Verdict
from consumers.standing import Posting
from consumers.store.deposits import DepositState


class Meaning(NamedTuple):
    """What a state means to who reads it: in a sentence, for the goods, for the books.

    `ends` says how a payment leaves it.
    """

    sentence: str
    ends: str
    goods: str
    books: str


STATES: Mapping[State, Meaning] = {
    State.PENDING: Meaning(
        "We asked for money and have not seen any. It is no promise that any will come.",
        "open",
        "never",
        "nothing: the receivable comes from the invoice, not from here",
    ),
    State.PAID: Meaning(
        "We have detected the full amount, in the right asset, inside the window. It can still"
        " vanish.",
        "open",
        "only where the merchant's policy takes that risk, up to a limit",
        "nothing: at most a note of cash in transit, never revenue",
    ),
    State.CONFIRMED: Meaning(
        "The full amount is final under our written confirmation policy. It is safe to deliver.",
        "the end of an ordinary life; left only to Reversed or Refunded, or to Late by older"
        " evidence",
        "yes, exactly once, while no hold is on",
        "may be posted, at the rate that finance's policy fixes",
    ),
    State.EXPIRED: Meaning(
        "The window closed, and no money was seen.",
        "soft end: nothing happens by itself, only evidence of money moves it on",
        "no; the stock is released",
        "nothing",
    ),
    State.UNDERPAID: Meaning(
        "Money came, less than was asked. It is the customer's until somebody decides.",
        "open",
        "no, unless the lower amount is accepted",
        "when final: a deposit of the customer's, a liability and not a receivable",
    ),
    State.LATE: Meaning(
        "The full amount came after the window had closed or the payment was cancelled. The price"
        " may be stale.",
        "open",
        "no, until it is accepted",
        "when final: a deposit of the customer's, until it is accepted",
    ),
    State.FAILED: Meaning(
        "The provider says that the attempt cannot succeed. There may be money in it all the same.",
        "soft end: nothing happens by itself, only final money moves it on",
        "no; stop a shipment that has not left",
        "nothing; final money in it is a liability",
    ),
    State.CANCELLED: Meaning(
        "The merchant or the payer called it off before any money came.",
        "soft end: nothing happens by itself, only evidence of money moves it on",
        "no",
        "nothing",
    ),
    State.REVERSED: Meaning(
        "Money that we had seen, or had confirmed, is gone.",
        "open, until it is confirmed again or closed",
        "stop; recall the goods where that can be done",
        "where it was posted: a reversing entry in the period of the discovery",
    ),
    State.REFUNDED: Meaning(
        "All the money that came was given back.",
        "hard end",
        "take back what was given for it",
        "a refund: liability or contra revenue, against the asset",
    ),
}

VERDICTS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.APPLIED: ("a new fact changed the state", "a transition and a notice"),
    Verdict.APPLIED_NO_CHANGE: (
        "a new fact, and the same state",
        "amounts, flags and milestones follow it; no transition",
    ),
    Verdict.DUPLICATE_DELIVERY: ("the event was handled before", "none; it is counted"),
    Verdict.DUPLICATE_FACT: (
        "another event said the same",
        "kept as corroboration: it still proves the fact should the first event turn out false",
    ),
    Verdict.SUPERSEDED: ("older news than what the facts already prove", "recorded, no effect"),
    Verdict.HINT: (
        "the signature does not prove the content",
        "it moves nothing; the provider is to be asked",
    ),
    Verdict.HINT_FETCHED: (
        "a hint, and the provider was asked since",
        "what the provider answered is an event of its own, with the source `poll`",
    ),
    Verdict.PARKED_NO_PAYMENT: (
        "an event about a payment that nobody announced, from a source that expects first",
        "its facts are kept without a state; they count at once when the payment is announced",
    ),
    Verdict.UNMATCHED: (
        "an event about money that names no payment we know",
        "an exception; kept, and read again when there is a payment",
    ),
    Verdict.UNKNOWN_TYPE: (
        "a word that is not in the provider's mapping",
        "an exception; kept, and replayed with a better mapping",
    ),
    Verdict.UNPARSEABLE: (
        "a known word with a body that cannot be read",
        "an exception; kept, and replayed with a better mapping",
    ),
    Verdict.CONFLICT: (
        "a new fact and the facts known before exclude each other",
        "the state follows the order of the rules, goods and books are held, and people are called",
    ),
    Verdict.ILLEGAL: (
        "the facts ask for a move that the table does not have",
        "the state stays, the facts are kept, and people are called",
    ),
    Verdict.ENV_MISMATCH: ("it is of another environment", "not applied; an exception"),
    Verdict.ALARM_RAISED: ("no event, but a word of our own edge", "an exception"),
    Verdict.BURIED: ("it can never be applied", "kept whole as a dead letter, with the reason"),
}

HOLDS: Mapping[HoldKind, str] = {
    HoldKind.COMPLIANCE: "a check against money laundering or sanctions is under way",
    HoldKind.FINANCE: "finance asks that nothing is booked",
    HoldKind.SECURITY: "a key or an account may be in the wrong hands",
    HoldKind.OUTAGE: "the provider's own answers cannot be relied on",
    HoldKind.OPERATOR: "an operator asks it, or the facts contradict each other",
    HoldKind.DISPUTE: "the payer disputes the charge",
}

# In the order in which they are shown; a dispute is an adjective of its own.
FLAGS: Mapping[str, str] = {
    "overpaid": "more came than was asked: the obligation is met, the surplus is the customer's",
    "partially_refunded": "some of the money was given back, and not all",
    "accepted_late": "an operator took late money for the payment",
    "accepted_underpaid": "an operator took a lower amount for the payment",
    "window_closed": "the window closed while less than the price had come",
    "recovered": "the provider had called it failed, and the money became final after all",
    "multiple_transfers": "the money came in more than one transfer",
    "manually_marked": "somebody marked it by hand at the provider",
    "inferred": "a step was not told, and follows from a later one",
    "disputed": HOLDS[HoldKind.DISPUTE],
    **{f"hold: {kind}": why for kind, why in HOLDS.items() if kind is not HoldKind.DISPUTE},
}

POSTINGS: Mapping[Posting, str] = {
    Posting.NOT_DUE: "nothing is final that finance could book",
    Posting.UNPOSTED: "the payment is Confirmed, and not in the books yet",
    Posting.POSTED: "finance has booked it",
    Posting.REVERSAL_DUE: "it is in the books, and the money is gone or was given back",
    Posting.REVERSED: "finance has taken the entry back",
}

# What stands beside a payment in every list, in the order in which it is shown.
AMOUNTS: Mapping[str, str] = {
    "asked": "the price; of two prices in one asset the higher",
    "detected": "what was seen and still stands, final or not; before anything is given back",
    "confirmed": (
        "what of the detected is final under the policy, whether it meets the price or not: an"
        " Underpaid payment may have confirmed money, and is not Confirmed by it"
    ),
    "refunded": "what was given back by refunds that succeeded",
    "posted": "what finance has in the books",
}

ROLES: Mapping[Role, str] = {
    Role.SUPPORT: "talks with the payer",
    Role.OPERATIONS: "works the queue of exceptions day by day",
    Role.FINANCE: "answers for the books",
    Role.TREASURY: "answers for the money itself: wallets and balances",
    Role.COMPLIANCE: "answers for what the law asks to be checked",
    Role.SECURITY: "answers for keys and accounts",
    Role.ENGINEERING: "answers for mappings, deliveries and this gateway",
}

FACTS: Mapping[FactKind, str] = {
    FactKind.EXPECTED: "we asked for an amount, until an instant; or for any amount",
    FactKind.SEEN: "money was observed; it can still vanish",
    FactKind.FINAL: "money is final",
    FactKind.REMOVED: "the block a transfer was in does not stand any more, or it was taken back",
    FactKind.DROPPED: "a transfer vanished before it was in any block",
    FactKind.EXPIRED: "the window closed",
    FactKind.CANCELLED: "the payment was called off",
    FactKind.FAILED: "the provider says that it cannot succeed",
    FactKind.REFUND: "money is given back: pending, succeeded or failed",
    FactKind.SETTLED: "the provider credited our balance",
    FactKind.HOLD: "goods and books must wait, or need not any more",
    FactKind.NOTE: "a word of the provider that moves nothing",
    FactKind.ACCEPT_LATE: "an operator takes late money for the payment",
    FactKind.ACCEPT_UNDER: "an operator takes a lower amount for the payment",
    FactKind.POSTED: "finance booked an amount, or took the entry back",
}

FAILURES: Mapping[Failure, str] = {
    Failure.UNCONFIRMED: "the network did not confirm it in time: it still may",
    Failure.REJECTED: "refused by the provider or by a bank",
    Failure.AML: "refused by a check against money laundering",
    Failure.OPERATOR: "somebody said so by hand",
}

# How a provider's answer to our own question stands to what we hold.
COMPARISONS: Mapping[Comparison, str] = {
    Comparison.AGREE: "the provider, asked, shows what we hold",
    Comparison.WE_BEHIND: "the provider, asked, shows more than we hold: it is stated at once",
    Comparison.WE_AHEAD: "the provider, asked, shows less than we hold: believed of no single read",
    Comparison.AMOUNT_DIFFERS: "the provider, asked, counts less money than we hold",
    Comparison.MISSING_THERE: "the provider, asked, knows no such payment",
    Comparison.LEAVES: "the provider, asked, shows a Confirmed payment as given back",
    Comparison.UNREADABLE: "the provider's answer cannot be read, or is about another payment",
}

# What people meet in commands and documents, and what is no value of any table.
DEPOSITS: Mapping[DepositState, str] = {
    DepositState.UNMATCHED: "money that names no payment, and nobody has said whose it is",
    DepositState.PROPOSED: "the rule has ranked the payments that it may be for: people decide",
    DepositState.MATCHED: "it counts for a payment, and its facts are the payment's",
    DepositState.RETURNED: "it was given back; Sealgate moves no money",
    DepositState.HELD: "it is kept as a liability, until somebody knows whose it is",
    DepositState.WRITTEN_OFF: "nobody will ask for it, and nothing is done about it any more",
}

WORDS: Mapping[str, str] = {
    "deposit": "money that names no payment: one transfer, which `sealgate deposits` lists",
    "parked": "a payment that nobody announced, of a source in `policy.expect_first`: its facts are"
    " kept and do not count yet",
    "freeze": "while it is on nothing is booked and no window is closed: `sealgate freeze`",
}

SEVERITIES: Mapping[int, str] = {
    1: "now: somebody is paged",
    2: "this shift",
    3: "this business day",
    4: "this week",
}
