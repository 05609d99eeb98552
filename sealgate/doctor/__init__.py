"""`sealgate doctor`: what is wrong, or soon will be, with a gateway and with its neighbours.

``still`` looks at the configuration and its files, ``disks`` at what the journal lies on, ``live``
at the log, the database, the ports and the clocks, ``behind`` at what needs two of them together,
``watched`` at alert rules and boards as they are installed, ``against`` at another environment's
configuration; each yields ``findings``, and ``command`` prints them. Nothing is written, made or
migrated.
"""
