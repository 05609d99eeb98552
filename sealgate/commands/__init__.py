"""The commands, a module for each purpose; `sealgate.__main__` puts them together."""
