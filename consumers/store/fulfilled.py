"""Read which goods of a payment left: from its history, which is never changed.

Most payments move once or twice before they are Confirmed, and of one that moved once its state
says all. Of the others the few moves that say anything of goods are read, along the primary key of
the history, and after the payment's row was locked: what the holder before us wrote is in it.
"""

from collections.abc import Iterable, Mapping

from consumers.fulfilment import NONE_YET, TELLING, Fulfilment
from consumers.lifecycle import State
from consumers.store.keys import PaymentKey
from consumers.store.port import Payment
from consumers.store.rows import Row

# Of a payment's row as both stores read it.
_VERSION = 4
_STATES = ", ".join(f"'{state}'" for state in sorted(TELLING))
SQLITE = """
SELECT provider, account, reference, after FROM transition
WHERE provider = ? AND account = ? AND reference = ? AND after IN ({states}) ORDER BY version
""".replace("{states}", _STATES)
POSTGRES = """
SELECT t.provider, t.account, t.reference, t.after FROM transition AS t
JOIN unnest($1::text[], $2::text[], $3::text[]) AS k (provider, account, reference)
USING (provider, account, reference)
WHERE t.after IN ({states}) ORDER BY t.version
""".replace("{states}", _STATES)


def moved(found: Iterable[Row]) -> list[Row]:
    """Return, of payments as read, the keys of those whose state alone does not say it."""
    return [row[:3] for row in found if row[_VERSION] > 1]


def told(
    payments: Mapping[PaymentKey, Payment], moves: Iterable[Row]
) -> Mapping[PaymentKey, Payment]:
    """Return the payments with what their `moves` say of goods, in the same order."""
    past: dict[PaymentKey, Fulfilment] = {}
    for *key, after in moves:
        payment = PaymentKey(*key)
        past[payment] = past.get(payment, NONE_YET).then(State(after))
    return {key: _with(one, past.get(key, NONE_YET)) for key, one in payments.items()}


def _with(payment: Payment, past: Fulfilment) -> Payment:
    if payment.version == 1:
        past = NONE_YET.then(payment.state)
    return payment if past is NONE_YET else payment._replace(fulfilment=past)
