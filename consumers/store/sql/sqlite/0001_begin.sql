CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE position (
    group_name TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    epoch INTEGER NOT NULL CHECK (epoch > 0),
    owner TEXT NOT NULL,
    next_offset INTEGER,
    PRIMARY KEY (group_name, topic, partition)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    event_key TEXT NOT NULL,
    event_type TEXT NOT NULL,
    source TEXT NOT NULL,
    reference TEXT NOT NULL,
    key_id TEXT NOT NULL,
    assurance TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    body_digest TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    record_offset INTEGER NOT NULL,
    verdict TEXT,
    PRIMARY KEY (provider, account, event_key)
) STRICT;
CREATE INDEX event_payment ON event (reference, account, provider);
CREATE INDEX event_correlation ON event (correlation_id);

CREATE TABLE payment (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    state TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (provider, account, reference)
) STRICT;
CREATE INDEX payment_changed ON payment (changed_ms);
CREATE INDEX payment_state ON payment (state, changed_ms, provider);

CREATE TABLE fact (
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
) STRICT;
CREATE TRIGGER fact_kept BEFORE UPDATE ON fact
BEGIN SELECT RAISE(ABORT, 'facts are never changed: state another'); END;
CREATE TRIGGER fact_kept_whole BEFORE DELETE ON fact
BEGIN SELECT RAISE(ABORT, 'facts are never changed: state another'); END;

CREATE TABLE transition (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    version INTEGER NOT NULL,
    before TEXT,
    after TEXT NOT NULL,
    event_provider TEXT NOT NULL,
    event_account TEXT NOT NULL,
    event_key TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (provider, account, reference, version)
) STRICT;
CREATE TRIGGER transition_kept BEFORE UPDATE ON transition
BEGIN SELECT RAISE(ABORT, 'history is never changed: append to it'); END;
CREATE TRIGGER transition_kept_whole BEFORE DELETE ON transition
BEGIN SELECT RAISE(ABORT, 'history is never changed: append to it'); END;

CREATE TABLE anomaly (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    code TEXT NOT NULL,
    subject TEXT NOT NULL,
    severity INTEGER NOT NULL,
    evidence TEXT NOT NULL,
    event_provider TEXT,
    event_account TEXT,
    event_key TEXT,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    times INTEGER NOT NULL,
    resolution TEXT,
    closed_ms INTEGER
) STRICT;
CREATE UNIQUE INDEX anomaly_open ON anomaly (code, subject) WHERE closed_ms IS NULL;

CREATE TABLE notice (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    version INTEGER NOT NULL,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    headers TEXT NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX notice_pending ON notice (sequence) WHERE delivered = 0;

CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    record_offset INTEGER NOT NULL,
    reason TEXT NOT NULL,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    headers TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
