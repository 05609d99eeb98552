"""What a batch does in PostgreSQL, one statement for each word of the port's `Transaction`.

Rows go in as columns: one array per column, unnested by the server, so that a batch of any size is
one round trip per table. ``IS NOT DISTINCT FROM`` compares where NULL is a value. Whatever takes
locks on several rows takes them in the order of their keys. Columns are in `rows`' order. What is
asked outside of a batch is in `postgres_reads_sql`, what people do in `postgres_cases_sql`.
"""

from consumers.store import deposit_store
from consumers.store.audit_sql import numbered
from consumers.store.rereads import RETRACTED

CLAIM_PARTITIONS = """
INSERT INTO position AS p (group_name, topic, partition, epoch, owner)
SELECT $1, c.topic, c.partition, 1, $2
FROM unnest($3::text[], $4::integer[]) AS c (topic, partition)
ON CONFLICT (group_name, topic, partition)
DO UPDATE SET epoch = p.epoch + 1, owner = excluded.owner
RETURNING topic, partition, epoch, next_offset
"""
ADVANCE = """
UPDATE position AS p SET next_offset = a.moved_to
FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::bigint[])
    AS a (topic, partition, epoch, expected, moved_to)
WHERE p.group_name = $1 AND p.topic = a.topic AND p.partition = a.partition
    AND p.epoch = a.epoch AND p.next_offset IS NOT DISTINCT FROM a.expected
RETURNING 1
"""

CLAIM = """
INSERT INTO event (
    provider, account, event_key, event_type, source, reference, key_id, assurance,
    correlation_id, body_digest, received_ms, topic, partition, record_offset,
    scheme, mode, signed_ms, late_ms
) SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::bigint[], $12::text[], $13::integer[], $14::bigint[],
    $15::text[], $16::text[], $17::bigint[], $18::bigint[]
)
ON CONFLICT DO NOTHING
RETURNING provider, account, event_key
"""
DIGESTS = """
SELECT e.provider, e.account, e.event_key, e.body_digest
FROM event AS e JOIN unnest($1::text[], $2::text[], $3::text[]) AS k (provider, account, event_key)
USING (provider, account, event_key)
"""
VERDICTS = """
UPDATE event AS e SET verdict = v.verdict, mapping = v.mapping
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
    AS v (provider, account, event_key, verdict, mapping)
WHERE e.provider = v.provider AND e.account = v.account AND e.event_key = v.event_key
"""
OF_EVENT = """
SELECT provider, account, event_key, event_type, source, reference, key_id, assurance,
    correlation_id, body_digest, received_ms, topic, partition, record_offset,
    scheme, mode, signed_ms, late_ms, verdict, mapping
FROM event
"""
LOCK_EVENTS = (
    OF_EVENT
    + "JOIN unnest($1::text[], $2::text[], $3::text[]) AS k (provider, account, event_key)"
    + " USING (provider, account, event_key)"
    + " ORDER BY provider, account, event_key FOR UPDATE OF event"
)
MARKS = """
SELECT event_provider, event_account, m.event_key, judgement, reason, marked_by, at_ms
FROM mark AS m
JOIN unnest($1::text[], $2::text[], $3::text[]) AS k (provider, account, event_key)
ON k.provider = m.event_provider AND k.account = m.event_account
    AND k.event_key = m.event_key
ORDER BY id
"""
INSERT_MARKS = """
INSERT INTO mark (event_provider, event_account, event_key, judgement, reason, marked_by, at_ms)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[]
) RETURNING {left}
""".replace("{left}", numbered("mark"))

LOCK_PAYMENTS = """
SELECT p.provider, p.account, p.reference, p.state, p.version, p.changed_ms
FROM payment AS p
JOIN unnest($1::text[], $2::text[], $3::text[]) AS k (provider, account, reference)
USING (provider, account, reference)
ORDER BY p.provider, p.account, p.reference FOR UPDATE OF p
"""
INSERT_PAYMENTS = """
INSERT INTO payment (provider, account, reference, state, version, created_ms, changed_ms)
SELECT s.provider, s.account, s.reference, s.state, s.version, s.changed_ms, s.changed_ms
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
    AS s (provider, account, reference, state, version, changed_ms)
ON CONFLICT DO NOTHING
RETURNING 1
"""
UPDATE_PAYMENTS = """
UPDATE payment AS p SET state = s.state, version = s.version, changed_ms = s.changed_ms
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[]
) AS s (provider, account, reference, state, version, changed_ms, was)
WHERE p.provider = s.provider AND p.account = s.account AND p.reference = s.reference
    AND p.version = s.was
RETURNING 1
"""

_OF_FACT = """FROM fact AS f
JOIN unnest($1::text[], $2::text[], $3::text[]) AS k (provider, account, reference)
USING (provider, account, reference)
"""
# The last word of each row says whether the event that states it is void, by its last mark.
_FACTS = """
SELECT f.provider, f.account, f.reference, f.kind, f.key, f.asset, f.amount::text, f.whole, f.late,
    f.at_ms, f.expires_ms, f.detail, f.untold,
    coalesce((
        SELECT m.judgement FROM mark AS m
        WHERE m.event_provider = f.event_provider AND m.event_account = f.event_account
            AND m.event_key = f.event_key
        ORDER BY m.id DESC LIMIT 1
    ) = 'void', false) OR {retracted}
FROM fact AS f
JOIN unnest($1::text[], $2::text[], $3::text[]) AS k (provider, account, reference)
USING (provider, account, reference)
""".replace("{retracted}", RETRACTED)
_RESTATED = """
SELECT f.provider, f.account, f.reference, f.kind, f.key, f.asset, f.amount::text, f.whole, f.late,
    f.at_ms, f.expires_ms, f.detail, f.untold
FROM restatement AS f
JOIN unnest($1::text[], $2::text[], $3::text[]) AS k (provider, account, reference)
USING (provider, account, reference)
WHERE NOT coalesce((
        SELECT m.judgement FROM mark AS m
        WHERE m.event_provider = f.event_provider AND m.event_account = f.event_account
            AND m.event_key = f.event_key
        ORDER BY m.id DESC LIMIT 1
    ) = 'void', false) AND NOT {retracted}
""".replace("{retracted}", RETRACTED)
FACTS = deposit_store.with_matched(_FACTS, _OF_FACT, "fact")
RESTATED = deposit_store.with_matched(_RESTATED, _OF_FACT, "restatement")
_STATE = """
    provider, account, reference, statement, kind, key, asset, amount, whole, late, at_ms,
    expires_ms, detail, untold, event_provider, event_account, event_key
) SELECT f.provider, f.account, f.reference, f.statement, f.kind, f.key, f.asset,
    f.amount::numeric, f.whole, f.late, f.at_ms, f.expires_ms, f.detail, f.untold,
    f.event_provider, f.event_account, f.event_key
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::text[], $7::text[],
    $8::text[], $9::boolean[], $10::boolean[], $11::bigint[], $12::bigint[],
    $13::text[], $14::boolean[], $15::text[], $16::text[], $17::text[]
) AS f (
    provider, account, reference, statement, kind, key, asset, amount, whole, late, at_ms,
    expires_ms, detail, untold, event_provider, event_account, event_key
)
ON CONFLICT DO NOTHING
"""
INSERT_FACTS = f"INSERT INTO fact ({_STATE} RETURNING provider, account, reference, statement"
INSERT_RESTATEMENTS = (
    f"INSERT INTO restatement ({_STATE} RETURNING provider, account, reference, statement"
)

INSERT_TRANSITIONS = """
INSERT INTO transition (
    provider, account, reference, version, before, after,
    event_provider, event_account, event_key, correlation_id, at_ms, cause, mapping, policy
) SELECT * FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[],
    $7::text[], $8::text[], $9::text[], $10::text[], $11::bigint[], $12::text[],
    $13::text[], $14::text[]
)
"""

INSERT_NOTICES = """
INSERT INTO notice (id, provider, account, reference, version, key, value, headers)
SELECT n.id, n.provider, n.account, n.reference, n.version, n.key, n.value, n.headers
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bytea[], $7::bytea[],
    $8::text[]
) WITH ORDINALITY
    AS n (id, provider, account, reference, version, key, value, headers, place)
ORDER BY n.place
"""
DELIVERED = "UPDATE notice SET delivered = true WHERE sequence = ANY($1::bigint[])"

RAISE_ANOMALIES = """
INSERT INTO anomaly AS a (
    code, subject, severity, evidence, event_provider, event_account, event_key,
    first_ms, last_ms, times, risk_asset, risk_amount, reopened
) SELECT n.code, n.subject, n.severity, n.evidence, n.event_provider, n.event_account, n.event_key,
    n.first_ms, n.last_ms, n.times, n.risk_asset, n.risk_amount::numeric,
    (SELECT count(*) FROM anomaly AS o WHERE o.code = n.code AND o.subject = n.subject)
FROM unnest(
    $1::text[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::bigint[], $9::bigint[], $10::bigint[], $11::text[], $12::text[]
) WITH ORDINALITY AS n (
    code, subject, severity, evidence, event_provider, event_account, event_key,
    first_ms, last_ms, times, risk_asset, risk_amount, place
)
ORDER BY n.place
ON CONFLICT (code, subject) WHERE closed_ms IS NULL DO UPDATE
SET times = a.times + excluded.times, last_ms = greatest(a.last_ms, excluded.last_ms),
    severity = least(a.severity, excluded.severity),
    risk_asset = coalesce(excluded.risk_asset, a.risk_asset),
    risk_amount = coalesce(excluded.risk_amount, a.risk_amount)
RETURNING {left}
""".replace("{left}", numbered("anomaly", "a"))
RESOLVE_ALL = """
UPDATE anomaly AS a SET resolution = r.resolution, closed_ms = r.at_ms, status = r.status,
    resolution_code = r.reason, resolved_by = r.done_by, approved_by = r.approved_by
FROM unnest(
    $1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[]
) AS r (code, subject, resolution, at_ms, status, reason, done_by, approved_by)
WHERE a.code = r.code AND a.subject = r.subject AND a.closed_ms IS NULL
RETURNING {left}
""".replace("{left}", numbered("anomaly", "a"))

INSERT_DEAD_LETTERS = """
INSERT INTO dead_letter (topic, partition, record_offset, reason, key, value, headers, at_ms)
SELECT * FROM unnest(
    $1::text[], $2::integer[], $3::bigint[], $4::text[], $5::bytea[], $6::bytea[], $7::text[],
    $8::bigint[]
) RETURNING {left}
""".replace("{left}", numbered("dead_letter"))
