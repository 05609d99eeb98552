CREATE TABLE audit (
    chain text COLLATE "C" NOT NULL,
    seq bigint NOT NULL CHECK (seq >= 0),
    at_ms bigint NOT NULL,
    bytes bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (chain, seq)
);
-- As it is: to compress it would cost more of the server than all the rest of an entry.
ALTER TABLE audit ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE TRIGGER audit_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
