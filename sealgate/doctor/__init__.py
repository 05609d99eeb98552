"""`sealgate doctor`: what is wrong, or soon will be, with a gateway and with its neighbours.

``still`` looks at the configuration and its files, ``live`` at the log, the database, the ports and
the clocks, ``against`` at another environment's configuration; each yields ``findings``, and
``command`` prints them. Nothing is written, made or migrated.
"""
