"""Sample events, one file for each provider: read by `sealgate.simulator.events`, data alone."""
