CREATE INDEX fact_transfer ON fact (key) WHERE key <> '' AND substr(key, 1, 4) <> 'agg:';
