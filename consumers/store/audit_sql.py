"""What an audit asks of either database, in words that both understand."""

FIRST = "SELECT hash FROM audit WHERE chain = 'operator' AND seq = 0"
# From each chain to the next, along the primary key: what is between the two is not read.
HEADS = """
WITH RECURSIVE known (chain) AS (
    SELECT (SELECT min(chain) FROM audit)
    UNION ALL
    SELECT (SELECT min(a.chain) FROM audit AS a WHERE a.chain > known.chain)
    FROM known WHERE known.chain IS NOT NULL
)
SELECT h.chain, h.seq, h.at_ms, h.bytes, h.hash
FROM known CROSS JOIN audit AS h
WHERE h.chain = known.chain
    AND h.seq = (SELECT max(n.seq) FROM audit AS n WHERE n.chain = known.chain)
ORDER BY h.chain
"""
ENTRIES = """
SELECT chain, seq, at_ms, bytes, hash FROM audit
WHERE chain = $1 AND seq > $2 ORDER BY seq LIMIT $3
"""
_FACT = """
SELECT provider, account, reference, statement, kind, key, asset, amount, whole, late, at_ms,
    expires_ms, detail, event_provider, event_account, event_key
FROM {table}
"""
# In the order of the columns that the rows were written in, see `rows` and `auditing`.
ROWS = {
    "anomaly": """
SELECT id, code, subject, evidence, event_provider, event_account, event_key, first_ms, times,
    resolution, closed_ms FROM anomaly
""",
    "anomaly_evidence": """
SELECT a.code, a.subject, e.evidence, e.event_provider, e.event_account, e.event_key, e.at_ms
FROM anomaly_evidence AS e JOIN anomaly AS a ON a.id = e.anomaly_id
""",
    "dead_letter": """
SELECT topic, partition, record_offset, reason, key, value, headers, at_ms FROM dead_letter
""",
    "event": """
SELECT provider, account, event_key, event_type, source, reference, key_id, assurance,
    correlation_id, body_digest, received_ms, topic, partition, record_offset,
    scheme, mode, signed_ms, late_ms, verdict FROM event
""",
    "fact": _FACT.replace("{table}", "fact"),
    "mark": """
SELECT event_provider, event_account, event_key, judgement, reason, marked_by, at_ms
FROM mark ORDER BY id
""",
    "notice": "SELECT id, provider, account, reference, version, key, value, headers FROM notice",
    "operator_action": """
SELECT key, name, provider, account, reference, anomaly_id, done_by, role, approved_by, reason,
    note, detail, at_ms FROM operator_action
""",
    "payment": """
SELECT p.provider, p.account, p.reference, p.version, p.state, (
    SELECT max(t.version) FROM transition AS t
    WHERE t.provider = p.provider AND t.account = p.account AND t.reference = p.reference
) FROM payment AS p
UNION ALL
SELECT t.provider, t.account, t.reference, NULL, NULL, max(t.version) FROM transition AS t
WHERE NOT EXISTS (
    SELECT 1 FROM payment AS p
    WHERE p.provider = t.provider AND p.account = t.account AND p.reference = t.reference
) GROUP BY t.provider, t.account, t.reference
""",
    "position": """
SELECT group_name, topic, partition, next_offset FROM position WHERE next_offset IS NOT NULL
""",
    "restatement": _FACT.replace("{table}", "restatement"),
    "transition": """
SELECT provider, account, reference, version, before, after,
    event_provider, event_account, event_key, correlation_id, at_ms, cause, mapping, policy
FROM transition
""",
}
_COUNT = "SELECT count(*) FROM {table}"
COUNT = {table: _COUNT.replace("{table}", table) for table in ROWS}
