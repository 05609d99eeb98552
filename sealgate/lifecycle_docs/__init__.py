"""The documents that finance reads, written from the tables of the code by ``make docs``.

``states`` writes `docs/lifecycle.md`, ``codes`` writes `docs/exceptions.md`, and ``words`` writes
the event matrix, `docs/events.md`; ``page`` puts them into their files. A test compares the files
with what is written here, so that none of them can be older than the code.
"""
