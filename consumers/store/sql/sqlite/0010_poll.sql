CREATE TABLE provider_read (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    reference TEXT NOT NULL,
    why TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    word TEXT NOT NULL,
    comparison TEXT NOT NULL,
    is_held INTEGER NOT NULL,
    mapping TEXT NOT NULL,
    request_id TEXT NOT NULL,
    body_digest TEXT NOT NULL,
    event_provider TEXT,
    event_account TEXT,
    event_key TEXT
) STRICT;
CREATE INDEX provider_read_payment ON provider_read (reference, account, provider, id);
CREATE INDEX provider_read_at ON provider_read (provider, account, at_ms);
CREATE TRIGGER provider_read_kept BEFORE UPDATE ON provider_read
BEGIN SELECT RAISE(ABORT, 'a read is never changed: read again'); END;
CREATE TRIGGER provider_read_kept_whole BEFORE DELETE ON provider_read
BEGIN SELECT RAISE(ABORT, 'a read is never changed: read again'); END;

CREATE TABLE freeze_word (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    is_on INTEGER NOT NULL,
    reason TEXT NOT NULL,
    done_by TEXT NOT NULL,
    role TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
CREATE TRIGGER freeze_word_kept BEFORE UPDATE ON freeze_word
BEGIN SELECT RAISE(ABORT, 'a word on the freeze is never changed: say another'); END;
CREATE TRIGGER freeze_word_kept_whole BEFORE DELETE ON freeze_word
BEGIN SELECT RAISE(ABORT, 'a word on the freeze is never changed: say another'); END;
