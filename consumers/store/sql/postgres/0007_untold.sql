-- Instant: the defaults are kept beside the tables, no row is written anew. Facts of before count as told,
-- as they did.
ALTER TABLE fact ADD COLUMN untold boolean NOT NULL DEFAULT false;
ALTER TABLE restatement ADD COLUMN untold boolean NOT NULL DEFAULT false;
