"""The SQLite store's statements, one for each word of the port. Columns are in the order of `rows`.

Rows go in one by one (`executemany` loops in C, and there is no network to cross), so each
statement is about one row. ``IS`` compares where NULL is a value.
"""

from consumers.store import deposit_store
from consumers.store.audit_sql import numbered
from consumers.store.case_store import CaseStatements
from consumers.store.rereads import RETRACTED, RereadStatements

MIGRATION = """
CREATE TABLE IF NOT EXISTS migration (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) STRICT
"""
TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table'"
APPLIED = "SELECT number, checksum FROM migration"
APPLY = "INSERT INTO migration (number, name, checksum) VALUES (?, ?, ?)"
OWN = "INSERT INTO meta (name, value) VALUES ('environment', ?) ON CONFLICT DO NOTHING"
OWNER = "SELECT value FROM meta WHERE name = 'environment'"
READ = "SELECT DISTINCT topic FROM position"

CLAIM_PARTITION = """
INSERT INTO position (group_name, topic, partition, epoch, owner) VALUES (?, ?, ?, 1, ?)
ON CONFLICT DO UPDATE SET epoch = epoch + 1, owner = excluded.owner
RETURNING topic, partition, epoch, next_offset
"""
ADVANCE = """
UPDATE position SET next_offset = ?6
WHERE group_name = ?1 AND topic = ?2 AND partition = ?3 AND epoch = ?4 AND next_offset IS ?5
RETURNING 1
"""
POSITIONS = """
SELECT topic, partition, next_offset FROM position
WHERE group_name = ? AND next_offset IS NOT NULL
"""

CLAIM = """
INSERT INTO event (
    provider, account, event_key, event_type, source, reference, key_id, assurance,
    correlation_id, body_digest, received_ms, topic, partition, record_offset,
    scheme, mode, signed_ms, late_ms
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
RETURNING provider, account, event_key
"""
DIGESTS = """
SELECT provider, account, event_key, body_digest FROM event
WHERE provider = ? AND account = ? AND event_key = ?
"""
VERDICT = """
UPDATE event SET verdict = ?4, mapping = ?5
WHERE provider = ?1 AND account = ?2 AND event_key = ?3
"""
_EVENT = """
SELECT provider, account, event_key, event_type, source, reference, key_id, assurance,
    correlation_id, body_digest, received_ms, topic, partition, record_offset,
    scheme, mode, signed_ms, late_ms, verdict, mapping
FROM event
"""
EVENT = _EVENT + "WHERE provider = ? AND account = ? AND event_key = ?"
EVENTS = (
    _EVENT + "WHERE provider = ? AND account = ? AND reference = ? ORDER BY received_ms, event_key"
)
CORRELATED = _EVENT + "WHERE correlation_id = ? ORDER BY received_ms, provider, account, event_key"
PROVEN_WITH = (
    _EVENT
    + "WHERE source = ? AND key_id = ? AND received_ms >= ? AND received_ms < ?"
    + " ORDER BY received_ms, provider, account, event_key"
)
# From each key to the next, along the index event_proof: what is between the two is not read.
# SQLite would read it for a comparison of pairs, and where it may choose the order of a join.
KEY_USES = """
WITH RECURSIVE key_used (id) AS (
    SELECT (SELECT rowid FROM event ORDER BY source, key_id LIMIT 1)
    UNION ALL
    SELECT coalesce(
        (SELECT rowid FROM event WHERE source = e.source AND key_id > e.key_id
         ORDER BY key_id LIMIT 1),
        (SELECT rowid FROM event WHERE source > e.source ORDER BY source, key_id LIMIT 1)
    ) FROM key_used CROSS JOIN event AS e ON e.rowid = key_used.id
)
SELECT source, key_id,
    (SELECT received_ms FROM event AS e
     WHERE e.source = k.source AND e.key_id = k.key_id ORDER BY received_ms LIMIT 1),
    (SELECT received_ms FROM event AS e
     WHERE e.source = k.source AND e.key_id = k.key_id ORDER BY received_ms DESC LIMIT 1)
FROM key_used CROSS JOIN event AS k ON k.rowid = key_used.id ORDER BY source, key_id
"""
MARKS = """
SELECT event_provider, event_account, event_key, judgement, reason, marked_by, at_ms FROM mark
WHERE event_provider = ? AND event_account = ? AND event_key = ? ORDER BY id
"""
INSERT_MARK = """
INSERT INTO mark (event_provider, event_account, event_key, judgement, reason, marked_by, at_ms)
VALUES (?, ?, ?, ?, ?, ?, ?)
RETURNING {left}
""".replace("{left}", numbered("mark"))

_PAYMENT = "SELECT provider, account, reference, state, version, changed_ms FROM payment "
PAYMENT = _PAYMENT + "WHERE provider = ? AND account = ? AND reference = ?"
PAYMENTS = (
    _PAYMENT + "WHERE version > 0 ORDER BY changed_ms DESC, provider, account, reference LIMIT ?"
)
INSERT_PAYMENT = """
INSERT INTO payment (provider, account, reference, state, version, created_ms, changed_ms)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT DO NOTHING RETURNING 1
"""
UPDATE_PAYMENT = """
UPDATE payment SET state = ?4, version = ?5, changed_ms = ?6
WHERE provider = ?1 AND account = ?2 AND reference = ?3 AND version = ?7 RETURNING 1
"""
COUNTS = """
SELECT provider, state, count(*), min(changed_ms) FROM payment
WHERE state NOT IN ('Parked', 'Deposit')
GROUP BY provider, state ORDER BY provider, state
"""

_OF_FACT = "FROM fact AS f WHERE f.provider = ?1 AND f.account = ?2 AND f.reference = ?3"
# The last word of each row says whether the event that states it is void, by its last mark.
_FACTS = """
SELECT f.provider, f.account, f.reference, f.kind, f.key, f.asset, f.amount, f.whole, f.late,
    f.at_ms, f.expires_ms, f.detail, f.untold,
    coalesce((
        SELECT m.judgement FROM mark AS m
        WHERE m.event_provider = f.event_provider AND m.event_account = f.event_account
            AND m.event_key = f.event_key
        ORDER BY m.id DESC LIMIT 1
    ) = 'void', false) OR {retracted}
FROM fact AS f WHERE f.provider = ?1 AND f.account = ?2 AND f.reference = ?3
""".replace("{retracted}", RETRACTED)
_RESTATED = """
SELECT f.provider, f.account, f.reference, f.kind, f.key, f.asset, f.amount, f.whole, f.late,
    f.at_ms, f.expires_ms, f.detail, f.untold
FROM restatement AS f WHERE f.provider = ?1 AND f.account = ?2 AND f.reference = ?3
    AND NOT coalesce((
        SELECT m.judgement FROM mark AS m
        WHERE m.event_provider = f.event_provider AND m.event_account = f.event_account
            AND m.event_key = f.event_key
        ORDER BY m.id DESC LIMIT 1
    ) = 'void', false) AND NOT {retracted}
""".replace("{retracted}", RETRACTED)
_ONE = ("?1", "?2", "?3")
# The facts of a deposit that is matched with a payment are the payment's.
FACTS = deposit_store.with_matched(_FACTS, _OF_FACT, "fact", _ONE)
RESTATED = deposit_store.with_matched(_RESTATED, _OF_FACT, "restatement", _ONE)
_STATEMENTS = """
SELECT kind, key, asset, amount, whole, late, at_ms, expires_ms, detail, untold,
    event_provider, event_account, event_key, 1 AS is_first, statement
FROM fact AS f WHERE provider = ?1 AND account = ?2 AND reference = ?3
    AND NOT {retracted}
UNION ALL
SELECT kind, key, asset, amount, whole, late, at_ms, expires_ms, detail, untold,
    event_provider, event_account, event_key, 0, statement
FROM restatement AS f WHERE provider = ?1 AND account = ?2 AND reference = ?3
    AND NOT {retracted}
ORDER BY at_ms, is_first DESC, statement
""".replace("{retracted}", RETRACTED)
STATEMENTS = deposit_store.with_matched_statements(
    _STATEMENTS, RETRACTED, _ONE, "f.amount", ("1", "0")
)
_STATE = """
    provider, account, reference, statement, kind, key, asset, amount, whole, late, at_ms,
    expires_ms, detail, untold, event_provider, event_account, event_key
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
INSERT_FACT = f"INSERT INTO fact ({_STATE} RETURNING provider, account, reference, statement"
INSERT_RESTATEMENT = (
    f"INSERT INTO restatement ({_STATE} RETURNING provider, account, reference, statement"
)

INSERT_TRANSITION = """
INSERT INTO transition (
    provider, account, reference, version, before, after,
    event_provider, event_account, event_key, correlation_id, at_ms, cause, mapping, policy
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
TRANSITIONS = """
SELECT provider, account, reference, version, before, after,
    event_provider, event_account, event_key, correlation_id, at_ms, cause, mapping, policy
FROM transition WHERE provider = ? AND account = ? AND reference = ? ORDER BY version
"""

INSERT_NOTICE = """
INSERT INTO notice (id, provider, account, reference, version, key, value, headers)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
PENDING = """
SELECT sequence, id, provider, account, reference, version, key, value, headers
FROM notice WHERE delivered = 0 ORDER BY sequence LIMIT ?
"""
NOTICES_PENDING = "SELECT count(*) FROM notice WHERE delivered = 0"
DELIVERED = "UPDATE notice SET delivered = 1 WHERE sequence = ?"

RAISE_ANOMALY = """
INSERT INTO anomaly (
    code, subject, severity, evidence, event_provider, event_account, event_key,
    first_ms, last_ms, times, risk_asset, risk_amount, reopened
) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,
    (SELECT count(*) FROM anomaly WHERE code = ?1 AND subject = ?2)
)
ON CONFLICT (code, subject) WHERE closed_ms IS NULL DO UPDATE
SET times = times + excluded.times, last_ms = max(last_ms, excluded.last_ms),
    severity = min(severity, excluded.severity),
    risk_asset = coalesce(excluded.risk_asset, risk_asset),
    risk_amount = coalesce(excluded.risk_amount, risk_amount)
RETURNING {left}
""".replace("{left}", numbered("anomaly"))
ANOMALIES_OPEN = """
SELECT code, severity, count(*) FROM anomaly WHERE closed_ms IS NULL GROUP BY code, severity
"""
# What later words of an exception add to what it was raised with.
_APPEND_EVIDENCE = """
INSERT INTO anomaly_evidence (
    anomaly_id, evidence, event_provider, event_account, event_key, at_ms
) SELECT a.id, ?3, ?4, ?5, ?6, ?7 FROM anomaly AS a
WHERE a.code = ?1 AND a.subject = ?2 AND a.closed_ms IS NULL AND a.evidence <> ?3
    AND NOT EXISTS (
        SELECT 1 FROM anomaly_evidence AS e WHERE e.anomaly_id = a.id AND e.evidence = ?3
    )
    AND (SELECT count(*) FROM anomaly_evidence AS e WHERE e.anomaly_id = a.id) < ?8
RETURNING {left}
""".replace("{left}", numbered("anomaly_evidence"))
ANOMALIES = """
SELECT code, subject, severity, evidence, event_provider, event_account, event_key,
    first_ms, times, last_ms, risk_asset, risk_amount
FROM anomaly WHERE closed_ms IS NULL ORDER BY severity, first_ms, id LIMIT ?
"""
RESOLVE = """
UPDATE anomaly SET resolution = ?3, closed_ms = ?4, status = ?5, resolution_code = ?6,
    resolved_by = ?7, approved_by = ?8
WHERE code = ?1 AND subject = ?2 AND closed_ms IS NULL RETURNING {left}
""".replace("{left}", numbered("anomaly"))
_WORK = """
UPDATE anomaly SET status = ?3, assignee = ?4, next_check_ms = ?5, version = version + 1,
    closed_ms = ?6, resolution = ?7, resolution_code = ?8, resolved_by = ?9, approved_by = ?10
WHERE id = ?1 AND version = ?2 AND closed_ms IS NULL RETURNING {left}
""".replace("{left}", numbered("anomaly"))
_INSERT_ACTION = """
INSERT INTO operator_action (
    key, name, provider, account, reference, anomaly_id, done_by, role, approved_by, reason, note,
    detail, at_ms
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
RETURNING {left}
""".replace("{left}", numbered("operator_action"))
_INSERT_READ = """
INSERT INTO provider_read (
    provider, account, reference, why, at_ms, word, comparison, is_held, mapping, request_id,
    body_digest, event_provider, event_account, event_key
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
RETURNING {left}
""".replace("{left}", numbered("provider_read"))
_INSERT_FREEZE = """
INSERT INTO freeze_word (is_on, reason, done_by, role, approved_by, at_ms) VALUES (?, ?, ?, ?, ?, ?)
RETURNING {left}
""".replace("{left}", numbered("freeze_word"))
CASES = CaseStatements(
    _APPEND_EVIDENCE,
    _WORK,
    _INSERT_ACTION,
    insert_read=_INSERT_READ,
    insert_freeze=_INSERT_FREEZE,
    deposits=deposit_store.SQLITE,
)

_INSERT_READING = """
INSERT INTO reading (
    event_provider, event_account, event_key, number, mapping, before, verdict, replay, at_ms
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING 1
"""
_INSERT_RETRACTION = """
INSERT INTO retraction (
    provider, account, reference, statement, event_provider, event_account, event_key, reading,
    is_retracted
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING 1
"""
REREADS = RereadStatements(_INSERT_READING, _INSERT_RETRACTION)

INSERT_DEAD_LETTER = """
INSERT INTO dead_letter (topic, partition, record_offset, reason, key, value, headers, at_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
RETURNING {left}
""".replace("{left}", numbered("dead_letter"))
DEAD_LETTERS = """
SELECT topic, partition, record_offset, reason, key, value, headers, at_ms
FROM dead_letter ORDER BY id DESC LIMIT ?
"""
