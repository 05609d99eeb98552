"""Read verified envelopes from the log and move payments, each event once."""
