-- Instant: the defaults are kept beside the table, no row is written anew; the indexes are built over
-- exceptions alone.
ALTER TABLE anomaly ADD COLUMN status TEXT NOT NULL DEFAULT 'open';
ALTER TABLE anomaly ADD COLUMN assignee TEXT NOT NULL DEFAULT '';
ALTER TABLE anomaly ADD COLUMN next_check_ms INTEGER;
ALTER TABLE anomaly ADD COLUMN risk_asset TEXT;
ALTER TABLE anomaly ADD COLUMN risk_amount TEXT;
ALTER TABLE anomaly ADD COLUMN reopened INTEGER NOT NULL DEFAULT 0;
ALTER TABLE anomaly ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE anomaly ADD COLUMN resolution_code TEXT NOT NULL DEFAULT '';
ALTER TABLE anomaly ADD COLUMN resolved_by TEXT NOT NULL DEFAULT '';
ALTER TABLE anomaly ADD COLUMN approved_by TEXT NOT NULL DEFAULT '';
-- Until now exceptions closed by themselves, or by a report.
UPDATE anomaly SET status = 'auto_resolved' WHERE closed_ms IS NOT NULL;
CREATE INDEX anomaly_subject ON anomaly (subject, code);
CREATE INDEX anomaly_closed ON anomaly (closed_ms, id) WHERE closed_ms IS NOT NULL;

CREATE TABLE anomaly_evidence (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    anomaly_id INTEGER NOT NULL,
    evidence TEXT NOT NULL,
    event_provider TEXT,
    event_account TEXT,
    event_key TEXT,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX anomaly_evidence_item ON anomaly_evidence (anomaly_id, id);
CREATE TRIGGER anomaly_evidence_kept BEFORE UPDATE ON anomaly_evidence
BEGIN SELECT RAISE(ABORT, 'evidence is never changed: it is appended to'); END;
CREATE TRIGGER anomaly_evidence_kept_whole BEFORE DELETE ON anomaly_evidence
BEGIN SELECT RAISE(ABORT, 'evidence is never changed: it is appended to'); END;

CREATE TABLE operator_action (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    provider TEXT,
    account TEXT,
    reference TEXT,
    anomaly_id INTEGER,
    done_by TEXT NOT NULL,
    role TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    note TEXT NOT NULL,
    detail TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX operator_action_payment ON operator_action (reference, account, provider, id);
CREATE INDEX operator_action_item ON operator_action (anomaly_id, id);
CREATE TRIGGER operator_action_kept BEFORE UPDATE ON operator_action
BEGIN SELECT RAISE(ABORT, 'an action is never changed: take another'); END;
CREATE TRIGGER operator_action_kept_whole BEFORE DELETE ON operator_action
BEGIN SELECT RAISE(ABORT, 'an action is never changed: take another'); END;
