"""Tail: envelopes and notices as they come, read beside everything else and moving nothing."""
