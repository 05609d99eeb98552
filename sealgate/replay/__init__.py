"""Replay: read events of the log, or dead letters, again; show the difference, or write it."""
