CREATE INDEX fact_refund ON fact (provider, account, reference)
    WHERE kind = 'refund' AND detail = 'pending';
