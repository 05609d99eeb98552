-- Instant: the default is kept beside the table, no row is written anew. Which mapping read an event of
-- before is told where it moved a payment, or was read again.
ALTER TABLE event ADD COLUMN mapping TEXT NOT NULL DEFAULT '';
