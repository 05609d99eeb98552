CREATE TABLE provider_read (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    why text NOT NULL,
    at_ms bigint NOT NULL,
    word text NOT NULL,
    comparison text NOT NULL,
    is_held boolean NOT NULL,
    mapping text NOT NULL,
    request_id text NOT NULL,
    body_digest text NOT NULL,
    event_provider text COLLATE "C",
    event_account text COLLATE "C",
    event_key text COLLATE "C"
);
CREATE INDEX provider_read_payment ON provider_read (reference, account, provider, id);
CREATE INDEX provider_read_at ON provider_read (provider, account, at_ms);
CREATE TRIGGER provider_read_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON provider_read
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE freeze_word (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    is_on boolean NOT NULL,
    reason text NOT NULL,
    done_by text NOT NULL,
    role text NOT NULL,
    approved_by text NOT NULL,
    at_ms bigint NOT NULL
);
CREATE TRIGGER freeze_word_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON freeze_word
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
