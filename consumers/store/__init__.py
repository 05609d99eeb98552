"""Where payments live: one port, SQLite on one machine, PostgreSQL for real."""
