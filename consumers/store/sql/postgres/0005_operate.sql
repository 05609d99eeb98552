-- Adding the columns is instant; the indexes are built over exceptions alone, which are few.
ALTER TABLE anomaly ADD COLUMN status text COLLATE "C" NOT NULL DEFAULT 'open';
ALTER TABLE anomaly ADD COLUMN assignee text NOT NULL DEFAULT '';
ALTER TABLE anomaly ADD COLUMN next_check_ms bigint;
ALTER TABLE anomaly ADD COLUMN risk_asset text;
ALTER TABLE anomaly ADD COLUMN risk_amount numeric(78, 0);
ALTER TABLE anomaly ADD COLUMN reopened bigint NOT NULL DEFAULT 0;
ALTER TABLE anomaly ADD COLUMN version bigint NOT NULL DEFAULT 0;
ALTER TABLE anomaly ADD COLUMN resolution_code text NOT NULL DEFAULT '';
ALTER TABLE anomaly ADD COLUMN resolved_by text NOT NULL DEFAULT '';
ALTER TABLE anomaly ADD COLUMN approved_by text NOT NULL DEFAULT '';
-- Until now exceptions closed by themselves, or by a report.
UPDATE anomaly SET status = 'auto_resolved' WHERE closed_ms IS NOT NULL;
CREATE INDEX anomaly_subject ON anomaly (subject, code);
CREATE INDEX anomaly_closed ON anomaly (closed_ms, id) WHERE closed_ms IS NOT NULL;

CREATE TABLE anomaly_evidence (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    anomaly_id bigint NOT NULL,
    evidence text NOT NULL,
    event_provider text,
    event_account text,
    event_key text,
    at_ms bigint NOT NULL
);
CREATE INDEX anomaly_evidence_item ON anomaly_evidence (anomaly_id, id);
CREATE TRIGGER anomaly_evidence_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON anomaly_evidence
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE operator_action (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text COLLATE "C" NOT NULL UNIQUE,
    name text NOT NULL,
    provider text COLLATE "C",
    account text COLLATE "C",
    reference text COLLATE "C",
    anomaly_id bigint,
    done_by text NOT NULL,
    role text NOT NULL,
    approved_by text NOT NULL,
    reason text NOT NULL,
    note text NOT NULL,
    detail text NOT NULL,
    at_ms bigint NOT NULL
);
CREATE INDEX operator_action_payment ON operator_action (reference, account, provider, id);
CREATE INDEX operator_action_item ON operator_action (anomaly_id, id);
CREATE TRIGGER operator_action_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON operator_action
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
