"""`sealgate quarantine`: see what was refused and kept, and take back what was refused wrongly.

`archive` reads the quarantine topic, `listing` and `showing` tell what is in it, `judge` decides
about one kept delivery as the edge would today, and `reverify` publishes what is found to be true.
"""
