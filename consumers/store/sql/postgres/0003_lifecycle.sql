-- Instant: the defaults are kept beside the tables, no row is written anew.
ALTER TABLE fact ADD COLUMN detail text NOT NULL DEFAULT '';
ALTER TABLE restatement ADD COLUMN detail text NOT NULL DEFAULT '';
ALTER TABLE transition ADD COLUMN mapping text NOT NULL DEFAULT '';
ALTER TABLE transition ADD COLUMN policy text NOT NULL DEFAULT '';
