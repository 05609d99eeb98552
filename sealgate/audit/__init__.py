"""Checkpoints of the audit chain, kept outside of the database, and the audit that uses them."""
