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
# Of the tables whose rows the database numbers: the number, a rank that grows whenever the row is
# written again, and what else the row is. `{a}` is what the row is called in a statement.
NUMBERED = {
    "anomaly": """
{a}id, {a}times + {a}version + CASE WHEN {a}closed_ms IS NULL THEN 0 ELSE 1 END, {a}code,
    {a}subject, {a}severity, {a}evidence, {a}event_provider, {a}event_account, {a}event_key,
    {a}first_ms, {a}last_ms, {a}times, {a}resolution, {a}closed_ms, {a}status, {a}assignee,
    {a}next_check_ms, {a}risk_asset, CAST({a}risk_amount AS text), {a}reopened, {a}version,
    {a}resolution_code, {a}resolved_by, {a}approved_by
""",
    "anomaly_evidence": """
{a}id, 0, {a}anomaly_id, {a}evidence, {a}event_provider, {a}event_account, {a}event_key, {a}at_ms
""",
    "dead_letter": "{a}id, 0, {a}topic, {a}partition, {a}record_offset, {a}at_ms",
    "freeze_word": "{a}id, 0, {a}reason, {a}done_by, {a}at_ms",
    "mark": "{a}id, 0, {a}event_provider, {a}event_account, {a}event_key, {a}judgement, {a}at_ms",
    "operator_action": "{a}id, 0, {a}key, {a}name, {a}at_ms",
    "provider_read": "{a}id, 0, {a}provider, {a}account, {a}reference, {a}at_ms",
}


def numbered(table: str, alias: str = "") -> str:
    """Write the columns of `NUMBERED` for a statement in which the row has an alias, or none."""
    return NUMBERED[table].strip().replace("{a}", f"{alias}." if alias else "")


_FACT = """
SELECT provider, account, reference, statement, kind, key, asset, amount, whole, late, at_ms,
    expires_ms, detail, untold, event_provider, event_account, event_key
FROM {table}
"""
# In the order of the columns that the rows were written in, see `rows` and `auditing`.
ROWS = {
    "anomaly": "SELECT {left} FROM anomaly".replace("{left}", numbered("anomaly")),
    "anomaly_evidence": """
SELECT {left}, a.code, a.subject
FROM anomaly_evidence AS e LEFT JOIN anomaly AS a ON a.id = e.anomaly_id
""".replace("{left}", numbered("anomaly_evidence", "e")),
    "deposit": """
SELECT provider, account, reference, network, tx, address_to, address_from, memo, named,
    event_provider, event_account, event_key, at_ms FROM deposit
""",
    "deposit_move": """
SELECT provider, account, reference, version, state, payment_provider, payment_account,
    payment_reference, detail, event_provider, event_account, event_key, at_ms FROM deposit_move
""",
    "expectation": """
SELECT provider, account, reference, address, memo, event_provider, event_account, event_key, at_ms
FROM expectation
""",
    "dead_letter": """
SELECT id, topic, partition, record_offset, reason, key, value, headers, at_ms FROM dead_letter
""",
    "event": """
SELECT provider, account, event_key, event_type, source, reference, key_id, assurance,
    correlation_id, body_digest, received_ms, topic, partition, record_offset,
    scheme, mode, signed_ms, late_ms, verdict, mapping FROM event
""",
    "fact": _FACT.replace("{table}", "fact"),
    "freeze_word": "SELECT id, is_on, reason, done_by, role, approved_by, at_ms FROM freeze_word",
    "provider_read": """
SELECT id, provider, account, reference, why, at_ms, word, comparison, is_held, mapping, request_id,
    body_digest, event_provider, event_account, event_key FROM provider_read
""",
    "mark": """
SELECT id, event_provider, event_account, event_key, judgement, reason, marked_by, at_ms
FROM mark ORDER BY id
""",
    "notice": "SELECT id, provider, account, reference, version, key, value, headers FROM notice",
    "operator_action": """
SELECT id, key, name, provider, account, reference, anomaly_id, done_by, role, approved_by, reason,
    note, detail, at_ms FROM operator_action
""",
    "payment": """
SELECT p.provider, p.account, p.reference, p.version, p.state, p.created_ms, p.changed_ms,
    (
        SELECT max(t.version) FROM transition AS t
        WHERE t.provider = p.provider AND t.account = p.account AND t.reference = p.reference
    ), (
        SELECT t.at_ms FROM transition AS t
        WHERE t.provider = p.provider AND t.account = p.account AND t.reference = p.reference
        ORDER BY t.version DESC LIMIT 1
    ), (
        SELECT t.at_ms FROM transition AS t
        WHERE t.provider = p.provider AND t.account = p.account AND t.reference = p.reference
            AND t.version = 1
    )
FROM payment AS p
UNION ALL
SELECT t.provider, t.account, t.reference, NULL, NULL, NULL, NULL, max(t.version), NULL, NULL
FROM transition AS t
WHERE NOT EXISTS (
    SELECT 1 FROM payment AS p
    WHERE p.provider = t.provider AND p.account = t.account AND p.reference = t.reference
) GROUP BY t.provider, t.account, t.reference
""",
    "position": """
SELECT group_name, topic, partition, next_offset FROM position WHERE next_offset IS NOT NULL
""",
    "reading": """
SELECT event_provider, event_account, event_key, number, mapping, before, verdict, replay, at_ms
FROM reading
""",
    "restatement": _FACT.replace("{table}", "restatement"),
    "retraction": """
SELECT provider, account, reference, statement, event_provider, event_account, event_key,
    reading, is_retracted FROM retraction
""",
    "transition": """
SELECT provider, account, reference, version, before, after,
    event_provider, event_account, event_key, correlation_id, at_ms, cause, mapping, policy
FROM transition
""",
}
_COUNT = "SELECT count(*) FROM {table}"
COUNT = {table: _COUNT.replace("{table}", table) for table in ROWS}
