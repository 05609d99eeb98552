ALTER TABLE event ADD COLUMN scheme TEXT NOT NULL DEFAULT '';
ALTER TABLE event ADD COLUMN mode TEXT NOT NULL DEFAULT 'unknown';
ALTER TABLE event ADD COLUMN signed_ms INTEGER;
ALTER TABLE event ADD COLUMN late_ms INTEGER;
CREATE INDEX event_proof ON event (source, key_id, received_ms);

ALTER TABLE transition ADD COLUMN cause TEXT NOT NULL DEFAULT 'event';

CREATE TABLE restatement (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    statement BLOB NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount TEXT,
    whole INTEGER NOT NULL,
    late INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    event_provider TEXT NOT NULL,
    event_account TEXT NOT NULL,
    event_key TEXT NOT NULL,
    PRIMARY KEY (provider, account, reference, statement)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER restatement_kept BEFORE UPDATE ON restatement
BEGIN SELECT RAISE(ABORT, 'facts are never changed: state another'); END;
CREATE TRIGGER restatement_kept_whole BEFORE DELETE ON restatement
BEGIN SELECT RAISE(ABORT, 'facts are never changed: state another'); END;

CREATE TABLE mark (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_provider TEXT NOT NULL,
    event_account TEXT NOT NULL,
    event_key TEXT NOT NULL,
    judgement TEXT NOT NULL,
    reason TEXT NOT NULL,
    marked_by TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX mark_event ON mark (event_provider, event_account, event_key, id);
CREATE TRIGGER mark_kept BEFORE UPDATE ON mark
BEGIN SELECT RAISE(ABORT, 'a mark is never changed: append another'); END;
CREATE TRIGGER mark_kept_whole BEFORE DELETE ON mark
BEGIN SELECT RAISE(ABORT, 'a mark is never changed: append another'); END;
