"""Drills: a failure arranged on purpose, worked by the runbook's own commands, and judged.

A drill runs the whole gateway on ground of its own, plays provider and attacker, calls the commands
that a person would call, and compares what is left with what must be. `sheet` is the evidence it
prints; `stage` the ground; each drill is a module of its own.
"""
