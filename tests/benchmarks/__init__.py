"""What Sealgate costs and carries, measured against what it is built on: `make bench`.

A generator on one core signs and sends; each program under test has another core to itself. Rounds
are interleaved, so that whatever the machine does meanwhile it does to all. Nothing is believed
that was not counted: a run with one answer other than 2xx, or with a log that holds not exactly as
many records as there were 2xx answers, fails the benchmark instead of entering a table.
"""
