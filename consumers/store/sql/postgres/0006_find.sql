-- Built from all facts: about 4 s for each million, and workers and readers wait meanwhile: start it
-- in a quiet hour. Broken off at any place it has done nothing.
CREATE INDEX fact_transfer ON fact (key COLLATE "C")
    WHERE key <> '' AND substr(key, 1, 4) <> 'agg:';
