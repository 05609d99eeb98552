"""Faults under load, and whether every promise held: real processes, real signals, real disks.

`traffic` delivers signed events in a process of its own and writes down what it asked and what it
was told (`history`). A test breaks something meanwhile, lets it heal, and waits until nothing is
under way any more (`ground`). What is then on the log, in the database and downstream is read past
Sealgate (`facts`), and `rules` compares it with the history: nothing acknowledged is missing,
nothing took effect twice, every payment is where its events lead.

A checker that cannot fail proves nothing, so `broken` starts the gateway with one protection
switched off, and `test_controls` demands that the same fault then breaks a rule.
"""
