"""The command line, the all-in-one process and the provider simulator: composes the rest."""
