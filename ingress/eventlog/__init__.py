"""The event log behind one port: Kafka, or one SQLite file on one machine."""
