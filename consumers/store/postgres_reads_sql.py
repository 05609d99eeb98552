"""What PostgreSQL is asked outside of a batch: a statement for each question of the port's `Store`.

Nothing here locks anything or changes a row. Columns are in `rows`' order.
"""

from consumers.store import deposit_store
from consumers.store.postgres_sql import OF_EVENT
from consumers.store.rereads import RETRACTED

POSITIONS = """
SELECT topic, partition, next_offset FROM position
WHERE group_name = $1 AND next_offset IS NOT NULL
"""
PROVEN_WITH = (
    OF_EVENT
    + "WHERE source = $1 AND key_id = $2 AND received_ms >= $3 AND received_ms < $4"
    + " ORDER BY received_ms, provider, account, event_key"
)
# From each key to the next, along the index event_proof: what is between the two is not read.
KEY_USES = """
WITH RECURSIVE key_used AS (
    (SELECT source, key_id FROM event ORDER BY source, key_id LIMIT 1)
    UNION ALL
    SELECT n.source, n.key_id FROM key_used AS k CROSS JOIN LATERAL (
        SELECT source, key_id FROM event
        WHERE (source, key_id) > (k.source, k.key_id) ORDER BY source, key_id LIMIT 1
    ) AS n
)
SELECT source, key_id,
    (SELECT received_ms FROM event AS e
     WHERE e.source = k.source AND e.key_id = k.key_id ORDER BY received_ms LIMIT 1),
    (SELECT received_ms FROM event AS e
     WHERE e.source = k.source AND e.key_id = k.key_id ORDER BY received_ms DESC LIMIT 1)
FROM key_used AS k ORDER BY source COLLATE "C", key_id COLLATE "C"
"""
EVENT = OF_EVENT + "WHERE provider = $1 AND account = $2 AND event_key = $3"
EVENTS = (
    OF_EVENT
    + "WHERE provider = $1 AND account = $2 AND reference = $3 ORDER BY received_ms, event_key"
)
CORRELATED = (
    OF_EVENT + "WHERE correlation_id = $1 ORDER BY received_ms, provider, account, event_key"
)

PAYMENT = """
SELECT provider, account, reference, state, version, changed_ms FROM payment
WHERE provider = $1 AND account = $2 AND reference = $3
"""
PAYMENTS = """
SELECT provider, account, reference, state, version, changed_ms FROM payment
WHERE version > 0 ORDER BY changed_ms DESC, provider, account, reference LIMIT $1
"""
COUNTS = """
SELECT provider, state, count(*), min(changed_ms) FROM payment
WHERE state NOT IN ('Parked', 'Deposit')
GROUP BY provider, state ORDER BY provider, state
"""

_STATEMENTS = """
SELECT kind, key, asset, amount::text, whole, late, at_ms, expires_ms, detail, untold,
    event_provider, event_account, event_key, true AS is_first, statement
FROM fact AS f WHERE provider = $1 AND account = $2 AND reference = $3
    AND NOT {retracted}
UNION ALL
SELECT kind, key, asset, amount::text, whole, late, at_ms, expires_ms, detail, untold,
    event_provider, event_account, event_key, false, statement
FROM restatement AS f WHERE provider = $1 AND account = $2 AND reference = $3
    AND NOT {retracted}
ORDER BY at_ms, is_first DESC, statement
""".replace("{retracted}", RETRACTED)
STATEMENTS = deposit_store.with_matched_statements(
    _STATEMENTS, RETRACTED, ("$1", "$2", "$3"), "f.amount::text", ("true", "false")
)
TRANSITIONS = """
SELECT provider, account, reference, version, before, after,
    event_provider, event_account, event_key, correlation_id, at_ms, cause, mapping, policy
FROM transition WHERE provider = $1 AND account = $2 AND reference = $3 ORDER BY version
"""
# The rows not delivered, never "the rows after the last one seen": a lower number may commit later.
PENDING = """
SELECT sequence, id, provider, account, reference, version, key, value, headers
FROM notice WHERE NOT delivered ORDER BY sequence LIMIT $1
"""
NOTICES_PENDING = "SELECT count(*) FROM notice WHERE NOT delivered"

ANOMALIES = """
SELECT code, subject, severity, evidence, event_provider, event_account, event_key,
    first_ms, times, last_ms, risk_asset, risk_amount::text
FROM anomaly WHERE closed_ms IS NULL ORDER BY severity, first_ms, id LIMIT $1
"""
ANOMALIES_OPEN = """
SELECT code, severity, count(*) FROM anomaly WHERE closed_ms IS NULL GROUP BY code, severity
"""
DEAD_LETTERS = """
SELECT topic, partition, record_offset, reason, key, value, headers, at_ms
FROM dead_letter ORDER BY id DESC LIMIT $1
"""
