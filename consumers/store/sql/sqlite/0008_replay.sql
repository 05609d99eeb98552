-- Instant: two empty tables.
CREATE TABLE reading (
    event_provider TEXT NOT NULL,
    event_account TEXT NOT NULL,
    event_key TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    mapping TEXT NOT NULL,
    before TEXT NOT NULL,
    verdict TEXT NOT NULL,
    replay TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (event_provider, event_account, event_key, number)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER reading_kept BEFORE UPDATE ON reading
BEGIN SELECT RAISE(ABORT, 'a reading is never changed: read again'); END;
CREATE TRIGGER reading_kept_whole BEFORE DELETE ON reading
BEGIN SELECT RAISE(ABORT, 'a reading is never changed: read again'); END;

CREATE TABLE retraction (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    statement BLOB NOT NULL,
    event_provider TEXT NOT NULL,
    event_account TEXT NOT NULL,
    event_key TEXT NOT NULL,
    reading INTEGER NOT NULL CHECK (reading > 0),
    is_retracted INTEGER NOT NULL,
    PRIMARY KEY (provider, account, reference, statement, reading)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER retraction_kept BEFORE UPDATE ON retraction
BEGIN SELECT RAISE(ABORT, 'a reading is never changed: read again'); END;
CREATE TRIGGER retraction_kept_whole BEFORE DELETE ON retraction
BEGIN SELECT RAISE(ABORT, 'a reading is never changed: read again'); END;
