CREATE TABLE audit (
    chain TEXT NOT NULL,
    seq INTEGER NOT NULL CHECK (seq >= 0),
    at_ms INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (chain, seq)
) STRICT;
CREATE TRIGGER audit_kept BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the chain is never changed: append to it'); END;
CREATE TRIGGER audit_kept_whole BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the chain is never changed: append to it'); END;
