"""What people and polls do beside events, in PostgreSQL: the words that both stores' `save` share.

`case_store` and `rereads` say when each statement runs. Rows go in as columns, see `postgres_sql`.
"""

from consumers.store import deposit_store
from consumers.store.audit_sql import numbered
from consumers.store.case_store import CaseStatements
from consumers.store.rereads import RereadStatements

# What later words of an exception add to what it was raised with.
_APPEND_EVIDENCE = """
INSERT INTO anomaly_evidence (
    anomaly_id, evidence, event_provider, event_account, event_key, at_ms
) SELECT a.id, n.evidence, n.event_provider, n.event_account, n.event_key, n.at_ms
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
    $8::bigint[]
) WITH ORDINALITY AS n (
    code, subject, evidence, event_provider, event_account, event_key, at_ms, kept_max, place
)
JOIN anomaly AS a ON a.code = n.code AND a.subject = n.subject AND a.closed_ms IS NULL
    AND a.evidence <> n.evidence
WHERE NOT EXISTS (
        SELECT 1 FROM anomaly_evidence AS e WHERE e.anomaly_id = a.id AND e.evidence = n.evidence
    )
    AND (SELECT count(*) FROM anomaly_evidence AS e WHERE e.anomaly_id = a.id) < n.kept_max
ORDER BY n.place RETURNING {left}
""".replace("{left}", numbered("anomaly_evidence"))
_WORK = """
UPDATE anomaly AS a SET status = w.status, assignee = w.assignee, next_check_ms = w.next_check_ms,
    version = a.version + 1, closed_ms = w.closed_ms, resolution = w.resolution,
    resolution_code = w.reason, resolved_by = w.done_by, approved_by = w.approved_by
FROM unnest(
    $1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::text[],
    $8::text[], $9::text[], $10::text[]
) AS w (
    id, was, status, assignee, next_check_ms, closed_ms, resolution, reason, done_by, approved_by
)
WHERE a.id = w.id AND a.version = w.was AND a.closed_ms IS NULL RETURNING {left}
""".replace("{left}", numbered("anomaly", "a"))
_INSERT_ACTION = """
INSERT INTO operator_action (
    key, name, provider, account, reference, anomaly_id, done_by, role, approved_by, reason, note,
    detail, at_ms
) SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[],
    $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[]
) RETURNING {left}
""".replace("{left}", numbered("operator_action"))
_INSERT_READ = """
INSERT INTO provider_read (
    provider, account, reference, why, at_ms, word, comparison, is_held, mapping, request_id,
    body_digest, event_provider, event_account, event_key
) SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[],
    $8::boolean[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[]
) RETURNING {left}
""".replace("{left}", numbered("provider_read"))
_INSERT_FREEZE = """
INSERT INTO freeze_word (is_on, reason, done_by, role, approved_by, at_ms) SELECT * FROM unnest(
    $1::boolean[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[]
) RETURNING {left}
""".replace("{left}", numbered("freeze_word"))
CASES = CaseStatements(
    _APPEND_EVIDENCE,
    _WORK,
    _INSERT_ACTION,
    insert_read=_INSERT_READ,
    insert_freeze=_INSERT_FREEZE,
    deposits=deposit_store.POSTGRES,
)

_INSERT_READINGS = """
INSERT INTO reading (
    event_provider, event_account, event_key, number, mapping, before, verdict, replay, at_ms
) SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[],
    $8::text[], $9::bigint[]
) ON CONFLICT DO NOTHING RETURNING 1
"""
_INSERT_RETRACTIONS = """
INSERT INTO retraction (
    provider, account, reference, statement, event_provider, event_account, event_key, reading,
    is_retracted
) SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::text[], $7::text[],
    $8::bigint[], $9::boolean[]
) ON CONFLICT DO NOTHING RETURNING 1
"""
REREADS = RereadStatements(_INSERT_READINGS, _INSERT_RETRACTIONS)
