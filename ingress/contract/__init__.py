"""The published language: what a record on the log says, and what the topics are called. Pure."""
