"""What holds Sealgate to its promises.

A package by name, because a library among the oracles installs a `tests` of its own, and Python
would find that one first.
"""
