"""Fuzzing: every reader of what strangers send, fed with what nobody thought of.

`targets` says what is fed and what must not happen; `test_targets.py` runs each target for a moment
with Hypothesis, in `make test`. `make fuzz` runs each for a minute with a fuzzer that is guided by
coverage (`python -m tests.fuzz`).
"""
